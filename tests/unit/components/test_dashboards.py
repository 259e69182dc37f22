"""Dashboards: whole, readable and current in the package, and found by Grafana."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
import stanchion
from stanchion import ArgumentsError
from stanchion.monitoring.burn_rates import BURN_RATES
from stanchion.monitoring.dashboards import DASHBOARDS, Colour, Dashboard, Shape
from stanchion.monitoring.dashboards.component import exported
from stanchion.monitoring.dashboards.grafana import grafana_json
from stanchion.monitoring.dashboards.model import Limits
from stanchion.monitoring.dashboards.model_service import MODEL_SERVICE
from unit.components.programs import OWNED, model_service
from unit.components.test_operators import AWS, operators, releases
from unit.components.world import World, deploy

EACH = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.name)
LARGEST_CONFIG_MAP = 1024 * 1024
# kubectl keeps what it applied in an annotation, of which there may be so much.
LARGEST_ANNOTATION = 256 * 1024


def dashboards(**changes: Any) -> World:
    """The component with what it needs."""
    args = cast("stanchion.DashboardsArgs", {**OWNED, **changes})
    return deploy(lambda: stanchion.Dashboards("dashboards", args).uids)


@EACH
def test_the_package_carries_each_as_its_module_says(dashboard: Dashboard) -> None:
    current = grafana_json(dashboard)
    assert exported(dashboard.name) == current, (
        "run `python -m stanchion.monitoring.dashboards.export`"
    )


@EACH
def test_a_panel_says_what_it_shows_in_which_unit_and_how_to_read_it(dashboard: Dashboard) -> None:
    drawn = [each for each in json.loads(exported(dashboard.name))["panels"] if "targets" in each]
    assert len(drawn) == len([*dashboard.panels])
    for panel in drawn:
        assert len(panel["description"]) > 10, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert all(target["expr"] for target in panel["targets"])


@EACH
def test_panels_fill_the_page_and_none_lies_on_another(dashboard: Dashboard) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(exported(dashboard.name))["panels"]:
        at = panel["gridPos"]
        cells = {
            (at["x"] + across, at["y"] + down)
            for across in range(at["w"])
            for down in range(at["h"])
        }
        assert max(column for column, _ in cells) < 24
        assert not taken & cells, panel["title"]
        taken |= cells


@EACH
def test_a_query_has_no_variable_that_nobody_can_choose(dashboard: Dashboard) -> None:
    known = {variable.name for variable in dashboard.variables}
    used = [query.variables for panel in dashboard.panels for query in panel.queries]
    assert frozenset().union(*used) == known


def test_names_are_told_apart_and_stable() -> None:
    assert {dashboard.uid for dashboard in DASHBOARDS} == {
        "stanchion-platform", "stanchion-model-service", "stanchion-drift",
        "stanchion-llm-service", "stanchion-gpu-fleet", "stanchion-batch-training",
        "stanchion-mlflow", "stanchion-cost",
    }  # fmt: skip


def test_the_burn_rate_is_red_from_where_it_pages() -> None:
    (panel,) = [panel for panel in MODEL_SERVICE.panels if panel.title == "Burn rate"]
    assert panel.limits is not None
    assert panel.limits.bad == max(rate.factor for rate in BURN_RATES)
    assert panel.limits.colour(14.3) is Colour.YELLOW
    assert panel.limits.colour(14.4) is Colour.RED


@pytest.mark.parametrize(
    ("limits", "colours"),
    [
        (Limits(10, 5), {4.9: "green", 5: "yellow", 10: "red"}),
        (Limits(1), {0: "green", 1: "red"}),
        (Limits(0, 0.25, falling=True), {-0.1: "red", 0.1: "yellow", 0.25: "green"}),
        (Limits(1, falling=True), {0: "red", 1: "green"}),
    ],
)
def test_a_value_has_the_colour_of_its_limits(limits: Limits, colours: dict[float, str]) -> None:
    assert {value: str(limits.colour(value)) for value in colours} == colours


def test_an_address_chooses_what_the_dashboard_offers() -> None:
    assert MODEL_SERVICE.path(tenant="demo", service="wine") == (
        "/d/stanchion-model-service?var-tenant=demo&var-service=wine"
    )
    with pytest.raises(ValueError, match="has no variable colour"):
        MODEL_SERVICE.path(colour="red")


def test_an_alert_leads_to_its_service_in_grafana() -> None:
    rules = model_service(monitoring=True).object("PrometheusRule")["spec"]["groups"]
    alerts = [rule for group in rules for rule in group["rules"] if "alert" in rule]
    led_to = {alert["annotations"]["dashboard"] for alert in alerts}
    assert led_to == {"/d/stanchion-model-service?var-tenant=demo&var-service=wine"}


def test_a_query_is_filled_with_what_is_chosen_and_else_with_everything() -> None:
    query = MODEL_SERVICE.sections[0].panels[0].queries[0]
    filled = query.filled({"service": "wine"})
    assert 'service=~"wine"' in filled
    assert 'namespace=~".*"' in filled
    assert "$" not in filled


def test_grafana_finds_each_where_its_sidecar_looks() -> None:
    release = releases(operators(AWS))["kube-prometheus-stack"]
    sidecar = release.inputs["values"]["grafana"]["sidecar"]["dashboards"]
    world = dashboards()
    assert len(world.objects) == len(DASHBOARDS)
    for dashboard in DASHBOARDS:
        found = world.object("ConfigMap", f"dashboard-{dashboard.name}")
        described = found["metadata"]
        assert described["namespace"] == sidecar["searchNamespace"] == "monitoring"
        assert described["labels"][sidecar["label"]] == sidecar["labelValue"]
        assert described["annotations"] == {sidecar["folderAnnotation"]: "Stanchion"}
        ((file, text),) = found["data"].items()
        assert file == f"{dashboard.uid}.json"
        assert json.loads(text)["uid"] == dashboard.uid
        assert len(text) < LARGEST_ANNOTATION < LARGEST_CONFIG_MAP


def test_a_grafana_of_ones_own_may_be_elsewhere() -> None:
    world = dashboards(namespace="observability")
    places = {item["metadata"]["namespace"] for item in world.manifests}
    assert places == {"observability"}


@pytest.mark.parametrize(
    ("change", "told"),
    [({"owner": "no label!"}, "owner:"), ({"colour": "red"}, "colour: is no argument")],
)
def test_bad_arguments_are_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentsError) as raised:
        dashboards(**change)
    assert told in str(raised.value)


def test_every_shape_is_one_that_grafana_draws() -> None:
    drawn = {
        panel["type"]
        for dashboard in DASHBOARDS
        for panel in json.loads(exported(dashboard.name))["panels"]
    }
    assert drawn == {"row", "timeseries", "stat", "table"}
    assert len(Shape) == 3
