/** The live feed of a collector as people run it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { subscribed, until } from "../server/live-client";
import { hexId, postOtlp, tracesBody } from "./otlp-requests";
import { startCollector } from "./running-collector";

test("a reported error is told of before a second is over, and what OTLP brings is judged later", async (context) => {
  const collector = await startCollector(context, { env: { SEISMO_ORIGIN_HOLD_MS: "200" } });
  const watcher = await subscribed(context, Number(new URL(collector.apiUrl).port));
  const report = await fetch(`${collector.apiUrl}/api/report-error`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ type: "GPUError", message: "password=hunter2 too hot", worker_id: "lab-7" }),
  });
  const { id, fingerprint } = (await report.json()) as { id: string; fingerprint: string };
  const { data } = await watcher.first("error_visualization_update");
  assert.deepEqual(
    [data.error.id, data.error.fingerprint, data.error.worker_id, data.error.is_new],
    [id, fingerprint, "lab-7", true],
  );
  assert.equal(JSON.stringify(data).includes("hunter2"), false);

  const [traceId, above] = [hexId(16), hexId(8)];
  const exception = { type: "TypeError", message: "no total" };
  const caller = { traceId, spanId: above, kind: 3, exception: { type: "HttpError", message: "502" }, status: 2 };
  const called = { traceId, parentSpanId: above, kind: 2, exception, status: 2 };
  const body = tracesBody([
    { service: "front", spans: [caller] },
    { service: "shop", spans: [called] },
  ]);
  assert.equal(await postOtlp(collector.otlpUrl, body), 200);
  const judged = await watcher.first("error_visualization_judged");
  const told = watcher.all("error_visualization_update").flatMap((update) => update.data.errors);
  const echo = told.find(({ service }) => service === "front");
  assert.deepEqual(judged.data.changed, [{ id: echo?.id, origin: "echo" }]);
  assert.equal(echo?.origin, "root", "as it was before the judgement");
  const stats = await (await fetch(`${collector.apiUrl}/api/stats`)).json();
  assert.equal((stats as { data: { live: { clients: number } } }).data.live.clients, 1);
});

test("a collector that stops says good-bye to those who watch", async (context) => {
  const collector = await startCollector(context);
  const watcher = await subscribed(context, Number(new URL(collector.apiUrl).port));
  let code = 0;
  watcher.socket.on("close", (given) => {
    code = given;
  });
  assert.equal(await collector.stop(), 0);
  await until("the good-bye", () => code === 1_001);
});
