# Each target sets up what it needs; a second run is quick. ARGS is handed on: make serve ARGS="--workers 3"

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
MAX_LINES := 300

.PHONY: serve test check bench clean

serve: $(INSTALLED)
	@exec $(BIN)/voxshard serve $(ARGS)

test: $(INSTALLED)
	$(BIN)/pytest $(ARGS)

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@git ls-files -z '*.py' | xargs -0 awk \
		'FNR == $(MAX_LINES) + 1 { print FILENAME ": over $(MAX_LINES) lines"; bad = 1 } END { exit bad }'

bench: $(INSTALLED)
	$(BIN)/python -m bench $(ARGS)

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# pip below 25.1 does not know dependency groups.
$(INSTALLED): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install -q -e '.[client,server,cpu]' --group dev
	@touch $@
