/**
 * Requests and log lines on their way to the store and to those who watch. Redacted here; all requests are counted, of rows
 * there are only so many in a second.
 *
 *   TraceBatch ─► counts of the minute ──────────┐
 *      └────────► rows: slow, failed, a sample ──┼──once a second──► store
 *   LogBatch ───► rows: lines of a level ────────┘
 *                 └──at once──► live feed
 */
import type { Attributes } from "../event";
import { type RedactionRules, redactLabel, redactWithin } from "../processors/redact";
import { type SlowRequestOptions, slowThreshold } from "../processors/slow-request-span-processor";
import type { LogBatch, ReceivedLine, ReceivedSpan, TraceBatch } from "../receiver/otlp-batch";
import { requestOf, severityOf } from "../receiver/otlp-selection";
import type { LiveFeed } from "../server/live-feed";
import { MAX_AGE_MILLIS, MAX_AHEAD_MILLIS } from "../server/report-error";
import type { LogLevelName, LogRow, RequestRow } from "../store/answers";
import { DURATION_BOUNDS_MILLIS, type RequestCounts, type Store } from "../store/store";
import type { LogLevel, Telemetry } from "../telemetry";

export interface KeptRecordsOptions {
  /** Undefined: rows are only told of. */
  readonly store: Pick<Store, "keep"> | undefined;
  readonly live: Pick<LiveFeed, "log" | "request">;
  readonly slow: Pick<SlowRequestOptions, "slowMillis" | "routes">;
  /** The first number of the level, in OpenTelemetry's log data model. */
  readonly minSeverity: number;
  readonly redaction: RedactionRules;
  /** Whose the collector's own lines are. */
  readonly self: { readonly service: string; readonly worker: string };
  readonly telemetry: Telemetry;
  readonly nowMillis: () => number;
  /** A clock that is never set back. */
  readonly monotonicMillis: () => number;
}

export interface RecordKeeper {
  /** What the next batch may bring of each: to be asked for each, since it shrinks within a second. */
  limits(): { readonly maxSamples: number; readonly lineSeverity: number; readonly maxLines: number };
  /** Of a request that is acknowledged. */
  traces(batch: TraceBatch): void;
  logs(batch: LogBatch): void;
  ownLine(level: LogLevel, message: string): void;
  /** Hands over what came since the last time; to be called once a second. */
  tick(): void;
  /** Hands over all. */
  flush(): void;
}

/** In a second. */
export const MAX_SAMPLES = 10;
export const MAX_REQUESTS = 500;
export const MAX_LINES = 200;
export const MAX_LINE_CHARS = 8_192;
/** Kinds of request between two hand-overs; what goes over is counted as one. */
const MAX_KINDS = 2_000;
/** Each hand-over of counts makes rows of its own for the same minute. */
const COUNT_INTERVAL_MILLIS = 5_000;
const MAX_ID_CHARS = 256;
const OTHER = "other";
const MINUTE_MILLIS = 60_000;

export function createRecordKeeper(options: KeptRecordsOptions): RecordKeeper {
  const { store, live, slow, redaction, telemetry, nowMillis } = options;
  const label = (text: string): string => redactLabel(text, redaction);
  let requests: RequestRow[] = [];
  let logs: LogRow[] = [];
  let counts = new Map<string, OpenCounts>();
  let samples = 0;
  let countedMillis = Number.NEGATIVE_INFINITY;

  function countsOf(service: string, method: string, route: string): OpenCounts {
    const minuteUnixMillis = Math.floor(nowMillis() / MINUTE_MILLIS) * MINUTE_MILLIS;
    const key = JSON.stringify([minuteUnixMillis, service, method, route]);
    const known = counts.get(key);
    if (known !== undefined) return known;
    const isRest = service === OTHER && method === OTHER && route === OTHER;
    if (counts.size >= MAX_KINDS && !isRest) return countsOf(OTHER, OTHER, OTHER);
    const open = emptyCounts(minuteUnixMillis, service, method, route);
    counts.set(key, open);
    return open;
  }

  function addRequest(received: ReceivedSpan): void {
    const row = requestRow(received, slow, redaction, nowMillis());
    if (row === undefined) return;
    // One of 4xx is an object already, and no more than a sample.
    const isSample = !row.slow && !row.failed;
    if (isSample && samples >= MAX_SAMPLES) return;
    if (isSample) samples += 1;
    if (requests.length >= MAX_REQUESTS) drop(1);
    else {
      requests.push(row);
      live.request(row);
    }
  }

  function addLine(row: LogRow): void {
    if (logs.length >= MAX_LINES) drop(1);
    else {
      logs.push(row);
      live.log(row);
    }
  }

  function drop(count: number): void {
    telemetry.received("store", count);
    telemetry.dropped("store", "limit", count);
  }

  function handOver(withCounts: boolean): void {
    const requestCounts = withCounts ? [...counts.values()] : [];
    if (requests.length + logs.length + requestCounts.length > 0) store?.keep({ requests, requestCounts, logs });
    samples = 0;
    requests = [];
    logs = [];
    if (!withCounts) return;
    counts = new Map();
    countedMillis = options.monotonicMillis();
  }

  return {
    limits: () => ({
      maxSamples: Math.max(0, MAX_SAMPLES - samples),
      lineSeverity: options.minSeverity,
      maxLines: Math.max(0, MAX_LINES - logs.length),
    }),
    traces(batch) {
      for (const { service, method, route, statusCode, durationsMillis } of batch.requests) {
        const open = countsOf(label(service), label(method), label(route));
        const threshold = slowThreshold(slow, method, route);
        for (const millis of durationsMillis) addDuration(open, millis, millis > threshold, statusCode >= 500);
      }
      for (const span of batch.spans) addRequest(span);
      for (const span of batch.samples) addRequest(span);
    },
    logs(batch) {
      const { lineCount, lines } = batch;
      if (lineCount > lines.length) drop(lineCount - lines.length);
      for (const line of lines) addLine(logRow(line, redaction, nowMillis()));
    },
    ownLine(level, message) {
      const { service, worker } = options.self;
      if (OWN_LEVELS[level].severity < options.minSeverity) return;
      addLine({
        ...{
          timestamp: new Date(nowMillis()).toISOString(),
          level: OWN_LEVELS[level].name,
          service,
          worker_id: worker,
        },
        ...{ message: message.slice(0, MAX_LINE_CHARS), logger: "seismo", request_id: null, trace_id: null },
      });
    },
    tick: () => handOver(options.monotonicMillis() - countedMillis >= COUNT_INTERVAL_MILLIS),
    flush: () => handOver(true),
  };
}

