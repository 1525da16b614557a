/** Asks a live endpoint for its metrics, and says in plain words why there are none. */
import type { Secret } from "../config";
import { codeOf } from "../node-error";
import { readServedMetrics, type ServedFamily } from "./served-metrics";

export interface ServedEndpoint {
  readonly status: "served";
  readonly url: URL;
  readonly families: ReadonlyMap<string, ServedFamily>;
}

export type EndpointAnswer = ServedEndpoint | { readonly status: "failed"; readonly url: URL; readonly reason: string };

/**
 * `prefix`: what Seismo's metrics begin with. Redirects are not followed: the token is for this address alone.
 */
export async function askEndpoint(url: URL, token: Secret | undefined, prefix: string): Promise<EndpointAnswer> {
  const failed = (reason: string): EndpointAnswer => ({ status: "failed", url, reason });
  try {
    const response = await fetch(url, {
      headers: {
        accept: "text/plain; version=0.0.4",
        ...(token === undefined ? {} : { authorization: `Bearer ${token.reveal()}` }),
      },
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_MILLIS),
    });
    const reason = refusal(response, token !== undefined);
    if (reason !== undefined) {
      await response.body?.cancel();
      return failed(reason);
    }
    const text = await readText(response);
    if (text === undefined) return failed(`expected at most ${MAX_ANSWER_BYTES} bytes`);
    const served = readServedMetrics(text);
    if (served.status === "malformed") {
      const start = JSON.stringify(served.text.slice(0, MAX_SHOWN_CHARS));
      return failed(`expected Prometheus text; line ${served.line} is ${start}`);
    }
    const isOurs = [...served.families.keys()].some((name) => name.startsWith(prefix));
    if (!isOurs) return failed(`no metric begins with ${prefix} (metrics.prefix)`);
    return { status: "served", url, families: served.families };
  } catch (error) {
    return failed(faultOf(error));
  }
}

const ANSWER_MILLIS = 10_000;
const MAX_ANSWER_BYTES = 67_108_864;
const MAX_SHOWN_CHARS = 60;

function refusal(response: Response, hadToken: boolean): string | undefined {
  const { status } = response;
  if (status === 401) {
    return hadToken ? "it refuses the token (401)" : "it asks for a token (401): set SEISMO_TOKEN or --token-file";
  }
  if (status !== 200) return `expected an answer of 200, got ${status}`;
  const type = response.headers.get("content-type") ?? "no content type";
  return /^(?:text\/plain|application\/openmetrics-text)\b/.test(type)
    ? undefined
    : `expected Prometheus text, got ${type.slice(0, MAX_SHOWN_CHARS)}`;
}

/** Undefined when there is more than the limit. */
async function readText(response: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // A decoding edge: the body of Node's fetch is iterable, which its type does not say.
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function faultOf(error: unknown): string {
  if (error instanceof Error && error.name === "TimeoutError") return `no answer within ${ANSWER_MILLIS} ms`;
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const code = codeOf(cause);
  if (code === "ECONNREFUSED") return "nothing listens there";
  if (code === "ENOTFOUND") return "no such host";
  return `no answer: ${typeof code === "string" ? code : cause instanceof Error ? cause.message : String(cause)}`;
}
