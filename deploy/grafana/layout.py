"""What a dashboard is made of, and how it becomes Grafana's JSON. Pure."""

from __future__ import annotations

import itertools
import string
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import common, dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    LegendDisplayMode,
    LegendPlacement,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import DashboardLinkType, DataSourceRef

TAG: Final = "voxshard"
# Of the 24 columns that a row of Grafana has.
_PANEL_WIDTH: Final = 8
_PANEL_HEIGHT: Final = 8
# Chosen at the top of each dashboard; the only one where there is one.
_SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")


@dataclass(frozen=True, slots=True)
class Query:
    """`legend` names labels as {{label}}."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves over time. `unit` is one of Grafana's: s, percentunit, reqps ... `says`: how to read it."""

    title: str
    unit: str
    says: str
    queries: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`uid` is also the name of its file."""

    uid: str
    title: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for row in self.rows for panel in row.panels)


def to_json(described: Dashboard) -> str:
    built = (
        dashboard.Dashboard(described.title)
        .uid(described.uid)
        .tags([TAG])
        .refresh("30s")
        .time("now-1h", "now")
        .with_variable(dashboard.DatasourceVariable("datasource").type("prometheus"))
        .link(dashboard.DashboardLink(TAG).type(DashboardLinkType.DASHBOARDS).tags([TAG]).keep_time(True))
    )
    numbers = itertools.count(1)
    for row in described.rows:
        built.with_row(dashboard.Row(row.title).id(next(numbers)))
        for panel in row.panels:
            built.with_panel(_panel(panel).id(next(numbers)))
    return JSONEncoder(sort_keys=True, indent=2).encode(built.build()) + "\n"


def _panel(panel: Panel) -> timeseries.Panel:
    built = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.says)
        .datasource(_SOURCE)
        .unit(panel.unit)
        .min(0)
        .span(_PANEL_WIDTH)
        .height(_PANEL_HEIGHT)
        .show_points(VisibilityMode.NEVER)
        .fill_opacity(10)
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
        )
    )
    for letter, query in zip(string.ascii_uppercase, panel.queries, strict=False):
        target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(letter)
        built.with_target(target.datasource(_SOURCE))
    return built
