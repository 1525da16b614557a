import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import {
  type Config,
  ConfigError,
  type ConfigProblem,
  describeOptions,
  describeProblems,
  loadConfig,
} from "../src/config";
import { INSTRUMENTATIONS } from "../src/config/decoders";
import { compileRules } from "../src/processors/rules";
import { freshFolder } from "./fresh-folder";

type Files = { readonly [name: string]: string };

/** Reads a configuration from an environment and the files of a folder of its own. */
function load(env: { readonly [name: string]: string } = {}, files: Files = {}) {
  const cwd = freshFolder();
  for (const [name, content] of Object.entries(files)) writeFileSync(join(cwd, name), content, { mode: 0o600 });
  return { cwd, ...loadConfig({ env, cwd, hostname: "box" }) };
}

function only(problems: readonly ConfigProblem[]): ConfigProblem {
  assert.equal(problems.length, 1, describeProblems(problems).join("\n"));
  return problems[0] ?? assert.fail();
}

const TOKEN = "0123456789abcdef0123456789abcdef";

test("without environment and file every option has its default, and nothing is wrong", () => {
  const { config, problems, cwd } = load();
  assert.deepEqual(problems, []);
  assert.equal(config.service.name, "unknown_service:node");
  assert.equal(config.service.worker, "box");
  assert.equal(config.requests.slowMillis, 5_000);
  assert.deepEqual([config.metrics.host, config.metrics.port, config.metrics.prefix], ["127.0.0.1", 9_464, "seismo_"]);
  assert.equal(config.journal.path, join(cwd, "logs/error_log.jsonl"));
  assert.equal(config.journal.fallbackPath, join(cwd, "logs/error_log_fallback.txt"));
  assert.deepEqual(config.log, {
    level: "info",
    toFile: true,
    path: join(cwd, "logs/seismo.log"),
    maxBytes: 10_485_760,
    backupCount: 5,
    debug: false,
  });
  assert.equal(config.errors.localVariables, "off");
  assert.deepEqual(config.instrumentation.names, INSTRUMENTATIONS);
});

test("the configuration cannot be changed", () => {
  const { config } = load();
  assert.ok(Object.isFrozen(config) && Object.values(config).every((section) => Object.isFrozen(section)));
  assert.ok(Object.isFrozen(config.requests.idHeaders));
});

test("the environment wins over the file, and the file over the default", () => {
  const file = JSON.stringify({ requests: { slow_ms: 100 }, metrics: { port: 1, prefix: "shop_" } });
  const { config, problems } = load({ SEISMO_SLOW_REQUEST_MS: "200" }, { "seismo.config.json": file });
  assert.deepEqual(problems, []);
  assert.deepEqual([config.requests.slowMillis, config.metrics.port, config.metrics.prefix], [200, 1, "shop_"]);
});

test("an empty variable is an unset one", () => {
  const { config, problems } = load({ SEISMO_METRICS_PORT: "", SEISMO_CONFIG: " ", OTEL_SERVICE_NAME: "  " });
  assert.deepEqual(problems, []);
  assert.deepEqual([config.metrics.port, config.service.name], [9_464, "unknown_service:node"]);
});

for (const [name, content] of Object.entries({
  "seismo.config.yaml": "requests:\n  slow_ms: 100\nmetrics:\n",
  "seismo.config.yml": "requests: { slow_ms: 100 }",
  "seismo.config.json": '\uFEFF{"requests":{"slow_ms":100}}',
  "seismo.config.js": "module.exports = { requests: { slow_ms: 100 } };",
  "seismo.config.mjs": "export default { requests: { slow_ms: 100 } };",
  "seismo.config.cjs": "module.exports = { requests: { slow_ms: 100 } };",
})) {
  test(`${name} is found and read`, () => {
    const { config, problems } = load({}, { [name]: content });
    assert.deepEqual(problems, []);
    assert.equal(config.requests.slowMillis, 100);
  });
}

test("SEISMO_CONFIG names the file, and then no other is looked for", () => {
  const files = { "other.json": '{"metrics":{"port":1}}', "seismo.config.json": '{"metrics":{"port":2}}' };
  assert.equal(load({ SEISMO_CONFIG: "other.json" }, files).config.metrics.port, 1);
});

