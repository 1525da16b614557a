/** `seismo collect` tells people: an error goes in by OTLP or REST, and a message comes out. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { simpleParser } from "mailparser";
import { SMTPServer } from "smtp-server";
import { hang, type ScriptedSink, startSink, status } from "../exporter/scripted-sink";
import { eventually } from "../instrumentation/fixture-app";
import { postOtlp, tracesBody } from "./otlp-requests";
import {
  freshFolder,
  isBalanced,
  metricsOf,
  type RunningCollector,
  runCollector,
  startCollector,
  total,
} from "./running-collector";

const QUICK = { SEISMO_ORIGIN_HOLD_MS: "300" };
const SECRETS = /T0SECRET|hook-secret|hook-token|mail-password/;

function failing(type: string, message = "it failed"): string {
  const stack = `${type}: ${message}\n    at pay (/srv/shop/pay.js:3:9)`;
  return tracesBody([
    { service: "shop", worker: "shop-1", spans: [{ exception: { type, message, stack }, status: 2 }] },
  ]);
}

function slackEnv(sink: ScriptedSink): Record<string, string> {
  return { ...QUICK, SEISMO_NOTIFICATIONS_SLACK_WEBHOOK_URL: `${sink.url}/services/T0SECRET` };
}

/** The type of the error that each Slack message that was taken tells of. */
function typesOf(sink: ScriptedSink): string[] {
  return sink.kept.map(({ body }) => {
    const { text, attachments } = JSON.parse(body);
    return text ?? attachments[0].fields[0].value;
  });
}

async function outcomes(collector: RunningCollector, channel: string): Promise<Record<string, number>> {
  const families = await metricsOf(collector);
  return Object.fromEntries(
    ["sent", "held_back", "failed"].map((outcome) => [
      outcome,
      total(families, "seismo_notifications", { channel, outcome }),
    ]),
  );
}

test("an error that comes by OTLP reaches Slack, mail and a webhook within seconds, and no secret is said", async (context) => {
  const [slack, webhook] = [await startSink(context), await startSink(context)];
  const mailbox = await startMailbox(context);
  const folder = freshFolder(context);
  writeFileSync(join(folder, "slack-url"), `${slack.url}/services/T0SECRET\n`);
  const collector = await startCollector(context, {
    folder,
    env: {
      ...QUICK,
      SEISMO_NOTIFICATIONS_SLACK_WEBHOOK_URL: "file:slack-url",
      SEISMO_NOTIFICATIONS_WEBHOOK_URL: `${webhook.url}/hook-secret`,
      SEISMO_NOTIFICATIONS_WEBHOOK_TOKEN: "hook-token",
      SEISMO_NOTIFICATIONS_EMAIL_SERVER: `smtp://127.0.0.1:${mailbox.port}`,
      SEISMO_NOTIFICATIONS_EMAIL_FROM: "seismo@example.com",
      SEISMO_NOTIFICATIONS_EMAIL_TO: "ops@example.com,dev@example.com",
      SEISMO_NOTIFICATIONS_PAGE_URL: "https://seismo.example/",
    },
  });
  const host = (sink: ScriptedSink): string => new URL(sink.url).host;
  for (const line of [`slack ${host(slack)}`, `email 127.0.0.1:${mailbox.port}`, `webhook ${host(webhook)}`]) {
    assert.match(collector.stdout(), new RegExp(`^ {2}notifies {4}${line}$`, "m"));
  }
  const begun = performance.now();
  assert.equal(await postOtlp(collector.otlpUrl, failing("TypeError", "no total")), 200);
  await eventually("all three", () => (slack.kept[0] && webhook.kept[0] && mailbox.mails[0]) || undefined);
  assert.ok(performance.now() - begun < 10_000, "P16 asks for 30 seconds");

  const told = JSON.parse(webhook.kept[0]?.body ?? "");
  assert.deepEqual(
    [told.kind, told.reasons, told.error.message, told.error.worker_id],
    ["error_group", ["new"], "no total", "shop-1"],
  );
  assert.equal(told.link, `https://seismo.example/error-visualization?fingerprint=${told.group.fingerprint}`);
  assert.equal(JSON.parse(slack.kept[0]?.body ?? "").attachments[0].actions[0].url, told.link);
  const mail = await simpleParser(mailbox.mails[0] ?? "");
  assert.ok(mail.text?.includes("at pay (/srv/shop/pay.js:3:9)"), "with the stack");

  for (let i = 0; i < 5; i++) await postOtlp(collector.otlpUrl, failing("TypeError", "no total"));
  for (const channel of ["slack", "email", "webhook"]) {
    await eventually("the count", async () => (await outcomes(collector, channel))["sent"] || undefined);
  }
  await isBalanced(collector);
  assert.equal(await collector.stop(), 0);
  assert.deepEqual([slack.requests.length, webhook.requests.length, mailbox.mails.length], [1, 1, 1], "once");
  assert.doesNotMatch(collector.stdout() + collector.stderr(), SECRETS);
});

