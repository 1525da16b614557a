/** What OTLP and reports bring, asked back by REST: the real collector with its store. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ErrorsData, JourneyData, LogsData, RequestsData } from "../../src/store/answers";
import { eventually } from "../instrumentation/fixture-app";
import { subscribed } from "../server/live-client";
import { hexId, postOtlp, tracesBody } from "./otlp-requests";
import { isBalanced, type RunningCollector, startCollector } from "./running-collector";

const QUICK = { SEISMO_ORIGIN_HOLD_MS: "200" };
const SECRET = "Bearer abcdefghijklmnopqrstuvwxyz012345";

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

test("requests, lines and errors of one request id are its journey, without secrets", async (context) => {
  const collector = await startCollector(context, { env: QUICK });
  const [traceId, spanId] = [hexId(16), hexId(8)];
  const http = { "http.request.method": "GET", "http.route": "/cart/:id" };
  const failed = {
    ...{ traceId, spanId, kind: 2, status: 2, exception: { type: "TypeError", message: `no total for ${SECRET}` } },
    attributes: { ...http, "http.response.status_code": 500, "request.id": "r-2", "user.id": "anna" },
  };
  const healthy = Array.from({ length: 30 }, () => ({
    kind: 2,
    attributes: { ...http, "http.response.status_code": 200 },
  }));
  const slow = { kind: 2, durationMillis: 6_000, attributes: { ...http, "http.response.status_code": 200 } };
  const body = tracesBody([{ service: "shop", worker: "shop-1", spans: [failed, ...healthy, slow] }]);
  assert.equal(await postOtlp(collector.otlpUrl, body), 200);
  assert.equal(await postOtlp(collector.otlpUrl, logsBody(traceId), "/v1/logs"), 200);

  const requests = await eventually("the requests", async () => {
    const data = await get<RequestsData>(collector, "/api/requests?time_range=1");
    return data.endpoints.length > 0 && data.requests.length > 0 ? data : undefined;
  });
  const [endpoint] = requests.endpoints;
  assert.deepEqual(
    [endpoint?.service, endpoint?.route, endpoint?.count, endpoint?.errors, endpoint?.slow],
    ["shop", "/cart/:id", 32, 1, 1],
  );
  assert.equal(requests.requests.length, 12, "the failed one, the slow one, ten of the others");
  const { requests: slowOnes } = await get<RequestsData>(collector, "/api/requests?slow=true");
  assert.deepEqual(
    slowOnes.map(({ duration_ms }) => duration_ms),
    [6_000],
  );

  const journey = await eventually("the journey", async () => {
    const data = await get<JourneyData>(collector, "/api/journey/r-2");
    return data.steps.length === 3 ? data : undefined;
  });
  assert.deepEqual(journey.steps.map(({ kind }) => kind).sort(), ["error", "log", "request"]);
  const byUser = await get<JourneyData>(collector, "/api/journey/anna?by=user_id");
  assert.deepEqual(byUser.steps.map(({ kind }) => kind).sort(), ["error", "log", "request"]);

  const { logs } = await get<LogsData>(collector, "/api/logs?level=WARN&service=shop");
  assert.deepEqual(
    logs.map(({ level, message, logger, request_id }) => [level, message, logger, request_id]),
    [["WARN", "low stock, asked with Bearer [REDACTED]", "stock", "r-2"]],
  );
  const own = await get<LogsData>(collector, "/api/logs?service=seismo-collector");
  const file = await (await fetch(`${collector.apiUrl}/api/logs/download?service=shop`)).text();
  assert.match(file, /^\S+ WARN {2}shop unknown low stock, asked with Bearer \[REDACTED\]\n$/);
  for (const text of [requests, journey, logs, own].map((data) => JSON.stringify(data))) {
    assert.equal(text.includes(SECRET.slice(7)), false);
  }
  await isBalanced(collector);
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
    return answer.status === 404 ? ({ steps: [] } as T) : (data ?? assert.fail(`${path}: ${answer.status}`));
  });
}

/** Three lines: one that is kept, one below the level that is asked for, and one that is not kept at all. */
function logsBody(traceId: string): string {
  const text = (value: string) => ({ stringValue: value });
  const at = { timeUnixNano: `${BigInt(Date.now()) * 1_000_000n}`, traceId };
  const attributes = [{ key: "request.id", value: text("r-2") }];
  return JSON.stringify({
    resourceLogs: [
      {
        resource: { attributes: [{ key: "service.name", value: text("shop") }] },
        scopeLogs: [
          {
            scope: { name: "stock" },
            logRecords: [
              { ...at, severityNumber: 13, body: text(`low stock, asked with ${SECRET}`), attributes },
              { ...at, severityNumber: 9, body: text("asked") },
              { ...at, severityNumber: 5, body: text("never kept") },
            ],
          },
        ],
      },
    ],
  });
}