test("a second configuration file is not read, and that is said", () => {
  const { config, problems } = load({}, { "seismo.config.yaml": "strict: true", "seismo.config.json": "{}" });
  assert.equal(config.startup.strict, true);
  assert.match(only(problems).rule, /seismo\.config\.json is not read/);
});

for (const [title, name, content, said] of [
  ["broken JSON", "seismo.config.json", "{", /JSON/],
  ["broken YAML", "seismo.config.yaml", "a: [1\nb: }", /line \d/],
  ["a list instead of sections", "seismo.config.json", "[]", /sections/],
  ["a module that throws", "seismo.config.cjs", "throw new Error('no luck\\nat all')", /no luck/],
  [
    "a module that exports a cycle",
    "seismo.config.cjs",
    "module.exports = {}; module.exports.a = module.exports",
    /circular/,
  ],
  ["top-level await", "seismo.config.mjs", "await 1; export default {}", /top-level await/],
] as const) {
  test(`${title} in the file is one problem of one line, and the defaults hold`, () => {
    const { config, problems, cwd } = load({}, { [name]: content });
    const { source, rule } = only(problems);
    assert.equal(source, join(cwd, name));
    assert.match(rule, said);
    assert.ok(!describeProblems(problems).join("").includes("\n"));
    assert.equal(config.metrics.port, 9_464);
  });
}

test("a file that is missing, unknown or too large is named with what was expected", () => {
  const missing = only(load({ SEISMO_CONFIG: "nope.json" }).problems);
  assert.deepEqual([missing.source, missing.key, missing.value], ["environment", "SEISMO_CONFIG", "nope.json"]);
  assert.match(missing.rule, /ENOENT/);
  assert.match(only(load({ SEISMO_CONFIG: "a.toml" }, { "a.toml": "" }).problems).rule, /\.yaml, \.json/);
  assert.match(only(load({ SEISMO_CONFIG: "a.json" }, { "a.json": " ".repeat(1_048_577) }).problems).rule, /at most/);
});

test("a bad number is a problem that names key, value and rule, and the default holds", () => {
  for (const bad of ["abc", "-1", "1.5", "1e3", "0x10", "86400001", "9".repeat(400)]) {
    const { config, problems } = load({ SEISMO_SLOW_REQUEST_MS: bad });
    assert.deepEqual(only(problems), {
      source: "environment",
      key: "SEISMO_SLOW_REQUEST_MS",
      value: bad.slice(0, 80),
      rule: "expected milliseconds, a whole number from 1 to 86400000",
    });
    assert.equal(config.requests.slowMillis, 5_000);
  }
});

test("an unknown variable or key is a problem with the nearest known name", () => {
  const nearest = (env: { readonly [name: string]: string }, content: object = {}) =>
    only(load(env, { "seismo.config.json": JSON.stringify(content) }).problems).nearest;
  assert.equal(nearest({ SEISMO_SLOW_REQUST_MS: "1" }), "SEISMO_SLOW_REQUEST_MS");
  assert.equal(nearest({ SEISMO_WORKERID: "1" }), "SEISMO_WORKER_ID");
  assert.equal(nearest({ SEISMO_DEBUGG: "" }), "SEISMO_DEBUG");
  assert.equal(nearest({}, { metrics: { prot: 1 } }), "metrics.port");
  assert.equal(nearest({}, { slowMs: 1 }), "requests.slow_ms");
});

test("a key named __proto__ is an unknown key like any other", () => {
  const { problems } = load({}, { "seismo.config.json": '{"__proto__":{"strict":true},"metrics":{"__proto__":1}}' });
  assert.deepEqual(
    problems.map((problem) => problem.key),
    ["__proto__", "metrics.__proto__"],
  );
});

test("a section that holds a single value is a problem", () => {
  assert.match(only(load({}, { "seismo.config.json": '{"metrics":9464}' }).problems).rule, /section/);
});

test("problems without end are counted, not listed", () => {
  const content = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`option_${i}`, i]));
  const { problems } = load({}, { "seismo.config.json": JSON.stringify(content) });
  assert.equal(problems.length, 101);
  assert.match(problems.at(-1)?.rule ?? "", /4900 more/);
});

