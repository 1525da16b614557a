/** A collector as people run it: `seismo collect` in a process and a folder of its own, on free ports. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { type ParsedFamily, type ParsedSample, parseExposition } from "../exporter/parse-exposition";
import { eventually } from "../instrumentation/fixture-app";

export interface RunningCollector {
  readonly folder: string;
  readonly process: ChildProcess;
  readonly otlpUrl: string;
  readonly apiUrl: string;
  /** `127.0.0.1:port`, when it has one. */
  readonly grpcAddress: string | undefined;
  readonly startMillis: number;
  stdout(): string;
  stderr(): string;
  /** Ends it by the signal and tells its exit code, or the signal that it died of. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

export interface CollectorOptions {
  readonly folder?: string;
  readonly env?: { readonly [name: string]: string };
  readonly args?: readonly string[];
}

export function freshFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "seismo-collector-"));
  context.after(() => {
    try {
      rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    } catch {
      // A collector that a failed test has left writes on; a hook that throws would keep it from being ended.
    }
  });
  return folder;
}

export async function startCollector(context: TestContext, options: CollectorOptions = {}): Promise<RunningCollector> {
  const folder = options.folder ?? freshFolder(context);
  const begun = performance.now();
  const child = spawnCollector(folder, options);
  context.after(() => void child.kill("SIGKILL"));
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (text) => (stdout += text));
  child.stderr?.on("data", (text) => (stderr += text));
  const exited = once(child, "exit");
  while (!stdout.includes("  journal ")) {
    const ended = await Promise.race([once(child.stdout ?? child, "data").then(() => false), exited.then(() => true)]);
    if (ended) assert.fail(`the collector did not start: ${stderr}`);
  }
  const url = (name: string): string | undefined => new RegExp(`^ {2}${name} +(\\S+)$`, "m").exec(stdout)?.[1];
  return {
    folder,
    process: child,
    otlpUrl: url("OTLP/HTTP") ?? assert.fail(stdout),
    apiUrl: url("metrics")?.replace(/\/metrics$/, "") ?? assert.fail(stdout),
    grpcAddress: url("OTLP/gRPC"),
    startMillis: performance.now() - begun,
    stdout: () => stdout,
    stderr: () => stderr,
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      const [code, died] = await exited;
      return died ?? code;
    },
  };
}

/** For what must not start. */
export async function runCollector(
  folder: string,
  options: CollectorOptions = {},
): Promise<{ code: number; stderr: string }> {
  const child = spawnCollector(folder, options);
  let stderr = "";
  child.stderr?.on("data", (text) => (stderr += text));
  const [code] = await once(child, "close");
  return { code, stderr };
}

function spawnCollector(folder: string, { env = {}, args = [] }: CollectorOptions): ChildProcess {
  return spawn(process.execPath, [resolve("dist", "cli.js"), "collect", ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"], SEISMO_PORT: "0", SEISMO_OTLP_PORT: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

export type JournalRecord = Record<string, unknown> & { readonly id: string; readonly action: string };

/**
 * All whole lines of the journal, rotated files first; `damaged` ones are left out only where they are expected. What follows
 * the last line break is no line yet: a write shows page by page to who reads beside it.
 */
export function journalOf(folder: string, damaged?: "damaged"): readonly JournalRecord[] {
  const paths = Array.from({ length: 50 }, (_, index) => 50 - index).map((number) =>
    join(folder, "logs", `error_log.jsonl.${number}`),
  );
  return [...paths, join(folder, "logs", "error_log.jsonl")]
    .filter((path) => existsSync(path))
    .flatMap((path) => readFileSync(path, "utf8").split("\n").slice(0, -1))
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as JournalRecord];
      } catch (error) {
        if (damaged === undefined) throw error;
        return [];
      }
    });
}

export function errorsOf(folder: string, damaged?: "damaged"): readonly JournalRecord[] {
  return journalOf(folder, damaged).filter(({ action }) => action === "error");
}

export async function metricsOf({ apiUrl }: RunningCollector): Promise<Map<string, ParsedFamily>> {
  const response = await fetch(`${apiUrl}/metrics`, { headers: { accept: "application/openmetrics-text" } });
  assert.equal(response.status, 200);
  return parseExposition(await response.text(), "openmetrics");
}

export function samplesOf(families: Map<string, ParsedFamily>, name: string): readonly ParsedSample[] {
  return families.get(name)?.samples ?? [];
}

/** The sum of all samples whose labels include these. */
export function total(
  families: Map<string, ParsedFamily>,
  name: string,
  labels: { readonly [label: string]: string } = {},
): number {
  return samplesOf(families, name)
    .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
    .filter(({ name: sample }) => !sample.endsWith("_created"))
    .reduce((sum, { value }) => sum + value, 0);
}

/** Waits until so many errors are counted, echoes among them. */
export async function counted(collector: RunningCollector, count: number): Promise<Map<string, ParsedFamily>> {
  let found = 0;
  return eventually(
    `${count} counted errors`,
    async () => {
      const families = await metricsOf(collector);
      found = total(families, "seismo_errors");
      return found >= count ? families : undefined;
    },
    () => `there are ${found}`,
  );
}

/** Nothing that was received is unaccounted for. */
export async function isBalanced(collector: RunningCollector): Promise<void> {
  const families = await metricsOf(collector);
  for (const { labels, value } of samplesOf(families, "seismo_unaccounted")) assert.equal(value, 0, labels["signal"]);
}
