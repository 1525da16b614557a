/** All metrics that a query may name, each with its labels, and where it is known from. */
import type { DocumentedMetrics } from "./documented-metrics";
import { type KnownMetrics, type Labels, promqlNames } from "./promql-names";
import type { Rule } from "./rule-file";
import { type ServedFamily, sampleNames } from "./served-metrics";

export interface MetricSources {
  /** Of all endpoints together. */
  readonly served: readonly ServedFamily[];
  readonly documented: DocumentedMetrics;
  /** Recording and alerting rules; what the former record can be named. */
  readonly rules: readonly Rule[];
  /** That Prometheus adds to whatever it scrapes: `job`, `instance`, and those of the scrape configuration. */
  readonly targetLabels: readonly string[];
}

/** `documented`: and served by no endpoint that was asked. */
export type MetricOrigin = "served" | "documented" | "recorded" | "prometheus";

export interface MetricIndex extends KnownMetrics {
  originOf(metric: string): MetricOrigin | undefined;
}

export function createMetricIndex({ served, documented, rules, targetLabels }: MetricSources): MetricIndex {
  const index = new Map<string, { readonly origin: MetricOrigin; readonly labels: Labels }>();
  for (const name of ABOUT_TARGETS) index.set(name, { origin: "prometheus", labels: new Set(targetLabels) });
  for (const name of ABOUT_ALERTS) index.set(name, { origin: "prometheus", labels: undefined });
  const add = (family: Pick<ServedFamily, "name" | "type">, origin: MetricOrigin, labels: Labels): void => {
    for (const [name, more] of sampleNames(family)) {
      index.set(name, { origin, labels: labels && new Set([...labels, ...more, ...targetLabels]) });
    }
  };
  for (const metric of documented.metrics.values()) add(metric, "documented", metric.labels);
  // What series there are tell more than what is written about them.
  for (const family of served) add(family, "served", family.labels ?? documented.metrics.get(family.name)?.labels);

  const recorded = new Map<string, Rule[]>();
  for (const rule of rules) {
    if (rule.kind === "record") recorded.set(rule.name, [...(recorded.get(rule.name) ?? []), rule]);
  }
  const found = new Map<string, Labels>();
  /** Of the rules' results. A rule that builds on itself tells nothing. */
  const labelsOfRecorded = (name: string, of: readonly Rule[]): Labels => {
    if (found.has(name)) return found.get(name);
    found.set(name, undefined);
    const all = new Set<string>();
    for (const { expr, labels } of of) {
      const names = promqlNames(expr, known);
      if (names.status === "malformed" || names.labels === undefined) return undefined;
      for (const label of [...names.labels, ...labels]) all.add(label);
    }
    found.set(name, all);
    return all;
  };
  const known: MetricIndex = {
    names: [...index.keys(), ...recorded.keys()],
    labelsOf(metric) {
      const of = recorded.get(metric);
      return of === undefined ? index.get(metric)?.labels : labelsOfRecorded(metric, of);
    },
    originOf: (metric) => (recorded.has(metric) ? "recorded" : index.get(metric)?.origin),
  };
  return known;
}

/** Prometheus writes these at each scrape, since 2.x. */
const ABOUT_TARGETS = [
  "up",
  "scrape_duration_seconds",
  "scrape_samples_scraped",
  "scrape_samples_post_metric_relabeling",
  "scrape_series_added",
];
const ABOUT_ALERTS = ["ALERTS", "ALERTS_FOR_STATE"];