test("a problem is told in one line with source, key, value, rule and nearest name, and a ConfigError lists all", () => {
  const { problems } = load({ SEISMO_METRICS_PORT: "a\nb\u009b", SEISMO_WORKER: "w" });
  const expected = [
    'environment: SEISMO_WORKER="w": nothing reads this; the nearest known name is SEISMO_WORKER_ID',
    'environment: SEISMO_METRICS_PORT="a\\nb\\u009b": expected port, a whole number from 0 to 65535',
  ];
  assert.deepEqual(describeProblems(problems), expected);
  assert.equal(new ConfigError(problems).message, expected.join("\n"));
});

test("variables of other programs are none of Seismo's business", () => {
  assert.deepEqual(load({ PATH: "/bin", LOG_COLOR: "x", OTEL_UNKNOWN: "y", SEISMOGRAPH: "z" }).problems, []);
});

test("the service is named by the environment, then the file, then package.json", () => {
  const file = { "seismo.config.json": '{"service":{"name":"from-file"}}', "package.json": '{"name":"from-package"}' };
  const attributes = "service.name=from%20attributes,service.version=1.2,deployment.environment.name=production";
  const named = (env: { readonly [name: string]: string }, files: Files) => load(env, files).config.service.name;
  assert.equal(named({ OTEL_SERVICE_NAME: "outright", OTEL_RESOURCE_ATTRIBUTES: attributes }, file), "outright");
  assert.equal(named({ OTEL_RESOURCE_ATTRIBUTES: attributes }, file), "from attributes");
  assert.equal(named({}, file), "from-file");
  assert.equal(named({}, { "package.json": '{"name":"from-package"}' }), "from-package");
  assert.equal(named({}, { "package.json": "{" }), "unknown_service:node");
  const { service } = load({ OTEL_RESOURCE_ATTRIBUTES: attributes }).config;
  assert.deepEqual([service.version, service.environment], ["1.2", "production"]);
  assert.equal(service.attributes["service.name"], "from attributes");
});

test("resource attributes that are not well formed are refused as a whole", () => {
  for (const bad of ["a=%zz", "novalue", "=x"]) {
    const { config, problems } = load({ OTEL_RESOURCE_ATTRIBUTES: `service.version=1,${bad}` });
    assert.equal(only(problems).key, "OTEL_RESOURCE_ATTRIBUTES");
    assert.equal(config.service.version, undefined);
  }
});

test("the worker is SEISMO_WORKER_ID, else the service instance, else the cluster worker, else the host", () => {
  const worker = (env: { readonly [name: string]: string }, clusterWorkerId?: number) =>
    loadConfig({ env, cwd: freshFolder(), hostname: "box", clusterWorkerId }).config.service.worker;
  const instance = { OTEL_RESOURCE_ATTRIBUTES: "service.instance.id=i-7" };
  assert.equal(worker({ ...instance, SEISMO_WORKER_ID: "w-1" }, 3), "w-1");
  assert.equal(worker(instance, 3), "i-7");
  assert.equal(worker({}, 3), "box-3");
  assert.equal(worker({}), "box");
});

test("a bind other than loopback needs a token or insecure: true, else it stays on loopback", () => {
  const bind = { SEISMO_METRICS_HOST: "0.0.0.0" };
  const { config, problems } = load(bind);
  assert.equal(config.metrics.host, "127.0.0.1");
  assert.match(only(problems).rule, /needs a token/);
  const fromFile = load({}, { "seismo.config.json": '{"metrics":{"host":"::"}}' });
  assert.equal(only(fromFile.problems).source, join(fromFile.cwd, "seismo.config.json"));
  for (const allowed of [
    { ...bind, SEISMO_TOKEN: TOKEN },
    { ...bind, SEISMO_INSECURE: "true" },
  ]) {
    assert.equal(load(allowed).config.metrics.host, "0.0.0.0");
    assert.deepEqual(load(allowed).problems, []);
  }
  for (const host of ["localhost", "127.8.9.1", "::1"]) {
    assert.deepEqual(load({ SEISMO_METRICS_HOST: host }).problems, []);
  }
  for (const host of ["127.0.0.1.example.com", "0.0.0.0", "::", "[::]", "box"]) {
    assert.equal(load({ SEISMO_METRICS_HOST: host }).config.metrics.host, "127.0.0.1");
  }
  const collector = load({ SEISMO_OTLP_HOST: "0.0.0.0", SEISMO_HOST: "::" });
  assert.deepEqual([collector.config.receiver.host, collector.config.server.host], ["127.0.0.1", "127.0.0.1"]);
  assert.deepEqual(
    collector.problems.map(({ key }) => key),
    ["SEISMO_OTLP_HOST", "SEISMO_HOST"],
  );
});

