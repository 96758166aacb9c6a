"""The chart's pods agree with the settings and ports of what runs in them."""

from __future__ import annotations

import re
from typing import Final

import pytest
import yaml

from common.settings import Settings
from tests.deploy.chart import (
    EVERYTHING,
    NAMESPACE,
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
    settings_of,
)
from tests.deploy.programs import ROOT
from tests.deploy.stop_times import longest_stop_s
from worker.metrics import WorkerMetrics

DEFAULTS: Final = Settings()
# Of every ops port.
PATHS: Final = {"/healthz", "/readyz"}
_PROCESSES: Final = {"ops-gateway": "gateway", "ops-supervisor": "supervisor", "ops-worker": "worker"}

each_variant = pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)


def component(pod: Resource) -> str:
    return str(pod["metadata"]["labels"]["app.kubernetes.io/component"])


def selected(pods: list[Resource], labels: dict[str, str]) -> list[Resource]:
    return [pod for pod in pods if labels.items() <= pod["metadata"]["labels"].items()]


@each_variant
def test_processes_start_with_their_settings_on_the_ports_that_are_named(values: Values) -> None:
    for pod in pods(rendered(values)):
        settings = settings_of(pod)
        assert (settings.redis_url, settings.advertise_host) == ("redis://10.0.0.7", "10.0.0.2")
        expected = {
            "live": settings.port,
            "http": settings.http_port,
            "ops-gateway": settings.gateway_ops_port,
        }
        if component(pod) == "worker":
            assert container(pod)["args"] == ["serve"]
            assert (settings.gateways, settings.mps) == (0, "on" if _has_card(pod) else "auto")
            expected = {"ops-supervisor": settings.supervisor_ops_port}
            for index in range(settings.workers):
                expected |= {
                    f"ops-worker-{index}": settings.worker_ops_port + index,
                    f"link-{index}": settings.link_port + index,
                }
        else:
            assert container(pod)["args"] == ["gateway", "--index", "0"]
            assert (settings.workers, settings.gateways) == (0, 1)
            assert {settings.host, settings.http_host} == {"0.0.0.0"}
        assert settings.ops_host == "0.0.0.0"
        assert named_ports(pod) == expected


def _has_card(pod: Resource) -> bool:
    return bool(container(pod)["resources"]["limits"].get("nvidia.com/gpu") == 1)


@each_variant
def test_pods_have_the_time_that_a_drain_takes(values: Values) -> None:
    for pod in pods(rendered(values)):
        settings = settings_of(pod)
        assert settings.drain_timeout == values.get("drainTimeoutSeconds", DEFAULTS.drain_timeout)
        sleep = container(pod).get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", [0])[-1]
        assert pod["spec"]["terminationGracePeriodSeconds"] > int(sleep) + longest_stop_s(settings)


@each_variant
def test_probes_ask_paths_and_ports_that_there_are(values: Values) -> None:
    for pod in pods(rendered(values)):
        probes = {name: probe for name, probe in container(pod).items() if name.endswith("Probe")}
        assert {name: probe["httpGet"]["path"] for name, probe in probes.items()} == {
            "startupProbe": "/healthz",
            "livenessProbe": "/healthz",
            "readinessProbe": "/readyz",
        }
        assert all(probe["httpGet"]["port"] in named_ports(pod) for probe in probes.values())
        starts = probes["startupProbe"]
        if component(pod) == "worker":
            assert starts["periodSeconds"] * starts["failureThreshold"] > settings_of(pod).boot_timeout


@each_variant
def test_pods_may_do_nothing_that_they_need_not(values: Values) -> None:
    for pod in pods(rendered(values)):
        spec = pod["spec"]
        # The links would be variables such as VOXSHARD_GATEWAY_PORT, which the process would read.
        assert spec["enableServiceLinks"] is False
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container(pod)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        mounted = {mount["name"] for mount in container(pod)["volumeMounts"]}
        claimed = {"cache"} if mounted & {"cache"} else set()
        assert mounted == {volume["name"] for volume in spec["volumes"]} | claimed


