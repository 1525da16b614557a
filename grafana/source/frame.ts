/** What all dashboards share: variables, annotations, links between them, and the grid. */
import type { Builder } from "@grafana/grafana-foundation-sdk/cog";
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import { DATASOURCE, datasourceQuery, INFO, type Panel, WARNING } from "./panels";
import { begun, countPerStep, type Filter, type Promql } from "./promql";

export interface DashboardOptions {
  readonly promql: Promql;
  /** Where the live page is, without a slash at the end. */
  readonly seismoUrl: string;
}

export interface Frame {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly filters: readonly Filter[];
  /** Whether something links to the live page. */
  readonly linksToPage?: boolean;
  readonly rows: readonly Row[];
}

/** Panels side by side. Their widths add up to the 24 columns of Grafana's grid; a unit of height is 38 pixels. */
export interface Row {
  readonly height: number;
  readonly panels: readonly (readonly [width: number, panel: Panel])[];
}

/** All dashboards of Seismo have it, and find each other by it. */
export const TAG = "seismo";

/** Keeps what was chosen when a link leads to another dashboard, but for the variable that the link sets itself. */
export function linkTo(uid: string, variable: string): string {
  return `/d/${uid}?\${datasource:queryparam}&\${job:queryparam}&var-${variable}=\${__value.raw}&\${__url_time_range}`;
}

/** The live page of the group whose fingerprint is in the cell. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana puts the values in
export const LIVE_PAGE = "${seismo_url:raw}/error-visualization?fingerprint=${__value.raw}";

export function createDashboard(frame: Frame, { promql, seismoUrl }: DashboardOptions): dashboard.Dashboard {
  const builder = new dashboard.DashboardBuilder(frame.title)
    .uid(frame.uid)
    .description(frame.description)
    .tags([TAG])
    .editable()
    .timezone("browser")
    .time({ from: "now-1h", to: "now" })
    .refresh("30s")
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .variables([...variables(promql, frame.filters), ...(frame.linksToPage === true ? [pageAddress(seismoUrl)] : [])])
    .annotations([...annotations(promql, frame.filters)])
    .links([{ build: () => TO_THE_OTHERS }]);
  let id = 0;
  let y = 0;
  for (const { height, panels } of frame.rows) {
    let x = 0;
    for (const [width, panel] of panels) {
      id += 1;
      const placed: dashboard.Panel = { ...panel.build(), id, gridPos: { x, y, w: width, h: height } };
      builder.withPanel({ build: () => placed });
      x += width;
    }
    y += height;
  }
  return { ...builder.build(), schemaVersion: SCHEMA_VERSION };
}

/** By hand: the builder would put it into a menu that newer versions of Grafana have. */
const TO_THE_OTHERS: dashboard.DashboardLink = {
  title: "Seismo",
  type: dashboard.DashboardLinkType.Dashboards,
  icon: "external link",
  tooltip: "The other dashboards, for the same time and the same choice",
  tags: [TAG],
  asDropdown: true,
  targetBlank: false,
  includeVars: true,
  keepTime: true,
};

/** That of Grafana 11.0: later ones bring a dashboard up to theirs when they load it, none brings one down. */
const SCHEMA_VERSION = 39;

type Variable = Builder<dashboard.VariableModel>;

function variables(promql: Promql, filters: readonly Filter[]): Variable[] {
  const ofServices = filters.includes("service") ? (["service"] as const) : [];
  const choices: Readonly<Record<Filter, () => Variable>> = {
    service: () => choice("service", `label_values(${promql.select("service_info", [])}, service)`),
    worker: () =>
      choice("worker", `label_values(${promql.select("worker_last_seen_timestamp_seconds", ofServices)}, worker)`),
    category: () => choice("category", `label_values(${promql.select("errors_total", ofServices)}, category)`),
    severity: () =>
      new dashboard.CustomVariableBuilder("severity")
        .values("critical,warning,info")
        .multi(true)
        .includeAll(true)
        .allValue(EVERYTHING)
        .current(ALL),
  };
  return [
    new dashboard.DatasourceVariableBuilder("datasource").label("Prometheus").type("prometheus"),
    queried("job", `label_values(${promql.metric("build_info")}, job)`)
      .label("counted by")
      .description("Who counted: the services themselves, or a collector. The same error may be counted by both."),
    ...filters.map((name) => choices[name]()),
  ];
}

const ALL: dashboard.VariableOption = { selected: true, text: ["All"], value: ["$__all"] };
const EVERYTHING = ".*";

function choice(name: Filter, query: string): Variable {
  return queried(name, query).multi(true).includeAll(true).allValue(EVERYTHING).current(ALL);
}

function queried(name: string, query: string): dashboard.QueryVariableBuilder {
  return new dashboard.QueryVariableBuilder(name)
    .datasource(DATASOURCE)
    .query({ query, refId: `variable-${name}` })
    .definition(query)
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.AlphabeticalAsc);
}

/** Hidden: a person has no use for it, who provisions the dashboards sets it once. */
function pageAddress(seismoUrl: string): Variable {
  return new dashboard.ConstantVariableBuilder("seismo_url").value(seismoUrl);
}

function annotations(promql: Promql, filters: readonly Filter[]): dashboard.AnnotationQueryBuilder[] {
  const ofServices = filters.includes("service") ? (["service"] as const) : [];
  const newGroups = countPerStep(promql.select("new_error_groups_total", ofServices), ["service", "category"]);
  return [
    annotation("Deploys", INFO, {
      expr: begun(promql.select("service_info", ofServices), ["service", "service_version", "environment"]),
      title: "{{service}} {{service_version}}",
      text: "First seen in {{environment}}",
      tags: "service",
    }),
    annotation("New error groups", WARNING, {
      expr: `${newGroups} > 0`,
      title: "New error group in {{service}}",
      text: "{{category}}",
      tags: "service,category",
    }),
  ];
}

interface Event {
  /** Where it has a value above 0, something happened in the step before. */
  readonly expr: string;
  readonly title: string;
  readonly text: string;
  readonly tags: string;
}

function annotation(name: string, color: string, { expr, title, text, tags }: Event): dashboard.AnnotationQueryBuilder {
  return (
    new dashboard.AnnotationQueryBuilder()
      .name(name)
      .datasource(DATASOURCE)
      .enable(true)
      .iconColor(color)
      .titleFormat(title)
      .textFormat(text)
      .tagKeys(tags)
      .step(ANNOTATION_STEP)
      .useValueForTime(false)
      // Grafana 11 reads the query here, later ones in the target.
      .expr(expr)
      .target(datasourceQuery().refId("Anno").expr(expr).range().interval(ANNOTATION_STEP))
  );
}

const ANNOTATION_STEP = "60s";
