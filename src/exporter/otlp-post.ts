/**
 * One OTLP/HTTP request, and what its answer means: the specification names four status codes that are worth a retry.
 * https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
 */
import {
  JsonLogsSerializer,
  JsonTraceSerializer,
  ProtobufLogsSerializer,
  ProtobufTraceSerializer,
} from "@opentelemetry/otlp-transformer";
import type { OtlpEncoding, OtlpSignal } from "../event";
import {
  createHttpPoster,
  describeNetworkError,
  type HttpAnswer,
  type HttpPosterOptions,
  isSuccess,
} from "./http-post";

export interface PostOptions extends HttpPosterOptions {
  readonly signal: OtlpSignal;
}

export type PostResult =
  /** `rejectedItems`: what the receiver did not take, by its `partial_success`. Not to be sent again. */
  | { readonly status: "delivered"; readonly rejectedItems: number }
  /** `retryAfterMillis` is what the receiver asked for. */
  | { readonly status: "retryable"; readonly reason: string; readonly retryAfterMillis: number | undefined }
  | { readonly status: "refused"; readonly statusCode: number }
  | { readonly status: "aborted" };

export interface OtlpPoster {
  /** Never rejects. Redirects are not followed. */
  post(body: Buffer, encoding: OtlpEncoding, isGzip: boolean, abort: AbortSignal): Promise<PostResult>;
  close(): void;
}

/** Keeps one connection alive. */
export function createPoster(options: PostOptions): OtlpPoster {
  const poster = createHttpPoster(options);
  return {
    async post(body, encoding, isGzip, abort) {
      const headers = {
        "content-type": CONTENT_TYPES[encoding],
        ...(isGzip ? { "content-encoding": "gzip" } : {}),
      };
      return meaningOf(await poster.post(body, headers, abort), options.signal);
    },
    close: poster.close,
  };
}

const CONTENT_TYPES = { protobuf: "application/x-protobuf", json: "application/json" } as const;
const RETRYABLE = [429, 502, 503, 504];

function meaningOf(answer: HttpAnswer, signal: OtlpSignal): PostResult {
  switch (answer.status) {
    case "aborted":
      return answer;
    case "failed":
      return { status: "retryable", reason: answer.reason, retryAfterMillis: undefined };
    case "answered":
      return meaningOfStatus(answer, signal);
  }
}

function meaningOfStatus(answer: HttpAnswer & { status: "answered" }, signal: OtlpSignal): PostResult {
  const { statusCode, body, retryAfterMillis } = answer;
  if (isSuccess(statusCode)) {
    if (Buffer.isBuffer(body)) {
      return { status: "delivered", rejectedItems: rejectedItems(signal, answer.contentType, body) };
    }
    // A success that breaks off may be none; any other answer was given with its status.
    return { status: "retryable", reason: describeNetworkError(body), retryAfterMillis: undefined };
  }
  if (!RETRYABLE.includes(statusCode)) return { status: "refused", statusCode };
  return { status: "retryable", reason: `HTTP ${statusCode}`, retryAfterMillis };
}

/** An answer that cannot be read rejects nothing. */
function rejectedItems(signal: OtlpSignal, contentType: string, bytes: Buffer): number {
  if (bytes.length === 0) return 0;
  const isJson = /^application\/json\b/i.test(contentType);
  try {
    const rejected =
      signal === "traces"
        ? (isJson ? JsonTraceSerializer : ProtobufTraceSerializer).deserializeResponse(bytes).partialSuccess
            ?.rejectedSpans
        : (isJson ? JsonLogsSerializer : ProtobufLogsSerializer).deserializeResponse(bytes).partialSuccess
            ?.rejectedLogRecords;
    const count = Number(rejected); // 64 bits, so JSON has it as a string
    return Number.isSafeInteger(count) && count > 0 ? count : 0;
  } catch {
    return 0;
  }
}
