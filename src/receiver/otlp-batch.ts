/**
 * What one OTLP request holds, read without any effect: nothing is counted or kept until the whole body has proved
 * to be well formed. Healthy spans appear only as numbers.
 *
 *   body ──read──► TraceBatch { spanCount, requests (columns by kind), spans (objects, the few that matter) }
 *            └───► LogBatch   { logCount, logs (objects, the few that matter) }
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

export interface TraceBatch {
  readonly spanCount: number;
  readonly requests: readonly RequestGroup[];
  /** In the order of the wire: what may have failed, is slow, or is a call of a language model. */
  readonly spans: readonly ReceivedSpan[];
}

export interface LogBatch {
  readonly logCount: number;
  /** In the order of the wire: what may tell of an exception. */
  readonly logs: readonly ReceivedLog[];
}

/** The sender's fault: the body is not what its content type says. The message says where, and holds nothing of the body. */
export class MalformedOtlpError extends Error {
  override readonly name = "MalformedOtlpError";
}
