# Each target sets up what it needs; a second run is quick. ARGS is handed on: make serve ARGS="--workers 3"

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
ENGINES_BIN := .venv-engines/bin
ENGINES_INSTALLED := .venv-engines/.installed
DEPLOY_BIN := .venv-deploy/bin
DEPLOY_INSTALLED := .venv-deploy/.installed
MAX_LINES := 300
CHAOS_ROUNDS ?= 1
# Most tests wait for processes and timers. Those of a file stay together, as they share what they start;
# to see what is printed, or for a debugger: ARGS=-n0.
SIDE_BY_SIDE := -n 2 --dist loadfile

.PHONY: serve topology test check coverage test-engines test-deploy bench chaos clean

serve: $(INSTALLED)
	@exec $(BIN)/voxshard serve $(ARGS)

# nginx, two gateways, two workers, Redis and Prometheus on this machine: docs/monitoring.md.
topology: $(INSTALLED)
	@exec $(BIN)/python -m deploy.topology $(ARGS)

test: $(INSTALLED)
	$(BIN)/pytest $(SIDE_BY_SIDE) $(ARGS)

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@git ls-files -z '*.py' | xargs -0 awk \
		'FNR == $(MAX_LINES) + 1 { print FILENAME ": over $(MAX_LINES) lines"; bad = 1 } END { exit bad }'

# Every pure module at least 95 % by its own test file.
coverage: $(INSTALLED)
	$(BIN)/python -m tests.coverage_by_module

# The real engines: the contract that all of them keep; those on vLLM also against FunASR, on its CPU build.
test-engines: $(INSTALLED) $(ENGINES_INSTALLED)
	$(BIN)/pytest tests/engines --ignore tests/engines/encoder_llm $(ARGS)
	$(ENGINES_BIN)/pytest $(SIDE_BY_SIDE) tests/engines/encoder_llm $(ARGS)

# compose.yaml, images, chart and units, by the tools that take them; wants docker-compose, nginx and systemd-analyze.
# cloudcoil, which knows the resources of operators, comes with a plugin that would want a cluster.
test-deploy: $(DEPLOY_INSTALLED)
	$(DEPLOY_BIN)/pytest -p no:cloudcoil tests/deploy $(ARGS)

# The fault tests over and over: killed workers, dead engines, hung gateways, clients that vanish. Then histories of
# sessions under killed and stopped workers, and what that cost; how to make it larger: tests/chaos/README.md.
chaos: $(INSTALLED)
	for round in $$(seq $(CHAOS_ROUNDS)); do $(BIN)/pytest -q -m fault tests/integration tests/chaos $(ARGS) || exit 1; done

bench: $(INSTALLED)
	$(BIN)/python -m bench $(ARGS)

clean:
	rm -rf .venv .venv-engines .venv-deploy .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# pip below 25.1 does not know dependency groups.
$(INSTALLED): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install -q -e '.[client,server,cpu]' --group dev
	@touch $@

$(DEPLOY_INSTALLED): pyproject.toml
	test -x $(DEPLOY_BIN)/python || $(PYTHON) -m venv .venv-deploy
	$(DEPLOY_BIN)/python -m pip install -q --upgrade 'pip>=25.1'
	$(DEPLOY_BIN)/python -m pip install -q -e '.[server]' --group deploy
	@touch $@

# The three that are removed come with vLLM and fit another torch; nothing here needs them. All in one call of
# pip, so that it finds versions that vLLM and FunASR agree on.
$(ENGINES_INSTALLED): pyproject.toml
	test -x $(ENGINES_BIN)/python || $(PYTHON) -m venv .venv-engines
	$(ENGINES_BIN)/python -m pip install -q --upgrade 'pip>=25.1'
	$(ENGINES_BIN)/python -m pip install -q -e '.[client,server]' --group engines
	$(ENGINES_BIN)/python -m pip uninstall -q -y torchaudio torchcodec torchvision
	@touch $@
