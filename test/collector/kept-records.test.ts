import assert from "node:assert/strict";
import { test } from "node:test";
import { createRecordKeeper, MAX_LINES, MAX_SAMPLES } from "../../src/collector/kept-records";
import type { Attributes } from "../../src/event";
import { compileRedaction } from "../../src/processors/redact";
import type { ReceivedSpan } from "../../src/receiver/otlp-batch";
import type { JourneyData, LogsData, RequestsData } from "../../src/store/answers";
import { DURATION_BOUNDS_MILLIS, type KeptRecords } from "../../src/store/store";
import { createTelemetry } from "../../src/telemetry";
import { eventually } from "../instrumentation/fixture-app";
import { hexId, postOtlp } from "./otlp-requests";
import { type RunningCollector, startCollector } from "./running-collector";

const REQUESTS = 40;

test("requests and lines that services send can be asked about, with the errors of the same request", async (context) => {
  const collector = await startCollector(context);
  const now = Date.now();
  assert.equal(await postOtlp(collector.otlpUrl, requestsOf(now), "/v1/traces"), 200);
  assert.equal(await postOtlp(collector.otlpUrl, linesOf(now), "/v1/logs"), 200);

  const { endpoints, requests } = await eventually("all requests", async () => {
    const data = await tryAsk<RequestsData>(collector, "/api/requests");
    return data?.endpoints[0]?.count === REQUESTS + 2 ? data : undefined;
  });
  const [pay] = endpoints;
  assert.deepEqual([endpoints.length, pay?.service, pay?.method, pay?.route], [1, "till", "GET", "/pay/:id"]);
  assert.deepEqual([pay?.errors, pay?.slow], [1, 1]);
  assert.ok(pay !== undefined && pay.p50_ms >= 20 && pay.p50_ms <= 20 * 2 ** 0.25, `p50 is ${pay?.p50_ms}`);
  assert.equal(pay.max_ms, 6_000);
  // All that were slow or failed, and of the others a sample.
  assert.equal(requests.length, MAX_SAMPLES + 2);
  assert.deepEqual(
    requests
      .filter(({ slow, failed }) => slow || failed)
      .map(({ request_id, slow, failed }) => [request_id, slow, failed]),
    [
      ["order-failed", false, true],
      ["order-slow", true, false],
    ],
  );
  const slow = await ask<RequestsData>(collector, "/api/requests?slow=true");
  assert.deepEqual(
    slow.requests.map(({ request_id, duration_ms }) => [request_id, duration_ms]),
    [["order-slow", 6_000]],
  );

  const { logs } = await ask<LogsData>(collector, "/api/logs?service=till");
  assert.deepEqual(
    logs.map(({ level, message, logger, request_id }) => [level, message, logger, request_id]),
    [
      ["ERROR", "the card was declined", "payments", "order-failed"],
      ["INFO", "charging, password=[REDACTED]", "payments", "order-failed"],
    ],
  );
  const { steps } = await ask<JourneyData>(collector, "/api/journey/order-failed");
  assert.deepEqual(steps.map(({ kind }) => kind).sort(), ["error", "log", "log", "request"]);
  assert.doesNotMatch(JSON.stringify([requests, logs, steps]), /hunter2/);
});

test("of very many lines the first are kept in a second, and the rest is counted", () => {
  const telemetry = createTelemetry();
  const kept: KeptRecords[] = [];
  const keeper = keeperWith(telemetry, kept);
  for (let line = 0; line < MAX_LINES + 7; line++) keeper.ownLine("warning", `line ${line}`);
  keeper.ownLine("debug", "below the level");
  assert.equal(keeper.limits().maxLines, 0);
  keeper.flush();
  keeper.flush();
  assert.equal(kept.length, 1);
  assert.equal(kept[0]?.logs?.length, MAX_LINES);
  assert.equal(keeper.limits().maxLines, MAX_LINES);
  const { dropped } = telemetry.snapshot();
  assert.equal(dropped.find(({ signal, reason }) => signal === "store" && reason === "limit")?.value, 7);
});

