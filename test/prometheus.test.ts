/**
 * The main job on real parts: the demo's services fail, a real Prometheus scrapes them and the collector by the shipped
 * prometheus.yml, and a real Alertmanager sends what the shipped rules say.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { test } from "node:test";
import { ALERTMANAGER, installed, PROMETHEUS, startAlerting, startScraping } from "../demo/monitoring";
import { startDemo } from "../demo/start-demo";
import { type DashboardQuery, readDashboardQueries } from "../src/monitoring/dashboard-queries";
import { cannotRunHere } from "./cannot-run-here";
import { freePort } from "./free-port";
import { freshFolder } from "./fresh-folder";
import { eventually, runFixture } from "./instrumentation/fixture-app";

const TRAFFIC_MILLIS = 12_000;
const LACKING = "no Prometheus or Alertmanager found (Debian: prometheus, prometheus-alertmanager)";

interface Series {
  readonly metric: { readonly [label: string]: string };
  readonly value: readonly [number, string];
}

test("the demo's failures are in Prometheus, on every panel of the dashboards, and in Slack and mail", async (t) => {
  if (!installed(PROMETHEUS) || !installed(ALERTMANAGER)) return cannotRunHere(t, LACKING);
  execFileSync("promtool", ["check", "config", "prometheus.yml"]);
  const demo = await startDemo();
  try {
    assert.ok(demo.prometheus !== undefined && demo.alertmanager !== undefined);
    const url = demo.prometheus.prometheusUrl;
    const { inbox } = demo.alertmanager;
    // A release is news for a minute, a rate needs two scrapes: each panel shows something at one time or another.
    const empty = new Set(readDashboardQueries("grafana/dashboards"));
    assert.ok(empty.size > 100);
    const look = async (): Promise<void> => {
      for (const shown of [...empty]) if ((await query(url, shown.expr)).length > 0) empty.delete(shown);
    };
    const describe = ({ dashboard, panel, refId, raw }: DashboardQuery): string =>
      `${dashboard} › ${panel} ${refId}: ${raw}`;
    await demo.generate(TRAFFIC_MILLIS);
    await look();
    await demo.settled();
    const made = new Map<string, number>();
    for (const { service, category, made: count, roots } of demo.expected()) {
      made.set(`seismo ${service} ${category}`, count);
      if (roots > 0) made.set(`seismo-collector ${service} ${category}`, roots);
    }
    assert.ok(made.size > 40, "the demo makes most categories");

    await t.test("Prometheus holds every failure, by service and category, with exemplars", async () => {
      const scraped = await eventually(
        "all counts",
        async () => {
          // A scrape may fail on a busy machine, and its series are then gone until the next.
          const counts = await query(
            url,
            'sum by (job, service, category) (last_over_time(seismo_errors_total{origin="root"}[1m]))',
          );
          const scraped = new Map(
            counts.map(({ metric, value }) => [
              `${metric["job"]} ${metric["service"]} ${metric["category"]}`,
              Number(value[1]),
            ]),
          );
          return [...made].every(([key, count]) => scraped.get(key) === count) ? scraped : undefined;
        },
        () => "Prometheus never had what the demo made",
        120_000,
      );
      assert.deepEqual(new Map([...scraped].sort()), new Map([...made].sort()));
      const exemplars = await exemplarsOf(url, "seismo_errors_total");
      assert.match(exemplars[0]?.labels["fingerprint"] ?? "", /^[0-9a-f]{16}$/);
    });

    await t.test("no query of a dashboard is refused, or has nothing to show", async () => {
      await eventually(
        "something on every panel",
        async () => {
          await look();
          return empty.size === 0 ? true : undefined;
        },
        () => `nothing on ${[...empty].map(describe).join("\n")}`,
        120_000,
      );
    });

    await t.test("a new group is told of, with what happened and where", async () => {
      const message = await eventually(
        "a message in Slack",
        () => inbox.slackMessages.map((body) => JSON.stringify(body)).find((text) => /heap|memory/i.test(text)),
        () => JSON.stringify(inbox.slackMessages),
        120_000,
      );
      assert.match(message, /error-visualization\?fingerprint=[0-9a-f]{16}/);
      const mail = await eventually(
        "a mail with a stack",
        () => inbox.mails.find(({ text }) => /\n +at .+\.js:\d+:\d+/.test(text ?? "")),
        () => JSON.stringify(inbox.mails.map(({ text }) => text)),
        120_000,
      );
      assert.match(mail.subject ?? "", /^\[CRITICAL\] /);
    });

    await t.test("the shipped rules, dashboards and documents agree with what is served", () => {
      const urls = [...demo.services, demo.collector].flatMap(({ metricsUrl }) => ["--url", metricsUrl]);
      const { status, stdout, stderr } = spawnSync(process.execPath, ["dist/cli.js", "check", ...urls], {
        encoding: "utf8",
      });
      assert.equal(status, 0, stdout + stderr);
      assert.match(stdout, /^no faults$/m);
    });
  } finally {
    await demo.stop();
  }
});

test("a critical error reaches Slack and e-mail, and both hear when it is over", async (t) => {
  if (!installed(PROMETHEUS) || !installed(ALERTMANAGER)) return cannotRunHere(t, LACKING);
  const service = 'lab "7" {{ .Nothing }} <b>';
  const port = await freePort();
  const start = () =>
    runFixture("capturing-app.js", { env: { OTEL_SERVICE_NAME: service, SEISMO_METRICS_PORT: String(port) } });
  let app = start();
  await app.line(/listening (\d+)/);
  const alerting = await startAlerting(freshFolder());
  const targets = { targets: [`127.0.0.1:${port}`], collectors: [] };
  const scraping = await startScraping(freshFolder(), targets, alerting?.alertmanagerUrl);
  assert.ok(alerting !== undefined && scraping !== undefined);
  const { inbox } = alerting;
  const { prometheusUrl } = scraping;
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
        180_000,
      );
    await eventually(
      "the service's series",
      async () => ((await query(prometheusUrl, "seismo_build_info")).length > 0 ? true : undefined),
      () => "never scraped",
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
    await scraping.stop();
    await alerting.stop();
    await app.stop();
  }
});

async function query(url: string, expression: string): Promise<readonly Series[]> {
  const data = await api(url, `query?query=${encodeURIComponent(expression)}`);
  return (data as { readonly result: readonly Series[] }).result; // Prometheus' HTTP API
}

interface PrometheusExemplar {
  readonly labels: { readonly [label: string]: string };
}

async function exemplarsOf(url: string, metric: string): Promise<readonly PrometheusExemplar[]> {
  const end = Math.ceil(Date.now() / 1_000) + 1;
  const data = await api(url, `query_exemplars?query=${metric}&start=${end - 600}&end=${end}`);
  const series = data as readonly { readonly exemplars: readonly PrometheusExemplar[] }[]; // Prometheus' HTTP API
  return series.flatMap(({ exemplars }) => exemplars);
}

async function api(url: string, path: string): Promise<unknown> {
  const response = await fetch(`${url}/api/v1/${path}`);
  const { data, error }: { readonly data?: unknown; readonly error?: string } = JSON.parse(await response.text());
  assert.equal(error, undefined, path);
  return data;
}