test("a critical report is told of, a channel that hangs delays no other, and failures are logged without secrets", async (context) => {
  const [slack, webhook] = [await startSink(context, hang), await startSink(context)];
  const collector = await startCollector(context, {
    env: { ...slackEnv(slack), SEISMO_NOTIFICATIONS_WEBHOOK_URL: `${webhook.url}/hook-secret` },
  });
  const report = { type: "OOM", message: "no memory", error_category: "RESOURCE_EXHAUSTED", worker_id: "lab-7" };
  const response = await fetch(`${collector.apiUrl}/api/report-error`, {
    ...{ method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(report) },
  });
  assert.equal(response.status, 200);
  await eventually("the webhook", () => webhook.kept[0]);
  const told = JSON.parse(webhook.kept[0]?.body ?? "");
  assert.deepEqual([told.reasons, told.error.severity], [["new", "critical"], "critical"]);
  webhook.script(status(404));
  slack.script(status(403));
  assert.equal(await postOtlp(collector.otlpUrl, failing("Late")), 200);
  await eventually("the refusal", async () => (await outcomes(collector, "webhook"))["failed"] || undefined);
  assert.equal(await collector.stop(), 0);
  assert.match(collector.stderr(), /webhook 127\.0\.0\.1:\d+ refused a notification: HTTP 404/);
  assert.doesNotMatch(collector.stdout() + collector.stderr(), SECRETS);
});

test("a collector that is killed with a full outbox leaves nothing that the budget allows to be lost, and nothing comes twice", async (context) => {
  const slack = await startSink(context, status(503));
  const folder = freshFolder(context);
  const first = await startCollector(context, { folder, env: slackEnv(slack) });
  for (let index = 0; index < 40; index++) {
    assert.equal(await postOtlp(first.otlpUrl, failing(`Fault${String.fromCharCode(65 + index)}Error`)), 200);
  }
  await eventually("all to be told or held back", async () => {
    const families = await metricsOf(first);
    return total(families, "seismo_queue_length", { exporter: "slack" }) === 19 &&
      total(families, "seismo_notifications", { outcome: "held_back" }) === 21
      ? true
      : undefined;
  });
  await eventually("the number on the disk", () => readOutbox(folder).heldBack?.count === 21 || undefined);
  assert.equal(await first.stop("SIGKILL"), "SIGKILL");
  assert.equal(slack.kept.length, 0);
  slack.script(status(200));
  const second = await startCollector(context, { folder, env: slackEnv(slack) });
  await eventually("what waited", () => (slack.kept.length >= 19 ? true : undefined));
  const told = typesOf(slack);
  assert.deepEqual([told.length, new Set(told).size], [19, 19]);
  assert.deepEqual(await outcomes(second, "slack"), { sent: 19, held_back: 0, failed: 0 });
  const { heldBack } = readOutbox(folder);
  assert.deepEqual([heldBack?.count, heldBack?.groups], [21, 21], "for the digest");
  await isBalanced(second);
});

