/** `seismo check --url`: the built command against a live service and a live collector, and against what is neither. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { startCollector } from "../collector/running-collector";
import { freePort } from "../free-port";
import { freshFolder } from "../fresh-folder";
import { runFixture } from "../instrumentation/fixture-app";

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly faults: readonly string[];
}

/** In `folder`, which stands for that of a user. */
function check(folder: string, args: readonly string[], env: { readonly [name: string]: string } = {}): Promise<Said> {
  return new Promise((done) => {
    const child = execFile(
      process.execPath,
      [resolve("dist", "cli.js"), "check", ...args],
      { cwd: folder, env: { PATH: process.env["PATH"], ...env } },
      (_error, stdout, stderr) =>
        done({ code: child.exitCode ?? -1, stdout, faults: stderr.split("\n").filter((line) => line !== "") }),
    );
  });
}

const RULES = `groups:
  - name: errors
    rules:
      - record: seismo:errors:rate5m
        expr: sum by (job, service) (rate(seismo_errors_total{origin="root"}[5m]))
      - alert: SeismoErrors
        expr: max by (service) (seismo:errors:rate5m) > 1
        annotations: { summary: "{{ $labels.service }} fails" }
      - alert: SeismoSlow
        expr: histogram_quantile(0.95, sum by (service, le) (rate(seismo_http_request_duration_seconds_bucket[5m]))) > 3
      - alert: SeismoRefuses
        expr: rate(seismo_otlp_refused_requests_total{reason="too_large"}[5m]) > 0
      - alert: SeismoDown
        expr: up{job=~"seismo|seismo-collector"} == 0
`;
const TEMPLATING = { list: ["job", "service"].map((name) => ({ name, type: "query" })) };
const DASHBOARD = {
  title: "Overview",
  templating: TEMPLATING,
  panels: [
    {
      title: "Errors",
      targets: [
        {
          refId: "A",
          expr: 'sum by (category) (rate(seismo_errors_total{job="$job",service=~"$service"}[$__rate_interval]))',
          legendFormat: "{{category}}",
        },
      ],
    },
  ],
};
const SCRAPING = `rule_files: ["alerting/*.yml"]
scrape_configs:
  - job_name: seismo
    static_configs: [{ targets: ["localhost:9464"] }]
  - job_name: seismo-collector
    static_configs: [{ targets: ["localhost:8080"] }]
`;

