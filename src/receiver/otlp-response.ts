/**
 * What a sender hears, in the encoding that it spoke, and the closed list of ways to refuse it.
 *
 *   accepted  Export…ServiceResponse { partial_success = 1 { rejected_… = 1, error_message = 2 } }
 *   refused   google.rpc.Status { code = 1, message = 2, details = 3 { type_url = 1, value = 2 } }
 *               BadRequest { field_violations = 1 { field = 1, description = 2 } }
 *               RetryInfo  { retry_delay = 1 { seconds = 1, nanos = 2 } }
 */
import type { JsonObject, OtlpEncoding, OtlpSignal } from "../event";

/** A request as it is handed on: its body inflated, within the limits, not yet looked into. */
export interface OtlpRequest {
  readonly signal: OtlpSignal;
  readonly encoding: OtlpEncoding;
  readonly body: Buffer;
}

/**
 * What became of it. Only `accepted` keeps anything. `unavailable` and `throttled` ask the sender to come again: because
 * this receiver cannot take it now, or because the sender sends more than it may.
 */
export type OtlpAnswer =
  | {
      readonly status: "accepted";
      /** Spans or log records that were not taken; 0 when left out. */
      readonly rejected?: number;
      /** Why, or a warning where nothing was rejected. */
      readonly message?: string;
    }
  | { readonly status: "malformed"; readonly message: string }
  | { readonly status: "unavailable" | "throttled"; readonly retryAfterMillis: number; readonly message: string };

/** Bodies are bounded together until they are answered: who keeps one for longer must bound that itself. */
export type AcceptOtlp = (request: OtlpRequest) => Promise<OtlpAnswer>;

/** Every way to refuse a request, as HTTP and as gRPC say it. A closed list, since it is a metric label. */
export const REFUSALS = {
  bad_request: { httpStatus: 400, grpcCode: 3 },
  malformed: { httpStatus: 400, grpcCode: 3 },
  unauthenticated: { httpStatus: 401, grpcCode: 16 },
  foreign_origin: { httpStatus: 403, grpcCode: 7 },
  not_found: { httpStatus: 404, grpcCode: 5 },
  method_not_allowed: { httpStatus: 405, grpcCode: 12 },
  timeout: { httpStatus: 408, grpcCode: 4 },
  too_large: { httpStatus: 413, grpcCode: 8 },
  unsupported_type: { httpStatus: 415, grpcCode: 3 },
  unsupported_encoding: { httpStatus: 415, grpcCode: 12 },
  expectation_failed: { httpStatus: 417, grpcCode: 3 },
  throttled: { httpStatus: 429, grpcCode: 8 },
  headers_too_large: { httpStatus: 431, grpcCode: 8 },
  internal_error: { httpStatus: 500, grpcCode: 13 },
  overloaded: { httpStatus: 503, grpcCode: 14 },
  unavailable: { httpStatus: 503, grpcCode: 14 },
} as const;
export type RefusalReason = keyof typeof REFUSALS;
export type RefusalCounts = { readonly [reason in RefusalReason]: number };

export interface Refusal {
  readonly reason: RefusalReason;
  /** For the developer at the other end. Cut to 300 characters. */
  readonly message: string;
  /** Only where coming again may help. */
  readonly retryAfterMillis?: number;
}

export const RETRY_MILLIS = 1_000;
export const OVERLOADED: Refusal = {
  reason: "overloaded",
  message: "too many requests are under way",
  retryAfterMillis: RETRY_MILLIS,
};
export const UNAUTHENTICATED: Refusal = {
  reason: "unauthenticated",
  message: "a valid token is wanted, as Authorization: Bearer",
};
export const INTERNAL_ERROR: Refusal = { reason: "internal_error", message: "internal error" };

export interface RefusalCounter {
  count(reason: RefusalReason): void;
  counts(): RefusalCounts;
}

export function createRefusalCounter(): RefusalCounter {
  // Every key of REFUSALS is there, with a number.
  const counts = Object.fromEntries(Object.keys(REFUSALS).map((reason) => [reason, 0])) as Record<
    RefusalReason,
    number
  >;
  return {
    count(reason) {
      counts[reason] += 1;
    },
    counts: () => ({ ...counts }),
  };
}