test("what was written and not yet counted when it was killed is told of by the next one", async (context) => {
  const slack = await startSink(context);
  const folder = freshFolder(context);
  const first = await startCollector(context, { folder, env: { ...slackEnv(slack), SEISMO_ORIGIN_HOLD_MS: "60000" } });
  assert.equal(await postOtlp(first.otlpUrl, failing("TypeError")), 200);
  assert.equal(await first.stop("SIGKILL"), "SIGKILL");
  assert.equal(slack.requests.length, 0);
  const second = await startCollector(context, { folder, env: slackEnv(slack) });
  await eventually("the message", () => slack.kept[0]);
  assert.deepEqual(typesOf(slack), ["TypeError"]);
  assert.equal(await second.stop(), 0);
  await startCollector(context, { folder, env: slackEnv(slack) });
  assert.equal(slack.requests.length, 1, "not again");
});

test("ten thousand new kinds of error are 19 messages, and the rest is counted for one digest", async (context) => {
  const slack = await startSink(context);
  const collector = await startCollector(context, { env: { ...slackEnv(slack), SEISMO_ORIGIN_HOLD_MS: "0" } });
  const word = (index: number): string =>
    Array.from({ length: 4 }, (_, place) => String.fromCharCode(97 + (Math.floor(index / 26 ** place) % 26))).join("");
  for (let from = 0; from < 10_000; from += 500) {
    const spans = Array.from({ length: 500 }, (_, index) => ({
      exception: { type: `Fault_${word(from + index)}`, message: "it failed" },
      status: 2,
    }));
    assert.equal(await postOtlp(collector.otlpUrl, tracesBody([{ service: "shop", spans }])), 200);
  }
  await eventually("all to be counted", async () => {
    const { sent = 0, held_back = 0 } = await outcomes(collector, "slack");
    return sent + held_back === 10_000 || undefined;
  });
  assert.deepEqual(await outcomes(collector, "slack"), { sent: 19, held_back: 9_981, failed: 0 });
  assert.equal(new Set(typesOf(slack)).size, 19);
  await isBalanced(collector);
});

test("what is wrong with a channel stops the start, with its key and without its secret", async (context) => {
  for (const [env, expected] of [
    [
      { SEISMO_NOTIFICATIONS_SLACK_WEBHOOK_URL: "http://hooks.example/T0SECRET" },
      /^seismo: notifications\.slack\.webhook_url: expected https:.*allow_insecure/m,
    ],
    [
      { SEISMO_NOTIFICATIONS_ALERTMANAGER_URL: "http://10.0.0.1:9093" },
      /^seismo: notifications\.alertmanager\.url: expected https:/m,
    ],
    [
      { SEISMO_NOTIFICATIONS_SLACK_WEBHOOK_URL: "file:missing" },
      /SEISMO_NOTIFICATIONS_SLACK_WEBHOOK_URL="\[REDACTED\]": the file cannot be read: ENOENT/,
    ],
    [
      {
        SEISMO_NOTIFICATIONS_SLACK_WEBHOOK_URL: "https://hooks.example/T0SECRET",
        SEISMO_NOTIFICATIONS_OUTBOX_PATH: "/dev/null/x",
      },
      /^seismo: notifications\.outbox_path: ENOTDIR/m,
    ],
  ] as const) {
    const { code, stderr } = await runCollector(freshFolder(context), { env });
    assert.equal(code, 1);
    assert.match(stderr, expected);
    assert.doesNotMatch(stderr, SECRETS);
  }
});

function readOutbox(folder: string): { readonly heldBack?: { readonly count: number; readonly groups: number } } {
  return JSON.parse(readFileSync(join(folder, "data", "notifications", "slack.json"), "utf8"));
}

interface Mailbox {
  readonly port: number;
  /** Sources. */
  readonly mails: string[];
}

async function startMailbox(context: TestContext): Promise<Mailbox> {
  const mails: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    onData(stream, _session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        mails.push(Buffer.concat(chunks).toString());
        done();
      });
    },
  });
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  context.after(() => new Promise<void>((closed) => server.close(() => closed())));
  return { port: (server.server.address() as AddressInfo).port, mails }; // an address of TCP
}
