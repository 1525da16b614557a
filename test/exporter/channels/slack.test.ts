import assert from "node:assert/strict";
import { test } from "node:test";
import { createSlackChannel } from "../../../src/exporter/channels/slack";
import { NOW } from "../error-event";
import { startSink } from "../scripted-sink";
import { hostileNotification, plainNotification } from "./hostile";

const POLICY = { allowInsecure: false, allowPrivate: false, nowMillis: () => NOW };
const ALWAYS = new AbortController().signal;

test("the message carries type, category, severity, service, worker, time, message and a button to the page", async (context) => {
  const sink = await startSink(context);
  const channel = createSlackChannel({ ...POLICY, url: `${sink.url}/services/T/B/x` });
  context.after(() => channel.close());
  assert.deepEqual(await channel.send(plainNotification(), ALWAYS), { status: "sent" });
  const [request] = sink.requests;
  assert.equal(request?.headers["content-type"], "application/json");
  const { attachments, ...rest } = JSON.parse(request?.body ?? "");
  assert.deepEqual(rest, { mrkdwn: false });
  const [{ fields, ...attachment }] = attachments;
  const link = "http://seismo.example/error-visualization?fingerprint=00112233445566aa";
  const title = "TypeError: x is not a function – critical in shop (new, critical)";
  assert.deepEqual(attachment, {
    ...{ fallback: title, color: "#b3261e", title, title_link: link, text: "x is not a function", mrkdwn_in: [] },
    ...{ actions: [{ type: "button", text: "Open in Seismo", url: link }], footer: "Seismo", ts: NOW / 1_000 },
  });
  const values = new Map(fields.map((field: { title: string; value: string }) => [field.title, field.value]));
  assert.deepEqual(
    ["Type", "Category", "Severity", "Service", "Worker", "Time"].map((name) => values.get(name)),
    ["TypeError", "application_error", "critical", "shop", "shop-1", new Date(NOW).toISOString()],
  );
});

test("hostile text calls nobody, formats nothing, and stays valid JSON within Slack's limits", async (context) => {
  const sink = await startSink(context);
  const channel = createSlackChannel({ ...POLICY, url: sink.url });
  context.after(() => channel.close());
  assert.deepEqual(await channel.send(hostileNotification(), ALWAYS), { status: "sent" });
  const body = sink.requests[0]?.body ?? "";
  const [{ actions: _, title_link: __, ...texts }] = JSON.parse(body).attachments;
  const said = JSON.stringify(texts);
  assert.doesNotMatch(said, /[<>]|@(?!\u200b)|&(?!amp;|lt;|gt;)/);
  assert.ok(body.length < 10_000, String(body.length));
  assert.ok(said.includes("&lt;!channel&gt;"));
});

test("an address that is not allowed is refused without being quoted", () => {
  for (const [url, rule] of [
    ["http://hooks.example/SECRET", /expected https/],
    ["https://169.254.169.254/SECRET", /link-local, metadata/],
    ["https://10.0.0.1/SECRET", /private network/],
    ["https://user:SECRET@hooks.example/", /no user or password/],
    ["ftp://hooks.example/SECRET", /expected http/],
  ] as const) {
    assert.throws(
      () => createSlackChannel({ ...POLICY, url }),
      (error: Error) => rule.test(error.message) && !error.message.includes("SECRET"),
      url,
    );
  }
  createSlackChannel({ ...POLICY, url: "https://10.0.0.1/x", allowPrivate: true }).close();
});
