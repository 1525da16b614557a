/** The panels of the dashboards, one function for each look, so that the same thing looks the same everywhere. */
import * as barchart from "@grafana/grafana-foundation-sdk/barchart";
import type { Builder } from "@grafana/grafana-foundation-sdk/cog";
import * as common from "@grafana/grafana-foundation-sdk/common";
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import * as heatmap from "@grafana/grafana-foundation-sdk/heatmap";
import * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import * as stat from "@grafana/grafana-foundation-sdk/stat";
import * as statetimeline from "@grafana/grafana-foundation-sdk/statetimeline";
import * as table from "@grafana/grafana-foundation-sdk/table";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";

/** What a person reads who sees the panel for the first time. */
export interface PanelText {
  readonly title: string;
  /** What it counts, and what to do with it. */
  readonly description: string;
  /** Grafana's id of a unit: `short`, `s`, `percentunit`… */
  readonly unit: string;
  /** Shown instead of a value, where none may be good news. */
  readonly noValue: string;
}

export interface Query {
  readonly expr: string;
  /** As Grafana writes it: `{{service}}`. */
  readonly legend?: string;
  /** Ask for exemplars, whose trace ids link to the trace back end. */
  readonly exemplar?: boolean;
}

export type Panel = Builder<dashboard.Panel>;

/** A value at which a colour begins. The first is the colour below all of them. */
export type Steps = readonly [string, ...(readonly [number, string])[]];

/** One colour for each severity on all dashboards. */
export const GOOD = "green";
export const INFO = "blue";
export const WARNING = "orange";
export const CRITICAL = "red";
export const NEUTRAL = "text";
export const SEVERITY_COLOURS: readonly (readonly [severity: string, colour: string])[] = [
  ["critical", CRITICAL],
  ["warning", WARNING],
  ["info", INFO],
];

// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana puts the value in
export const DATASOURCE: common.DataSourceRef = { type: "prometheus", uid: "${datasource}" };

export function datasourceQuery(): prometheus.DataqueryBuilder {
  return new prometheus.DataqueryBuilder().datasource(DATASOURCE).editorMode(prometheus.QueryEditorMode.Code);
}

/** One number at the end of the time range, coloured by what it means. */
export function numberPanel(text: PanelText, expr: string, steps: Steps): Panel {
  return described(new stat.PanelBuilder(), text)
    .withTarget(instant({ expr }, 0).format(prometheus.PromQueryFormat.TimeSeries))
    .thresholds(thresholds(steps))
    .colorScheme(colours(dashboard.FieldColorModeId.Thresholds))
    .colorMode(common.BigValueColorMode.Value)
    .graphMode(common.BigValueGraphMode.None)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]))
    .decimals(text.unit === "short" ? 0 : 1);
}

/** Values over time. With steps, lines are drawn where a colour begins. */
export function lines(text: PanelText, queries: readonly Query[], steps?: Steps): timeseries.PanelBuilder {
  const panel = over(new timeseries.PanelBuilder(), text, queries).lineWidth(1).fillOpacity(8);
  if (steps === undefined) return panel;
  return panel
    .thresholds(thresholds(steps))
    .thresholdsStyle(new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed));
}

/** Whole things that happened in each step, stacked; the legend has the sum over the time range. */
export function bars(text: PanelText, queries: readonly Query[]): timeseries.PanelBuilder {
  return (
    over(new timeseries.PanelBuilder(), text, queries, ["sum"])
      .drawStyle(common.GraphDrawStyle.Bars)
      .stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group("A"))
      // A value is the count of the step that ends at it.
      .barAlignment(common.BarAlignment.Before)
      .lineWidth(0)
      .fillOpacity(80)
      .decimals(0)
      .interval(SHORTEST_BAR)
  );
}

/** Horizontal bars, one for each value of a label, stacked by severity. The query counts `by (label, severity)`. */
export function severityBars(text: PanelText, label: string, expr: string): Panel {
  const panel = described(new barchart.PanelBuilder(), text)
    .withTarget(instant({ expr }, 0).format(prometheus.PromQueryFormat.Table))
    .withTransformation({
      id: "groupingToMatrix",
      options: { rowField: label, columnField: "severity", valueField: "Value", emptyValue: "null" },
    })
    .orientation(common.VizOrientation.Horizontal)
    .stacking(common.StackingMode.Normal)
    .showValue(common.VisibilityMode.Auto)
    .xTickLabelMaxLength(24)
    .legend(legend([]))
    .decimals(0);
  return coloured(panel, SEVERITY_COLOURS);
}

