/**
 * What the judge of origins knows about one failure: no more than it compares, made from an event, so that no secret
 * is held longer than the event itself.
 */
import type { ErrorEvent, ErrorOrigin, LogRecord, RawCause, SpanKind, SpanRecord } from "../event";
import { hasException, httpStatus } from "./extract";

export interface OriginFailure {
  /** Of the event. */
  readonly id: string;
  readonly signal: "span" | "log";
  /** Tells it from the other failures of its span; the same again when a batch is sent a second time. */
  readonly occurrence: string;
  /** Hex digits; `""` or zeros when there is none. */
  readonly traceId: string;
  readonly spanId: string;
  /** Of a log record always `""`: it names its span, not what stands above it. */
  readonly parentSpanId: string;
  readonly service: string;
  /** Spans of one worker share a clock. */
  readonly worker: string;
  readonly kind: SpanKind | undefined;
  /** Of the span; of a log record both are its time. */
  readonly startUnixMillis: number;
  readonly endUnixMillis: number;
  /** When it failed: the time of the exception, or the end of the span. */
  readonly timeUnixMillis: number;
  readonly type: string;
  readonly message: string;
  /** The innermost in-app frame, `""` when none is known. */
  readonly frame: string;
  /** Of its exception, the nearest first, as far as the sender tells of them. */
  readonly causes: readonly Pick<RawCause, "type" | "message">[];
  /** False when only a status, or the severity of a log record, says that it failed. */
  readonly hasOwnException: boolean;
  readonly category: string;
  /** Of the HTTP answer. */
  readonly statusCode: number | undefined;
  /** What Seismo in the failing process has said already. */
  readonly given: { readonly origin: ErrorOrigin; readonly fingerprint: string } | undefined;
}

/** `index` is the place of the event's error in what `extractErrors` gave for the span. */
export function spanFailure(event: ErrorEvent, span: SpanRecord, index: number): OriginFailure {
  return originFailure(event, span, {
    signal: "span",
    occurrence: String(index),
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? "",
    kind: span.kind,
    startUnixMillis: span.endUnixMillis - span.durationMillis,
    endUnixMillis: span.endUnixMillis,
  });
}

/** `place` tells the record from others of its request, the same again when the request is repeated. */
export function logFailure(event: ErrorEvent, log: LogRecord, place: string): OriginFailure {
  return originFailure(event, log, {
    signal: "log",
    occurrence: JSON.stringify([log.timeUnixMillis, place]),
    traceId: log.traceId ?? "",
    spanId: log.spanId ?? "",
    parentSpanId: "",
    kind: event.spanKind,
    startUnixMillis: log.timeUnixMillis,
    endUnixMillis: log.timeUnixMillis,
  });
}

/** Of a longer chain of spans each one is told by the next. */
const MAX_CAUSES = 4;

/** What a span and a log record each say in their own way. */
type Seen = Pick<OriginFailure, "signal" | "occurrence" | "traceId" | "spanId" | "parentSpanId" | "kind"> &
  Pick<OriginFailure, "startUnixMillis" | "endUnixMillis">;

/** Field by field: spreading one object into another of twenty fields costs microseconds. */
function originFailure(event: ErrorEvent, record: SpanRecord | LogRecord, seen: Seen): OriginFailure {
  const { frames } = event;
  const frame = frames.find(({ inApp }) => inApp) ?? frames[0];
  return {
    id: event.id,
    signal: seen.signal,
    occurrence: seen.occurrence,
    traceId: seen.traceId,
    spanId: seen.spanId,
    parentSpanId: seen.parentSpanId,
    service: event.resource.service,
    worker: event.resource.worker,
    kind: seen.kind,
    startUnixMillis: seen.startUnixMillis,
    endUnixMillis: seen.endUnixMillis,
    timeUnixMillis: event.timeUnixMillis,
    type: event.type,
    message: event.message,
    frame: frame === undefined ? "" : JSON.stringify([frame.function, frame.file, frame.line, frame.column]),
    causes: event.causes.slice(0, MAX_CAUSES),
    hasOwnException: hasException(record),
    category: event.classification.category,
    statusCode: httpStatus(record.attributes),
    given: givenOrigin(event, record),
  };
}

function givenOrigin(event: ErrorEvent, { attributes }: SpanRecord | LogRecord): OriginFailure["given"] {
  const origin = attributes["error.origin"];
  return origin === "root" || origin === "echo" ? { origin, fingerprint: event.fingerprint.id } : undefined;
}