/** All good but for `changes`: texts by path. */
function monitoring(changes: { readonly [path: string]: string } = {}): string {
  const folder = freshFolder();
  const files = {
    "alerting/rules.yml": RULES,
    "grafana/dashboards/overview.json": JSON.stringify(DASHBOARD),
    "prometheus.yml": SCRAPING,
    ...changes,
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

test("check holds rules, dashboards and the scrape configuration against what is served", async (t) => {
  const service = runFixture("http-app.js");
  t.after(() => service.stop());
  const collector = await startCollector(t);
  const port = await service.line(/metrics on http:\/\/127\.0\.0\.1:(\d+)\/metrics/, "stderr");
  const ofService = `http://127.0.0.1:${port}/metrics`;
  const ofCollector = `${collector.apiUrl}/metrics`;
  const urls = ["--url", ofService, "--url", ofCollector];

  await t.test("what agrees is summed up, and the exit code is 0", async () => {
    const { code, stdout, faults } = await check(monitoring(), urls);
    assert.deepEqual([code, faults], [0, []]);
    assert.match(stdout, /^configuration is valid$/m);
    assert.ok(stdout.includes(`\n${ofService} serves `), stdout);
    assert.ok(stdout.includes(`\n${ofCollector} serves `), stdout);
    assert.match(stdout, /^6 queries in 2 files name 5 metrics \(3 served, 1 recorded by rules, 1 Prometheus' own\)$/m);
    assert.match(stdout, /^prometheus\.yml: 2 jobs, 1 rule file$/m);
    assert.doesNotMatch(stdout, /^note/m);
    assert.match(stdout, /^no faults\n$/m);
  });

  await t.test("the repository's own files agree, and each documented metric is served", async () => {
    const { code, stdout, faults } = await check(process.cwd(), urls);
    assert.deepEqual([code, faults], [0, []]);
    assert.doesNotMatch(stdout, /served by no endpoint/);
  });

  await t.test("the files that came with Seismo are taken where the folder has none", async () => {
    const { code, stdout } = await check(freshFolder(), urls);
    assert.equal(code, 0);
    assert.ok(stdout.includes(`${resolve("prometheus.yml")}: 2 jobs`), stdout);
  });

  await t.test("what a collector alone serves is a note when only a service is asked", async () => {
    const { code, stdout, faults } = await check(monitoring(), ["--url", ofService]);
    assert.deepEqual([code, faults], [0, []]);
    assert.match(
      stdout,
      /^note: alerting\/rules\.yml: SeismoRefuses: metric="seismo_otlp_refused_requests_total": documented/m,
    );
  });

  await t.test("an address without a path stands for /metrics", async () => {
    assert.equal((await check(monitoring(), ["--url", ofService.replace("/metrics", "")])).code, 0);
  });

  const withRule = (expr: string, more = ""): string =>
    `groups: [{ name: planted, rules: [{ alert: Planted, expr: ${JSON.stringify(expr)}${more} }] }]`;
  const withPanel = (change: object): string =>
    JSON.stringify({
      title: "Mine",
      templating: TEMPLATING,
      panels: [{ title: "Row", panels: [{ title: "Planted", targets: [{ refId: "B", ...change }] }] }],
    });
  for (const [what, path, text, fault] of [
    [
      "a metric of a rule that nothing serves",
      "alerting/rules.yml",
      withRule("seismo_eror_rate > 1"),
      'alerting/rules.yml: Planted: metric="seismo_eror_rate": no endpoint serves it and no rule records it; the nearest known name is seismo_error_rate',
    ],
    [
      "the bare name of a histogram",
      "alerting/rules.yml",
      withRule("rate(seismo_http_request_duration_seconds[5m]) > 1"),
      'alerting/rules.yml: Planted: metric="seismo_http_request_duration_seconds": no endpoint serves it and no rule records it; the nearest known name is seismo_http_request_duration_seconds_sum',
    ],
    [
      "a label of a rule that its metric does not have, though it has no series yet",
      "alerting/rules.yml",
      withRule('seismo_hardware_errors_total{hardware="gpu"} > 0'),
      'alerting/rules.yml: Planted: label="hardware": "matcher" can name hardware_type, status, job, instance; the nearest known name is hardware_type',
    ],
    [
      "a label that an annotation speaks of and the result has lost",
      "alerting/rules.yml",
      withRule("sum by (service) (seismo_error_rate) > 1", ', annotations: { summary: "{{ $labels.worker }}" }'),
      'alerting/rules.yml: Planted: label="worker": a text speaks of it; the result has service; the nearest known name is service',
    ],
    [
      "a job of a rule that is not scraped",
      "alerting/rules.yml",
      withRule('up{job=~"seismo|seismo-colector"} == 0'),
      'alerting/rules.yml: Planted: job="seismo-colector": no such job is scraped; the nearest known name is seismo-collector',
    ],
    [
      "a rule that is no PromQL",
      "alerting/rules.yml",
      withRule("sum(rate(seismo_errors_total[5m])"),
      'alerting/rules.yml: Planted: query="sum(rate(seismo_errors_total[5m])": expected PromQL; it breaks off at its end',
    ],
    [
      "a metric of a panel that nothing serves, in a row that is closed",
      "grafana/dashboards/overview.json",
      withPanel({ expr: "seismo_request_in_flight" }),
      'grafana/dashboards/overview.json: Mine › Planted B: metric="seismo_request_in_flight": no endpoint serves it and no rule records it; the nearest known name is seismo_requests_in_flight',
    ],
    [
      "a label of a panel that its metric does not have",
      "grafana/dashboards/overview.json",
      withPanel({ expr: 'sum by (route) (seismo_errors_total{job="$job"})' }),
      'grafana/dashboards/overview.json: Mine › Planted B: label="route": "by" can name service, worker, category, group, type, severity, origin, job, instance; the nearest known name is group',
    ],
    [
      "a label of a legend that the result does not have",
      "grafana/dashboards/overview.json",
      withPanel({ expr: "sum by (service) (seismo_errors_total)", legendFormat: "{{service}} {{worker}}" }),
      'grafana/dashboards/overview.json: Mine › Planted B: label="worker": a text speaks of it; the result has service; the nearest known name is service',
    ],
    [
      "a port that no collector serves at",
      "prometheus.yml",
      SCRAPING.replace("8080", "8081"),
      'prometheus.yml: seismo-collector: targets="localhost:8081": expected port 8080 (server.port) or that of a collector given by --url',
    ],
    [
      "a path that is not served",
      "prometheus.yml",
      SCRAPING.replace("job_name: seismo\n", "job_name: seismo\n    metrics_path: /metric\n"),
      'prometheus.yml: seismo: metrics_path="/metric": expected /metrics',
    ],
    [
      "a job under another name",
      "prometheus.yml",
      SCRAPING.replace("job_name: seismo\n", "job_name: shop\n"),
      `prometheus.yml: scrape_configs: expected a job seismo, which scrapes ${ofService}`,
    ],
    [
      "a rule file that is not there",
      "prometheus.yml",
      SCRAPING.replace("alerting/*.yml", "alerts/*.yml"),
      'prometheus.yml: rule_files="alerts/*.yml": there is no such file',
    ],
    [
      "a metric that is served and not documented",
      "docs/metrics.md",
      readFileSync("docs/metrics.md", "utf8").replace(/^\| `seismo_slow_requests_total`.*\n/m, ""),
      /^docs\/metrics\.md: metric="seismo_slow_requests_total": it is served and has no row; the nearest known name is seismo_\w+$/,
    ],
    [
      "a label that is served and not documented",
      "docs/metrics.md",
      readFileSync("docs/metrics.md", "utf8").replace(/^(\| `seismo_build_info`.*)`node_version`/m, "$1`node`"),
      'docs/metrics.md: seismo_build_info: label="node_version": it is served and not listed',
    ],
    [
      "a type that is another one",
      "docs/metrics.md",
      readFileSync("docs/metrics.md", "utf8").replace(/^(\| `seismo_error_rate` *)\| gauge/m, "$1| counter"),
      'docs/metrics.md: seismo_error_rate: type="counter": it is served as a gauge',
    ],
    [
      "a file of rules that is no YAML",
      "alerting/rules.yml",
      "groups: [{ name: x, rules: [}",
      /^alerting\/rules\.yml: expected a file of rules: .+ at line 1/,
    ],
    [
      "a file of rules without rules",
      "alerting/rules.yml",
      "groups: [{ name: x }]",
      "alerting/rules.yml: expected a file of rules: groups[0]: expected rules",
    ],
    [
      "a dashboard that is no JSON",
      "grafana/dashboards/overview.json",
      "{",
      /^grafana\/dashboards\/overview\.json: expected a dashboard: .*JSON/,
    ],
    [
      "a scrape configuration without jobs",
      "prometheus.yml",
      "global: {}",
      "prometheus.yml: expected a scrape configuration: expected scrape_configs",
    ],
  ] as const) {
    await t.test(`${what} is named, and the exit code is 1`, async () => {
      const { code, stdout, faults } = await check(monitoring({ [path]: text }), urls);
      assert.equal(code, 1);
      assert.ok(
        faults.some((line) => (typeof fault === "string" ? line === fault : fault.test(line))),
        faults.join("\n"),
      );
      assert.ok(stdout.endsWith(faults.length === 1 ? "\n1 fault\n" : `\n${faults.length} faults\n`), stdout);
    });
  }

  await t.test("files that are named and missing are faults", async () => {
    const options = [
      "--rules",
      "a.yml",
      "--rules",
      "b.yml",
      "--dashboards",
      "c",
      "--prometheus",
      "d.yml",
      "--docs",
      "e.md",
    ];
    const { code, faults } = await check(monitoring(), [...urls, ...options]);
    assert.equal(code, 1);
    for (const file of ["a.yml", "b.yml", "c", "d.yml", "e.md"]) {
      assert.equal(faults.filter((line) => line.startsWith(`${file}: expected `)).length, 1, faults.join("\n"));
    }
  });

  await t.test("rules that were given twice over and in several files know each other", async () => {
    const folder = monitoring({
      "one.yml":
        "groups: [{ name: one, rules: [{ record: 'one:rate', expr: 'sum by (service) (seismo_error_rate)' }] }]",
      "two.yml": withRule("sum by (worker) (one:rate) > 1"),
    });
    const { faults } = await check(folder, [...urls, "--rules", "one.yml", "--rules", "two.yml"]);
    assert.deepEqual(faults, [
      'two.yml: Planted: label="worker": "by" can name service; the nearest known name is service',
    ]);
  });

  await t.test("faults without end are counted, not listed", async () => {
    const rules = Array.from({ length: 250 }, (_, index) => ({ alert: `Planted${index}`, expr: "seismo_nothing" }));
    const text = JSON.stringify({ groups: [{ name: "many", rules }] });
    const { stdout, faults } = await check(monitoring({ "alerting/rules.yml": text }), urls);
    assert.deepEqual([faults.length, faults.at(-1)], [201, "and 50 more"]);
    assert.match(stdout, /^250 faults$/m);
  });

  await t.test("bad configuration is told as ever, and counted with the rest", async () => {
    const folder = monitoring({ "seismo.config.yaml": "metrics: { prot: 1 }" });
    const { code, stdout, faults } = await check(folder, urls);
    assert.deepEqual([code, faults.length], [1, 1]);
    assert.match(faults[0] ?? "", /metrics\.prot.*the nearest known name is metrics\.port/);
    assert.doesNotMatch(stdout, /configuration is valid/);
  });
});

test("another prefix is that of the configuration, in the documentation too", async (t) => {
  const collector = await startCollector(t, { env: { SEISMO_METRICS_PREFIX: "acme_" } });
  const url = `${collector.apiUrl}/metrics`;
  const folder = monitoring({
    "alerting/rules.yml": RULES.replaceAll("seismo_", "acme_"),
    "grafana/dashboards/overview.json": JSON.stringify(DASHBOARD).replaceAll("seismo_", "acme_"),
  });
  assert.deepEqual((await check(folder, ["--url", url], { SEISMO_METRICS_PREFIX: "acme_" })).faults, []);
  const { faults } = await check(folder, ["--url", url]);
  assert.deepEqual(faults, [`${url}: no metric begins with seismo_ (metrics.prefix)`]);
});

const TOKEN = "correct-horse-battery-staple-0123456789";

test("an endpoint that asks for a token gets it from the environment or a file, and nobody else sees it", async (t) => {
  const collector = await startCollector(t, { env: { SEISMO_TOKEN: TOKEN } });
  const url = `${collector.apiUrl}/metrics`;
  const folder = monitoring();
  writeFileSync(join(folder, "token"), TOKEN, { mode: 0o600 });
  writeFileSync(join(folder, "open-token"), TOKEN, { mode: 0o644 });
  const token = ["--token-file", "token"];
  assert.deepEqual((await check(folder, ["--url", url, ...token])).faults, []);
  assert.deepEqual((await check(folder, ["--url", url], { SEISMO_TOKEN: TOKEN })).faults, []);
  const without = await check(folder, ["--url", url]);
  assert.deepEqual(
    [without.code, without.faults],
    [1, [`${url}: it asks for a token (401): set SEISMO_TOKEN or --token-file`]],
  );
  const wrong = await check(folder, ["--url", url], { SEISMO_TOKEN: `${TOKEN}-not` });
  assert.deepEqual(wrong.faults, [`${url}: it refuses the token (401)`]);
  const open = await check(folder, ["--url", url, "--token-file", "open-token"]);
  assert.match(open.faults[0] ?? "", /^command line: --token-file="\[REDACTED\]": expected .* mode 600/);
  for (const { stdout, faults } of [without, wrong, open]) assert.ok(!`${stdout}${faults}`.includes(TOKEN));
});

for (const [what, listener, fault] of [
  [
    "HTML",
    (_, response) => response.setHeader("content-type", "text/html").end("<h1>hello</h1>"),
    "expected Prometheus text, got text/html",
  ],
  [
    "no metrics",
    (_, response) => response.setHeader("content-type", "text/plain").end(),
    "no metric begins with seismo_ (metrics.prefix)",
  ],
  [
    "a redirect",
    (_, response) => response.writeHead(302, { location: "/elsewhere" }).end(),
    "expected an answer of 200, got 302",
  ],
  ["404", (_, response) => response.writeHead(404).end(), "expected an answer of 200, got 404"],
  [
    "other text",
    (_, response) => response.setHeader("content-type", "text/plain").end("# TYPE up gauge\nup 1\nhello there\n"),
    'expected Prometheus text; line 3 is "hello there"',
  ],
  ["nothing, and hangs up", (request) => request.socket.destroy(), "no answer: UND_ERR_SOCKET"],
] as const satisfies readonly (readonly [string, RequestListener, string])[]) {
  test(`an endpoint that answers ${what} is a fault that says so`, async (t) => {
    const url = await serve(t, listener);
    const { code, stdout, faults } = await check(monitoring(), ["--url", url]);
    assert.deepEqual([code, faults], [1, [`${url}: ${fault}`]]);
    assert.doesNotMatch(stdout, /queries/);
  });
}

test("a port where nobody listens is a fault that says so", async () => {
  const url = `http://127.0.0.1:${await freePort()}/metrics`;
  const { code, faults } = await check(monitoring(), ["--url", url]);
  assert.deepEqual([code, faults], [1, [`${url}: nothing listens there`]]);
});

test("the installed package holds what check looks for", () => {
  const { files } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly files: readonly string[] }; // npm's format
  for (const file of ["prometheus.yml", "docs/metrics.md"]) assert.ok(files.includes(file), file);
});

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // a TCP server's address is never a path
  return `http://127.0.0.1:${port}/metrics`;
}
