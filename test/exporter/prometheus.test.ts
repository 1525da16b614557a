import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { ErrorEvent, Severity } from "../../src/event";
import { type ExpositionFormat, renderExposition } from "../../src/exporter/exposition";
import type { MetricFamilySnapshot } from "../../src/exporter/metric-family";
import { createMetrics, type Metrics } from "../../src/exporter/prometheus";
import { createTelemetry } from "../../src/telemetry";
import { cannotRunHere } from "../cannot-run-here";
import { errorEvent, metricsWith, NOW, OPTIONS, request, SEEN_ONCE, TRACE_ID } from "./error-event";
import { type ParsedFamily, type ParsedSample, parseExposition } from "./parse-exposition";

/** The public names: a change here is a change for every dashboard and alert. */
const CONTRACT: Readonly<Record<string, readonly [type: string, labels: string]>> = {
  errors_total: ["counter", "service worker category group type severity origin"],
  critical_errors: ["gauge", "service"],
  error_rate: ["gauge", "service"],
  error_groups: ["gauge", "service severity"],
  new_error_groups_total: ["counter", "service category"],
  regressed_error_groups_total: ["counter", "service category"],
  error_group_occurrences_total: ["counter", "service fingerprint category"],
  http_request_duration_seconds: ["histogram", "service method route status_class"],
  slow_requests_total: ["counter", "service method route"],
  requests_in_flight: ["gauge", "service"],
  requests_stuck: ["gauge", "service"],
  worker_status: ["gauge", "service worker"],
  worker_last_error_timestamp_seconds: ["gauge", "service worker"],
  worker_last_seen_timestamp_seconds: ["gauge", "service worker"],
  service_info: ["gauge", "service service_version environment"],
  process_resident_memory_bytes: ["gauge", "service worker"],
  hardware_errors_total: ["counter", "hardware_type status"],
  worker_cpu_percent: ["gauge", "worker"],
  worker_memory_percent: ["gauge", "worker"],
  worker_disk_percent: ["gauge", "worker"],
  gpu_memory_percent: ["gauge", "worker device"],
  gpu_temperature_celsius: ["gauge", "worker device"],
  llm_tokens_total: ["counter", "service model direction"],
  llm_operation_duration_seconds: ["histogram", "service model operation"],
  operation_duration_seconds: ["histogram", "service operation"],
  operation_value: ["gauge", "service operation"],
  operation_events_total: ["counter", "service operation"],
  received_total: ["counter", "signal reason"],
  kept_total: ["counter", "signal reason"],
  forwarded_total: ["counter", "signal reason"],
  dropped_total: ["counter", "signal reason"],
  unaccounted: ["gauge", "signal"],
  queue_length: ["gauge", "exporter"],
  queue_capacity: ["gauge", "exporter"],
  export_duration_seconds: ["histogram", "exporter"],
  journal_fallback_lines_total: ["counter", ""],
  series_overflow_total: ["counter", "metric"],
  build_info: ["gauge", "service version node_version"],
};

const COLLECTOR_CONTRACT: typeof CONTRACT = {
  otlp_refused_requests_total: ["counter", "reason"],
  undecided_origins_total: ["counter", ""],
  notifications_total: ["counter", "channel outcome"],
  live_clients: ["gauge", ""],
  live_lost_total: ["counter", "reason"],
};

test("what was received and is neither kept, forwarded, dropped nor waiting is shown as unaccounted", async () => {
  const telemetry = createTelemetry();
  const metrics = metricsWith({}, { telemetry, waiting: () => [{ signal: "spans", count: 3 }] });
  telemetry.received("spans", 10);
  telemetry.kept("spans", 1);
  telemetry.forwarded("spans", 2);
  telemetry.dropped("spans", "queue_full", 4);
  const left = async () => sampleWith(await scrape(metrics), "seismo_unaccounted", { signal: "spans" }).value;
  assert.equal(await left(), 0);
  telemetry.received("spans", 5);
  assert.equal(await left(), 5);
});

test("many requests counted at once are the same as one by one, the slowest as the exemplar", async () => {
  const durationsMillis = [1, 30, 30, 7_000, 6_000];
  const one = metricsWith();
  for (const durationMillis of durationsMillis) {
    one.recordRequest(request({ durationMillis, slow: durationMillis > 5_000, traceId: "" }));
  }
  const many = metricsWith();
  const { service, method, route, statusCode } = request();
  many.recordRequests({ service, method, route, statusCode, durationsMillis, slowestTraceId: TRACE_ID }, 5_000);
  const plain = (metrics: Metrics) =>
    metrics
      .snapshot()
      .map((family) => JSON.parse(JSON.stringify(family, (key, value) => (key === "exemplars" ? null : value))));
  assert.deepEqual(plain(many), plain(one));
  assert.match(await many.registry.metrics(), new RegExp(`le="7.5".*trace_id="${TRACE_ID}"} 7 `));
});