type OpenCounts = { -readonly [field in keyof RequestCounts]: RequestCounts[field] } & { readonly buckets: number[] };

function emptyCounts(minuteUnixMillis: number, service: string, method: string, route: string): OpenCounts {
  const buckets = Array.from({ length: DURATION_BOUNDS_MILLIS.length + 1 }, () => 0);
  return { minuteUnixMillis, service, method, route, count: 0, errors: 0, slow: 0, maxMillis: 0, buckets };
}

function addDuration(open: OpenCounts, millis: number, isSlow: boolean, isFailed: boolean): void {
  open.count += 1;
  if (isFailed) open.errors += 1;
  if (isSlow) open.slow += 1;
  if (millis > open.maxMillis) open.maxMillis = millis;
  const bucket = bucketOf(millis);
  open.buckets[bucket] = (open.buckets[bucket] ?? 0) + 1;
}

/** Of the first bound that is not below it: four bounds a power of two. */
function bucketOf(millis: number): number {
  if (!(millis > 1)) return 0;
  return Math.min(Math.ceil(Math.log2(millis) * 4 - 1e-9), DURATION_BOUNDS_MILLIS.length);
}

/** Undefined for a span that is no request. */
function requestRow(
  { span, resource }: ReceivedSpan,
  slow: Pick<SlowRequestOptions, "slowMillis" | "routes">,
  redaction: RedactionRules,
  nowMillis: number,
): RequestRow | undefined {
  const request = requestOf(span);
  if (request === undefined) return undefined;
  const { method, route, statusCode } = request;
  const label = (text: string): string => redactLabel(text, redaction);
  return {
    timestamp: likelyTime(span.endUnixMillis, nowMillis),
    service: label(resource.service),
    worker_id: label(resource.worker),
    method: label(method),
    route: label(route),
    status_code: statusCode,
    duration_ms: span.durationMillis,
    slow: span.durationMillis > slowThreshold(slow, method, route),
    failed: statusCode >= 500 || span.status === "error",
    request_id: idIn(span.attributes, redaction, "request.id"),
    session_id: idIn(span.attributes, redaction, "session.id"),
    user_id: idIn(span.attributes, redaction, "user.id", "enduser.id"),
    trace_id: span.traceId || null,
    span_id: span.spanId || null,
  };
}

function logRow({ resource, log, logger }: ReceivedLine, redaction: RedactionRules, nowMillis: number): LogRow {
  const label = (text: string): string => redactLabel(text, redaction);
  return {
    timestamp: likelyTime(log.timeUnixMillis, nowMillis),
    level: levelOf(severityOf(log)),
    service: label(resource.service),
    worker_id: label(resource.worker),
    message: redactWithin(log.body || exceptionOf(log.attributes) || log.eventName, MAX_LINE_CHARS, redaction),
    logger: logger === "" ? null : label(logger),
    request_id: idIn(log.attributes, redaction, "request.id"),
    trace_id: log.traceId || null,
  };
}

/** Of a record that has no words of its own. */
function exceptionOf(attributes: Attributes): string {
  const [type, message] = [attributes["exception.type"], attributes["exception.message"]];
  return [type, message].filter((part) => typeof part === "string" && part !== "").join(": ");
}

/** Four numbers to each name in OpenTelemetry's log data model. */
const LEVELS: readonly LogLevelName[] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

function levelOf(severity: number): LogLevelName {
  return LEVELS[Math.floor((Math.min(severity, 24) - 1) / 4)] ?? "INFO";
}

const OWN_LEVELS: { readonly [level in LogLevel]: { readonly name: LogLevelName; readonly severity: number } } = {
  debug: { name: "DEBUG", severity: 5 },
  info: { name: "INFO", severity: 9 },
  warning: { name: "WARN", severity: 13 },
  error: { name: "ERROR", severity: 17 },
};

/** Ids are of one request, so that they are not remembered as labels are. */
function idIn(attributes: Attributes, redaction: RedactionRules, ...names: readonly string[]): string | null {
  for (const name of names) {
    const value = attributes[name];
    if (value === "" || (typeof value !== "string" && typeof value !== "number")) continue;
    return redactWithin(String(value), MAX_ID_CHARS, redaction);
  }
  return null;
}

function likelyTime(unixMillis: number, nowMillis: number): string {
  const isLikely = unixMillis > nowMillis - MAX_AGE_MILLIS && unixMillis < nowMillis + MAX_AHEAD_MILLIS;
  return new Date(isLikely ? unixMillis : nowMillis).toISOString();
}
