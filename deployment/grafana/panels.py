"""What a dashboard of Livesight consists of, made with Grafana's own builders (grafana-foundation-sdk). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import prometheus as prometheus_model

SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
Kind = Literal["lines", "stacked", "bars", "stat", "heatmap", "table"]


@dataclass(frozen=True)
class Panel:
    """One picture: what is asked, as (PromQL, what its series are called).

    unit: as Grafana names them (`s`, `percentunit`, `ops`); worse: above this it is red; width: of 24 columns.
    """

    title: str
    queries: Sequence[tuple[str, str]]
    unit: str = "short"
    kind: Kind = "lines"
    width: int = 12
    height: int = 8
    about: str = ""
    most: float | None = None
    worse: float | None = None


@dataclass(frozen=True)
class Row:
    """A heading with its panels."""

    title: str
    panels: Sequence[Panel]


def board(uid: str, title: str, about: str, rows: Sequence[Row], by_stream: bool = False) -> model.Dashboard:
    """The dashboard. by_stream: with a choice of cameras, `$stream`."""
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(about)
        .tags(["livesight"])
        .timezone("browser")
        .refresh("10s")
        .time("now-1h", "now")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(
            dashboard.DashboardLink("Livesight")
            .type(model.DashboardLinkType.DASHBOARDS)
            .tags(["livesight"])
            .as_dropdown(False)
            .keep_time(True)
        )
        .with_variable(dashboard.DatasourceVariable("datasource").label("Metrics").type("prometheus"))
    )
    if by_stream:
        made = made.with_variable(_streams())
    number = 0
    for row in rows:
        made = made.with_row(dashboard.Row(row.title).id(number := number + 1))
        for panel in row.panels:
            made = made.with_panel(_panel(panel).id(number := number + 1))
    return made.build()


def _streams() -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable("stream")
        .label("Camera")
        .datasource(SOURCE)
        .query("label_values(livesight_stream_up, stream)")
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
    )


def _panel(panel: Panel) -> timeseries.Panel | stat.Panel | heatmap.Panel | table.Panel:
    builder = {"stat": _stat, "heatmap": _heatmap, "table": _table}.get(panel.kind, _series)(panel)
    builder = builder.title(panel.title).datasource(SOURCE).unit(panel.unit).span(panel.width).height(panel.height)
    if panel.about:
        builder = builder.description(panel.about)
    if panel.most is not None:
        builder = builder.max(panel.most)
    for number, (expression, name) in enumerate(panel.queries):
        query = prometheus.Dataquery().expr(expression).legend_format(name).ref_id("ABCDEFGH"[number])
        query = query.editor_mode(prometheus_model.QueryEditorMode.CODE)
        if panel.kind in ("stat", "table"):
            query = query.instant()
        if panel.kind == "table":
            query = query.format(prometheus_model.PromQueryFormat.TABLE)
        if panel.kind == "heatmap":
            query = query.format(prometheus_model.PromQueryFormat.HEATMAP)
        builder = builder.with_target(query)
    return builder


def _series(panel: Panel) -> timeseries.Panel:
    made = (
        timeseries.Panel()
        .min(0)
        .line_width(1)
        .fill_opacity(60 if panel.kind == "stacked" else 80 if panel.kind == "bars" else 8)
        .show_points(common_model.VisibilityMode.NEVER)
        .tooltip(common.VizTooltipOptions().mode(common_model.TooltipDisplayMode.MULTI))
        .legend(
            common.VizLegendOptions()
            .display_mode(common_model.LegendDisplayMode.LIST)
            .placement(common_model.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )
    if panel.kind == "bars":
        made = made.draw_style(common_model.GraphDrawStyle.BARS)
    if panel.kind in ("stacked", "bars"):
        made = made.stacking(common.StackingConfig().mode(common_model.StackingMode.NORMAL))
    if panel.worse is not None:
        made = made.thresholds(_thresholds(panel.worse)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(common_model.GraphThresholdsStyleMode.DASHED)
        )
    return made


def _stat(panel: Panel) -> stat.Panel:
    made = stat.Panel().reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"])).no_value("–")
    made = made.graph_mode(common_model.BigValueGraphMode.NONE)
    return made if panel.worse is None else made.thresholds(_thresholds(panel.worse))


def _heatmap(panel: Panel) -> heatmap.Panel:
    return heatmap.Panel().calculate(False)


def _table(panel: Panel) -> table.Panel:
    hidden = model.DataTransformerConfig(
        id_val="organize", options={"excludeByName": {"Time": True, "Value": True, "__name__": True, "job": True}}
    )
    return table.Panel().with_transformation(hidden)


def _thresholds(worse: float) -> dashboard.ThresholdsConfig:
    steps = [model.Threshold(value=None, color="green"), model.Threshold(value=worse, color="red")]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)
