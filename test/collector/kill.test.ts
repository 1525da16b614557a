import assert from "node:assert/strict";
import { test } from "node:test";
import { freePort } from "../free-port";
import { runKillLoop } from "./kill-loop";

test("what was acknowledged is in the journal and in the store, however often the collector is killed", async (context) => {
  const ports = { otlp: await freePort(), api: await freePort() };
  const result = await runKillLoop(context, { seconds: 10, kills: 5, spansPerSecond: 20_000, errorPercent: 2, ports });
  assert.ok(result.acknowledgedErrors > 500, `there was a load: ${result.acknowledgedErrors} errors`);
  assert.equal(result.lost, 0, "acknowledged and not found");
  assert.equal(result.lostByStore, 0, "acknowledged and not in the store");
  assert.equal(result.twiceInStore, 0);
  assert.equal(result.refused, 0);
  const errorsARequest = 10;
  assert.ok(result.duplicates <= result.unanswered * errorsARequest, "twice is only what nobody answered for");
  assert.ok(result.slowestStartMillis < 10_000);
});
