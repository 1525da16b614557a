/** The queries of a Grafana dashboard, with its variables replaced by something that PromQL understands. */
import { isObject } from "../config/option-kinds";

export interface DashboardQuery {
  readonly file: string;
  readonly dashboard: string;
  readonly panel: string;
  readonly refId: string;
  /** With the variables substituted. */
  readonly expr: string;
  readonly raw: string;
}

export function dashboardQueries(json: unknown, file: string): DashboardQuery[] {
  const dashboard = isObject(json) ? String(json["title"]) : "";
  return panelsOf(json).flatMap((panel) =>
    listOf(panel["targets"]).flatMap((target) => {
      const raw = target["expr"];
      if (typeof raw !== "string") return [];
      const expr = raw.replace(DURATION, "5m").replace(EQUAL_TO_VARIABLE, '=~".+"').replace(VARIABLE, ".*");
      return [{ file, dashboard, panel: String(panel["title"]), refId: String(target["refId"]), expr, raw }];
    }),
  );
}

const DURATION = /\$(?:__rate_interval|__interval|__range)\b|\$\{__(?:rate_interval|interval|range)\}/g;
const EQUAL_TO_VARIABLE = /=\s*"(?:\$\{\w+(?::\w+)?\}|\$\w+)"/g;
const VARIABLE = /\$\{\w+(?::\w+)?\}|\$\w+/g;

function panelsOf(json: unknown): Record<string, unknown>[] {
  if (!isObject(json)) return [];
  return listOf(json["panels"]).flatMap((panel) => [panel, ...panelsOf(panel)]);
}

function listOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
