/** What a collector keeps beside the errors: which requests and lines, without secrets, within bounds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createKeeper, type KeeperOptions, MAX_LINES, MAX_REQUESTS, MAX_SAMPLES } from "../../src/collector/keeper";
import { bucketOf, createRequestTally, MAX_ENDPOINTS } from "../../src/collector/request-tally";
import type { Attributes, SpanRecord } from "../../src/event";
import { compileRules } from "../../src/processors/rules";
import { createLiveFeed } from "../../src/server/live-feed";
import { DURATION_BOUNDS_MILLIS, type KeptRecords } from "../../src/store/store";
import { createTelemetry } from "../../src/telemetry";

const NOW = Date.UTC(2026, 10, 25, 12, 0, 30);
const RESOURCE = { service: "shop", worker: "shop-1" };
const AUTHORITY = "Bearer abcdefghijklmnopqrstuvwxyz012345";

test("slow and failed requests are kept, and a few of the others, whole and without secrets", () => {
  const { keeper, kept } = keeperWith();
  const slow = span({
    durationMillis: 6_000,
    attributes: {
      ...{ "request.id": "r-1", "session.id": "s-1", "enduser.id": 7, "http.response.status_code": 200 },
      ...{ "http.request.method": "GET", "http.route": `/cart/${AUTHORITY}` },
    },
  });
  const failed = span({ status: "error", attributes: { "http.method": "POST", "http.route": "/pay" } });
  const notHttp = span({ status: "error", attributes: {} });
  const healthy = Array.from({ length: MAX_SAMPLES + 5 }, () => span());
  keeper.takeTraces({ spans: [slow, failed, notHttp].map(received), samples: healthy.map(received) });
  keeper.tick();
  const [first, second, ...others] = kept[0]?.requests ?? [];
  assert.deepEqual(first, {
    timestamp: new Date(NOW).toISOString(),
    ...{ service: "shop", worker_id: "shop-1", method: "GET", route: "/cart/Bearer [REDACTED]" },
    ...{ status_code: 200, duration_ms: 6_000, slow: true, failed: false },
    ...{ request_id: "r-1", session_id: "s-1", user_id: "7", trace_id: "0a".repeat(16), span_id: "0b".repeat(8) },
  });
  assert.deepEqual([second?.route, second?.status_code, second?.failed], ["/pay", 500, true]);
  assert.equal(others.length, MAX_SAMPLES);
  assert.equal(keeper.readOptions().maxSamples, MAX_SAMPLES, "each second has its own");
});

test("more than a second may bring is counted as dropped", () => {
  const { keeper, kept, telemetry } = keeperWith();
  const failed = Array.from({ length: MAX_REQUESTS + 7 }, () => received(span({ status: "error" })));
  keeper.takeTraces({ spans: failed, samples: [] });
  keeper.takeLogs({ lines: Array.from({ length: MAX_LINES }, () => line("low")), lineCount: MAX_LINES + 5 });
  keeper.takeOwnLine("error", "one more");
  assert.equal(keeper.readOptions().maxLines, 0);
  keeper.tick();
  assert.deepEqual([kept[0]?.requests?.length, kept[0]?.logs?.length], [MAX_REQUESTS, MAX_LINES]);
  const count = [{ signal: "store", reason: "limit", value: 7 + 5 + 1 }];
  assert.deepEqual(telemetry.snapshot().dropped, count);
  assert.deepEqual(telemetry.snapshot().received, [{ signal: "store", reason: "", value: 13 }]);
  keeper.takeOwnLine("error", "the next second");
  keeper.tick();
  assert.equal(kept[1]?.logs?.length, 1);
});

test("a line has its level, its logger, an end, a likely time, and no secret", () => {
  const { keeper, kept } = keeperWith();
  const long = line(`${"x".repeat(8_190)}password=hunter2`, { severityNumber: 13, timeUnixMillis: NOW - 1_000 });
  const old = line("old", { severityNumber: 0, timeUnixMillis: 0 });
  const exception = line("", {
    severityNumber: 21,
    attributes: { "exception.type": "TypeError", "exception.message": `with ${AUTHORITY}`, "request.id": "r-1" },
  });
  keeper.takeLogs({ lines: [long, old, exception], lineCount: 3 });
  keeper.takeOwnLine("warning", "the journal is slow");
  keeper.takeOwnLine("debug", "not kept");
  keeper.tick();
  const logs = kept[0]?.logs ?? [];
  assert.deepEqual(
    logs.map(({ level, service, logger, timestamp }) => [level, service, logger, Date.parse(timestamp) - NOW]),
    [
      ["WARN", "shop", "cart", -1_000],
      ["INFO", "shop", "cart", 0],
      ["FATAL", "shop", "cart", 0],
      ["WARN", "seismo-collector", null, 0],
    ],
  );
  assert.ok((logs[0]?.message.length ?? 0) <= 8_192);
  assert.equal(JSON.stringify(logs).includes("hunter"), false);
  assert.deepEqual([logs[2]?.message, logs[2]?.request_id], ["TypeError: with Bearer [REDACTED]", "r-1"]);
});

test("with the level off no line is read or kept", () => {
  const { keeper, kept } = keeperWith({ minLevel: undefined });
  const { lineSeverity, maxLines } = keeper.readOptions();
  assert.deepEqual([lineSeverity, maxLines], [Number.POSITIVE_INFINITY, 0]);
  keeper.takeOwnLine("error", "own");
  keeper.tick();
  assert.deepEqual(kept, []);
});

test("all requests are counted by minute and endpoint, and handed over every five seconds", () => {
  let ahead = 0;
  const { keeper, kept } = keeperWith({ monotonicMillis: () => ahead });
  const group = { ...{ service: "shop", method: "GET", route: "/", slowestTraceId: "" }, statusCode: 200 };
  keeper.countRequests({ ...group, durationsMillis: [0.4, 3, 70_000] }, 5_000);
  keeper.countRequests({ ...group, statusCode: 503, durationsMillis: [3] }, 5_000);
  keeper.tick();
  const [counts] = kept[0]?.requestCounts ?? [];
  assert.deepEqual(
    { ...counts, buckets: undefined },
    {
      ...{ minuteUnixMillis: NOW - 30_000, service: "shop", method: "GET", route: "/" },
      ...{ count: 4, errors: 1, slow: 1, maxMillis: 70_000, buckets: undefined },
    },
  );
  assert.deepEqual([counts?.buckets[0], counts?.buckets[7], counts?.buckets.at(-1)], [1, 2, 1]);
  keeper.countRequests({ ...group, durationsMillis: [1] }, 5_000);
  ahead = 4_000;
  keeper.tick();
  assert.equal(kept.length, 1);
  ahead = 5_000;
  keeper.tick();
  assert.equal(kept[1]?.requestCounts?.[0]?.count, 1);
});

test("each duration is in the first bucket that holds it", () => {
  for (let millis = 0; millis < 70_000; millis = millis * 1.01 + 0.01) {
    assert.equal(bucketOf(millis), linearBucket(millis), `${millis}`);
  }
  for (const bound of DURATION_BOUNDS_MILLIS) {
    for (const millis of [bound, bound * (1 - Number.EPSILON), bound * (1 + Number.EPSILON)]) {
      assert.equal(bucketOf(millis), linearBucket(millis), `${millis}`);
    }
  }
  for (const millis of [Number.NaN, -1, Number.POSITIVE_INFINITY]) assert.ok(bucketOf(millis) <= 65);
});

test("endpoints beyond the bound are counted together, so that the sum stays exact", () => {
  const tally = createRequestTally();
  for (let index = 0; index < MAX_ENDPOINTS + 100; index++) {
    const labels = { service: "shop", method: "GET", route: `/${index}`, statusCode: 200, slowestTraceId: "" };
    tally.add({ ...labels, durationsMillis: [1] }, 5_000, NOW);
  }
  const counts = tally.take();
  assert.equal(counts.length, MAX_ENDPOINTS + 1);
  assert.equal(counts.at(-1)?.count, 100);
  assert.deepEqual(tally.take(), []);
});

function linearBucket(millis: number): number {
  const index = DURATION_BOUNDS_MILLIS.findIndex((bound) => bound >= millis);
  return index < 0 ? DURATION_BOUNDS_MILLIS.length : index;
}

function keeperWith(options: Partial<KeeperOptions> = {}) {
  const kept: KeptRecords[] = [];
  const telemetry = createTelemetry();
  const keeper = createKeeper({
    keep: (records) => kept.push(records),
    live: createLiveFeed(() => 0),
    rules: compileRules({}).redaction,
    slowMillisOf: () => 5_000,
    minLevel: "INFO",
    own: { service: "seismo-collector", worker: "w" },
    telemetry,
    nowMillis: () => NOW,
    monotonicMillis: () => 0,
    ...options,
  });
  return { keeper, kept, telemetry };
}

function received(given: SpanRecord) {
  const place = { resource: 0, scope: 0, item: 0 };
  return { resource: RESOURCE, resourceAttributes: {}, span: given, place };
}

function span(extra: Partial<SpanRecord> = {}): SpanRecord {
  return {
    traceId: "0a".repeat(16),
    spanId: "0b".repeat(8),
    name: "GET",
    kind: "server",
    endUnixMillis: NOW,
    durationMillis: 3,
    status: "unset",
    statusMessage: "",
    attributes: { "http.request.method": "GET" },
    exceptions: [],
    ...extra,
  };
}

function line(body: string, extra: { severityNumber?: number; timeUnixMillis?: number; attributes?: Attributes } = {}) {
  const log = { timeUnixMillis: NOW, eventName: "", severityNumber: 9, body, attributes: {}, ...extra };
  return { resource: RESOURCE, log, logger: "cart" };
}
