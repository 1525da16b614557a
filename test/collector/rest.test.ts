/** Errors of a collector as people run it, told of live and asked for by REST. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ErrorsData } from "../../src/store/answers";
import { eventually } from "../instrumentation/fixture-app";
import { subscribed } from "../server/live-client";
import { type RunningCollector, startCollector } from "./running-collector";

const QUICK = { SEISMO_ORIGIN_HOLD_MS: "200" };

test("an error is told live as it is listed afterwards", async (context) => {
  const collector = await startCollector(context, { env: QUICK });
  const watcher = await subscribed(context, Number(new URL(collector.apiUrl).port));
  await report(collector, {
    ...{ type: "GPUError", message: "GPU 0 is too hot", error_category: "HARDWARE_OVERHEATING", worker_id: "lab-7" },
    ...{ request_id: "r-1", session_id: "s-1", user_id: "anna", endpoint: "/infer", method: "POST", status_code: 500 },
    hardware_context: { hardware_types: ["gpu", "cpu"], hardware_status: { overheating: true } },
  });
  const told = (await watcher.first("error_visualization_update")).data.error;
  const listed = await eventually("the error", async () => {
    const { recent_errors } = await get<ErrorsData>(collector, "/api/errors?time_range=1");
    return recent_errors[0];
  });
  assert.deepEqual(told, listed);
  watcher.say({ type: "error_visualization_init", time_range: 1 });
  const init = await watcher.first("error_visualization_init");
  assert.deepEqual(init.data.recent_errors, [listed]);
  assert.equal(init.seq, 1);
});

test("a new zero takes away counts, and no error", async (context) => {
  const collector = await startCollector(context, { env: QUICK });
  await report(collector, { type: "E", message: "before" });
  const counted = (wanted: number) =>
    eventually(`${wanted} counted`, async () => {
      const data = await get<ErrorsData>(collector, "/api/errors?time_range=1");
      return data.summary.total_errors === wanted ? data : undefined;
    });
  await counted(1);
  const zero = await fetch(`${collector.apiUrl}/api/errors/reset`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  assert.equal(zero.status, 200);
  const { counted_since, recent_errors } = await counted(0);
  assert.ok(counted_since !== null);
  assert.equal(recent_errors.length, 1);
  await report(collector, { type: "E", message: "after" });
  await counted(1);
});

async function report(collector: RunningCollector, body: object): Promise<void> {
  const answer = await fetch(`${collector.apiUrl}/api/report-error`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  assert.equal(answer.status, 200);
}

/** Waits while the store is being opened. What an answer holds is what the test is about. */
async function get<T>(collector: RunningCollector, path: string): Promise<T> {
  return eventually(path, async () => {
    const answer = await fetch(collector.apiUrl + path);
    if (answer.status === 503) return undefined;
    const { data } = (await answer.json()) as { data?: T };
    return data ?? assert.fail(`${path}: ${answer.status}`);
  });
}