/** A row for each set of labels, a column for each query. */
export interface Columns {
  /** Labels, in order; all queries are aggregated by them. */
  readonly labels: readonly { readonly name: string; readonly width?: number; readonly link?: Link }[];
  readonly values: readonly Column[];
  /** The title of the column that comes first when sorted downwards. */
  readonly sortBy: string;
}

export interface Column {
  readonly title: string;
  readonly expr: string;
  readonly unit: string;
  readonly decimals?: number;
  readonly steps?: Steps;
  readonly states?: readonly State[];
}

export interface Link {
  readonly title: string;
  readonly url: string;
  readonly newTab?: boolean;
}

/** What a number of a gauge means. */
export interface State {
  readonly value: number;
  readonly text: string;
  readonly color: string;
}

export function tablePanel(text: PanelText, { labels, values, sortBy }: Columns): Panel {
  const valueField = (index: number): string => (values.length === 1 ? "Value" : `Value #${refIdOf(index)}`);
  const names = [...labels.map(({ name }) => name), ...values.map((_, index) => valueField(index))];
  let panel = described(new table.PanelBuilder(), text)
    .targets(values.map((query, index) => instant(query, index).format(prometheus.PromQueryFormat.Table)))
    .withTransformation({ id: "merge", options: {} })
    .withTransformation({
      id: "organize",
      options: {
        excludeByName: { Time: true },
        indexByName: Object.fromEntries(names.map((name, index) => [name, index])),
        renameByName: Object.fromEntries(values.map(({ title }, index) => [valueField(index), title])),
      },
    })
    .sortBy([new common.TableSortByFieldStateBuilder().displayName(sortBy).desc(true)])
    .colorScheme(colours(dashboard.FieldColorModeId.Thresholds))
    .filterable(true)
    .cellHeight(common.TableCellHeight.Sm);
  for (const { name, width, link } of labels) {
    const properties = [
      ...(width === undefined ? [] : [{ id: "custom.width", value: width }]),
      ...(link === undefined ? [] : [{ id: "links", value: [dataLink(link)] }]),
    ];
    if (properties.length > 0) panel = panel.overrideByName(name, properties);
  }
  for (const { title, unit, decimals, steps, states } of values) {
    panel = panel.overrideByName(title, [
      { id: "unit", value: unit },
      ...(decimals === undefined ? [] : [{ id: "decimals", value: decimals }]),
      ...(steps === undefined ? [] : [{ id: "thresholds", value: thresholds(steps).build() }]),
      ...(states === undefined ? [] : [{ id: "mappings", value: mappings(states) }]),
      ...(steps === undefined && states === undefined
        ? []
        : [{ id: "custom.cellOptions", value: { type: common.TableCellDisplayMode.ColorText } }]),
    ]);
  }
  return panel;
}

/** One lane for each series, coloured by its state. */
export function stateLanes(text: PanelText, query: Query, states: readonly State[]): Panel {
  return described(new statetimeline.PanelBuilder(), text)
    .withTarget(ranged(query, 0))
    .mappings(mappings(states))
    .colorScheme(colours(dashboard.FieldColorModeId.Thresholds))
    .thresholds(thresholds([NEUTRAL]))
    .showValue(common.VisibilityMode.Never)
    .mergeValues(true)
    .rowHeight(0.8)
    .fillOpacity(85)
    .lineWidth(0)
    .legend(legend([]))
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Single).sort(common.SortOrder.None));
}

/** How the buckets of a histogram fill over time. The query is by `le`. */
export function heatmapPanel(text: PanelText, expr: string): Panel {
  return described(new heatmap.PanelBuilder(), text)
    .withTarget(ranged({ expr, legend: "{{le}}", exemplar: true }, 0).format(prometheus.PromQueryFormat.Heatmap))
    .calculate(false)
    .cellGap(1)
    .yAxis(new heatmap.YAxisConfigBuilder().unit("s").axisPlacement(common.AxisPlacement.Left))
    .cellValues(new heatmap.CellValuesBuilder().unit(text.unit))
    .color(
      new heatmap.HeatmapColorOptionsBuilder()
        .mode(heatmap.HeatmapColorMode.Scheme)
        .scheme("Oranges")
        .scale(heatmap.HeatmapColorScale.Exponential)
        .exponent(0.5)
        .steps(64),
    )
    .filterValues(new heatmap.FilterValueRangeBuilder().le(1e-9))
    .exemplarsColor("rgba(31, 120, 193, 0.9)")
    .tooltip(new heatmap.HeatmapTooltipBuilder().mode(common.TooltipDisplayMode.Single).yHistogram(true))
    .showLegend();
}