test("the metrics are those of the contract, by name, type and labels", () => {
  const found = metricsWith()
    .snapshot()
    .map(({ name, type, labelNames }) => [name, [type, labelNames.join(" ")]]);
  const expected = Object.entries(CONTRACT).map(([name, shape]) => [`seismo_${name}`, [...shape]]);
  assert.deepEqual(Object.fromEntries(found), Object.fromEntries(expected));
});

test("a collector counts what it refused and what it could not decide, and has no requests of its own", async () => {
  let undecided = 2;
  const telemetry = createTelemetry();
  const sources = {
    telemetry,
    queues: () => [],
    collector: () => ({ refused: { too_large: 3, malformed: 0 }, undecided }),
    live: () => ({ clients: 2, skipped: 1, passedOver: 4, cut: 0 }),
    notifications: () => [{ channel: "slack", outcome: "held_back", count: 7 } as const],
  };
  const metrics = createMetrics(OPTIONS, sources, () => NOW);
  const names = new Set(metrics.snapshot().map(({ name }) => name));
  for (const name of Object.keys(COLLECTOR_CONTRACT)) assert.ok(names.has(`seismo_${name}`), name);
  assert.ok(!names.has("seismo_requests_in_flight") && !names.has("seismo_requests_stuck"));
  assert.equal(sampleWith(await scrape(metrics), "seismo_otlp_refused_requests", { reason: "too_large" }).value, 3);
  assert.equal(sampleWith(await scrape(metrics), "seismo_notifications", { outcome: "held_back" }).value, 7);
  assert.equal(only(await scrape(metrics), "seismo_live_clients").value, 2);
  assert.equal(sampleWith(await scrape(metrics), "seismo_live_lost", { reason: "message_passed_over" }).value, 4);
  undecided = 5;
  assert.equal(only(await scrape(metrics), "seismo_undecided_origins").value, 5);
});

test("docs/metrics.md lists each metric with its type and labels", () => {
  const text = readFileSync("docs/metrics.md", "utf8");
  const rows = text.split("\n").map((line) => line.replace(/ +\|/g, " |")); // cells may be padded
  for (const [name, [type, labels]] of Object.entries({ ...CONTRACT, ...COLLECTOR_CONTRACT })) {
    const row = rows.find((line) => line.startsWith(`| \`seismo_${name}\``));
    assert.ok(row, `no row for ${name}`);
    assert.ok(row.includes(`| ${type} |`), `${name} is a ${type}`);
    for (const label of labels.split(" ").filter(Boolean))
      assert.ok(row.includes(`\`${label}\``), `${name} has the label ${label}`);
  }
});

test("another prefix renames every metric", () => {
  const names = metricsWith({ prefix: "distributed_testing_" })
    .snapshot()
    .map(({ name }) => name);
  assert.ok(names.includes("distributed_testing_errors_total"));
  assert.ok(names.every((name) => name.startsWith("distributed_testing_")));
});

test("an error moves the metrics that speak of it", async () => {
  const metrics = metricsWith();
  const event = errorEvent({
    rating: { severity: "critical", reasons: ["fatal"] },
    recurrence: { ...SEEN_ONCE, isNew: true },
    timeUnixMillis: NOW - 1_500,
  });
  assert.deepEqual(metrics.export([event]), [{ status: "accepted" }]);

  const families = await scrape(metrics);
  assert.deepEqual(only(families, "seismo_errors").labels, {
    service: "shop",
    worker: "worker-1",
    category: "application_error",
    group: "application_error",
    type: "TypeError",
    severity: "critical",
    origin: "root",
  });
  assert.equal(only(families, "seismo_critical_errors").value, 1);
  assert.equal(only(families, "seismo_error_rate").value, 1);
  assert.equal(only(families, "seismo_new_error_groups").value, 1);
  assert.equal(only(families, "seismo_error_group_occurrences").labels["fingerprint"], "00112233445566aa");
  assert.equal(sampleWith(families, "seismo_error_groups", { severity: "critical" }).value, 1);
  assert.equal(sampleWith(families, "seismo_error_groups", { severity: "info" }).value, 0);
  assert.equal(only(families, "seismo_worker_status").value, 2);
  assert.equal(only(families, "seismo_worker_last_error_timestamp_seconds").value, (NOW - 1_500) / 1_000);
});

