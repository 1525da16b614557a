/**
 * The main job on real parts: the demo's services fail, a real Prometheus scrapes them and the collector by the shipped
 * prometheus.yml, and a real Alertmanager sends what the shipped rules say.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { test } from "node:test";
import { startMonitoring } from "../demo/monitoring";
import { startDemo } from "../demo/start-demo";
import { cannotRunHere } from "./cannot-run-here";
import { freePort } from "./free-port";
import { freshFolder } from "./fresh-folder";
import { eventually, runFixture } from "./instrumentation/fixture-app";

interface Series {
  readonly metric: { readonly [label: string]: string };
  readonly value: readonly [number, string];
}

test("Prometheus holds every failure that the demo made, by service and category, with exemplars", async (t) => {
  if (!has("prometheus")) return cannotRunHere(t, "no prometheus program found (Debian: prometheus)");
  execFileSync("promtool", ["check", "config", "prometheus.yml"]);
  const demo = await startDemo();
  try {
    const url = demo.monitoring?.prometheusUrl ?? assert.fail("the demo starts Prometheus");
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
        const series = await query(
          url,
          'sum by (job, service, category) (last_over_time(seismo_errors_total{origin="root"}[1m]))',
        );
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
    const workers = await query(
      url,
      'count by (worker) (last_over_time(seismo_errors_total{job="seismo-collector"}[1m]))',
    );
    assert.ok(workers.length > 3, "workers keep their label");
    const exemplars = await exemplarsOf(url, "seismo_errors_total");
    assert.match(exemplars[0]?.labels["fingerprint"] ?? "", /^[0-9a-f]{16}$/);
  } finally {
    await demo.stop();
  }
});

test("a critical error reaches Slack and e-mail, and both hear when it is over", { timeout: 230_000 }, async (t) => {
  if (!has("prometheus") || !(has("alertmanager") || has("prometheus-alertmanager"))) {
    return cannotRunHere(t, "no Prometheus or Alertmanager found (Debian: prometheus, prometheus-alertmanager)");
  }
  const service = 'lab "7" {{ .Nothing }} <b>';
  const port = await freePort();
  const start = () =>
    runFixture("capturing-app.js", { env: { OTEL_SERVICE_NAME: service, SEISMO_METRICS_PORT: String(port) } });
  let app = start();
  await app.line(/listening (\d+)/);
  const monitoring = await startMonitoring(freshFolder(), { targets: [`127.0.0.1:${port}`], collectors: [] });
  assert.ok(monitoring?.alertmanagerUrl !== undefined);
  const { inbox, prometheusUrl } = monitoring;
  try {
    const heard = (status: RegExp) => ({
      slack: inbox.slackMessages.map((message) => JSON.stringify(message)).find((text) => isOurs(text, status)),
      mail: inbox.mails.find(({ subject, text, html }) => isOurs(`${subject}\n${text}\n${html}`, status)),
    });
    const isOurs = (text: string, status: RegExp): boolean => /SeismoCriticalErrors/.test(text) && status.test(text);
    const both = (name: string, status: RegExp) =>
      eventually(
        name,
        () => {
          const { slack, mail } = heard(status);
          return slack !== undefined && mail !== undefined ? { slack, mail } : undefined;
        },
        () => JSON.stringify([inbox.slackMessages, inbox.mails]),
        100_000,
      );
    await eventually(
      "the service's series",
      async () => ((await query(prometheusUrl, "seismo_build_info")).length > 0 ? true : undefined),
      () => "never scraped",
      20_000,
    );
    await app.fetch("/gpu");
    const { slack, mail } = await both("the alert", /\[CRITICAL\]/);
    for (const text of ["hardware_overheating", "DeviceError"]) {
      assert.ok(slack.includes(text), `Slack says ${text}: ${slack}`);
      assert.ok(`${mail.html}`.includes(text), `the mail says ${text}: ${mail.html}`);
    }
    assert.ok(!`${mail.html}`.includes("<b>"), "what a label says is no markup");
    // A service that was started anew knows of no critical error.
    await app.stop();
    app = start();
    await app.line(/listening (\d+)/);
    await both("the all-clear", /\[RESOLVED\]/);
  } finally {
    await monitoring.stop();
    await app.stop();
  }
});

async function query(url: string, expression: string): Promise<readonly Series[]> {
  const data = await api(url, `query?query=${encodeURIComponent(expression)}`);
  return (data as { readonly result: readonly Series[] } | undefined)?.result ?? []; // Prometheus' HTTP API
}

interface PrometheusExemplar {
  readonly labels: { readonly [label: string]: string };
}

async function exemplarsOf(url: string, metric: string): Promise<readonly PrometheusExemplar[]> {
  const end = Math.ceil(Date.now() / 1_000) + 1;
  const data = await api(url, `query_exemplars?query=${metric}&start=${end - 600}&end=${end}`);
  const series = data as readonly { readonly exemplars: readonly PrometheusExemplar[] }[] | undefined; // Prometheus' HTTP API
  return (series ?? []).flatMap(({ exemplars }) => exemplars);
}

async function api(url: string, path: string): Promise<unknown> {
  const response = await fetch(`${url}/api/v1/${path}`);
  const { data }: { readonly data?: unknown } = JSON.parse(await response.text());
  return data;
}

function has(program: string): boolean {
  return spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0;
}
