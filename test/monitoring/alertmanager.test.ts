/** Alertmanager's side as it ships: routes, messages with hostile texts, and what really arrives at Slack and in the mail. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type ParsedMail, simpleParser } from "mailparser";
import { SMTPServer } from "smtp-server";
import { parse } from "yaml";
import { cannotRunHere } from "../cannot-run-here";
import { freePort } from "../free-port";
import { freshFolder } from "../fresh-folder";
import { eventually } from "../instrumentation/fixture-app";
import { amtool } from "./promtool";

const CONFIG = "alerting/alertmanager.yml";
const TEMPLATES = "alerting/templates/*.tmpl";

interface Alert {
  readonly status: "firing" | "resolved";
  readonly labels: { readonly [label: string]: string };
  readonly annotations: { readonly [annotation: string]: string };
  readonly startsAt: string;
  readonly generatorURL: string;
}

const EVENT: Alert = {
  status: "firing",
  labels: {
    alertname: "SeismoErrorGroup",
    severity: "critical",
    service: "shop & co",
    category: "resource_exhausted",
    worker: 'web "1"',
    type: "{{ .Evil }}",
    fingerprint: "aaaaaaaaaaaaaaaa",
    reason: "new",
  },
  annotations: {
    summary: 'shop: <!channel> new\r\nBcc: all@example.com {{ template "x" }}',
    message: `first line\n"quoted" <script>alert(1)</script> & {{ .Evil }} *bold* ${"ü".repeat(10_000)}`,
    stack: `Error: <b>\n    at pay (/srv/shop/pay.js:7:3)\n${"    at next (/srv/shop/next.js:1:1)\n".repeat(500)}`,
    time: "2026-11-25T13:00:00.000Z",
    advice: 'Free <disk> & "space".',
    link: "http://localhost:8080/error-visualization?fingerprint=aaaaaaaaaaaaaaaa",
  },
  startsAt: "2026-11-25T13:00:00Z",
  generatorURL: "http://localhost:8080",
};
const RULE: Alert = {
  status: "firing",
  labels: { alertname: "SeismoRequestsFailing", severity: "critical", service: "shop" },
  annotations: {
    summary: "shop: 6% of requests fail",
    description: "6% of the requests to service shop were answered with 5xx.",
    dashboard: "http://localhost:3000/d/seismo-requests?var-service=shop",
    runbook_url: "https://git.example.com/seismo/docs/runbooks/SeismoRequestsFailing.md",
  },
  startsAt: "2026-11-25T15:00:00+02:00",
  generatorURL: "http://localhost:9090/graph",
};

/** What a template makes of the alerts; undefined where amtool is missing. */
function render(t: TestContext, name: string, type: "text" | "html", ...alerts: readonly Alert[]): string | undefined {
  const file = join(freshFolder(), "data.json");
  const status = alerts.some((alert) => alert.status === "firing") ? "firing" : "resolved";
  const common = {
    groupLabels: {},
    commonLabels: { severity: "critical" },
    commonAnnotations: {},
    externalURL: "http://am",
  };
  writeFileSync(file, JSON.stringify({ receiver: "critical", status, alerts, ...common }));
  const text = `{{ template "${name}" . }}`;
  const given = [
    `--template.glob=${TEMPLATES}`,
    `--template.text=${text}`,
    `--template.type=${type}`,
    `--template.data=${file}`,
  ];
  const said = amtool(t, "template", "render", ...given);
  if (said === undefined) return undefined;
  assert.equal(said.status, 0, said.stderr);
  return said.stdout;
}

test("Alertmanager takes the configuration and its templates", (t) => {
  const said = amtool(t, "check-config", CONFIG);
  if (said !== undefined) assert.equal(said.status, 0, said.stdout + said.stderr);
});

for (const [labels, receiver] of [
  ["severity=critical service=shop", "critical"],
  ["severity=warning service=shop", "warning"],
  ["severity=info", "nowhere"],
  ["alertname=SeismoErrorGroup severity=critical", "critical-event"],
  ["alertname=SeismoErrorGroup severity=warning", "warning-event"],
  ["alertname=SeismoErrorGroup severity=info", "nowhere"],
  ["alertname=SeismoDeadMansSwitch severity=none", "dead-mans-switch"],
  ["alertname=YourOwn", "warning"],
] as const) {
  test(`${labels} goes to ${receiver}`, (t) => {
    const given = [`--config.file=${CONFIG}`, `--verify.receivers=${receiver}`, ...labels.split(" ")];
    const said = amtool(t, "config", "routes", "test", ...given);
    if (said !== undefined) assert.equal(said.status, 0, said.stdout + said.stderr);
  });
}

