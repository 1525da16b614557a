/** Finds and reads what is to be checked: the rules, dashboards, scrape configuration and documentation. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import type { ConfigProblem } from "../config";
import { firstLine } from "../config/problems";
import { type DocumentedMetrics, readDocumentedMetrics } from "./documented-metrics";
import { type Rule, readRules } from "./rule-file";
import { readScrapeConfig, type ScrapeConfig } from "./scrape-config";

/** Undefined: the one in the working folder, else the one that is shipped. */
export interface MonitoringPaths {
  readonly rules: readonly string[] | undefined;
  /** A folder, or one file. */
  readonly dashboards: string | undefined;
  readonly prometheus: string | undefined;
  readonly docs: string | undefined;
}

export interface FileContent<T> {
  /** As shown to people. */
  readonly file: string;
  readonly path: string;
  readonly content: T;
}

export interface MonitoringFiles {
  readonly rules: readonly FileContent<readonly Rule[]>[];
  readonly dashboards: readonly FileContent<unknown>[];
  readonly prometheus: FileContent<ScrapeConfig> | undefined;
  readonly docs: FileContent<DocumentedMetrics> | undefined;
  /** What cannot be read, or is missing though it was named. */
  readonly problems: readonly ConfigProblem[];
  /** What is neither here nor shipped. */
  readonly absent: readonly string[];
}

export function readMonitoringFiles(
  paths: MonitoringPaths,
  cwd: string,
  packageFolder: string,
  prefix: string,
): MonitoringFiles {
  const problems: ConfigProblem[] = [];
  const absent: string[] = [];
  const fault = (path: string, rule: string): void =>
    void problems.push({ source: shown(path, cwd), key: "", value: "", rule });
  const locate = (given: string | undefined, usual: string): string | undefined => {
    if (given !== undefined) return resolve(cwd, given);
    const found = [cwd, packageFolder].map((folder) => join(folder, usual)).find(existsSync);
    if (found === undefined) absent.push(usual);
    return found;
  };
  function read<T>(path: string | undefined, expected: string, decode: (text: string) => T): FileContent<T>[] {
    if (path === undefined) return [];
    try {
      if (statSync(path).size > MAX_FILE_BYTES) throw new Error(`at most ${MAX_FILE_BYTES} bytes`);
      return [{ file: shown(path, cwd), path, content: decode(readFileSync(path, "utf8")) }];
    } catch (error) {
      fault(path, `expected ${expected}: ${firstLine(error)}`);
      return [];
    }
  }
  const dashboardFiles = (): string[] => {
    const path = locate(paths.dashboards, USUAL.dashboards);
    if (path === undefined) return [];
    try {
      if (!statSync(path).isDirectory()) return [path];
      const names = readdirSync(path).filter((name) => name.endsWith(".json"));
      if (names.length > 0) return names.sort().map((name) => join(path, name));
      fault(path, "expected dashboards, files named *.json");
    } catch (error) {
      fault(path, `expected dashboards: ${firstLine(error)}`);
    }
    return [];
  };
  const ruleFiles = paths.rules?.map((path) => resolve(cwd, path)) ?? [locate(undefined, USUAL.rules)];
  return {
    rules: ruleFiles.flatMap((path) => read(path, "a file of rules", readRules)),
    dashboards: dashboardFiles().flatMap((path) => read(path, "a dashboard", (text): unknown => JSON.parse(text))),
    prometheus: read(locate(paths.prometheus, USUAL.prometheus), "a scrape configuration", readScrapeConfig)[0],
    docs: read(locate(paths.docs, USUAL.docs), "a list of metrics", (text) => readDocumentedMetrics(text, prefix))[0],
    problems,
    absent,
  };
}

const USUAL = {
  rules: join("alerting", "rules.yml"),
  dashboards: join("grafana", "dashboards"),
  prometheus: "prometheus.yml",
  docs: join("docs", "metrics.md"),
} as const;
const MAX_FILE_BYTES = 16_777_216;

/** As a person would name it from the working folder. */
function shown(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return short.startsWith("..") ? path : short;
}
