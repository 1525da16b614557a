/** All that a collector puts out is searched for secrets that services, reports and strangers have sent to it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { SMTPServer } from "smtp-server";
import { type ScriptedSink, startSink, status } from "../exporter/scripted-sink";
import { eventually } from "../instrumentation/fixture-app";
import { CONTROL, filesUnder, leaksIn, type Surface, surfacesWith } from "../leaks";
import { CANARIES, type Canary, WORD_CANARIES } from "../processors/canaries";
import { hexId, postOtlp } from "./otlp-requests";
import { freshFolder, isBalanced, journalOf, startCollector } from "./running-collector";

const SECRETS = [...CANARIES, ...WORD_CANARIES];
/** What is no secret comes last: when it was told of, the rest was. */
const PLANTED: readonly Canary[] = [...SECRETS, { name: "control", text: CONTROL, secret: CONTROL }];
/** Downstream, and the queue to it: docs/collector.md says that it is passed on as it came. */
const FORWARDED = "forwarded";
const QUEUE = /^data\/forward-queue/;

test("what services and reports let slip leaves a collector only with what it passes on as it came", async (context) => {
  const folder = freshFolder(context);
  const [downstream, slack, webhook, alertmanager] = [
    await startSink(context),
    await startSink(context),
    await startSink(context),
    await startSink(context),
  ];
  const mailbox = await startMailbox(context);
  writeFileSync(join(folder, "slack-url"), `${slack.url}/services/T0SECRET\n`);
  const collector = await startCollector(context, {
    folder,
    env: {
      SEISMO_ORIGIN_HOLD_MS: "100",
      SEISMO_ERROR_LOGS: "true",
      SEISMO_FORWARD_ENDPOINT: downstream.url,
      SEISMO_NOTIFICATIONS_SLACK_WEBHOOK_URL: "file:slack-url",
      SEISMO_NOTIFICATIONS_WEBHOOK_URL: `${webhook.url}/hook`,
      SEISMO_NOTIFICATIONS_ALERTMANAGER_URL: alertmanager.url,
      SEISMO_NOTIFICATIONS_EMAIL_SERVER: `smtp://127.0.0.1:${mailbox.port}`,
      SEISMO_NOTIFICATIONS_EMAIL_FROM: "seismo@example.com",
      SEISMO_NOTIFICATIONS_EMAIL_TO: "ops@example.com",
      SEISMO_NOTIFICATIONS_PER_MINUTE: "1000",
      SEISMO_NOTIFICATIONS_PER_HOUR: "10000",
      LOG_LEVEL: "debug",
    },
  });
  const answers: string[] = [];
  for (const { text } of PLANTED) {
    assert.equal(await postOtlp(collector.otlpUrl, spansFullOf(text), "/v1/traces"), 200);
    assert.equal(await postOtlp(collector.otlpUrl, logsFullOf(text), "/v1/logs"), 200);
    answers.push(await report(collector.apiUrl, reportFullOf(text)));
    answers.push(await report(collector.apiUrl, { message: 7, type: text, [text]: text, worker_id: [text] }));
    answers.push(await post(`${collector.otlpUrl}/v1/traces`, `{"resourceSpans":[{"${text}`));
    answers.push(await post(`${collector.otlpUrl}/${encodeURIComponent(text)}?note=${encodeURIComponent(text)}`, text));
  }
  const sinks: Readonly<Record<string, ScriptedSink>> = { slack, webhook, alertmanager };
  for (const [name, sink] of Object.entries(sinks)) {
    await eventually(`the control at ${name}`, () => isTold(sink) || undefined);
  }
  const lastMails = (): Surface => ({ name: "mails", parts: mailbox.mails.slice(-10) });
  const isMailed = (): true | undefined => surfacesWith(CONTROL, [lastMails()]).length > 0 || undefined;
  await eventually("the control by mail", isMailed, () => `there are ${mailbox.mails.length}`, 60_000);
  await isBalanced(collector);
  assert.ok(slack.kept.length > PLANTED.length, "all were told of");
  // Now the outboxes fill.
  for (const sink of Object.values(sinks)) sink.script(status(503));
  mailbox.refuse();
  assert.equal(await postOtlp(collector.otlpUrl, spansFullOf(`again ${CONTROL}`, "AgainError"), "/v1/traces"), 200);
  for (const { text } of SECRETS.slice(0, 10)) {
    assert.equal(await postOtlp(collector.otlpUrl, spansFullOf(text, "AgainError"), "/v1/traces"), 200);
  }
  await eventually("outboxes", () => outboxes().every((text) => text.includes("AgainError")) || undefined);
  const waiting = outboxes();
  const [metrics, openmetrics] = await Promise.all(
    ["text/plain", "application/openmetrics-text"].map(async (accept) =>
      (await fetch(`${collector.apiUrl}/metrics`, { headers: { accept } })).text(),
    ),
  );
  assert.equal(await collector.stop(), 0);

  const surfaces: readonly Surface[] = [
    ...filesUnder(folder).map(({ path, bytes }) => ({ name: QUEUE.test(path) ? FORWARDED : path, parts: [bytes] })),
    { name: FORWARDED, parts: downstream.requests.map(({ body }) => body) },
    { name: "outboxes", parts: waiting },
    { name: "metrics", parts: [metrics ?? ""] },
    { name: "openmetrics", parts: [openmetrics ?? ""] },
    { name: "stdout", parts: [collector.stdout()] },
    { name: "stderr", parts: [collector.stderr()] },
    ...Object.entries(sinks).map(([name, { requests }]) => ({
      name,
      parts: requests.flatMap(({ path, headers, body }) => [path, JSON.stringify(headers), body]),
    })),
    mails(),
    { name: "answers", parts: answers },
  ];
  assert.ok(journalOf(folder).length >= PLANTED.length * 3, "each is told of");
  const own = surfaces.filter(({ name }) => name !== FORWARDED);
  assert.deepEqual(leaksIn(own, SECRETS), []);
  assert.notDeepEqual(leaksIn(surfaces, SECRETS), [], "passed on as it came");
  const telling = new Set(surfacesWith(CONTROL, surfaces));
  for (const name of [
    "logs/error_log.jsonl",
    "outboxes",
    "metrics",
    "openmetrics",
    "mails",
    FORWARDED,
    ...Object.keys(sinks),
  ]) {
    assert.ok(telling.has(name), `what is no secret is to be found in ${name}, among ${[...telling]}`);
  }

  function mails(): Surface {
    return { name: "mails", parts: mailbox.mails };
  }

  function outboxes(): readonly string[] {
    return [...Object.keys(sinks), "email"].map((name) =>
      readFileSync(join(folder, "data", "notifications", `${name}.json`), "utf8"),
    );
  }
});

