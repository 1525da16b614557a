/**
 * How this server answers. An answer that comes before the request's body has arrived is sent whole at once, and the
 * rest of the body is then read and thrown away, within limits: a sender whose connection is closed while it still
 * sends would see a broken pipe instead of the answer, and try again for ever.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { hasBody } from "../exporter/scrape-answer";

export type AnswerHeaders = Readonly<Record<string, string>>;

/** Why a request is not served. */
export interface Refusal {
  readonly status: number;
  /** For the sender. Holds nothing of the request, no path and no stack. */
  readonly message: string;
  readonly headers?: AnswerHeaders | undefined;
  /** What is wrong with each field of the body. */
  readonly errors?: readonly FieldError[] | undefined;
}

export interface FieldError {
  /** Dotted: `system_context.metrics.cpu.percent`; `""` for the body as a whole. */
  readonly path: string;
  readonly message: string;
}

/** On every answer, whoever makes it. `Cache-Control` too: whatever is served here is of this moment. */
export const SECURITY_HEADERS: AnswerHeaders = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};

export function answerJson(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  value: object,
  headers: AnswerHeaders = {},
): void {
  const type = "application/json; charset=utf-8";
  answer(request, response, status, `${JSON.stringify(value)}\n`, { ...headers, "content-type": type });
}

/** As JSON where the API was asked, else as text. */
export function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  const { status, message, headers, errors } = refusal;
  if (request.url?.startsWith("/api/")) {
    answerJson(request, response, status, { status: "error", message, errors }, headers);
  } else {
    answer(request, response, status, `${message}\n`, { ...headers, "content-type": "text/plain; charset=utf-8" });
  }
}

/** For the methods that a route does not have. */
export function onlyMethods(allow: string): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) =>
    refuse(request, response, { status: 405, message: "method not allowed", headers: { allow } });
}

const MAX_DRAINED_BYTES = 2 * 1_048_576;
const MAX_DRAIN_MILLIS = 5_000;

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  text: string,
  headers: AnswerHeaders,
): void {
  const body = Buffer.from(text);
  const isUnread = hasBody(request) && !request.complete;
  response.writeHead(status, {
    ...headers,
    "content-length": body.length,
    ...(isUnread ? { connection: "close" } : {}),
  });
  if (!isUnread) {
    response.end(body);
    return;
  }
  response.write(body);
  drain(request, () => response.end());
}

function drain(request: IncomingMessage, done: () => void): void {
  let left = MAX_DRAINED_BYTES;
  const finish = (): void => {
    clearTimeout(timer);
    request.off("data", onData).off("end", finish).off("close", finish);
    done();
  };
  const onData = (chunk: Buffer): void => {
    left -= chunk.length;
    if (left < 0) finish();
  };
  const timer = setTimeout(finish, MAX_DRAIN_MILLIS).unref();
  request.on("data", onData).on("end", finish).on("close", finish).resume();
}