/** The refusal that an answer other than `accepted` stands for. */
export function refusalOf(answer: Exclude<OtlpAnswer, { readonly status: "accepted" }>): Refusal {
  if (answer.status === "malformed") return { reason: "malformed", message: answer.message };
  return { reason: answer.status, message: answer.message, retryAfterMillis: answer.retryAfterMillis };
}

/** `ExportTraceServiceResponse` or `ExportLogsServiceResponse`; empty when all was taken and there is nothing to say. */
export function encodeAccepted(signal: OtlpSignal, encoding: OtlpEncoding, rejected = 0, message = ""): Buffer {
  if (rejected === 0 && message === "") return NOTHING_TO_SAY[encoding];
  const text = presentable(message);
  if (encoding === "protobuf")
    return embedded(1, Buffer.concat([integer(1, rejected), embedded(2, Buffer.from(text))]));
  const count = rejected === 0 ? {} : { [REJECTED_FIELD[signal]]: String(rejected) };
  return json({ partialSuccess: { ...count, ...(text === "" ? {} : { errorMessage: text }) } });
}

/** `google.rpc.Status`, 4 kB at most. */
export function encodeRefusal(refusal: Refusal, encoding: OtlpEncoding): Buffer {
  const code = REFUSALS[refusal.reason].grpcCode;
  const message = presentable(refusal.message);
  const detail = detailOf(refusal, message);
  if (encoding === "json") {
    const details = detail && [{ "@type": TYPE_URL + detail.type, ...detail.json }];
    return json({ code, message, ...(details && { details }) });
  }
  const details =
    detail &&
    embedded(3, Buffer.concat([embedded(1, Buffer.from(TYPE_URL + detail.type)), embedded(2, detail.protobuf)]));
  return Buffer.concat([integer(1, code), embedded(2, Buffer.from(message)), details ?? EMPTY]);
}

/** Between one second, since `Retry-After` has no fractions, and one day. */
export function retryAfterSeconds(millis: number): number {
  return Math.min(Math.max(1, Math.ceil(millis / 1_000)), MAX_RETRY_SECONDS);
}

/** Short, and valid Unicode also where the cut went through a character. */
export function presentable(message: string): string {
  return Buffer.from(message.slice(0, MAX_MESSAGE_CHARS)).toString();
}

/** JSON writes a character in up to six, and a bad request says its message twice: still below 4 kB. */
const MAX_MESSAGE_CHARS = 300;
const MAX_RETRY_SECONDS = 86_400;
const EMPTY = Buffer.alloc(0);
const NOTHING_TO_SAY: { readonly [encoding in OtlpEncoding]: Buffer } = { protobuf: EMPTY, json: Buffer.from("{}") };
const REJECTED_FIELD: { readonly [signal in OtlpSignal]: string } = {
  traces: "rejectedSpans",
  logs: "rejectedLogRecords",
};
const TYPE_URL = "type.googleapis.com/google.rpc.";

interface Detail {
  readonly type: "BadRequest" | "RetryInfo";
  readonly json: JsonObject;
  readonly protobuf: Buffer;
}

function detailOf(refusal: Refusal, message: string): Detail | undefined {
  if (refusal.reason === "malformed") {
    const violation = Buffer.concat([embedded(1, Buffer.from("body")), embedded(2, Buffer.from(message))]);
    return {
      type: "BadRequest",
      json: { fieldViolations: [{ field: "body", description: message }] },
      protobuf: embedded(1, violation),
    };
  }
  if (refusal.retryAfterMillis === undefined) return undefined;
  const seconds = retryAfterSeconds(refusal.retryAfterMillis);
  return { type: "RetryInfo", json: { retryDelay: `${seconds}s` }, protobuf: embedded(1, integer(1, seconds)) };
}

function json(value: JsonObject): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** A field of wire type 0. Left out when 0, as proto3 does. */
function integer(field: number, value: number): Buffer {
  return value === 0 ? EMPTY : Buffer.from([field << 3, ...varint(value)]);
}

/** A field of wire type 2: a text or a message. */
function embedded(field: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2, ...varint(bytes.length)]), bytes]);
}

/** For whole numbers up to 2^53. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}