test("a duration is counted in the bucket of the first bound that is not below it", () => {
  const kept: KeptRecords[] = [];
  const keeper = keeperWith(createTelemetry(), kept);
  const durations = [0, 0.5, 1, 1.01, 2, 2.1, 65_536, 65_537, 1e9];
  const group = { service: "till", method: "GET", route: "/", statusCode: 200, slowestTraceId: "" };
  keeper.traces({
    ...{ senders: [], spanCount: 0, spans: [], samples: [] },
    requests: [{ ...group, durationsMillis: durations }],
  });
  keeper.flush();
  const buckets = kept[0]?.requestCounts?.[0]?.buckets ?? [];
  const expected = durations.map((millis) => {
    const at = DURATION_BOUNDS_MILLIS.findIndex((bound) => bound >= millis);
    return at < 0 ? DURATION_BOUNDS_MILLIS.length : at;
  });
  const counted = buckets.flatMap((count, bucket) => Array.from({ length: count }, () => bucket));
  assert.deepEqual(
    counted,
    expected.toSorted((a, b) => a - b),
  );
});

test("an answer of 4xx is no more than a sample, and a request as long as its threshold is not slow", () => {
  const kept: KeptRecords[] = [];
  const keeper = keeperWith(createTelemetry(), kept);
  const missing = Array.from({ length: MAX_SAMPLES + 5 }, () => received({ statusCode: 404 }));
  const atThreshold = received({ durationMillis: 5_000 });
  keeper.traces({ ...NOTHING, spans: [...missing, atThreshold, received({ statusCode: 503 })] });
  assert.equal(keeper.limits().maxSamples, 0);
  keeper.tick();
  assert.deepEqual(
    kept[0]?.requests?.map(({ status_code }) => status_code),
    [...Array.from({ length: MAX_SAMPLES }, () => 404), 503],
  );
  assert.equal(keeper.limits().maxSamples, MAX_SAMPLES, "each second has its own");
});

test("ids are read as texts or numbers, an unlikely time is that of the arrival, and no cut lets a secret through", () => {
  const kept: KeptRecords[] = [];
  const keeper = keeperWith(createTelemetry(), kept);
  keeper.traces({
    ...NOTHING,
    samples: [received({ endUnixMillis: 0, attributes: { "enduser.id": 7, "session.id": "password=hunter2" } })],
  });
  const log = { timeUnixMillis: 1e15, eventName: "", severityNumber: 24, attributes: {} };
  const body = `${"x".repeat(8_180)}password=hunter2`;
  keeper.logs({ ...NOTHING_LOGGED, lineCount: 1, lines: [{ resource: SHOP, log: { ...log, body }, logger: "" }] });
  keeper.tick();
  const [request] = kept[0]?.requests ?? [];
  assert.deepEqual([request?.user_id, request?.session_id], ["7", "password=[REDACTED]"]);
  const [line] = kept[0]?.logs ?? [];
  assert.deepEqual([request?.timestamp, line?.timestamp], [new Date(NOW).toISOString(), new Date(NOW).toISOString()]);
  assert.deepEqual([line?.level, line?.logger], ["FATAL", null]);
  assert.doesNotMatch(line?.message ?? "", /hunt/);
});

test("counts are handed over at once, then every five seconds, and when all is", () => {
  let now = 0;
  const kept: KeptRecords[] = [];
  const keeper = keeperWith(createTelemetry(), kept, () => now);
  const group = { service: "till", method: "GET", route: "/", statusCode: 200, slowestTraceId: "" };
  const count = () => keeper.traces({ ...NOTHING, requests: [{ ...group, durationsMillis: [1] }] });
  const countsIn = (at: number) => kept[at]?.requestCounts?.map((counts) => counts.count);
  count();
  keeper.tick();
  assert.deepEqual(countsIn(0), [1]);
  count();
  now = 4_000;
  keeper.tick();
  assert.equal(kept.length, 1);
  count();
  now = 5_000;
  keeper.tick();
  assert.deepEqual(countsIn(1), [2]);
  count();
  keeper.flush();
  assert.deepEqual(countsIn(2), [1]);
});