test("a token shows itself only to who asks by name", () => {
  const { config } = load({ SEISMO_TOKEN: TOKEN });
  const { token } = config.security;
  assert.equal(token?.reveal(), TOKEN);
  for (const shown of [String(token), JSON.stringify(config), inspect(config, { depth: 9, showHidden: true })]) {
    assert.ok(shown.includes("[REDACTED]"));
    assert.ok(!shown.includes(TOKEN));
  }
});

test("a token comes from the environment, or from a file that only its owner can read", () => {
  const tokenOf = ({ config }: { readonly config: Config }) => config.security.token?.reveal();
  assert.equal(tokenOf(load({ SEISMO_TOKEN: "file:secret" }, { secret: `${TOKEN}\n` })), TOKEN);
  const fromFile = (token: string, env = {}) =>
    load(env, { "seismo.config.json": JSON.stringify({ token }), secret: TOKEN });
  assert.equal(tokenOf(fromFile("file:secret")), TOKEN);
  assert.equal(tokenOf(fromFile(["$", "{env:SCRAPE_TOKEN}"].join(""), { SCRAPE_TOKEN: TOKEN })), TOKEN);
  assert.equal(tokenOf(fromFile(TOKEN)), undefined);
  const open = load({}, { secret: TOKEN });
  chmodSync(join(open.cwd, "secret"), 0o644);
  const { config } = loadConfig({ env: { SEISMO_TOKEN: "file:secret" }, cwd: open.cwd, hostname: "box" });
  assert.equal(config.security.token, undefined);
});

test("what is passed on has its headers from the environment alone, and they are shown to nobody", () => {
  const { config } = load({ SEISMO_FORWARD_HEADERS: "authorization=Bearer abc" });
  assert.equal(config.forward.headers?.reveal(), "authorization=Bearer abc");
  assert.doesNotMatch(inspect(config, { depth: 9 }) + JSON.stringify(config), /Bearer abc/);
  const fromFile = load({}, { "seismo.config.json": '{"forward":{"headers":"authorization=Bearer abc"}}' });
  assert.equal(fromFile.config.forward.headers, undefined);
  assert.equal(only(fromFile.problems).key, "forward.headers");
  assert.doesNotMatch(JSON.stringify(fromFile.problems), /abc/);
});

const HOOK = "https://hooks.example/services/T0/B0/hunter2";
const MAIL = {
  SEISMO_NOTIFICATIONS_EMAIL_SERVER: "smtp://mail.example:587",
  SEISMO_NOTIFICATIONS_EMAIL_FROM: "seismo@example.com",
  SEISMO_NOTIFICATIONS_EMAIL_TO: "ops@example.com, dev@example.com",
};

test("a channel's secret comes from the environment, a file that containers mount, or a variable that the file names", () => {
  const urlOf = ({ config, problems }: ReturnType<typeof load>) => {
    assert.deepEqual(problems, []);
    assert.doesNotMatch(inspect(config, { depth: 9, showHidden: true }) + JSON.stringify(config), /hunter2/);
    return config.notifications.slackWebhookUrl?.reveal();
  };
  const fromFile = (value: string): Files => ({
    ...{
      "seismo.config.json": JSON.stringify({ notifications: { slack: { webhook_url: value } } }),
      hook: `${HOOK}\n`,
    },
  });
  assert.equal(urlOf(load({ SEISMO_NOTIFICATIONS_SLACK_WEBHOOK_URL: HOOK })), HOOK);
  assert.equal(urlOf(load({ SEISMO_NOTIFICATIONS_SLACK_WEBHOOK_URL: "file:hook" }, { hook: HOOK })), HOOK);
  assert.equal(urlOf(load({}, fromFile("file:hook"))), HOOK);
  assert.equal(urlOf(load({ SLACK_URL: HOOK }, fromFile(["$", "{env:SLACK_URL}"].join("")))), HOOK);
});

