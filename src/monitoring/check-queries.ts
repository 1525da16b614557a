/** Holds queries against the metrics that are known: every metric and label that they name exists. */
import type { ConfigProblem } from "../config";
import { nearestName } from "../config/problems";
import type { MetricIndex } from "./known-metrics";
import { type Matcher, promqlNames } from "./promql-names";

export interface Query {
  readonly file: string;
  /** The rule, the panel. */
  readonly where: string;
  readonly expr: string;
  /** Labels of the result that a text speaks of. */
  readonly spokenOf: readonly string[];
}

export interface QueryFindings {
  readonly problems: readonly ConfigProblem[];
  /** Documented metrics that are named and served by no endpoint, with the places where. */
  readonly unserved: ReadonlyMap<string, readonly Query[]>;
  /** All that are named, known or not. */
  readonly metrics: ReadonlySet<string>;
}

/** `jobs`: of the scrape configuration; undefined when there is none to compare with. */
export function checkQueries(
  queries: readonly Query[],
  index: MetricIndex,
  jobs: readonly string[] | undefined,
): QueryFindings {
  const problems: ConfigProblem[] = [];
  const unserved = new Map<string, Query[]>();
  const metrics = new Set<string>();
  for (const query of queries) {
    const found = (key: string, value: string, rule: string, among?: readonly string[]): void => {
      const nearest = among === undefined || among.length === 0 ? undefined : nearestName(value, among);
      problems.push({ source: query.file, key: `${query.where}: ${key}`, value, rule, nearest });
    };
    const names = promqlNames(query.expr, index);
    if (names.status === "malformed") {
      const at = names.rest === "" ? "at its end" : `before ${JSON.stringify(names.rest)}`;
      found("query", query.expr.slice(0, MAX_SHOWN_CHARS), `expected PromQL; it breaks off ${at}`);
      continue;
    }
    for (const metric of names.metrics) {
      metrics.add(metric);
      const origin = index.originOf(metric);
      if (origin === undefined) found("metric", metric, "no endpoint serves it and no rule records it", index.names);
      if (origin === "documented") unserved.set(metric, [...(unserved.get(metric) ?? []), query]);
    }
    for (const { label, clause, present } of names.missing) {
      found("label", label, `"${clause}" can name ${listed(present)}`, present);
    }
    const { labels } = names;
    for (const label of labels === undefined ? [] : query.spokenOf.filter((spoken) => !labels.has(spoken))) {
      found("label", label, `a text speaks of it; the result has ${listed([...(labels ?? [])])}`, [...(labels ?? [])]);
    }
    if (jobs === undefined) continue;
    for (const job of names.matchers.flatMap(jobsOf).filter((name) => !jobs.includes(name))) {
      found("job", job, "no such job is scraped", jobs);
    }
  }
  return { problems, unserved, metrics };
}

const MAX_SHOWN_CHARS = 80;

function listed(labels: readonly string[]): string {
  return labels.length === 0 ? "no label" : labels.join(", ");
}

/** The jobs that a matcher names in full; what a pattern may stand for is not looked at. */
function jobsOf({ label, operator, value }: Matcher): readonly string[] {
  if (label !== "job" || value === "") return [];
  if (operator === "=" || operator === "!=") return [value];
  return /^[\w-]+(?:\|[\w-]+)*$/.test(value) ? value.split("|") : [];
}