function isTold(sink: ScriptedSink): boolean {
  return sink.kept.some(({ body }) => body.includes(CONTROL));
}

function report(apiUrl: string, body: object): Promise<string> {
  return post(`${apiUrl}/api/report-error`, JSON.stringify(body));
}

async function post(url: string, body: string): Promise<string> {
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  return JSON.stringify([...response.headers]) + (await response.text());
}

/** A failing request with its database call and a call of a language model, and the text wherever a sender may write. */
/** What a service's Seismo knows of its error. */
function carriedFullOf(text: string): object {
  const lines = [text, `const note = ${JSON.stringify(text)};`];
  const context = { pre: lines, line: lines[0], post: lines };
  const frame = { ...{ function: text, module: text, file: text, line: 1, column: 2, inApp: true }, context };
  return {
    "seismo.handled": false,
    "seismo.page": `/pay?note=${encodeURIComponent(text)}`,
    "seismo.frames": JSON.stringify([{ ...frame, variables: { [text]: text, list: [text] } }]),
    "seismo.causes": JSON.stringify([{ relation: "cause", type: text, message: text, stack: text, properties: {} }]),
    "seismo.details": JSON.stringify({ [text]: text }),
    "seismo.properties": JSON.stringify({ [text]: [text] }),
    "seismo.user_context": JSON.stringify({ [text]: text }),
  };
}

