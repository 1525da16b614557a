/** What the channels over HTTP share: JSON to an address of the configuration, and whether to try again. */
import { createHttpPoster, type HttpAnswer, isSuccess } from "../http-post";
import type { SendResult } from "../notification-channel";
import { outgoingUrlFault } from "../outgoing-address";

export interface HttpTarget {
  /** May hold secrets: never logged. */
  readonly url: string;
  /** `http:` to other hosts than this one. */
  readonly allowInsecure: boolean;
  /** Addresses of private networks. */
  readonly allowPrivate: boolean;
  /** For one attempt, with its answer. Default 10 s. */
  readonly timeoutMillis?: number | undefined;
  /** The wall clock. */
  readonly nowMillis: () => number;
}

export interface JsonPoster {
  readonly host: string;
  post(body: string, headers: { readonly [name: string]: string }, abort: AbortSignal): Promise<SendResult>;
  close(): void;
}

/** Throws an Error that does not quote the URL when it is not allowed. */
export function createJsonPoster(target: HttpTarget): JsonPoster {
  const fault = outgoingUrlFault(target.url, target);
  if (fault !== undefined) throw new Error(fault);
  const url = new URL(target.url);
  const poster = createHttpPoster({
    ...{ url, headers: { "content-type": "application/json" }, timeoutMillis: target.timeoutMillis ?? TIMEOUT_MILLIS },
    ...{ allowInsecure: target.allowInsecure, allowPrivate: target.allowPrivate, nowMillis: target.nowMillis },
  });
  return {
    host: url.host,
    post: async (body, headers, abort) => meaningOf(await poster.post(Buffer.from(body), headers, abort)),
    close: poster.close,
  };
}

const TIMEOUT_MILLIS = 10_000;
const TOO_MANY = 429;
const TIMED_OUT = 408;

/** An answer that broke off was given with its status all the same: its text says nothing that is needed. */
function meaningOf(answer: HttpAnswer): SendResult {
  switch (answer.status) {
    case "aborted":
      return answer;
    case "failed":
      return { status: "retryable", reason: answer.reason, retryAfterMillis: undefined };
    case "answered": {
      const { statusCode, retryAfterMillis } = answer;
      if (isSuccess(statusCode)) return { status: "sent" };
      const reason = `HTTP ${statusCode}`;
      const isPassing = statusCode >= 500 || statusCode === TOO_MANY || statusCode === TIMED_OUT;
      return isPassing ? { status: "retryable", reason, retryAfterMillis } : { status: "refused", reason };
    }
  }
}
