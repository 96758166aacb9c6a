"""`python -m deploy.grafana`: writes the dashboards that Grafana is provisioned with."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deploy.grafana.layout import to_json
from deploy.grafana.overview import OVERVIEW
from deploy.grafana.tenants import TENANTS
from deploy.grafana.workers import WORKERS

DASHBOARDS: Final = (OVERVIEW, WORKERS, TENANTS)
FOLDER: Final = Path(__file__).with_name("dashboards")


def files() -> dict[Path, str]:
    """What has to stand there."""
    return {FOLDER / f"{dashboard.uid}.json": to_json(dashboard) for dashboard in DASHBOARDS}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