function spansFullOf(text: string, type = text): string {
  const traceId = hexId(16);
  const now = BigInt(Date.now()) * 1_000_000n;
  const span = (name: string, kind: number, attributes: object): object => ({
    ...{ traceId, spanId: hexId(8), name, kind, traceState: "a=b" },
    ...{ startTimeUnixNano: String(now), endTimeUnixNano: String(now + 5_000_000n) },
    attributes: attributesOf(attributes),
    events: [
      {
        name: "exception",
        timeUnixNano: String(now),
        attributes: attributesOf({
          "exception.type": type,
          "exception.message": `${name}: ${text}`,
          "exception.stacktrace": `Error: ${text}\n    at pay (/app/pay.js:1:2)\nCaused by: Error: ${text}`,
          "shop.note": text,
        }),
      },
      { name: text, timeUnixNano: String(now), attributes: attributesOf({ [text]: text }) },
    ],
    links: [{ traceId, spanId: hexId(8), attributes: attributesOf({ note: text }) }],
    status: { code: 2, message: text },
  });
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: attributesOf(resourceFullOf(text)) },
        scopeSpans: [
          {
            scope: { name: text, version: text },
            spans: [
              span("GET /pay", 2, {
                "http.request.method": text,
                "http.route": text,
                "http.response.status_code": 500,
                "url.full": `https://shop.internal/pay?note=${encodeURIComponent(text)}`,
                "url.query": `note=${encodeURIComponent(text)}`,
                "user_agent.original": text,
                "http.request.header.x-note": [text],
                "request.id": text,
                "user.id": text,
                "session.id": text,
                ...carriedFullOf(text),
              }),
              span("INSERT notes", 3, {
                "db.system.name": "postgresql",
                "db.namespace": text,
                "db.collection.name": text,
                "db.query.text": `INSERT INTO notes VALUES ('ann', '${text}')`,
                "server.address": text,
              }),
              span("chat", 3, {
                "gen_ai.operation.name": text,
                "gen_ai.request.model": text,
                "gen_ai.usage.input_tokens": 7,
                "gen_ai.input.messages": text,
              }),
              span(text, 1, { "error.category": text, "error.fingerprint": text }),
            ],
          },
        ],
      },
    ],
  });
}

function logsFullOf(text: string): string {
  const record = (attributes: object): object => ({
    ...{ timeUnixNano: String(BigInt(Date.now()) * 1_000_000n), severityNumber: 17, severityText: text },
    body: { stringValue: text },
    attributes: attributesOf(attributes),
  });
  return JSON.stringify({
    resourceLogs: [
      {
        resource: { attributes: attributesOf(resourceFullOf(text)) },
        scopeLogs: [
          {
            scope: { name: text },
            logRecords: [
              record({ "exception.type": "LogError", "exception.message": text, note: text, [text]: text }),
              record({ note: text }),
            ],
          },
        ],
      },
    ],
  });
}

function resourceFullOf(text: string): object {
  return {
    "service.name": text,
    "service.version": text,
    "service.instance.id": text,
    "deployment.environment.name": text,
    "process.command_line": `node app.js ${text}`,
  };
}

function reportFullOf(text: string): object {
  return {
    ...{ service: text, worker_id: text, type: "ReportError", message: `told: ${text}`, error_category: text },
    traceback: `Traceback (most recent call last):\n  File "/srv/a.py", line 1, in f\n    pay("${text}")\nE: ${text}`,
    ...{ page: `https://shop.internal/?note=${encodeURIComponent(text)}`, user_agent: text, session_id: text },
    ...{ user_id: text, request_id: text, endpoint: text, method: text, user_context: { note: text } },
    error_details: { note: text, list: [{ text }], [text]: text },
    system_context: { hostname: text, platform: text, gpu_metrics: { devices: [{ index: 0, name: text }] } },
    hardware_context: { hardware_type: text, hardware_types: [text], note: text },
    unknown: { [text]: text },
  };
}

function attributesOf(attributes: object): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function anyValue(value: unknown): object {
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  return typeof value === "number" ? { intValue: String(value) } : { stringValue: String(value) };
}

interface Mailbox {
  readonly port: number;
  /** Sources. */
  readonly mails: string[];
  /** Answers each mail with "later" from now on. */
  refuse(): void;
}

async function startMailbox(context: TestContext): Promise<Mailbox> {
  const mails: string[] = [];
  let isOpen = true;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    disableReverseLookup: true,
    onData(stream, _session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        mails.push(Buffer.concat(chunks).toString());
        done(isOpen ? undefined : Object.assign(new Error("later"), { responseCode: 451 }));
      });
    },
  });
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  context.after(() => new Promise<void>((closed) => server.close(() => closed())));
  return {
    port: (server.server.address() as AddressInfo).port, // an address of TCP
    mails,
    refuse() {
      isOpen = false;
    },
  };
}
