/**
 * Whether a scrape configuration asks for what is served: the jobs, ports and paths of services and collectors, and the
 * rule files that it names.
 */
import { readdirSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { parse } from "yaml";
import { isObject } from "../config/option-kinds";

export interface ScrapeConfig {
  readonly jobs: readonly ScrapeJob[];
  readonly ruleFiles: readonly string[];
}

export interface ScrapeJob {
  readonly name: string;
  readonly path: string;
  /** `host:port` of its fixed targets; those that discovery finds are not known here. */
  readonly targets: readonly string[];
  /** That it gives to all series of its targets. */
  readonly labels: readonly string[];
}

/** Throws what is wrong with the file. */
export function readScrapeConfig(text: string): ScrapeConfig {
  const file: unknown = parse(text);
  if (!isObject(file) || !Array.isArray(file["scrape_configs"])) throw new Error("expected scrape_configs");
  return {
    jobs: file["scrape_configs"].map((job: unknown, index) => readJob(job, `scrape_configs[${index}]`)),
    ruleFiles: textsOf(file["rule_files"]),
  };
}

/** Also of a pattern (`rules/*.yml`): it stands in the name of the file alone, as Prometheus has it. */
export function existsRuleFile(pattern: string, folder: string): boolean {
  const path = resolve(folder, pattern);
  const literal = basename(path).replace(/[.+^${}()|[\]\\]/g, "\\$&");
  const name = new RegExp(`^${literal.replaceAll("*", ".*").replaceAll("?", ".")}$`);
  try {
    return readdirSync(dirname(path)).some((file) => name.test(file));
  } catch {
    return false; // no such folder, so no such file
  }
}

function readJob(job: unknown, at: string): ScrapeJob {
  if (!isObject(job) || typeof job["job_name"] !== "string") throw new Error(`${at}: expected job_name`);
  const fixed = objectsOf(job["static_configs"]);
  const relabelled = objectsOf(job["relabel_configs"]).map((rule) => String(rule["target_label"] ?? ""));
  return {
    name: job["job_name"],
    path: String(job["metrics_path"] ?? "/metrics"),
    targets: fixed.flatMap(({ targets }) => textsOf(targets)),
    labels: [
      ...fixed.flatMap(({ labels }) => (isObject(labels) ? Object.keys(labels) : [])),
      ...relabelled.filter((label) => label !== "" && !label.startsWith("__")),
    ],
  };
}

function objectsOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
