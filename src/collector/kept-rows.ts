/** Requests and log lines as they are kept and shown: without secrets, cut to a length, with a time that can be true. */
import type { Attributes, AttributeValue, LogRecord, SpanRecord } from "../event";
import { type RedactionRules, redactLabel, redactResource, redactWithin } from "../processors/redact";
import type { ReceivedLine, ReceivedSpan } from "../receiver/otlp-batch";
import { requestOf, severityOf } from "../receiver/otlp-selection";
import type { LogLevelName, LogRow, RequestRow } from "../store/answers";

export const MAX_LINE_CHARS = 8_192;
const MAX_ID_CHARS = 256;
const MAX_LOGGER_CHARS = 256;
/** A time outside of these is not that of the record: a clock that was never set, or one in another zone. */
const MAX_AGE_MILLIS: number = 30 * 86_400_000;
const MAX_AHEAD_MILLIS = 3_600_000;

/** Undefined for what is no HTTP request of a server. */
export function requestRow(
  { span, resource }: Pick<ReceivedSpan, "span" | "resource">,
  slowMillisOf: (method: string, route: string) => number,
  rules: RedactionRules,
  nowMillis: number,
): RequestRow | undefined {
  const request = requestOf(span);
  if (request === undefined) return undefined;
  const { method, route, statusCode } = request;
  const { service, worker } = redactResource(resource, rules);
  const { attributes } = span;
  return {
    timestamp: timestampOf(span.endUnixMillis, nowMillis),
    service,
    worker_id: worker,
    method: redactLabel(method, rules),
    route: redactLabel(route, rules),
    status_code: statusCode,
    duration_ms: span.durationMillis,
    slow: span.durationMillis > slowMillisOf(method, route),
    failed: statusCode >= 500,
    request_id: idIn(attributes, rules, "request.id"),
    session_id: idIn(attributes, rules, "session.id"),
    user_id: idIn(attributes, rules, "user.id", "enduser.id"),
    trace_id: span.traceId || null,
    span_id: span.spanId || null,
  };
}

export function logRow({ log, resource, logger }: ReceivedLine, rules: RedactionRules, nowMillis: number): LogRow {
  const { service, worker } = redactResource(resource, rules);
  return {
    timestamp: timestampOf(log.timeUnixMillis, nowMillis),
    level: levelOf(severityOf(log)),
    service,
    worker_id: worker,
    message: redactWithin(saidBy(log), MAX_LINE_CHARS, rules),
    logger: logger === "" ? null : redactWithin(logger, MAX_LOGGER_CHARS, rules),
    request_id: idIn(log.attributes, rules, "request.id"),
    trace_id: log.traceId ?? null,
  };
}

/** Names of OpenTelemetry's log data model, four numbers each. */
export const LEVELS: readonly LogLevelName[] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/** The first number of a level. */
export function firstSeverity(level: LogLevelName): number {
  return LEVELS.indexOf(level) * 4 + 1;
}

function levelOf(severityNumber: number): LogLevelName {
  return LEVELS[Math.floor((severityNumber - 1) / 4)] ?? "FATAL";
}

/** A record of an exception may have no text of its own. */
function saidBy({ body, eventName, attributes }: LogRecord): string {
  if (body !== "") return body;
  const exception = [attributes["exception.type"], attributes["exception.message"]].filter(isText).join(": ");
  return exception || eventName;
}

function idIn(attributes: Attributes, rules: RedactionRules, ...names: readonly string[]): string | null {
  for (const name of names) {
    const value = attributes[name];
    const text = typeof value === "number" ? String(value) : value;
    if (isText(text)) return redactWithin(text, MAX_ID_CHARS, rules);
  }
  return null;
}

function isText(value: AttributeValue | undefined): value is string {
  return typeof value === "string" && value !== "";
}

function timestampOf(unixMillis: SpanRecord["endUnixMillis"], nowMillis: number): string {
  const isLikely = unixMillis > nowMillis - MAX_AGE_MILLIS && unixMillis < nowMillis + MAX_AHEAD_MILLIS;
  return new Date(isLikely ? unixMillis : nowMillis).toISOString();
}