/** Series that have the same colour everywhere, by their names. */
export function coloured<B extends { overrideByName(name: string, to: dashboard.DynamicConfigValue[]): B }>(
  panel: B,
  colours: readonly (readonly [name: string, colour: string])[],
): B {
  for (const [name, colour] of colours) panel.overrideByName(name, fixed(colour));
  return panel;
}

/** A bar has four scrapes at least, when these are 15 s apart. */
const SHORTEST_BAR = "1m";

/** What each kind of panel has: the builders of the SDK share these methods, yet no type. */
interface DescribedBuilder {
  title(title: string): this;
  description(description: string): this;
  datasource(datasource: common.DataSourceRef): this;
  unit(unit: string): this;
  noValue(noValue: string): this;
}

function described<B extends DescribedBuilder>(panel: B, { title, description, unit, noValue }: PanelText): B {
  return panel.title(title).description(description).datasource(DATASOURCE).unit(unit).noValue(noValue);
}

function over(
  panel: timeseries.PanelBuilder,
  text: PanelText,
  queries: readonly Query[],
  calculations: readonly string[] = ["lastNotNull", "max"],
): timeseries.PanelBuilder {
  return described(panel, text)
    .targets(queries.map(ranged))
    .legend(legend(calculations))
    .tooltip(allAtOnce())
    .colorScheme(colours(dashboard.FieldColorModeId.PaletteClassicByName))
    .showPoints(common.VisibilityMode.Never)
    .spanNulls(false)
    .axisSoftMin(0);
}

function allAtOnce(): common.VizTooltipOptionsBuilder {
  return new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending);
}

function dataLink({ title, url, newTab }: Link): Record<string, unknown> {
  return { title, url, targetBlank: newTab ?? false };
}

function fixed(colour: string): dashboard.DynamicConfigValue[] {
  return [{ id: "color", value: { mode: dashboard.FieldColorModeId.Fixed, fixedColor: colour } }];
}

function ranged({ expr, legend: name, exemplar }: Query, index: number): prometheus.DataqueryBuilder {
  const query = datasourceQuery()
    .refId(refIdOf(index))
    .expr(expr)
    .range()
    .exemplar(exemplar ?? false);
  return name === undefined ? query : query.legendFormat(name);
}

function instant({ expr }: Pick<Query, "expr">, index: number): prometheus.DataqueryBuilder {
  return datasourceQuery().refId(refIdOf(index)).expr(expr).instant().exemplar(false);
}

function refIdOf(index: number): string {
  return String.fromCharCode("A".charCodeAt(0) + index);
}

function legend(calculations: readonly string[]): common.VizLegendOptionsBuilder {
  const base = new common.VizLegendOptionsBuilder().showLegend(true).placement(common.LegendPlacement.Bottom);
  return calculations.length === 0
    ? base.displayMode(common.LegendDisplayMode.List).calcs([])
    : base.displayMode(common.LegendDisplayMode.Table).calcs([...calculations]);
}

function colours(mode: dashboard.FieldColorModeId): dashboard.FieldColorBuilder {
  return new dashboard.FieldColorBuilder().mode(mode);
}

function thresholds([color, ...steps]: Steps): dashboard.ThresholdsConfigBuilder {
  return new dashboard.ThresholdsConfigBuilder()
    .mode(dashboard.ThresholdsMode.Absolute)
    .steps([{ value: null, color }, ...steps.map(([value, begins]) => ({ value, color: begins }))]);
}

function mappings(states: readonly State[]): dashboard.ValueMapping[] {
  const options = Object.fromEntries(
    states.map(({ value, text, color }, index) => [String(value), { text, color, index }]),
  );
  return [{ type: dashboard.MappingType.ValueToText, options }];
}
