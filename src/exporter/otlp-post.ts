/**
 * One OTLP/HTTP request, and what its answer means: the specification names four status codes that are worth a retry.
 * https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import {
  JsonLogsSerializer,
  JsonTraceSerializer,
  ProtobufLogsSerializer,
  ProtobufTraceSerializer,
} from "@opentelemetry/otlp-transformer";
import type { OtlpEncoding, OtlpSignal } from "../event";
import { VERSION } from "../version";
import { guardedLookup, isLoopbackHost } from "./outgoing-address";

export interface PostOptions {
  /** Checked before: see `outgoingUrlFault`. */
  readonly url: URL;
  readonly signal: OtlpSignal;
  /** May hold secrets. Names and values must be valid. */
  readonly headers: { readonly [name: string]: string };
  readonly timeoutMillis: number;
  readonly allowPrivate: boolean;
  readonly allowInsecure: boolean;
  readonly nowMillis: () => number;
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
  const { url, signal, timeoutMillis, allowPrivate, allowInsecure, nowMillis } = options;
  const isTls = url.protocol === "https:";
  const loopbackOnly = !isTls && !allowInsecure && isLoopbackHost(url.hostname);
  const lookup = guardedLookup({ allowPrivate, loopbackOnly });
  // Idle for less than the 5 s after which many servers hang up: a request must not meet a connection that is closing.
  const agentOptions = { keepAlive: true, maxSockets: 1, timeout: IDLE_MILLIS };
  const agent = isTls ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);
  const request = isTls ? httpsRequest : httpRequest;

  function headersOf(body: Buffer, encoding: OtlpEncoding, isGzip: boolean): Record<string, string | number> {
    return {
      ...lowerCased(options.headers),
      "user-agent": `seismo/${VERSION}`,
      "content-type": CONTENT_TYPES[encoding],
      "content-length": body.length,
      ...(isGzip ? { "content-encoding": "gzip" } : {}),
    };
  }

  return {
    post: (body, encoding, isGzip, abort) =>
      new Promise((resolve) => {
        if (abort.aborted) return resolve({ status: "aborted" });
        const sent = request(url, { method: "POST", agent, lookup, headers: headersOf(body, encoding, isGzip) });
        const onAbort = (): void => void sent.destroy();
        const timer = setTimeout(() => sent.destroy(new Error(`no answer in ${timeoutMillis} ms`)), timeoutMillis);
        const settle = (result: PostResult): void => {
          clearTimeout(timer);
          abort.removeEventListener("abort", onAbort);
          resolve(abort.aborted && result.status === "retryable" ? { status: "aborted" } : result);
        };
        const fail = (error: Error): void =>
          settle({ status: "retryable", reason: describe(error), retryAfterMillis: undefined });
        abort.addEventListener("abort", onAbort);
        sent.on("error", fail);
        sent.on("response", (answer) => {
          const statusCode = answer.statusCode ?? 0;
          const retryAfter = retryAfterMillis(answer.headers["retry-after"], nowMillis());
          void readAnswer(answer).then(
            (bytes) => settle(meaningOf(statusCode, retryAfter, () => rejectedItems(signal, answer, bytes))),
            // A success that breaks off may be none; any other answer was given with its status.
            (error: Error) =>
              isSuccess(statusCode) ? fail(error) : settle(meaningOf(statusCode, retryAfter, () => 0)),
          );
        });
        sent.end(body);
      }),
    close: () => agent.destroy(),
  };
}

/** The header in seconds or as a date; `undefined` when there is none that can be read. */
export function retryAfterMillis(header: string | undefined, nowUnixMillis: number): number | undefined {
  const text = header?.trim() ?? "";
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1_000;
  // Every form of an HTTP date begins with a week day.
  const date = /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowUnixMillis);
}

const CONTENT_TYPES = { protobuf: "application/x-protobuf", json: "application/json" } as const;
const RETRYABLE = [429, 502, 503, 504];
const MAX_ANSWER_BYTES = 4_194_304;
const IDLE_MILLIS = 4_000;

function meaningOf(statusCode: number, retryAfter: number | undefined, rejected: () => number): PostResult {
  if (isSuccess(statusCode)) return { status: "delivered", rejectedItems: rejected() };
  if (!RETRYABLE.includes(statusCode)) return { status: "refused", statusCode };
  return { status: "retryable", reason: `HTTP ${statusCode}`, retryAfterMillis: retryAfter };
}

function isSuccess(statusCode: number): boolean {
  return statusCode >= 200 && statusCode < 300;
}

/** No bytes for an answer over the limit: its connection is dropped. Rejects when it breaks off. */
function readAnswer(answer: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    answer.on("data", (chunk: Buffer) => {
      length += chunk.length;
      chunks.push(chunk);
      if (length <= MAX_ANSWER_BYTES) return;
      resolve(Buffer.alloc(0));
      answer.destroy();
    });
    answer.on("end", () => resolve(Buffer.concat(chunks)));
    answer.on("error", reject);
    answer.on("close", () => reject(new Error("the answer broke off")));
  });
}

/** An answer that cannot be read rejects nothing. */
function rejectedItems(signal: OtlpSignal, answer: IncomingMessage, bytes: Buffer): number {
  if (bytes.length === 0) return 0;
  const isJson = /^application\/json\b/i.test(answer.headers["content-type"] ?? "");
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

function lowerCased(headers: { readonly [name: string]: string }): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** Only what Node says itself: code or message, never the URL. */
function describe(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
