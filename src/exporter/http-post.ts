/**
 * One POST to an address that the configuration names, and its answer. Redirects are not followed; what a host name
 * stands for is checked when the connection is made (outgoing-address.ts).
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { VERSION } from "../version";
import { guardedLookup, isLoopbackHost, type UrlPolicy } from "./outgoing-address";

export interface HttpPosterOptions extends UrlPolicy {
  /** Checked before: see `outgoingUrlFault`. */
  readonly url: URL;
  /** May hold secrets. Names and values must be valid. */
  readonly headers: { readonly [name: string]: string };
  /** For the whole of it, answer included. */
  readonly timeoutMillis: number;
  readonly nowMillis: () => number;
}

export type HttpAnswer =
  | {
      readonly status: "answered";
      readonly statusCode: number;
      /** What the receiver asked for. */
      readonly retryAfterMillis: number | undefined;
      readonly contentType: string;
      /** Empty for one over 4 MiB; an error for one that broke off. */
      readonly body: Buffer | Error;
    }
  /** The reason never holds the URL. */
  | { readonly status: "failed"; readonly reason: string }
  | { readonly status: "aborted" };

export interface HttpPoster {
  /** Never rejects. */
  post(body: Buffer, headers: { readonly [name: string]: string }, abort: AbortSignal): Promise<HttpAnswer>;
  close(): void;
}

/** Keeps one connection alive. */
export function createHttpPoster(options: HttpPosterOptions): HttpPoster {
  const { url, timeoutMillis, allowPrivate, allowInsecure, nowMillis } = options;
  const isTls = url.protocol === "https:";
  const loopbackOnly = !isTls && !allowInsecure && isLoopbackHost(url.hostname);
  const lookup = guardedLookup({ allowPrivate, loopbackOnly });
  // Idle for less than the 5 s after which many servers hang up: a request must not meet a connection that is closing.
  const agentOptions = { keepAlive: true, maxSockets: 1, timeout: IDLE_MILLIS };
  const agent = isTls ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);
  const request = isTls ? httpsRequest : httpRequest;

  return {
    post: (body, headers, abort) =>
      new Promise((resolve) => {
        if (abort.aborted) return resolve({ status: "aborted" });
        const sent = request(url, {
          method: "POST",
          agent,
          lookup,
          headers: {
            ...lowerCased(options.headers),
            "user-agent": `seismo/${VERSION}`,
            ...headers,
            "content-length": body.length,
          },
        });
        const onAbort = (): void => void sent.destroy();
        const timer = setTimeout(() => sent.destroy(new Error(`no answer in ${timeoutMillis} ms`)), timeoutMillis);
        const settle = (result: HttpAnswer): void => {
          clearTimeout(timer);
          abort.removeEventListener("abort", onAbort);
          resolve(abort.aborted && result.status === "failed" ? { status: "aborted" } : result);
        };
        abort.addEventListener("abort", onAbort);
        sent.on("error", (error) => settle({ status: "failed", reason: describeNetworkError(error) }));
        sent.on("response", (answer) => {
          const { "retry-after": retryAfter, "content-type": contentType = "" } = answer.headers;
          const head = {
            status: "answered",
            statusCode: answer.statusCode ?? 0,
            retryAfterMillis: retryAfterMillis(retryAfter, nowMillis()),
            contentType,
          } as const;
          void readAnswer(answer).then(
            (bytes) => settle({ ...head, body: bytes }),
            (error: Error) => settle({ ...head, body: error }),
          );
        });
        sent.end(body);
      }),
    close: () => agent.destroy(),
  };
}

export function isSuccess(statusCode: number): boolean {
  return statusCode >= 200 && statusCode < 300;
}

/** Only what Node says itself: code or message, never the URL. */
export function describeNetworkError(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}

/** The header in seconds or as a date; `undefined` when there is none that can be read. */
function retryAfterMillis(header: string | undefined, nowUnixMillis: number): number | undefined {
  const text = header?.trim() ?? "";
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1_000;
  // Every form of an HTTP date begins with a week day.
  const date = /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowUnixMillis);
}

const MAX_ANSWER_BYTES = 4_194_304;
const IDLE_MILLIS = 4_000;

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

function lowerCased(headers: { readonly [name: string]: string }): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
