import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { createWebhookChannel } from "../../../src/exporter/channels/webhook";
import { NOW } from "../error-event";
import { startSink } from "../scripted-sink";
import { hostileNotification, plainNotification } from "./hostile";

const POLICY = { allowInsecure: false, allowPrivate: false, nowMillis: () => NOW };
const ALWAYS = new AbortController().signal;

test("the body is the notification, signed, with a bearer token and the id by which a second one is known", async (context) => {
  const sink = await startSink(context);
  const channel = createWebhookChannel({ ...POLICY, url: `${sink.url}/in`, token: "tok", secret: "sec" });
  context.after(() => channel.close());
  for (const notification of [plainNotification(), hostileNotification()]) {
    assert.deepEqual(await channel.send(notification, ALWAYS), { status: "sent" });
    const { headers, body } = sink.requests.at(-1) ?? assert.fail();
    assert.equal(headers["authorization"], "Bearer tok");
    assert.equal(headers["x-seismo-delivery"], notification.id);
    assert.equal(headers["x-seismo-signature"], `sha256=${createHmac("sha256", "sec").update(body).digest("hex")}`);
  }
  assert.deepEqual(JSON.parse(sink.requests[0]?.body ?? ""), plainNotification());
});

test("without token and secret neither header is sent", async (context) => {
  const sink = await startSink(context);
  const channel = createWebhookChannel({ ...POLICY, url: sink.url });
  context.after(() => channel.close());
  await channel.send(plainNotification(), ALWAYS);
  const { headers } = sink.requests[0] ?? assert.fail();
  assert.deepEqual([headers["authorization"], headers["x-seismo-signature"]], [undefined, undefined]);
});