test("a group that comes back is counted as such, and not as new", async () => {
  const metrics = metricsWith();
  const recurrence = { ...SEEN_ONCE, isRegressed: true };
  metrics.export([errorEvent({ recurrence }), errorEvent()]);
  const families = await scrape(metrics);
  const sample = only(families, "seismo_regressed_error_groups");
  assert.deepEqual(sample.labels, { service: "shop", category: "application_error" });
  assert.equal(sample.value, 1);
  assert.equal(total(families, "seismo_new_error_groups"), 0);
});

test("a process without errors says 0, so that it differs from one that is not there", async () => {
  const families = await scrape(metricsWith());
  for (const name of ["seismo_critical_errors", "seismo_error_rate", "seismo_worker_status"]) {
    assert.equal(only(families, name).value, 0, name);
  }
  assert.equal(families.get("seismo_error_groups")?.samples.length, 3);
});

test("what is counted over a while falls when the while is over", async () => {
  let now = NOW;
  const metrics = metricsWith({}, {}, () => now);
  metrics.export([errorEvent({ rating: { severity: "critical", reasons: ["x"] } })]);
  metrics.export([errorEvent({ rating: { severity: "warning", reasons: ["x"] }, timeUnixMillis: NOW + 60_000 })]);
  const values = async (): Promise<number[]> => {
    const families = await scrape(metrics);
    const groups = families.get("seismo_error_groups")?.samples.reduce((sum, sample) => sum + sample.value, 0) ?? 0;
    const [critical, rate, status] = ["critical_errors", "error_rate", "worker_status"].map(
      (name) => only(families, `seismo_${name}`).value,
    );
    return [critical ?? -1, rate ?? -1, status ?? -1, groups];
  };
  assert.deepEqual(await values(), [1, 2, 2, 2]);
  now += 61_000;
  assert.deepEqual(await values(), [1, 0, 2, 2]);
  now += 5 * 60_000;
  assert.deepEqual(await values(), [0, 0, 0, 2]);
  metrics.export([errorEvent({ timeUnixMillis: now })]);
  assert.deepEqual(await values(), [0, 1, 1, 2]);
  now += 60 * 60_000;
  assert.deepEqual(await values(), [0, 0, 0, 0]);
});

test("an error from the past counts in the total but not in what is recent", async () => {
  const metrics = metricsWith();
  metrics.export([errorEvent({ timeUnixMillis: NOW - 86_400_000, rating: { severity: "critical", reasons: ["x"] } })]);
  const families = await scrape(metrics);
  assert.equal(only(families, "seismo_errors").value, 1);
  assert.equal(only(families, "seismo_critical_errors").value, 0);
  assert.equal(only(families, "seismo_error_rate").value, 0);
  assert.equal(sampleWith(families, "seismo_error_groups", { severity: "critical" }).value, 0);
});

test("a process shows itself: its release, that it lives, and its memory", async () => {
  let now = NOW;
  const resource = { service: "shop", serviceVersion: "4.2.0", environment: "production", worker: "worker-1" };
  const metrics = metricsWith({ resource }, { residentBytes: () => 123 }, () => now);
  for (const later of [0, 60_000, 48 * 3_600_000]) {
    now += later;
    const families = await scrape(metrics);
    const info = only(families, "seismo_service_info");
    assert.deepEqual(info.labels, { service: "shop", service_version: "4.2.0", environment: "production" });
    assert.equal(info.value, 1);
    const seen = only(families, "seismo_worker_last_seen_timestamp_seconds");
    assert.deepEqual(seen.labels, { service: "shop", worker: "worker-1" });
    assert.equal(seen.value, now / 1_000);
    const memory = only(families, "seismo_process_resident_memory_bytes");
    assert.deepEqual(memory.labels, { service: "shop", worker: "worker-1" });
    assert.equal(memory.value, 123);
  }
});

