/**
 * The queries of Grafana dashboards as PromQL that Prometheus understands, with what Grafana fills in filled in:
 * an hour for `$__range`, a minute for the intervals, and for each variable of the dashboard everything.
 *
 *   rate(seismo_slow_requests_total{job="$job", service=~"$service"}[$__rate_interval])
 *   rate(seismo_slow_requests_total{job=~".+", service=~".*"}[1m])
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isObject } from "../config/option-kinds";

export interface DashboardQuery {
  readonly kind: "panel" | "annotation" | "variable";
  readonly file: string;
  /** Its title. */
  readonly dashboard: string;
  /** Its title; of an annotation or a variable, its name. */
  readonly panel: string;
  readonly refId: string;
  /** PromQL. What a variable asks for, `label_values(metric, label)`, is `group by (label) (metric)`. */
  readonly expr: string;
  /** As the dashboard has it. */
  readonly raw: string;
}

/** Of all dashboards in a folder. Throws what is wrong with a file, by its name. */
export function readDashboardQueries(folder: string): DashboardQuery[] {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort();
  return files.flatMap((name) => {
    const file = join(folder, name);
    const json = parsed(readFileSync(file, "utf8"), file);
    if (!isObject(json) || !Array.isArray(json["panels"]))
      throw new Error(`${file}: panels: expected a list of panels`);
    return dashboardQueries(json, file);
  });
}

/** `json` is the parsed file; whatever of it is not as in a dashboard has no queries. */
export function dashboardQueries(json: unknown, file: string): DashboardQuery[] {
  if (!isObject(json)) return [];
  const dashboard = textOf(json["title"]);
  const variables = listOf(memberOf(json["templating"], "list"));
  const fill = substitution(variables.map((variable) => textOf(variable["name"])));

  const fromPanels = panelsOf(json).flatMap((panel) =>
    listOf(panel["targets"]).flatMap((target) =>
      found("panel", textOf(panel["title"]), target["refId"], target["expr"]),
    ),
  );
  const fromAnnotations = listOf(memberOf(json["annotations"], "list")).flatMap((annotation) => {
    const { name, expr, target } = annotation;
    // Old and new Grafana read one place each; the query is the same.
    return found("annotation", textOf(name), memberOf(target, "refId"), expr ?? memberOf(target, "expr"));
  });
  const fromVariables = variables
    .filter(({ type }) => type === "query")
    .flatMap(({ name, query }) =>
      found("variable", textOf(name), memberOf(query, "refId"), isObject(query) ? query["query"] : query),
    );
  return [...fromPanels, ...fromAnnotations, ...fromVariables];

  function found(kind: DashboardQuery["kind"], panel: string, refId: unknown, raw: unknown): DashboardQuery[] {
    if (typeof raw !== "string" || raw === "") return [];
    return [{ kind, file, dashboard, panel, refId: textOf(refId), expr: labelValues(fill(raw)), raw }];
  }
}

const GLOBALS: Readonly<Record<string, string>> = {
  __range: "1h",
  __range_s: "3600",
  __range_ms: "3600000",
  __interval: "1m",
  __interval_ms: "60000",
  __rate_interval: "1m",
};
/** Fits every value: `.*` where a label may be missing. */
const EVERY_VALUE = ".*";
/** The value of one variable and nothing else, which a pattern replaces only where the matcher takes one. */
const EQUAL_TO_VARIABLE = /=\s*"\$(?:\{(\w+)(?::\w+)?\}|(\w+))"/g;
const VARIABLE = /\$(?:\{(\w+)(?::\w+)?\}|(\w+))/g;
const LABEL_VALUES = /^\s*label_values\(\s*(?:(.+?)\s*,\s*)?(\w+)\s*\)\s*$/s;

/** A variable that the dashboard does not have stays as it is, and makes the query one that cannot be parsed. */
function substitution(names: readonly string[]): (raw: string) => string {
  const known = new Set(names);
  return (raw) =>
    raw
      .replace(EQUAL_TO_VARIABLE, (whole, braced, plain) => (known.has(braced ?? plain) ? '=~".+"' : whole))
      .replace(VARIABLE, (whole, braced, plain) => {
        const name = String(braced ?? plain);
        return GLOBALS[name] ?? (known.has(name) ? EVERY_VALUE : whole);
      });
}

function labelValues(query: string): string {
  const [whole, selector = '{__name__=~".+"}', label] = LABEL_VALUES.exec(query) ?? [];
  return whole === undefined ? query : `group by (${label}) (${selector})`;
}

/** Those within rows, too. */
function panelsOf(parent: Record<string, unknown>): Record<string, unknown>[] {
  return listOf(parent["panels"]).flatMap((panel) => [panel, ...panelsOf(panel)]);
}

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`${file}: not JSON: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

function memberOf(value: unknown, key: string): unknown {
  return isObject(value) ? value[key] : undefined;
}

function listOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