test("critical goes to Slack and e-mail at once, warning to Slack by service and category, and secrets are files", () => {
  // A decoding edge: what Alertmanager accepts has these shapes.
  const { global, route, receivers } = parse(readFileSync(CONFIG, "utf8")) as {
    readonly global: { readonly [key: string]: unknown };
    readonly route: {
      readonly group_by: unknown;
      readonly routes: readonly { receiver: string; group_wait: string }[];
    };
    readonly receivers: readonly { readonly name: string; readonly [channel: string]: unknown }[];
  };
  const channels = Object.fromEntries(
    receivers.map(({ name, ...rest }) => [
      name,
      Object.keys(rest)
        .filter((key) => key.endsWith("_configs"))
        .sort(),
    ]),
  );
  assert.deepEqual(channels, {
    nowhere: [],
    "dead-mans-switch": [],
    warning: ["slack_configs"],
    critical: ["email_configs", "slack_configs"],
    "warning-event": ["slack_configs"],
    "critical-event": ["email_configs", "slack_configs"],
  });
  assert.deepEqual(route.group_by, ["service", "category"]);
  const waits = route.routes
    .filter(({ receiver }) => receiver.startsWith("critical"))
    .map(({ group_wait }) => group_wait);
  assert.deepEqual(waits, ["0s", "0s"]);
  assert.deepEqual(
    Object.keys(global).filter((key) => /password|api_url|secret|token/.test(key)),
    ["slack_api_url_file", "smtp_auth_password_file"],
  );
});

test("the Slack text holds type, category, worker, time and message, cut, without a link or mention of its own", (t) => {
  const text = render(t, "seismo.slack.text", "text", EVENT);
  if (text === undefined) return;
  for (const line of [
    "Type: {{ .Evil }}",
    "Category: resource_exhausted",
    'Worker: web "1"',
    "Service: shop &amp; co",
  ]) {
    assert.ok(text.split("\n").includes(line), line);
  }
  assert.match(text, /^Time: 2026-11-25T13:00:00\.000Z$/m);
  assert.match(text, /&lt;!channel&gt;/);
  assert.match(text, /&lt;script&gt;alert\(1\)&lt;\/script&gt; &amp; \{\{ \.Evil \}\}/);
  assert.match(text, /ü…$/m);
  assert.match(text, /^Advice: Free &lt;disk&gt; &amp; "space"\.$/m);
  assert.doesNotMatch(text, /[<>\uFFFD]/);
  assert.ok(text.length < 2_000);
});

test("titles are one line that says state, number and summary", (t) => {
  const resolved = { ...RULE, status: "resolved" } as const;
  for (const [alerts, title] of [
    [[EVENT], '[CRITICAL] shop: &lt;!channel&gt; new Bcc: all@example.com {{ template "x" }}'],
    [[RULE, EVENT], "[CRITICAL × 2] shop: 6% of requests fail"],
    [[resolved], "[RESOLVED] shop: 6% of requests fail"],
    [[resolved, RULE], "[CRITICAL] shop: 6% of requests fail"],
  ] as const) {
    const said = render(t, "seismo.slack.title", "text", ...alerts);
    if (said !== undefined) assert.equal(said, title);
  }
});

test("the button leads to the error on the page, else to the dashboard, else to where the alert came from", (t) => {
  for (const [alert, link] of [
    [EVENT, EVENT.annotations["link"]],
    [RULE, RULE.annotations["dashboard"]],
    [{ ...RULE, annotations: {} }, RULE.generatorURL],
    [{ ...RULE, annotations: {}, generatorURL: "" }, "http://am"],
  ] as const) {
    const said = render(t, "seismo.link", "text", alert);
    if (said !== undefined) assert.equal(said, link);
  }
});

test("of many alerts a few are shown, and how many there are", (t) => {
  const many = Array.from({ length: 30 }, () => RULE);
  const slack = render(t, "seismo.slack.text", "text", ...many);
  const mail = render(t, "seismo.email.html", "html", ...many);
  if (slack === undefined || mail === undefined) return;
  assert.equal(slack.split("What to do: ").length - 1, 5);
  assert.match(slack, /5 of 30 are shown\./);
  assert.equal(mail.split("What to do</a>").length - 1, 20);
  assert.match(mail, /20 of 30 alerts are shown\./);
});