test("a secret that is unset, missing, empty or in the open is one problem that says so and does not show it", () => {
  const given = (value: string, files: Files = {}) =>
    load({}, { "seismo.config.json": JSON.stringify({ notifications: { webhook: { url: value } } }), ...files });
  for (const [loaded, rule] of [
    [given(["$", "{env:HOOK_URL}"].join("")), /^the variable HOOK_URL is not set$/],
    [given("file:missing"), /^the file cannot be read: ENOENT/],
    [given("file:hook", { hook: "\n" }), /^expected a URL/],
    [given("file:hook", { hook: "x".repeat(5_000) }), /has more than 4096 bytes$/],
    [given("file:."), /^the file cannot be read: EISDIR/],
    [given(HOOK), /a configuration file holds no secret itself$/],
    [load({ SEISMO_NOTIFICATIONS_WEBHOOK_URL: "hooks.example/hunter2" }), /^expected a URL/],
    [load({ SEISMO_NOTIFICATIONS_SLACK_WEBHOOK_URI: HOOK }), /^nothing reads this$/],
  ] as const) {
    const problem = only(loaded.problems);
    assert.match(problem.rule, rule);
    assert.equal(problem.value, "[REDACTED]");
    assert.equal(loaded.config.notifications.webhookUrl, undefined);
  }
});

test("mail has its sender and recipients, and what lacks one half of them is named", () => {
  const { config, problems } = load(MAIL);
  assert.deepEqual(problems, []);
  assert.deepEqual(config.notifications.emailTo, ["ops@example.com", "dev@example.com"]);
  const lacking = load({
    SEISMO_NOTIFICATIONS_EMAIL_SERVER: "smtp://mail.example",
    SEISMO_NOTIFICATIONS_EMAIL_PASSWORD: "hunter2",
  });
  assert.deepEqual(describeProblems(lacking.problems), [
    "configuration: notifications.email.from: notifications.email.server needs it (SEISMO_NOTIFICATIONS_EMAIL_FROM)",
    "configuration: notifications.email.to: notifications.email.server needs it (SEISMO_NOTIFICATIONS_EMAIL_TO)",
    "configuration: notifications.email.user: notifications.email.password needs it (SEISMO_NOTIFICATIONS_EMAIL_USER)",
  ]);
});

for (const [name, value] of [
  ["EMAIL_SERVER", "mail.example:25"],
  ["EMAIL_SERVER", "smtp://user:hunter2@mail.example"],
  ["EMAIL_FROM", "Ops <ops@example.com>"],
  ["EMAIL_TO", "ops@example.com\r\nBcc: all@example.com"],
  ["PER_MINUTE", "1"],
  ["WINDOW_MINUTES", "five"],
  ["MIN_SEVERITY", "loud"],
  ["ALERTMANAGER_URL", "localhost:9093"],
] as const) {
  test(`SEISMO_NOTIFICATIONS_${name}=${JSON.stringify(value)} is a problem under its name`, () => {
    const { problems } = load({ ...MAIL, [`SEISMO_NOTIFICATIONS_${name}`]: value });
    assert.equal(only(problems).key, `SEISMO_NOTIFICATIONS_${name}`);
    assert.doesNotMatch(JSON.stringify(problems), /hunter2/);
  });
}

test("no problem shows what may be a secret", () => {
  const secret = "hunter2-hunter2";
  const { problems } = load(
    { SEISMO_TOKEN: secret, SEISMO_TOKE: secret, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `ftp://u:${secret}@h` },
    { "seismo.config.json": JSON.stringify({ token: secret, metrics: { password: secret }, db_dsn: secret }) },
  );
  assert.equal(problems.length, 6);
  assert.ok(!JSON.stringify(problems).includes(secret));
});

test("credentials in OTEL_ headers stay out of the configuration", () => {
  const { config } = load({ OTEL_EXPORTER_OTLP_HEADERS: "authorization=x", OTEL_TRACES_SAMPLER: "always_on" });
  assert.deepEqual(config.otel.env, { OTEL_TRACES_SAMPLER: "always_on" });
});

