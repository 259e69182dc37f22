"""Dashboards as Grafana's JSON, by its own SDK.

The SDK is needed by those who change a dashboard, not by those who deploy one: `export` writes
what this module makes into the package.
"""

import json

from grafana_foundation_sdk.builders import common as look
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as kinds
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from stanchion.monitoring.dashboards.model import (
    ALL,
    Dashboard,
    Limits,
    Panel,
    Query,
    Section,
    Shape,
    Variable,
)

_TAG = "stanchion"
_SOURCE = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
_COLUMNS, _MOST_IN_A_LINE = 24, 4
_HEIGHTS = {Shape.STAT: 5, Shape.TABLE: 8, Shape.LINES: 8}

_Picture = timeseries.Panel | stat.Panel | table.Panel


def grafana_json(dashboard: Dashboard) -> str:
    """A dashboard as Grafana's file: readable, and the same at every call."""
    made = (
        build.Dashboard(dashboard.title)
        .uid(dashboard.uid)
        .description(dashboard.description)
        .tags([_TAG])
        .readonly()
        .tooltip(kinds.DashboardCursorSync.CROSSHAIR)
        .time("now-6h", "now")
        .refresh("1m")
        .timezone("browser")
        .link(
            build.DashboardLink("Stanchion")
            .type(kinds.DashboardLinkType.DASHBOARDS)
            .tags([_TAG])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
        .with_variable(
            build.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
        )
    )
    for variable in dashboard.variables:
        made = made.with_variable(_variable(variable))
    number = 0
    for section in dashboard.sections:
        made = made.with_row(build.Row(section.title))
        for panel in section.panels:
            number += 1
            made = made.with_panel(_panel(panel, section).id(number))
    return json.dumps(made.build(), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"


def _variable(variable: Variable) -> build.QueryVariable:
    return (
        build.QueryVariable(variable.name)
        .label(variable.label)
        .datasource(_SOURCE)
        .query(f"label_values({variable.metric}, {variable.of})")
        .refresh(kinds.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(kinds.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(ALL)
        .current(kinds.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def _panel(panel: Panel, section: Section) -> _Picture:
    made = _picture(panel)
    made = (
        made.title(panel.title)
        .description(panel.description)
        .datasource(_SOURCE)
        .unit(panel.unit)
        .height(max(_HEIGHTS[each.shape] for each in section.panels))
        .span(_COLUMNS // min(len(section.panels), _MOST_IN_A_LINE))
        .thresholds(_thresholds(panel.limits))
    )
    for place, query in enumerate(panel.queries):
        made = made.with_target(_target(query, panel.shape, chr(ord("A") + place)))
    return made


def _picture(panel: Panel) -> _Picture:
    if panel.shape is Shape.LINES:
        drawn = timeseries.Panel().fill_opacity(8).span_nulls(False)
        if panel.limits is None:
            return drawn
        return drawn.thresholds_style(
            look.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        )
    if panel.shape is Shape.STAT:
        return (
            stat.Panel()
            .reduce_options(look.ReduceDataOptions().calcs(["lastNotNull"]))
            .color_mode(common.BigValueColorMode.VALUE)
            .graph_mode(common.BigValueGraphMode.AREA)
        )
    shown = kinds.DataTransformerConfig(
        "organize",
        options={"excludeByName": {"Time": True}, "renameByName": {"Value": panel.title}},
    )
    coloured = common.TableColorTextCellOptions()
    made = table.Panel().with_transformation(shown)
    return made if panel.limits is None else made.cell_options(coloured)


def _thresholds(limits: Limits | None) -> build.ThresholdsConfig:
    steps = ((None, "text"),) if limits is None else limits.steps
    return (
        build.ThresholdsConfig()
        .mode(kinds.ThresholdsMode.ABSOLUTE)
        .steps([kinds.Threshold(value=value, color=str(colour)) for value, colour in steps])
    )


def _target(query: Query, shape: Shape, letter: str) -> prometheus.Dataquery:
    made = prometheus.Dataquery().expr(query.expr).ref_id(letter).datasource(_SOURCE)
    if query.legend:
        made = made.legend_format(query.legend)
    if shape is Shape.TABLE:
        return made.instant().format(PromQueryFormat.TABLE)
    return made.range().format(PromQueryFormat.TIME_SERIES)
