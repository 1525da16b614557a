/** What Grafana adds to PromQL: functions of its variables, and legends that speak of labels. */
import { isObject } from "../config/option-kinds";

/** The PromQL in a query. Undefined: a function of Grafana's that names no metric in full. */
export function promqlOf(query: string): string | undefined {
  const result = QUERY_RESULT.exec(query)?.[1];
  return result ?? (WITHOUT_METRIC.test(query) ? undefined : query);
}

/** By query as it is written: the labels in `legendFormat`, wherever in the dashboard. */
export function legendLabels(json: unknown): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  const waiting: unknown[] = [json];
  for (let item = waiting.pop(); item !== undefined; item = waiting.pop()) {
    if (Array.isArray(item)) waiting.push(...item);
    if (!isObject(item)) continue;
    const { expr, legendFormat } = item;
    if (typeof expr === "string" && typeof legendFormat === "string") {
      const labels = [...legendFormat.matchAll(SPOKEN_OF)].map(([, label = ""]) => label);
      found.set(expr, [...(found.get(expr) ?? []), ...labels]);
    }
    waiting.push(...Object.values(item));
  }
  return found;
}

const QUERY_RESULT = /^\s*query_result\((.+)\)\s*$/s;
const WITHOUT_METRIC = /^\s*(?:label_names|metrics)\(/;
const SPOKEN_OF = /\{\{\s*(\w+)\s*\}\}/g;