const NOW = 1_700_000_000_000;
const NOTHING = { senders: [], spanCount: 0, requests: [], spans: [], samples: [] };
const NOTHING_LOGGED = { senders: [], logCount: 0, logs: [] };
const SHOP = { service: "till", worker: "till-1" };

function received(given: {
  readonly statusCode?: number;
  readonly durationMillis?: number;
  readonly endUnixMillis?: number;
  readonly attributes?: Attributes;
}): ReceivedSpan {
  const { statusCode = 200, durationMillis = 3, endUnixMillis = NOW, attributes = {} } = given;
  const http = { "http.request.method": "GET", "http.route": "/", "http.response.status_code": statusCode };
  return {
    resource: SHOP,
    resourceAttributes: {},
    place: { resource: 0, scope: 0, item: 0 },
    span: {
      ...{ traceId: hexId(16), spanId: hexId(8), name: "GET /", kind: "server", status: "unset", statusMessage: "" },
      ...{ endUnixMillis, durationMillis, exceptions: [], attributes: { ...http, ...attributes } },
    },
  };
}

function keeperWith(
  telemetry: ReturnType<typeof createTelemetry>,
  kept: KeptRecords[],
  monotonicMillis: () => number = () => 0,
) {
  return createRecordKeeper({
    store: { keep: (records) => void kept.push(records) },
    live: { log() {}, request() {} },
    slow: { slowMillis: 5_000, routes: [] },
    minSeverity: 9,
    redaction: compileRedaction({}),
    self: { service: "seismo-collector", worker: "box" },
    telemetry,
    nowMillis: () => NOW,
    monotonicMillis,
  });
}

/** Undefined while the store is not open. */
async function tryAsk<T>(collector: RunningCollector, path: string): Promise<T | undefined> {
  const answer = await fetch(collector.apiUrl + path);
  const { data } = (await answer.json()) as { readonly data?: T }; // docs/rest.md
  return data;
}

async function ask<T>(collector: RunningCollector, path: string): Promise<T> {
  return (await tryAsk<T>(collector, path)) ?? assert.fail(`${path} has no data`);
}

const RESOURCE = { attributes: [{ key: "service.name", value: { stringValue: "till" } }] };

function text(key: string, stringValue: string): object {
  return { key, value: { stringValue } };
}

function requestsOf(now: number): string {
  const span = (requestId: string, millis: number, status: number): object => ({
    ...{ traceId: hexId(16), spanId: hexId(8), name: "GET /pay/:id", kind: 2 },
    startTimeUnixNano: String(BigInt(now - millis) * 1_000_000n),
    endTimeUnixNano: String(BigInt(now) * 1_000_000n),
    attributes: [
      text("http.request.method", "GET"),
      text("http.route", "/pay/:id"),
      text("request.id", requestId),
      { key: "http.response.status_code", value: { intValue: status } },
    ],
    status: status >= 500 ? { code: 2 } : {},
  });
  const healthy = Array.from({ length: REQUESTS }, (_, index) => span(`order-${index}`, 20, 200));
  const spans = [...healthy, span("order-slow", 6_000, 200), span("order-failed", 20, 500)];
  return JSON.stringify({ resourceSpans: [{ resource: RESOURCE, scopeSpans: [{ spans }] }] });
}

function linesOf(now: number): string {
  const line = (severityNumber: number, body: string, at: number): object => ({
    ...{ timeUnixNano: String(BigInt(now + at) * 1_000_000n), severityNumber, body: { stringValue: body } },
    attributes: [text("request.id", "order-failed")],
  });
  const logRecords = [
    line(5, "not of that level", 0),
    line(9, "charging, password=hunter2", 1),
    line(17, "the card was declined", 2),
  ];
  return JSON.stringify({
    resourceLogs: [{ resource: RESOURCE, scopeLogs: [{ scope: { name: "payments" }, logRecords }] }],
  });
}
