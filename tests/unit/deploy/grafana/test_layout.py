from __future__ import annotations

import json

from deploy.grafana.layout import Dashboard, Panel, Query, Row, to_json

DASHBOARD = Dashboard(
    "uid", "Title", (Row("Row", (Panel("Panel", "s", "Says.", (Query("a", "{{x}}"), Query("b", ""))),)),)
)


def test_a_panel_shows_its_queries_from_the_chosen_source() -> None:
    built = json.loads(to_json(DASHBOARD))
    assert (built["uid"], built["title"]) == ("uid", "Title")
    row, panel = built["panels"]
    assert (row["type"], row["title"], panel["type"], panel["title"]) == ("row", "Row", "timeseries", "Panel")
    assert panel["description"] == "Says." and panel["fieldConfig"]["defaults"]["unit"] == "s"
    shown = [(target["refId"], target["expr"], target["legendFormat"]) for target in panel["targets"]]
    assert shown == [("A", "a", "{{x}}"), ("B", "b", "")]
    [variable] = built["templating"]["list"]
    source = {"type": variable["query"], "uid": f"${{{variable['name']}}}"}
    assert all(shown["datasource"] == source for shown in (panel, *panel["targets"]))


def test_no_two_panels_have_a_number_or_a_place_in_common() -> None:
    panels = tuple(Panel(f"Panel {number}", "s", "", (Query("a", ""),)) for number in range(4))
    built = json.loads(to_json(Dashboard("uid", "Title", (Row("One", panels), Row("Two", panels)))))["panels"]
    assert sorted(panel["id"] for panel in built) == list(range(1, 11))
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in built]
    assert len(set(places)) == len(places)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in built)