test("a release shows for 15 minutes, a worker for an hour after it was last seen", async () => {
  let now = NOW;
  const metrics = metricsWith({}, {}, () => now);
  const checkout = { service: "checkout", worker: "c-1" };
  metrics.recordSeen({ ...checkout, serviceVersion: "1" });
  now += 60_000;
  metrics.recordSeen({ ...checkout, serviceVersion: "2", environment: "production" });
  const shown = async (): Promise<readonly (string | number | undefined)[]> => {
    const families = await scrape(metrics);
    const of = (name: string) =>
      (families.get(name)?.samples ?? []).filter(({ labels }) => labels["service"] === "checkout");
    return [
      ...of("seismo_service_info").map(({ labels }) => labels["service_version"]),
      ...of("seismo_worker_last_seen_timestamp_seconds").map(({ value }) => value),
    ];
  };
  const lastSeen = now / 1_000;
  assert.deepEqual(await shown(), ["1", "2", lastSeen]);
  now += 14 * 60_000;
  assert.deepEqual(await shown(), ["2", lastSeen]);
  now += 60_000;
  assert.deepEqual(await shown(), [lastSeen]);
  now += 45 * 60_000 - 1;
  assert.deepEqual(await shown(), [lastSeen]);
  now += 1;
  assert.deepEqual(await shown(), []);
  metrics.recordSeen(checkout);
  assert.deepEqual(await shown(), ["", now / 1_000], "of what is not known the label is empty");
});

test("10,000 workers stay within the caps, those that were there first have series, and their places become free", async () => {
  let now = NOW;
  const metrics = metricsWith({}, {}, () => now);
  const arrive = (from: number): void => {
    for (let i = from; i < from + 10_000; i++)
      metrics.recordSeen({ service: "lab", worker: `w${i}`, serviceVersion: `${i}` });
  };
  const last = "seismo_worker_last_seen_timestamp_seconds";
  arrive(0);
  now += 60_000;
  arrive(0);
  for (let scrapes = 0; scrapes < 2; scrapes++) {
    const families = await scrape(metrics);
    for (const name of [last, "seismo_service_info"]) assert.equal(families.get(name)?.samples.length, 200, name);
    assert.equal(sampleWith(families, last, { worker: "w0" }).value, now / 1_000);
    assert.equal(sampleWith(families, last, { worker: "w197" }).value, now / 1_000);
    assert.equal(sampleWith(families, last, { service: "lab", worker: "other" }).value, now / 1_000);
    assert.equal(sampleWith(families, "seismo_service_info", { service_version: "other" }).value, 1);
  }
  const turnedAway = async (): Promise<number> =>
    sampleWith(await scrape(metrics), "seismo_series_overflow", { metric: last }).value;
  const before = await turnedAway();
  arrive(10_000);
  assert.ok((await turnedAway()) >= before + 10_000, "what is not remembered is counted");
  now += 3_600_000;
  assert.equal((await scrape(metrics)).get(last)?.samples.length, 1, "all but this process are silent");
  arrive(1_000_000);
  assert.equal(sampleWith(await scrape(metrics), last, { worker: "w1000000" }).value, now / 1_000);
});

test("lines that went to the journal's fallback file are counted", async () => {
  let lines = 0;
  const metrics = metricsWith({}, { fallbackLines: () => lines });
  assert.equal(only(await scrape(metrics), "seismo_journal_fallback_lines").value, 0);
  lines = 3;
  assert.equal(only(await scrape(metrics), "seismo_journal_fallback_lines").value, 3);
  assert.equal(only(await scrape(metricsWith()), "seismo_journal_fallback_lines").value, 0, "without a journal");
});

test("a reported category counts under its lower-case form", async () => {
  const metrics = metricsWith();
  metrics.export([
    errorEvent({ classification: { group: "resource_error", category: "RESOURCE_EXHAUSTED", reason: "" } }),
  ]);
  assert.equal(only(await scrape(metrics), "seismo_errors").labels["category"], "resource_exhausted");
});

test("requests fill a histogram and slow ones a counter", async () => {
  const metrics = metricsWith();
  metrics.recordRequest(request({ route: "/orders/:id", durationMillis: 30 }));
  metrics.recordRequest(request({ route: "/orders/:id", durationMillis: 20_000, slow: true }));
  metrics.recordRequest(request({ method: "post", route: "/orders", statusCode: 503 }));
  metrics.recordRequest(request({ method: "BREW", statusCode: 0 }));

  const families = await scrape(metrics);
  const orders = { service: "shop", method: "GET", route: "/orders/:id", status_class: "2xx" };
  const duration = "seismo_http_request_duration_seconds";
  assert.equal(sampleWith(families, duration, { ...orders, le: "0.025" }).value, 0);
  assert.equal(sampleWith(families, duration, { ...orders, le: "0.05" }).value, 1);
  assert.equal(sampleWith(families, duration, { ...orders, le: "10.0" }).value, 1);
  assert.equal(sampleWith(families, duration, { ...orders, le: "+Inf" }).value, 2);
  const sum = families
    .get(duration)
    ?.samples.find(({ name, labels }) => name.endsWith("_sum") && labels["route"] === "/orders/:id");
  assert.ok(Math.abs((sum?.value ?? 0) - 20.03) < 1e-9);
  assert.ok(sampleWith(families, duration, { method: "POST", status_class: "5xx" }));
  assert.ok(sampleWith(families, duration, { method: "_OTHER", status_class: "unknown" }));
  assert.deepEqual(only(families, "seismo_slow_requests").labels, {
    service: "shop",
    method: "GET",
    route: "/orders/:id",
  });
});