@each_variant
def test_nodes_can_be_drained_of_gateways_that_wait_for_a_worker(values: Values) -> None:
    budgets = {
        each["metadata"]["name"]: each["spec"] for each in of_kind(rendered(values), "PodDisruptionBudget")
    }
    assert all(budget["maxUnavailable"] == 1 for budget in budgets.values())
    assert budgets[f"{RELEASE}-gateway"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


@each_variant
def test_whoever_selects_pods_finds_some(values: Values) -> None:
    resources = rendered(values)
    for resource in resources:
        match resource["kind"]:
            case "Service":
                found = selected(pods(resources), resource["spec"]["selector"])
                targets = {port["targetPort"] for port in resource["spec"]["ports"]}
                assert all(targets <= named_ports(pod).keys() for pod in found)
            case "PodDisruptionBudget" | "Deployment" | "StatefulSet":
                found = selected(pods(resources), resource["spec"]["selector"]["matchLabels"])
            case "NetworkPolicy":
                found = selected(pods(resources), resource["spec"]["podSelector"]["matchLabels"])
            case _:
                continue
        assert found, resource["metadata"]["name"]


def test_policies_open_the_ports_that_others_need() -> None:
    resources = rendered(EVERYTHING)
    for policy in of_kind(resources, "NetworkPolicy"):
        [pod, *_] = selected(pods(resources), policy["spec"]["podSelector"]["matchLabels"])
        ports = [port for rule in policy["spec"]["ingress"] for port in rule.get("ports", [])]
        if component(pod) == "gateway":
            assert {port["port"] for port in ports} == named_ports(pod).keys()
        else:
            [scraped] = ports
            assert scraped["port"] == DEFAULTS.worker_ops_port
            assert scraped["endPort"] == DEFAULTS.supervisor_ops_port
        egress = policy["spec"]["egress"]
        assert {"protocol": "TCP", "port": 6379} in [
            port for rule in egress for port in rule.get("ports", [])
        ]
        assert {"to": EVERYTHING["networkPolicy"]["collector"]} in egress


def test_prometheus_finds_every_process_and_names_it_as_gateways_do() -> None:
    resources = rendered(EVERYTHING)
    monitor = named(resources, "ServiceMonitor", RELEASE)
    services = [
        service
        for service in of_kind(resources, "Service")
        if monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    ]
    offered = {port["name"] for service in services for port in service["spec"]["ports"]}
    asked = {endpoint["port"]: endpoint["relabelings"] for endpoint in monitor["spec"]["endpoints"]}
    assert (
        asked.keys()
        == offered
        == {name for pod in pods(resources) for name in named_ports(pod) if "ops" in name}
    )
    for name, relabelings in asked.items():
        given = {each["targetLabel"]: each["replacement"] for each in relabelings}
        process = _PROCESSES[re.sub(r"-\d+$", "", name)]
        assert given == {
            "job": "voxshard",
            "process": process,
            "voxshard_instance": f"$1:{DEFAULTS.live_port(0)}",
        }


def test_prometheus_finds_the_exporter_of_the_cluster_by_the_job_that_it_has_elsewhere() -> None:
    spec = named(rendered(EVERYTHING), "ServiceMonitor", f"{RELEASE}-dcgm")["spec"]
    assert spec["namespaceSelector"] == {"matchNames": ["gpu-operator"]}
    assert spec["selector"] == {"matchLabels": {"app": "nvidia-dcgm-exporter"}}
    [endpoint] = spec["endpoints"]
    assert (endpoint["port"], endpoint["interval"]) == ("gpu-metrics", "10s")
    jobs = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    [relabeling] = endpoint["relabelings"]
    assert relabeling["replacement"] in {job["job_name"] for job in jobs}


def test_a_pool_grows_by_the_sessions_that_speak() -> None:
    resources = rendered(EVERYTHING)
    [scaled] = of_kind(resources, "ScaledObject")
    [trigger] = scaled["spec"]["triggers"]
    metrics = WorkerMetrics("0")
    metrics.speaking(0, 0)
    query = trigger["metadata"]["query"]
    found = re.fullmatch(r'sum\((\w+)\{state="(\w+)", namespace="(\w+)", pod=~"([^"]+)"\}\)', query)
    assert found is not None
    assert metrics.registry.get_sample_value(found[1], {"worker": "0", "state": found[2]}) is not None
    name = scaled["spec"]["scaleTargetRef"]["name"]
    assert (found[3], re.fullmatch(found[4], f"{name}-0") is not None) == (NAMESPACE, True)
    [pool] = [each for each in of_kind(resources, "StatefulSet") if each["metadata"]["name"] == name]
    assert "replicas" not in pool["spec"]
    settings = settings_of(pool["spec"]["template"])
    assert settings.capacity == 130
    assert float(trigger["metadata"]["threshold"]) == pytest.approx(
        settings.capacity * settings.workers * 0.7
    )