test("the HTML of the e-mail holds the stack, cut and escaped, and no link but of http", (t) => {
  const odd = { ...EVENT, annotations: { ...EVENT.annotations, dashboard: "javascript:alert(2)" } };
  const html = render(t, "seismo.email.html", "html", odd);
  if (html === undefined) return;
  assert.match(html, /Error: &lt;b&gt;\n {4}at pay \(\/srv\/shop\/pay\.js:7:3\)/);
  assert.match(html, /…<\/pre>/);
  assert.match(html, />Advice: Free &lt;disk&gt; &amp; &#34;space&#34;\.<\/p>/);
  assert.match(html, /<td>\{\{ \.Evil \}\}<\/td>/);
  assert.doesNotMatch(html, /<script|<b>|<!channel|href="javascript|\uFFFD/);
  assert.ok(html.length < 20_000);
});

test("an alert that fires and resolves arrives as a Slack message and an e-mail, an event only as it begins", async (t) => {
  if (spawnSync("prometheus-alertmanager", ["--version"]).error !== undefined) {
    return cannotRunHere(t, "no prometheus-alertmanager program found (Debian: prometheus-alertmanager)");
  }
  const slack = await startSlack();
  const smtp = await startSmtp();
  const alertmanager = await startAlertmanager(slack.url, smtp.port);
  try {
    await alertmanager.post([EVENT, RULE]);
    const titles = await eventually("two Slack messages", async () =>
      slack.titles().length === 2 ? slack.titles() : undefined,
    );
    assert.deepEqual([...titles].sort(), [
      '[CRITICAL] shop: &lt;!channel&gt; new Bcc: all@example.com {{ template "x" }}',
      "[CRITICAL] shop: 6% of requests fail",
    ]);
    const event = slack.attachments().find(({ text }) => text.includes("resource_exhausted"));
    assert.deepEqual(event?.actions, [{ type: "button", text: "Show the error", url: EVENT.annotations["link"] }]);
    assert.deepEqual([event?.color, event?.mrkdwn_in], ["danger", ["pretext"]]);

    const mails = await eventually("two mails", async () => (smtp.mails().length === 2 ? smtp.mails() : undefined));
    const mail = mails.find(({ subject }) => subject?.includes("channel"));
    assert.equal(mail?.subject, '[CRITICAL] shop: <!channel> new Bcc: all@example.com {{ template "x" }}');
    assert.deepEqual([mail?.bcc, mail?.cc], [undefined, undefined]);
    for (const body of [mail?.text, String(mail?.html)])
      assert.match(body ?? "", /at pay \(\/srv\/shop\/pay\.js:7:3\)/);
    assert.match(mail?.text ?? "", /^Advice: Free <disk> & "space"\.$/m);
    assert.match(mail?.text ?? "", /^ {2}Type {6}\{\{ \.Evil \}\}$/m);

    await alertmanager.post([EVENT, RULE].map((alert) => ({ ...alert, endsAt: new Date().toISOString() })));
    const resolved = await eventually("a resolved message", async () => slack.titles()[2]);
    assert.equal(resolved, "[RESOLVED] shop: 6% of requests fail");
    await eventually("a resolved mail", async () => smtp.mails()[2]);
    assert.equal(slack.titles().length, 3);
    assert.equal(smtp.mails().length, 3);
  } finally {
    await alertmanager.stop();
    await slack.stop();
    await smtp.stop();
  }
});

test("what is down or dead silences its own warnings, a critical alert its lower level, and nothing else", async (t) => {
  if (spawnSync("prometheus-alertmanager", ["--version"]).error !== undefined) {
    return cannotRunHere(t, "no prometheus-alertmanager program found (Debian: prometheus-alertmanager)");
  }
  const alerts = [
    ["SeismoServiceDown", "critical", { service: "shop" }],
    ["SeismoTargetDown", "warning", { service: "shop", instance: "a:9464" }, "silenced"],
    ["SeismoErrorSpike", "warning", { service: "shop" }, "silenced"],
    ["SeismoErrorSpike", "warning", { service: "cart" }],
    ["SeismoCriticalErrors", "critical", { service: "shop", worker: "web-1" }],
    ["SeismoSeriesOverflow", "warning", {}],
    ["SeismoWorkerSilent", "warning", { service: "cart", worker: "web-2" }],
    ["SeismoProcessMemory", "warning", { service: "cart", worker: "web-2" }, "silenced"],
    ["SeismoProcessMemory", "warning", { service: "cart", worker: "web-3" }],
    ["SeismoErrorGroup", "warning", { service: "cart", worker: "web-2", fingerprint: "aaaaaaaaaaaaaaaa" }, "silenced"],
    ["SeismoErrorGroup", "critical", { service: "cart", worker: "web-3", fingerprint: "bbbbbbbbbbbbbbbb" }],
    ["SeismoErrorGroup", "warning", { service: "cart", worker: "web-3", fingerprint: "cccccccccccccccc" }],
    ["SeismoRequestsFailing", "critical", { service: "mail" }],
    ["SeismoRequestsFailing", "warning", { service: "mail" }, "silenced"],
    ["SeismoResponsesSlow", "warning", { service: "mail" }],
    ["SeismoTokensPerRequest", "critical", { service: "mail", model: "large" }],
    ["SeismoTokensPerRequest", "warning", { service: "mail", model: "small" }],
  ] as const;
  const label = ([alertname, severity, more]: (typeof alerts)[number]) => ({ alertname, severity, ...more });
  // Nobody listens there: what is sent is of no interest.
  const alertmanager = await startAlertmanager(`http://127.0.0.1:${await freePort()}`, await freePort());
  try {
    await alertmanager.post(alerts.map((alert) => ({ labels: label(alert) })));
    const expected = sorted(alerts.filter(([, , , silenced]) => silenced !== undefined).map(label));
    // Alertmanager takes the alerts one after the other.
    const silenced = await eventually("silenced alerts", async () => {
      const labels = sorted(await alertmanager.silenced());
      return labels.length >= expected.length ? labels : undefined;
    });
    assert.deepEqual(silenced, expected);
  } finally {
    await alertmanager.stop();
  }
});

function sorted(labels: readonly object[]): string[] {
  return labels.map((each) => JSON.stringify(Object.entries(each).sort())).sort();
}

interface Attachment {
  readonly title: string;
  readonly text: string;
  readonly color: string;
  readonly mrkdwn_in: readonly string[];
  readonly actions: readonly unknown[];
}

/** Takes what a webhook of Slack takes. */
async function startSlack() {
  const attachments: Attachment[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += chunk;
    // A decoding edge: the body of Slack's API.
    attachments.push(...(JSON.parse(body) as { readonly attachments: readonly Attachment[] }).attachments);
    response.end("ok");
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/services/T0/B0/x`,
    attachments: () => attachments,
    titles: () => attachments.map(({ title }) => title),
    async stop() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

async function startSmtp() {
  const mails: ParsedMail[] = [];
  const server = new SMTPServer({
    disabledCommands: ["STARTTLS"],
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, done) =>
      password === "mail password" ? done(null, { user: username ?? "" }) : done(new Error("no")),
    onData: (stream, _session, done) => void simpleParser(stream).then((mail) => done(void mails.push(mail)), done),
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    port: (server.server.address() as AddressInfo).port,
    mails: () => mails,
    stop: () => new Promise<void>((closed) => server.close(closed)),
  };
}

/** With the configuration that ships; only secrets, mail server and group interval are those of the test. */
async function startAlertmanager(slackUrl: string, smtpPort: number) {
  const folder = freshFolder();
  cpSync("alerting/templates", join(folder, "templates"), { recursive: true });
  writeFileSync(join(folder, "slack"), slackUrl);
  writeFileSync(join(folder, "smtp"), "mail password");
  const config = readFileSync(CONFIG, "utf8")
    .replace("/etc/alertmanager/secrets/slack-webhook-url", join(folder, "slack"))
    .replace("/etc/alertmanager/secrets/smtp-password", join(folder, "smtp"))
    .replace("smtp.example.com:587", `127.0.0.1:${smtpPort}`)
    .replace("smtp_require_tls: true", "smtp_require_tls: false")
    .replaceAll("group_interval: 1m", "group_interval: 1s");
  writeFileSync(join(folder, "alertmanager.yml"), config);
  const port = await freePort();
  const process: ChildProcess = spawn(
    "prometheus-alertmanager",
    [
      `--config.file=${join(folder, "alertmanager.yml")}`,
      `--storage.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--cluster.listen-address=",
      "--log.level=error",
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  const url = `http://127.0.0.1:${port}`;
  await eventually("Alertmanager", async () => ((await isReady(url)) ? true : undefined));
  return {
    async post(alerts: readonly object[]) {
      const sent = alerts.map((alert) => ({ startsAt: new Date().toISOString(), ...alert }));
      const headers = { "content-type": "application/json" };
      const answer = await fetch(`${url}/api/v2/alerts`, { method: "POST", headers, body: JSON.stringify(sent) });
      assert.equal(answer.status, 200, await answer.text());
    },
    /** The labels of the alerts that others hold back. */
    async silenced(): Promise<readonly object[]> {
      const answer = await fetch(`${url}/api/v2/alerts?active=false&silenced=false&unprocessed=false&inhibited=true`);
      // A decoding edge: Alertmanager's API.
      const alerts = JSON.parse(await answer.text()) as readonly {
        labels: object;
        status: { inhibitedBy: unknown[] };
      }[];
      return alerts.filter(({ status }) => status.inhibitedBy.length > 0).map(({ labels }) => labels);
    },
    async stop() {
      process.kill("SIGTERM");
      await new Promise((ended) => (process.exitCode === null ? process.once("exit", ended) : ended(undefined)));
    },
  };
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/-/ready`)).ok;
  } catch {
    return false; // asked again until the deadline
  }
}