test("exemplars lead from a metric to a trace", async () => {
  const metrics = metricsWith();
  metrics.export([errorEvent()]);
  const second = "f".repeat(32);
  for (const durationMillis of [1, 2, 99_000, 98_000]) {
    metrics.recordRequest(request({ durationMillis, traceId: durationMillis % 2 === 0 ? second : TRACE_ID }));
  }
  const families = await scrape(metrics);
  assert.deepEqual(only(families, "seismo_errors").exemplar, {
    labels: { trace_id: TRACE_ID, fingerprint: "00112233445566aa" },
    value: 1,
  });
  const duration = "seismo_http_request_duration_seconds";
  assert.deepEqual(sampleWith(families, duration, { le: "0.005" }).exemplar, {
    labels: { trace_id: second },
    value: 0.002,
  });
  assert.deepEqual(sampleWith(families, duration, { le: "+Inf" }).exemplar, {
    labels: { trace_id: second },
    value: 98,
  });
  assert.equal(sampleWith(families, duration, { le: "0.01" }).exemplar, undefined);
  assert.doesNotMatch(await textOf(metrics.snapshot(), "prometheus"), /trace_id/);
});

test("without a trace an exemplar has no trace id", async () => {
  const metrics = metricsWith();
  metrics.export([errorEvent({ traceId: undefined })]);
  metrics.recordRequest(request({ traceId: "" }));
  const families = await scrape(metrics);
  assert.deepEqual(only(families, "seismo_errors").exemplar?.labels, { fingerprint: "00112233445566aa" });
  assert.ok(
    families.get("seismo_http_request_duration_seconds")?.samples.every(({ exemplar }) => exemplar === undefined),
  );
});

test("3000 error types and routes stay within the caps, and every sum is exact", async () => {
  const metrics = metricsWith();
  for (let i = 0; i < 3_000; i++) {
    metrics.export([errorEvent({ type: `Type${i}`, fingerprint: fingerprint(i) })]);
    metrics.recordRequest(request({ route: `/r${i}`, slow: true }));
    metrics.recordOperation(`operation ${i}`, { kind: "event", count: 2 });
  }
  const families = await scrape(metrics);
  for (const { name, samples } of families.values()) assert.ok(samples.length <= 2_000 * 17, name);
  for (const { series, name } of metrics.snapshot()) assert.ok(series.length <= 200, name);
  assert.equal(total(families, "seismo_errors"), 3_000);
  assert.equal(total(families, "seismo_error_group_occurrences"), 3_000);
  assert.equal(total(families, "seismo_slow_requests"), 3_000);
  assert.equal(total(families, "seismo_operation_events"), 6_000);
  const counts = families
    .get("seismo_http_request_duration_seconds")
    ?.samples.filter(({ name }) => name.endsWith("_count"));
  assert.equal(
    counts?.reduce((sum, { value }) => sum + value, 0),
    3_000,
  );
  assert.equal(sampleWith(families, "seismo_errors", { type: "other" }).value, 3_000 - 199);
  assert.equal(sampleWith(families, "seismo_series_overflow", { metric: "seismo_errors_total" }).value, 3_000 - 199);
});

test("many values of several labels end in one overflow series", async () => {
  const metrics = metricsWith({ maxSeries: 50 });
  for (let i = 0; i < 400; i++) {
    metrics.export([errorEvent({ type: `Type${i % 20}`, resource: { service: "shop", worker: `worker-${i % 19}` } })]);
  }
  const families = await scrape(metrics);
  assert.equal(families.get("seismo_errors")?.samples.length, 50);
  assert.equal(total(families, "seismo_errors"), 400);
  const rest = sampleWith(families, "seismo_errors", { type: "other" });
  assert.ok(Object.values(rest.labels).every((value) => value === "other"));
  assert.equal(sampleWith(families, "seismo_series_overflow", { metric: "seismo_errors_total" }).value, rest.value);
});

