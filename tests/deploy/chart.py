"""The Helm chart, rendered by Helm's own library."""

from __future__ import annotations

from typing import Any, Final

import helm_python as helm
import yaml

from common.settings import PREFIX, Settings, load_settings
from tests.deploy.programs import ROOT

CHART: Final = ROOT / "deploy" / "kubernetes"
NAMESPACE: Final = "speech"
RELEASE: Final = "voxshard"
# Of what only the cluster knows.
_PLACEHOLDERS: Final = {"VOXSHARD_REDIS_URL": "redis://10.0.0.7", "VOXSHARD_ADVERTISE_HOST": "10.0.0.2"}

Values = dict[str, Any]
Resource = dict[str, Any]

NEEDED: Final[Values] = {"redis": {"existingSecret": "redis"}}
EVERYTHING: Final[Values] = {
    **NEEDED,
    "tenants": {"existingSecret": "tenants"},
    "settings": {"IDLE_TIMEOUT": "120", "OTLP_ENDPOINT": "http://collector:4318"},
    "gateway": {"replicas": 3, "settings": {"TRUSTED_PROXIES": "10.0.0.0/8"}},
    "ingress": {"enabled": True, "host": "asr.example", "tlsSecret": "certificate", "className": "nginx"},
    "engine": {"modelClaim": "models", "model": "/models/Fun-ASR-Nano-2512"},
    "monitoring": {
        "serviceMonitor": True,
        "rules": True,
        "prometheusUrl": "http://prometheus.monitoring:9090",
        "labels": {"release": "prometheus"},
        "dcgm": {"enabled": True},
    },
    "networkPolicy": {
        "redis": [{"podSelector": {"matchLabels": {"app": "redis"}}}],
        "collector": [{"podSelector": {"matchLabels": {"app": "collector"}}}],
    },
    "pools": [
        {"name": "h200", "capacity": 130, "autoscaling": {"enabled": True, "maxReplicas": 8}},
        {"name": "l4", "replicas": 3, "workers": 1, "capacity": 30, "nodeSelector": {"card": "l4"}},
        {"name": "cpu", "gpus": 0, "capacity": 8, "cache": {"size": ""}, "settings": {"MAX_SPEAKING": "8"}},
    ],
}
OPEN: Final[Values] = {
    **NEEDED,
    "drainTimeoutSeconds": 300,
    "gateway": {"service": {"type": "LoadBalancer"}},
    "networkPolicy": {"enabled": False},
}
VARIANTS: Final = {"least": NEEDED, "everything": EVERYTHING, "open": OPEN}


def rendered(values: Values) -> list[Resource]:
    """All resources. Raises `helm.HelmError`."""
    with helm.Chart.load(CHART) as chart:
        files = chart.render(values, name=RELEASE, namespace=NAMESPACE)
    texts = (text for name, text in files.items() if not name.endswith("NOTES.txt"))
    return [resource for text in texts for resource in yaml.safe_load_all(text) if resource]


def of_kind(resources: list[Resource], *kinds: str) -> list[Resource]:
    return [resource for resource in resources if resource["kind"] in kinds]


def named(resources: list[Resource], kind: str, name: str) -> Resource:
    [only] = [each for each in of_kind(resources, kind) if each["metadata"]["name"] == name]
    return only


def pods(resources: list[Resource]) -> list[Resource]:
    """Templates of pods, with their labels."""
    return [owner["spec"]["template"] for owner in of_kind(resources, "Deployment", "StatefulSet")]


def container(pod: Resource) -> Resource:
    [only] = pod["spec"]["containers"]
    found: Resource = only
    return found


def settings_of(pod: Resource) -> Settings:
    """As the process in it would read them. Raises `SettingsError`."""
    variables = {
        each["name"]: _PLACEHOLDERS[each["name"]] if "valueFrom" in each else each["value"]
        for each in container(pod)["env"]
    }
    return load_settings({}, {name: value for name, value in variables.items() if name.startswith(PREFIX)})


def named_ports(pod: Resource) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for port in container(pod)["ports"]}
