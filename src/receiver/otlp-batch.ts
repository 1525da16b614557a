/**
 * What one OTLP request holds, read without any effect: nothing is counted or kept until the whole body has proved
 * to be well formed. Healthy spans appear only as numbers.
 *
 *   body ──read──► TraceBatch { senders, spanCount, requests (columns by kind), spans (objects, the few that matter),
 *            │                  samples (a few of the others) }
 *            └───► LogBatch   { senders, logCount, logs (objects, the few that matter), lines (those that people read) }
 */
import type { Attributes, LogRecord, Place, RequestGroup, Resource, SpanRecord } from "../event";

export interface ReceivedSpan {
  readonly resource: Resource;
  readonly resourceAttributes: Attributes;
  readonly span: SpanRecord;
  readonly place: Place;
}

export interface ReceivedLog {
  readonly resource: Resource;
  readonly resourceAttributes: Attributes;
  readonly log: LogRecord;
  readonly place: Place;
}

interface Batch {
  /** Of the resources with any span or log record, the first `MAX_SENDERS`; the same one may come several times. */
  readonly senders: readonly Resource[];
}

/** Of one request; who is not among them is seen when it comes with another. */
export const MAX_SENDERS = 1_000;

export interface TraceBatch extends Batch {
  readonly spanCount: number;
  readonly requests: readonly RequestGroup[];
  /** In the order of the wire: what may have failed, is slow, or is a call of a language model. */
  readonly spans: readonly ReceivedSpan[];
  /** The first HTTP server spans that are not among `spans`, as many as were asked for. */
  readonly samples: readonly ReceivedSpan[];
}

export interface LogBatch extends Batch {
  readonly logCount: number;
  /** In the order of the wire: what may tell of an exception. */
  readonly logs: readonly ReceivedLog[];
  /** Of the level that was asked for. */
  readonly lineCount: number;
  /** The first of these, as many as were asked for; some may be among `logs` as well. */
  readonly lines: readonly ReceivedLine[];
}

export interface ReceivedLine {
  readonly resource: Resource;
  readonly log: LogRecord;
  /** The name of the instrumentation scope, which is that of a logger; `""` when it has none. */
  readonly logger: string;
}

/** The sender's fault: the body is not what its content type says. The message says where, and holds nothing of the body. */
export class MalformedOtlpError extends Error {
  override readonly name = "MalformedOtlpError";
}
