import type { ErrorEvent, Recurrence, RequestRecord } from "../../src/event";
import type { Metrics } from "../../src/exporter/prometheus";
import { createMetrics, type MetricsOptions, type MetricsSources } from "../../src/exporter/prometheus";
import { createTelemetry } from "../../src/telemetry";

export const NOW = 1_700_000_000_000;
export const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";

/** Of a known group that was quiet for an hour. */
export const SEEN_ONCE: Recurrence = {
  isNew: false,
  isRegressed: false,
  isRecurring: false,
  firstSeenUnixMillis: NOW - 3_600_000,
  previousSeenUnixMillis: NOW - 3_600_000,
  lastHour: 1,
  last6Hours: 1,
  last24Hours: 1,
  last7Days: 1,
  trend: undefined,
  usuallyAfter: undefined,
  recoveryMillis: undefined,
};

/** An event as it comes to an exporter. */
export function errorEvent(extra: Partial<ErrorEvent> = {}): ErrorEvent {
  // The brand of a redacted error cannot be written by hand; what an exporter does with an event is tested apart from it.
  return {
    id: "00000000-0000-4000-8000-000000000000",
    source: "span",
    origin: "root",
    timeUnixMillis: NOW,
    type: "TypeError",
    message: "x is not a function",
    stack: "",
    causes: [],
    properties: {},
    handled: false,
    fatal: false,
    resource: { service: "shop", worker: "worker-1" },
    traceId: TRACE_ID,
    attributes: {},
    details: {},
    given: {},
    truncated: [],
    frames: [],
    classification: { group: "application_error", category: "application_error", reason: "" },
    advice: "Look at the first frame.",
    fingerprint: { id: "00112233445566aa", version: 1, reason: "", template: "" },
    recurrence: SEEN_ONCE,
    rating: { severity: "warning", reasons: ["unhandled"] },
    ...extra,
  } as ErrorEvent;
}

export function request(extra: Partial<RequestRecord> = {}): RequestRecord {
  return {
    ...{ service: "shop", method: "GET", route: "/", statusCode: 200, durationMillis: 3, slow: false },
    traceId: TRACE_ID,
    ...extra,
  };
}

export const OPTIONS: MetricsOptions = {
  prefix: "seismo_",
  resource: { service: "shop", worker: "worker-1" },
  maxLabelValues: 200,
  maxSeries: 2_000,
  defaultMetrics: false,
  version: "1.2.3",
};

/** Metrics whose clock and memory stand still unless others are given. */
export function metricsWith(
  options: Partial<MetricsOptions> = {},
  sources: Partial<MetricsSources> = {},
  nowMillis: () => number = () => NOW,
): Metrics {
  const quiet = {
    telemetry: createTelemetry(),
    requests: () => ({ inFlight: 0, stuck: 0 }),
    queues: () => [],
    residentBytes: () => 50_000_000,
  };
  return createMetrics({ ...OPTIONS, ...options }, { ...quiet, ...sources }, nowMillis);
}
