/** The main job on real parts: the demo's services fail, a real Prometheus scrapes them and the collector by the shipped prometheus.yml. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startDemo } from "../demo/start-demo";
import { cannotRunHere } from "./cannot-run-here";
import { freePort } from "./free-port";
import { eventually } from "./instrumentation/fixture-app";

interface Series {
  readonly metric: { readonly [label: string]: string };
  readonly value: readonly [number, string];
}

test("Prometheus holds every failure that the demo made, by service and category, with exemplars", async (t) => {
  if (!hasPrometheus()) return cannotRunHere(t, "no prometheus program found (Debian: prometheus)");
  execFileSync("promtool", ["check", "config", "prometheus.yml"]);
  const folder = mkdtempSync(join(tmpdir(), "seismo-prometheus-"));
  const demo = await startDemo();
  const port = await freePort();
  const hostOf = ({ metricsUrl }: { readonly metricsUrl: string }): string => new URL(metricsUrl).host;
  const prometheus = startPrometheus(folder, port, {
    targets: demo.services.map(hostOf),
    collectors: [hostOf(demo.collector)],
  });
  try {
    await demo.generate(6_000);
    await demo.settled();
    const made = new Map<string, number>();
    for (const { service, category, made: count, roots } of demo.expected()) {
      made.set(`seismo ${service} ${category}`, count);
      if (roots > 0) made.set(`seismo-collector ${service} ${category}`, roots);
    }
    assert.ok(made.size > 40, "the demo makes most categories");
    const scraped = await eventually(
      "all counts",
      async () => {
        const series = await query(port, 'sum by (job, service, category) (seismo_errors_total{origin="root"})');
        const counts = new Map(
          series.map(({ metric, value }) => [
            `${metric["job"]} ${metric["service"]} ${metric["category"]}`,
            Number(value[1]),
          ]),
        );
        return [...made].every(([key, count]) => counts.get(key) === count) ? counts : undefined;
      },
      () => "Prometheus never had what the demo made",
      60_000,
    );
    assert.deepEqual(new Map([...scraped].sort()), new Map([...made].sort()));
    const workers = await query(port, 'count by (worker) (seismo_errors_total{job="seismo-collector"})');
    assert.ok(workers.length > 3, "workers keep their label");
    const exemplars = await exemplarsOf(port, "seismo_errors_total");
    assert.match(exemplars[0]?.labels["fingerprint"] ?? "", /^[0-9a-f]{16}$/);
  } finally {
    prometheus.kill("SIGTERM");
    await demo.stop();
    await new Promise((ended) => (prometheus.exitCode === null ? prometheus.once("exit", ended) : ended(undefined)));
    rmSync(folder, { recursive: true, force: true });
  }
});

/** The shipped configuration as it is; the targets are found through the file that it looks for. */
function startPrometheus(
  folder: string,
  port: number,
  found: { readonly [folder in "targets" | "collectors"]: readonly string[] },
): ChildProcess {
  copyFileSync("prometheus.yml", join(folder, "prometheus.yml"));
  for (const [name, targets] of Object.entries(found)) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "demo.json"), JSON.stringify([{ targets }]));
  }
  return spawn(
    "prometheus",
    [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--enable-feature=exemplar-storage",
      "--log.level=error",
    ],
    { stdio: "ignore" },
  );
}

async function query(port: number, expression: string): Promise<readonly Series[]> {
  const data = await api(port, `query?query=${encodeURIComponent(expression)}`);
  return (data as { readonly result: readonly Series[] } | undefined)?.result ?? []; // Prometheus' HTTP API
}

interface PrometheusExemplar {
  readonly labels: { readonly [label: string]: string };
}

async function exemplarsOf(port: number, metric: string): Promise<readonly PrometheusExemplar[]> {
  const end = Math.ceil(Date.now() / 1_000) + 1;
  const data = await api(port, `query_exemplars?query=${metric}&start=${end - 600}&end=${end}`);
  const series = data as readonly { readonly exemplars: readonly PrometheusExemplar[] }[] | undefined; // Prometheus' HTTP API
  return (series ?? []).flatMap(({ exemplars }) => exemplars);
}

/** Undefined while Prometheus is starting. */
async function api(port: number, path: string): Promise<unknown> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
    const { data }: { readonly data?: unknown } = JSON.parse(await response.text());
    return data;
  } catch {
    return undefined; // asked again until the deadline
  }
}

function hasPrometheus(): boolean {
  try {
    execFileSync("prometheus", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
