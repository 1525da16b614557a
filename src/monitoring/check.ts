/**
 * `seismo check --url`: whether rules, dashboards, scrape configuration and documentation agree with what live endpoints
 * serve.
 *
 *   endpoints ─► families ─┐                       ┌─ rules, dashboards: each metric, label and job
 *   docs/metrics.md ───────┼─► index of metrics ◄──┤
 *   recording rules ───────┘                       └─ prometheus.yml: jobs, ports, paths, rule files
 */
import { join } from "node:path";
import type { Config, ConfigProblem, Secret } from "../config";
import { checkDocumentation } from "./check-documentation";
import { checkQueries, type Query } from "./check-queries";
import { checkScraping } from "./check-scraping";
import { dashboardQueries } from "./dashboard-queries";
import type { DocumentedMetrics } from "./documented-metrics";
import { askEndpoint, type EndpointAnswer } from "./endpoint";
import { legendLabels, promqlOf } from "./grafana-queries";
import { createMetricIndex, type MetricOrigin } from "./known-metrics";
import { type FileContent, type MonitoringPaths, readMonitoringFiles } from "./monitoring-files";
import type { Rule } from "./rule-file";
import type { ServedFamily } from "./served-metrics";

export interface MonitoringOptions {
  readonly urls: readonly URL[];
  readonly token: Secret | undefined;
  readonly paths: MonitoringPaths;
  readonly config: Config;
  readonly cwd: string;
}

export interface MonitoringReport {
  readonly problems: readonly ConfigProblem[];
  /** What need not be wrong: it may take another endpoint, or an option. */
  readonly notes: readonly ConfigProblem[];
  /** Lines for people. */
  readonly summary: readonly string[];
}

export async function checkMonitoring(options: MonitoringOptions): Promise<MonitoringReport> {
  const { config, cwd } = options;
  const { prefix } = config.metrics;
  const files = readMonitoringFiles(options.paths, cwd, PACKAGE_FOLDER, prefix);
  const answers = await Promise.all(options.urls.map((url) => askEndpoint(url, options.token, prefix)));
  const endpoints = answers.filter((answer) => answer.status === "served");
  const problems = [...answers.flatMap(problemOf), ...files.problems];
  const notes: ConfigProblem[] = files.absent.map((file) => ({
    source: file,
    key: "",
    value: "",
    rule: "not found, not checked",
  }));
  const summary = endpoints.map(({ url, families }) => `${url} serves ${count(families.size, "metric")}`);

  // With an endpoint missing, all that it serves would be missed in every query.
  if (endpoints.length < answers.length) return { problems, notes, summary };

  const families = merged(endpoints.map((endpoint) => endpoint.families));
  const documented = files.docs?.content ?? NOTHING_DOCUMENTED;
  const jobs = files.prometheus?.content.jobs ?? [];
  const rules = files.rules.flatMap(({ content }) => content);
  const index = createMetricIndex({
    served: families,
    documented,
    rules,
    targetLabels: ["job", "instance", ...jobs.flatMap(({ labels }) => labels)],
  });
  const queries = [...files.rules.flatMap(queriesOfRules), ...files.dashboards.flatMap(queriesOfDashboard)];
  const found = checkQueries(queries, index, files.prometheus && jobs.map(({ name }) => name));
  problems.push(...found.problems);
  const filesOfQueries = new Set(queries.map(({ file }) => file)).size;
  const named = `${count(found.metrics.size, "metric")}${origins([...found.metrics].map(index.originOf))}`;
  summary.push(`${count(queries.length, "query", "queries")} in ${count(filesOfQueries, "file")} name ${named}`);
  for (const [metric, places] of found.unserved) {
    const { file = "", where = "" } = places[0] ?? {};
    notes.push({
      source: file,
      key: `${where}: metric`,
      value: metric,
      rule: `documented, and served by no endpoint that was asked${more(places.length - 1)}`,
    });
  }

  if (files.prometheus !== undefined) {
    problems.push(...checkScraping(files.prometheus, endpoints, config));
    const { jobs, ruleFiles } = files.prometheus.content;
    summary.push(`${files.prometheus.file}: ${count(jobs.length, "job")}, ${count(ruleFiles.length, "rule file")}`);
  }
  if (files.docs !== undefined) {
    const compared = checkDocumentation(files.docs, families, prefix);
    problems.push(...compared.problems);
    notes.push(...compared.unserved.filter(({ value }) => !found.unserved.has(value)));
    summary.push(`${files.docs.file}: ${count(documented.metrics.size, "metric")}`);
  }
  return { problems, notes, summary };
}

/** Of `dist/monitoring/`: where the shipped files lie. */
const PACKAGE_FOLDER = join(__dirname, "..", "..");
const NOTHING_DOCUMENTED: DocumentedMetrics = { metrics: new Map(), prefixes: [] };

function problemOf(answer: EndpointAnswer): ConfigProblem[] {
  return answer.status === "served" ? [] : [{ source: answer.url.href, key: "", value: "", rule: answer.reason }];
}

/** One family for each name; its labels are those of all its series. */
function merged(all: readonly ReadonlyMap<string, ServedFamily>[]): ServedFamily[] {
  const families = new Map<string, ServedFamily>();
  for (const family of all.flatMap((one) => [...one.values()])) {
    const labels = [family.labels, families.get(family.name)?.labels].filter((known) => known !== undefined);
    families.set(family.name, {
      ...family,
      labels: labels.length === 0 ? undefined : new Set(labels.flatMap((known) => [...known])),
    });
  }
  return [...families.values()];
}

function queriesOfRules({ file, content }: FileContent<readonly Rule[]>): Query[] {
  return content.map(({ name, expr, spokenOf }) => ({ file, where: name, expr, spokenOf }));
}

function queriesOfDashboard({ file, content }: FileContent<unknown>): Query[] {
  const legends = legendLabels(content);
  return dashboardQueries(content, file).flatMap(({ dashboard, panel, refId, expr, raw }) => {
    const promql = promqlOf(expr);
    const where = `${dashboard} › ${panel} ${refId}`.trim();
    const spokenOf = legends.get(raw) ?? [];
    return promql === undefined ? [] : [{ file, where, expr: promql, spokenOf }];
  });
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

/** ` (24 served, 6 recorded)`. */
function origins(of: readonly (MetricOrigin | undefined)[]): string {
  const counts = ORIGINS.map(([origin, word]): [number, string] => [
    of.filter((known) => known === origin).length,
    word,
  ]);
  const parts = counts.filter(([number]) => number > 0).map(([number, word]) => `${number} ${word}`);
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}

const ORIGINS: readonly (readonly [MetricOrigin | undefined, string])[] = [
  ["served", "served"],
  ["recorded", "recorded by rules"],
  ["prometheus", "Prometheus' own"],
  ["documented", "documented and not served"],
  [undefined, "unknown"],
];

function more(number: number): string {
  return number === 0 ? "" : `; named ${count(number, "more time")}`;
}