test("errors that no span tells of go to the endpoint for logs, else to the general one with /v1/logs, else nowhere", () => {
  const general = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://localhost:4318/", OTEL_EXPORTER_OTLP_HEADERS: "a=1" };
  const logs = { OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://localhost:9/own", OTEL_EXPORTER_OTLP_LOGS_HEADERS: "b=2" };
  for (const [env, endpoint, headers] of [
    [{ ...general, ...logs }, "http://localhost:9/own", "b=2"],
    [general, "http://localhost:4318/v1/logs", "a=1"],
    [{}, undefined, undefined],
  ] as const) {
    const { otel } = load(env).config;
    assert.deepEqual([otel.logsEndpoint, otel.logsHeaders?.reveal()], [endpoint, headers]);
  }
});

test("spans go to the endpoint for traces, else to the general one with /v1/traces, else nowhere", () => {
  const general = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://localhost:4318/" };
  const traces = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://localhost:9/own" };
  assert.equal(load({ ...general, ...traces }).config.otel.tracesEndpoint, "http://localhost:9/own");
  assert.equal(load(general).config.otel.tracesEndpoint, "http://localhost:4318/v1/traces");
  assert.equal(load().config.otel.tracesEndpoint, undefined);
  assert.equal(
    only(load({ OTEL_EXPORTER_OTLP_ENDPOINT: "localhost:4318" }).problems).key,
    "OTEL_EXPORTER_OTLP_ENDPOINT",
  );
});

test("a level that another logger understands is understood, and an unknown one is no problem of Seismo's", () => {
  const levels = {
    DEBUG: "debug",
    trace: "debug",
    silly: "debug",
    Info: "info",
    warn: "warning",
    fatal: "error",
    "30": "info",
    loud: "info",
  };
  for (const [word, level] of Object.entries(levels)) {
    const { config, problems } = load({ LOG_LEVEL: word });
    assert.deepEqual([config.log.level, problems], [level, []], word);
  }
  assert.equal(only(load({}, { "seismo.config.json": '{"log":{"level":"loud"}}' }).problems).key, "log.level");
});

test("instrumentations are named, taken away, or chosen all or none", () => {
  const names = (text: string) => load({ SEISMO_INSTRUMENTATIONS: text }).config.instrumentation.names;
  assert.deepEqual(names("http, Express"), ["http", "express"]);
  assert.deepEqual(
    names("-pg,-mysql2"),
    INSTRUMENTATIONS.filter((name) => name !== "pg" && name !== "mysql2"),
  );
  assert.deepEqual(names("none"), []);
  assert.deepEqual(
    names("all,-http"),
    INSTRUMENTATIONS.filter((name) => name !== "http"),
  );
  const { config, problems } = load({ SEISMO_INSTRUMENTATIONS: "http,expres" });
  assert.equal(only(problems).nearest, "express");
  assert.deepEqual(config.instrumentation.names, ["http"]);
});

test("headers are captured by name, in lower case, except those that hold secrets", () => {
  const { config, problems } = load({
    SEISMO_CAPTURE_REQUEST_HEADERS: "X-Tenant, Authorization, cookie, user agent",
    SEISMO_CAPTURE_RESPONSE_HEADERS: "content-type,Set-Cookie",
  });
  assert.deepEqual(config.instrumentation.requestHeaders, ["x-tenant"]);
  assert.deepEqual(config.instrumentation.responseHeaders, ["content-type"]);
  assert.deepEqual(
    problems.map(({ value }) => value),
    ["user agent", "authorization", "cookie", "set-cookie"],
  );
});

test("histogram buckets rise", () => {
  const buckets = (text: string) => load({ SEISMO_METRICS_DURATION_BUCKETS: text });
  assert.deepEqual(buckets("0.1, 1,10").config.metrics.durationBucketsSeconds, [0.1, 1, 10]);
  for (const bad of ["1,1", "2,1", "0,1", "a", "1,Infinity", ","]) assert.equal(only(buckets(bad).problems).value, bad);
});

test("a metric prefix must begin a Prometheus name", () => {
  assert.equal(load({ SEISMO_METRICS_PREFIX: "distributed_testing_" }).config.metrics.prefix, "distributed_testing_");
  for (const bad of ["1a", "a-b", "a:b", "é"]) only(load({ SEISMO_METRICS_PREFIX: bad }).problems);
});

test("rules of the user's own are read from the file, and the path of an error understands them", () => {
  const { config, problems } = load(
    {},
    {
      "seismo.config.yaml": `
requests:
  slow_routes:
    - { route: /reports/:id, method: get, ms: 20000 }
errors:
  ignore:
    - type: AbortError
  categories:
    - match: { type: "Stripe*", attributes: { "payment.kind": card } }
      category: payment_declined
      group: application_error
  severities:
    - match: { category: "payment_*" }
      severity: critical
  fingerprints:
    - match: { message: "*quota*" }
      fingerprint: ["{{ type }}", quota]
`,
    },
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(config.requests.slowRoutes, [{ route: "/reports/:id", method: "GET", slowMillis: 20_000 }]);
  const rules = compileRules({ ...config.errors, redaction: config.redaction });
  assert.equal(rules.categories[0]?.rule.category, "payment_declined");
  assert.ok(Object.isFrozen(config.errors.categories[0]?.match));
});

test("a bad rule is named by its path and left out; the good ones stay", () => {
  const file = JSON.stringify({
    errors: {
      severities: [
        { match: { type: "A" }, severity: "fatal" },
        { match: { typ: "A" }, severity: "info" },
        { match: {}, severity: "info" },
        { match: { type: "B" }, severity: "info" },
      ],
      ignore: "AbortError",
    },
    requests: { slow_routes: [{ route: "/a", ms: "5s" }] },
  });
  const { config, problems } = load({}, { "seismo.config.json": file });
  assert.deepEqual(config.errors.severities, [{ match: { type: "B" }, severity: "info" }]);
  assert.deepEqual(
    problems.map(({ key, value, nearest }) => [key, value, nearest]),
    [
      ["requests.slow_routes[0].ms", "5s", undefined],
      ["errors.ignore", "AbortError", undefined],
      ["errors.severities[0].severity", "fatal", undefined],
      ["errors.severities[1].match.typ", "A", "type"],
      ["errors.severities[1].match", '{"typ":"A"}', undefined],
      ["errors.severities[2].match", "{}", undefined],
    ],
  );
});

test("whatever environment and file hold, a complete configuration comes back", () => {
  const { cwd } = load();
  const names = describeOptions().flatMap(({ env }) => (env === undefined ? [] : [env.split(",")[0] ?? ""]));
  const keys = describeOptions().flatMap(({ key }) => key ?? []);
  const anyEnv = fc.dictionary(fc.constantFrom(...names, "SEISMO_X"), fc.string({ unit: "binary" }));
  const anyFile = fc.dictionary(fc.constantFrom(...keys, "x", "metrics"), fc.jsonValue());
  fc.assert(
    fc.property(anyEnv, anyFile, (env, content) => {
      writeFileSync(join(cwd, "seismo.config.json"), JSON.stringify(content));
      const { config, problems } = loadConfig({ env, cwd, hostname: "box" });
      assert.deepEqual(Object.keys(config), Object.keys(load().config));
      assert.ok(config.metrics.port >= 0 && config.requests.slowMillis > 0 && config.service.name !== "");
      assert.equal(describeProblems(problems).length, problems.length);
    }),
    { numRuns: 100 },
  );
});

test("with defaults neither yaml nor zod is loaded", () => {
  const script = `
    require(${JSON.stringify(join(__dirname, "../src/config.js"))}).loadConfig({ env: {}, cwd: "/", hostname: "box" });
    process.stdout.write(String(Object.keys(require.cache).filter((name) => name.includes("node_modules")).length));
  `;
  assert.equal(spawnSync(process.execPath, ["-e", script], { encoding: "utf8" }).stdout, "0");
});

test("docs/configuration.md lists exactly the options there are", () => {
  const page = readFileSync("docs/configuration.md", "utf8");
  const rows = page.split("\n").filter((line) => /^\| (`|–)/.test(line));
  const listed = rows.map((row) => row.replace(/ +\|/g, " |").replace(/(.) {2,}/g, "$1 ")); // cells may be padded
  const code = (text: string | undefined) => (text === undefined ? "–" : `\`${text}\``);
  const expected = describeOptions().map(({ key, env, unit, fallback, rule, about }) => {
    const variables = env?.split(", ").map(code).join(", ");
    const cells = [code(key), variables ?? "–", unit, fallback, rule.replace("expected ", ""), about];
    return `| ${cells.join(" | ")} |`;
  });
  assert.deepEqual(listed, expected, `the rows to write:\n${expected.join("\n")}`);
});

test("the example in docs/configuration.md is a valid configuration", () => {
  const [, example = ""] = readFileSync("docs/configuration.md", "utf8").split(/```(?:yaml)?\n/);
  const { config, problems } = load({}, { "seismo.config.yaml": example });
  assert.deepEqual(problems, []);
  assert.equal(config.errors.fingerprints.length, 1);
});