test("the frequent groups have series, whenever they become frequent", async () => {
  const metrics = metricsWith({ topGroups: 3 });
  for (let i = 0; i < 10; i++) metrics.export([errorEvent({ fingerprint: fingerprint(i) })]);
  for (let i = 0; i < 90; i++) metrics.export([errorEvent({ fingerprint: fingerprint(9) })]);
  const families = await scrape(metrics);
  const samples = families.get("seismo_error_group_occurrences")?.samples ?? [];
  assert.equal(samples.length, 4);
  assert.equal(total(families, "seismo_error_group_occurrences"), 100);
  assert.ok(sampleWith(families, "seismo_error_group_occurrences", { fingerprint: fingerprint(9).id }).value > 80);
});

test("hostile label values neither break the exposition nor meet in one series", async () => {
  const metrics = metricsWith();
  const types = [
    'quote " and } and ,',
    "back \\ slash \\n \\",
    "line\nfeed\r\n# TYPE seismo_errors_total gauge",
    'a",worker="b',
    "nul \u0000 escape \u001b[2J c1 \u009b31m",
    "half \ud83d pair \udca9",
    "__proto__",
    "constructor",
    "",
    "é😀".repeat(500),
    `${"x".repeat(127)}😀`,
  ];
  for (const type of types) {
    metrics.export([errorEvent({ type })]);
    metrics.recordRequest(request({ route: type, method: type }));
    metrics.recordOperation(type, { kind: "duration", millis: 1 });
  }
  // prom-client's own key of a series is the same for these two.
  metrics.recordLlm({
    service: "shop",
    model: "a",
    operation: "b,model:c",
    inputTokens: 1,
    outputTokens: 1,
    durationMillis: 1,
  });
  metrics.recordLlm({
    service: "shop",
    model: "c,operation:b",
    operation: "x",
    inputTokens: 1,
    outputTokens: 1,
    durationMillis: 1,
  });
  for (const format of ["prometheus", "openmetrics"] as const) {
    const families = parseExposition(await textOf(metrics.snapshot(), format), format);
    const name = format === "prometheus" ? "seismo_errors_total" : "seismo_errors";
    const samples = families.get(name)?.samples ?? [];
    assert.equal(samples.length, types.length);
    for (const { labels } of samples) {
      assert.ok((labels["type"] ?? "").length <= 128);
      assert.doesNotMatch(labels["type"] ?? "", /\p{Cc}/u);
    }
    assert.equal(families.get("seismo_errors")?.type, format === "openmetrics" ? "counter" : undefined);
  }
});

test("numbers that are none do not spoil a sum", async () => {
  const telemetry = createTelemetry();
  const metrics = metricsWith({}, { telemetry });
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, -1]) {
    metrics.recordOperation("o", { kind: "event", count: bad });
    metrics.recordOperation("o", { kind: "duration", millis: bad });
    metrics.recordRequest(request({ durationMillis: bad }));
    metrics.recordExport("journal", bad);
    metrics.recordLlm({
      service: "shop",
      model: "m",
      operation: "chat",
      inputTokens: bad,
      outputTokens: 5,
      durationMillis: bad,
    });
  }
  metrics.recordOperation("o", { kind: "event", count: 2 });
  metrics.recordOperation("o", { kind: "value", value: -3 });
  metrics.recordOperation("o", { kind: "value", value: Number.NaN });
  const families = await scrape(metrics);
  assert.equal(only(families, "seismo_operation_events").value, 2);
  assert.equal(only(families, "seismo_operation_value").value, -3);
  assert.equal(sampleWith(families, "seismo_llm_tokens", { direction: "output" }).value, 15);
  assert.equal(telemetry.snapshot().dropped.find(({ signal }) => signal === "metrics")?.value, 19);
});

