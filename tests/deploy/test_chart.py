"""Helm takes the chart, and Kubernetes what comes of it; values that make no sense are refused."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

import helm_python as helm
import kubernetes_validate
import pytest
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.prometheus_operator.v1 import PrometheusRule, ServiceMonitor

from common.settings import PREFIX, Settings
from tests.deploy.chart import (
    CHART,
    EVERYTHING,
    NAMESPACE,
    NEEDED,
    RELEASE,
    VARIANTS,
    Resource,
    Values,
    container,
    named,
    named_ports,
    of_kind,
    pods,
    rendered,
)
from tests.deploy.programs import ROOT

# From the oldest that Chart.yaml allows to the newest that there are schemas of.
KUBERNETES: Final = ("1.27", "1.31", "1.37")
OPERATORS: Final[dict[str, Any]] = {
    "PrometheusRule": PrometheusRule,
    "ScaledObject": ScaledObject,
    "ServiceMonitor": ServiceMonitor,
}
_WARNING: Final = 2

each_variant = pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)


@each_variant
def test_helm_has_nothing_to_say(values: Values) -> None:
    report = helm.lint(CHART, values, strict=True)
    assert report["total_charts_linted"] == 1
    assert report["errors"] == []
    assert [message for message in report["messages"] if message["severity"] >= _WARNING] == []


@each_variant
@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_knows_every_field(values: Values, version: str) -> None:
    resources = [resource for resource in rendered(values) if resource["kind"] not in OPERATORS]
    assert resources
    for resource in resources:
        kubernetes_validate.validate(resource, version, strict=True)


def test_operators_know_every_field() -> None:
    resources = of_kind(rendered(EVERYTHING), *OPERATORS)
    assert {resource["kind"] for resource in resources} == OPERATORS.keys()
    for resource in resources:
        understood = OPERATORS[resource["kind"]].model_validate(resource)
        assert understood.model_dump(by_alias=True, exclude_unset=True, mode="json") == resource


def test_the_rules_are_those_of_the_repository() -> None:
    [rule] = of_kind(rendered(EVERYTHING), "PrometheusRule")
    files = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))
    groups = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    assert _without_space(rule["spec"]["groups"]) == _without_space(groups)
    assert {group["name"] for group in groups} >= {"voxshard-sessions", "voxshard-recordings"}


def _without_space(value: Any) -> Any:
    """A folded text may end in another line break."""
    match value:
        case str():
            return value.strip()
        case list():
            return [_without_space(each) for each in value]
        case dict():
            return {key: _without_space(each) for key, each in value.items()}
        case _:
            return value


def test_what_the_operators_own_is_left_out_where_there_are_none() -> None:
    assert of_kind(rendered(NEEDED), *OPERATORS) == []


def test_the_chart_is_for_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == chart["version"] == project["version"]


def test_images_are_pushed_under_the_names_that_pods_have() -> None:
    values = {**NEEDED, "image": {"repository": "registry.example/voxshard"}}
    page = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    assert {container(pod)["image"] for pod in pods(rendered(values))} == set(
        re.findall(r"^docker push (\S+)$", page, re.MULTILINE)
    )


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, "redis.existingSecret"),
        ({**NEEDED, "drainTimeout": 30}, "drainTimeout"),
        ({**NEEDED, "settings": {"idle_timeout": "5"}}, "idle_timeout"),
        # Pods would be killed in the middle of that drain.
        ({**NEEDED, "settings": {"DRAIN_TIMEOUT": "300"}}, "DRAIN_TIMEOUT"),
        ({**NEEDED, "gateway": {"settings": {"PORT": "80"}}}, "PORT"),
        ({**NEEDED, "pools": [{"name": "a", "settings": {"WORKERS": "4"}}]}, "WORKERS"),
        ({**NEEDED, "pools": []}, "pools"),
        ({**NEEDED, "pools": [{"name": "card", "gpus": 2}]}, "gpus"),
        ({**NEEDED, "pools": [{"name": "A"}]}, "name"),
        ({**NEEDED, "pools": [{"name": "gateway"}]}, "name"),
        ({**NEEDED, "ingress": {"enabled": True}}, "ingress.host"),
        ({**EVERYTHING, "monitoring": {}}, "monitoring.prometheusUrl"),
        ({**EVERYTHING, "pools": [{"name": "a", "autoscaling": {"enabled": True}}]}, "pools.capacity"),
    ],
)
def test_values_that_make_no_sense_are_refused_by_name(values: Values, named: str) -> None:
    with pytest.raises(helm.HelmError, match=named):
        rendered(values)


def test_the_schema_knows_every_value() -> None:
    """What is in values.yaml, and no value besides."""
    with helm.Chart.load(CHART) as chart:
        schema, values = chart.schema, chart.values
    assert schema is not None
    described = schema["properties"].keys() - {"global"}
    assert described == values.keys()
    pool = schema["definitions"]["pool"]["properties"].keys()
    assert pool == values["poolDefaults"].keys() | {"name"}


def test_no_setting_contradicts_what_the_chart_says_itself() -> None:
    with helm.Chart.load(CHART) as chart:
        schema = chart.schema
    assert schema is not None
    values = {key: value for key, value in EVERYTHING.items() if key not in {"settings", "gateway"}}
    pools = [{"name": "card", "capacity": 1}]
    said = {
        variable["name"].removeprefix(PREFIX)
        for pod in pods(rendered({**values, "pools": pools}))
        for variable in container(pod)["env"]
    }
    ports = {name.upper() for name in Settings.model_fields if name.endswith("port")}
    refused = set(schema["definitions"]["setting"]["not"]["enum"])
    # Of these a pool may know better.
    assert said - {"MPS", "PREPARED"} <= refused
    # With PROXIED gateways would listen on those of a gateway behind a proxy.
    assert refused - said == ports - {"GATEWAY_PORT", "GATEWAY_HTTP_PORT"} | {"PROXIED"}


def test_what_is_said_after_the_installation_reaches_both_ports() -> None:
    for values in VARIANTS.values():
        with helm.Chart.load(CHART) as chart:
            files = chart.render(values, name=RELEASE, namespace=NAMESPACE)
        [notes] = [text for name, text in files.items() if name.endswith("NOTES.txt")]
        found = re.search(r"port-forward (\w+)/(\S+) (\d+) (\d+)", notes)
        assert found is not None
        kind, name, *ports = found.groups()
        # A service of a balancer has the live port alone.
        target = named(rendered(values), kind.capitalize(), name)
        assert set(map(int, ports)) <= set(named_ports(target["spec"]["template"]).values())


def _kinds(resources: list[Resource]) -> set[str]:
    return {resource["kind"] for resource in resources}


def test_no_secret_is_made() -> None:
    for values in VARIANTS.values():
        assert not {"Secret", "ConfigMap"} & _kinds(rendered(values))