test("sources are asked at a scrape, and one that throws costs its own metric only", async () => {
  const telemetry = createTelemetry();
  telemetry.received("errors", 3);
  telemetry.kept("errors", 2);
  telemetry.dropped("errors", "queue_full");
  let inFlight = 7;
  const metrics = metricsWith(
    {},
    {
      telemetry,
      requests: () => ({ inFlight, stuck: 1 }),
      queues: () => {
        throw new Error("no queues");
      },
    },
  );
  assert.equal(only(await scrape(metrics), "seismo_requests_in_flight").value, 7);
  inFlight = 2;
  telemetry.received("errors");
  const families = await scrape(metrics);
  assert.equal(only(families, "seismo_requests_in_flight").value, 2);
  assert.equal(only(families, "seismo_requests_stuck").value, 1);
  assert.equal(sampleWith(families, "seismo_received", { signal: "errors" }).value, 4);
  assert.equal(sampleWith(families, "seismo_kept", { signal: "errors" }).value, 2);
  assert.equal(sampleWith(families, "seismo_dropped", { signal: "errors", reason: "queue_full" }).value, 1);
  assert.equal(families.get("seismo_queue_length")?.samples.length, 0);
});

test("queues, exports, operations and language models have their metrics", async () => {
  const metrics = metricsWith({}, { queues: () => [{ exporter: "otlp", length: 4, capacity: 100 }] });
  metrics.recordExport("otlp", 12);
  metrics.recordOperation("resize", { kind: "duration", millis: 40 });
  metrics.recordLlm({
    service: "shop",
    model: "m-1",
    operation: "chat",
    inputTokens: 10,
    outputTokens: 4,
    durationMillis: 900,
  });
  const families = await scrape(metrics);
  assert.deepEqual(only(families, "seismo_queue_length"), {
    name: "seismo_queue_length",
    labels: { exporter: "otlp" },
    value: 4,
  });
  assert.equal(only(families, "seismo_queue_capacity").value, 100);
  assert.equal(sampleWith(families, "seismo_export_duration_seconds", { le: "0.05" }).value, 1);
  assert.equal(sampleWith(families, "seismo_operation_duration_seconds", { operation: "resize", le: "0.05" }).value, 1);
  assert.equal(sampleWith(families, "seismo_llm_tokens", { model: "m-1", direction: "input" }).value, 10);
  assert.equal(
    sampleWith(families, "seismo_llm_operation_duration_seconds", { operation: "chat", le: "1.28" }).value,
    1,
  );
  assert.equal(only(families, "seismo_build_info").labels["version"], "1.2.3");
});

test("the machine under an error shows", async () => {
  const metrics = metricsWith();
  metrics.export([
    errorEvent({
      classification: { group: "hardware_error", category: "hardware_overheating", reason: "" },
      hardwareContext: {
        hardware_type: "gpu",
        hardware_types: ["gpu", "cpu"],
        hardware_status: { overheating: true, memory_pressure: false, throttling: true },
      },
      systemContext: {
        metrics: { cpu: { percent: 91.5 }, memory: { used_percent: 40 }, disk: { used_percent: 70 } },
        gpu_metrics: { count: 1, devices: [{ index: 0, name: "A100", memory_utilization: 88, temperature: 93 }] },
      },
    }),
  ]);
  const families = await scrape(metrics);
  assert.equal(total(families, "seismo_hardware_errors"), 4);
  assert.equal(sampleWith(families, "seismo_hardware_errors", { hardware_type: "cpu", status: "throttling" }).value, 1);
  assert.equal(only(families, "seismo_worker_cpu_percent").value, 91.5);
  assert.equal(only(families, "seismo_worker_memory_percent").value, 40);
  assert.equal(only(families, "seismo_worker_disk_percent").value, 70);
  assert.deepEqual(only(families, "seismo_gpu_temperature_celsius").labels, { worker: "worker-1", device: "0" });
  assert.equal(only(families, "seismo_gpu_memory_percent").value, 88);
});

test("contexts of any shape do no harm, and healthy hardware is no hardware error", async () => {
  const metrics = metricsWith();
  const odd: Partial<ErrorEvent>[] = [
    { hardwareContext: {}, systemContext: {} },
    { hardwareContext: { hardware_status: [] }, systemContext: { metrics: null, gpu_metrics: { devices: "none" } } },
    { hardwareContext: { hardware_status: { throttling: "no" } }, systemContext: { metrics: { cpu: [], memory: 3 } } },
    { systemContext: { gpu_metrics: { devices: [null, 1, [], { temperature: "hot" }] } } },
  ];
  for (const one of odd) assert.equal(metrics.export([errorEvent(one)])[0]?.status, "accepted");
  assert.equal(total(await scrape(metrics), "seismo_hardware_errors"), 0);
  metrics.export([
    errorEvent({ classification: { group: "hardware_error", category: "hardware_not_available", reason: "" } }),
  ]);
  assert.deepEqual(only(await scrape(metrics), "seismo_hardware_errors").labels, {
    hardware_type: "unknown",
    status: "not_available",
  });
});

test("an app can serve the registry itself, and two of them live side by side", async () => {
  const metrics = metricsWith({ defaultMetrics: true }, { requests: () => ({ inFlight: 3, stuck: 0 }) });
  metricsWith({ defaultMetrics: true });
  metrics.export([errorEvent()]);
  metrics.recordRequest(request());
  const text = await metrics.registry.metrics();
  assert.match(text, /^seismo_requests_in_flight\{service="shop"\} 3$/m);
  assert.match(text, /^seismo_errors_total\{.*\} 1 # \{trace_id=/m);
  assert.match(text, /^seismo_http_request_duration_seconds_count\{.*\} 1$/m);
  assert.match(text, /^process_resident_memory_bytes \d+$/m);
  // prom-client renames its counters while it renders; ours keep their names.
  assert.equal(only(await scrape(metrics), "seismo_errors").value, 1);
});

test("Node's default metrics are there when asked for, in good form", async () => {
  const metrics = metricsWith({ defaultMetrics: true });
  const families = parseExposition(await textOf(await metrics.defaultFamilies(), "openmetrics"), "openmetrics");
  for (const name of ["process_cpu_seconds", "process_resident_memory_bytes", "nodejs_heap_size_used_bytes"]) {
    assert.ok(families.get(name), name);
  }
  assert.equal(families.get("nodejs_version_info")?.samples[0]?.labels["version"], process.version);
  assert.deepEqual(await metricsWith().defaultFamilies(), []);
});

test("promtool finds nothing to object to", async (context) => {
  if (spawnSync("promtool", ["--version"]).error !== undefined) {
    return cannotRunHere(context, "no promtool found (Debian: prometheus)");
  }
  const metrics = metricsWith(
    { defaultMetrics: true },
    { queues: () => [{ exporter: "otlp", length: 1, capacity: 9 }] },
  );
  metrics.export([errorEvent({ type: 'hostile "\n\\ ', systemContext: { metrics: { cpu: { percent: 3 } } } })]);
  metrics.recordRequest(request({ slow: true }));
  metrics.recordExport("otlp", 1);
  metrics.recordOperation("o", { kind: "value", value: 1 });
  const input = await textOf([...metrics.snapshot(), ...(await metrics.defaultFamilies())], "prometheus");
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input, encoding: "utf8" });
  assert.equal(stderr + stdout, "");
  assert.equal(status, 0);
});

function fingerprint(number: number): ErrorEvent["fingerprint"] {
  return { id: number.toString(16).padStart(16, "0"), version: 1, reason: "", template: "" };
}

async function textOf(families: readonly MetricFamilySnapshot[], format: ExpositionFormat): Promise<string> {
  let text = "";
  for await (const chunk of renderExposition(families, format)) text += chunk;
  return text;
}

async function scrape(metrics: Metrics): Promise<Map<string, ParsedFamily>> {
  const families = metrics.snapshot();
  parseExposition(await textOf(families, "prometheus"), "prometheus");
  return parseExposition(await textOf(families, "openmetrics"), "openmetrics");
}

function only(families: Map<string, ParsedFamily>, name: string): ParsedSample {
  const [sample, ...more] = families.get(name)?.samples ?? [];
  assert.ok(sample && more.length === 0, `one sample of ${name}`);
  return sample;
}

function sampleWith(
  families: Map<string, ParsedFamily>,
  name: string,
  labels: Readonly<Record<string, string>>,
): ParsedSample {
  const sample = families
    .get(name)
    ?.samples.find((one) => Object.entries(labels).every(([label, value]) => one.labels[label] === value));
  assert.ok(sample, `a sample of ${name} with ${JSON.stringify(labels)}`);
  return sample;
}

function total(families: Map<string, ParsedFamily>, name: string): number {
  return families.get(name)?.samples.reduce((sum, { value }) => sum + value, 0) ?? 0;
}

const severities: readonly Severity[] = ["critical", "warning", "info"];
test("each severity has its count of groups", async () => {
  const metrics = metricsWith();
  severities.forEach((severity, index) => {
    for (let i = 0; i <= index; i++) {
      metrics.export([errorEvent({ fingerprint: fingerprint(10 * index + i), rating: { severity, reasons: ["x"] } })]);
    }
  });
  const families = await scrape(metrics);
  severities.forEach((severity, index) => {
    assert.equal(sampleWith(families, "seismo_error_groups", { severity }).value, index + 1);
  });
});
