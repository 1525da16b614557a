/** What can be said of an OTLP request before its body is read: where it goes, in which encodings, or why it is refused. */
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import type { OtlpEncoding, OtlpSignal } from "../event";
import { type Refusal, UNAUTHENTICATED } from "./otlp-response";
import { announcedLength, type ContentEncoding, contentEncodingOf } from "./request-body";

export type Head =
  | {
      readonly status: "taken";
      readonly signal: OtlpSignal;
      readonly encoding: OtlpEncoding;
      readonly contentEncoding: ContentEncoding;
    }
  | ({ readonly status: "refused" } & Refusal);

/** In the order in which it matters: what may be a trick first, then who asks, then what for. */
export function readHead(
  request: IncomingMessage,
  isAuthorized: (authorization: string | undefined) => boolean,
  maxBytes: number,
): Head {
  const { headers, rawHeaders } = request;
  if (rawHeaders.length > 2 * MAX_HEADERS) return refused("headers_too_large", `more than ${MAX_HEADERS} headers`);
  const hosts = countHosts(rawHeaders);
  // Node takes the first of two, a proxy perhaps the second.
  if (hosts > 1 || (hosts === 0 && request.httpVersion !== "1.0"))
    return refused("bad_request", "exactly one Host is wanted");
  if (headers.origin !== undefined && !isOwnOrigin(headers.origin, headers.host)) {
    return refused("foreign_origin", "requests of web pages are not taken");
  }
  if (!isAuthorized(headers.authorization)) {
    return { status: "refused", ...UNAUTHENTICATED };
  }
  const path = pathOf(request.url ?? "");
  const signal = SIGNALS[path];
  if (signal === undefined) {
    const what = path === "/v1/metrics" ? "metrics are not taken" : "not found";
    return refused("not_found", `${what}: POST /v1/traces and POST /v1/logs are served`);
  }
  if (request.method !== "POST") return refused("method_not_allowed", "only POST is served");
  const encoding = encodingOf(headers["content-type"]);
  if (encoding === undefined) {
    return refused("unsupported_type", "the content type must be application/x-protobuf or application/json");
  }
  const contentEncoding = contentEncodingOf(headers["content-encoding"]);
  if (contentEncoding === undefined) {
    return refused("unsupported_encoding", "the content encoding must be gzip, deflate or identity");
  }
  if ((announcedLength(request) ?? 0) > maxBytes) return { status: "refused", ...tooLarge(maxBytes) };
  return { status: "taken", signal, encoding, contentEncoding };
}

export function tooLarge(maxBytes: number): Refusal {
  return { reason: "too_large", message: `the body is larger than ${maxBytes} bytes, as sent or inflated` };
}

/** Undefined for any other type, and for a list of them. */
export function encodingOf(contentType: string | undefined): OtlpEncoding | undefined {
  const parameters = contentType?.indexOf(";") ?? -1;
  const type = parameters < 0 ? contentType : contentType?.slice(0, parameters);
  switch (type?.trim().toLowerCase()) {
    case "application/x-protobuf":
      return "protobuf";
    case "application/json":
      return "json";
    default:
      return undefined;
  }
}

/** Node bounds their bytes, and drops what is over a number of its own without a word. */
const MAX_HEADERS = 200;
const SIGNALS: { readonly [path: string]: OtlpSignal | undefined } = Object.assign(Object.create(null), {
  "/v1/traces": "traces",
  "/v1/logs": "logs",
});

function refused(reason: Refusal["reason"], message: string): Head {
  return { status: "refused", reason, message };
}

function countHosts(rawHeaders: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === "host") count += 1;
  }
  return count;
}

/**
 * A web page may send to this machine unasked. One that this very address served could be let in, yet never by a name,
 * though it be the one in Host: whoever owns a name can point it here.
 */
function isOwnOrigin(origin: string, host: string | undefined): boolean {
  if (!URL.canParse(origin)) return false;
  const url = new URL(origin);
  if (url.host !== host?.toLowerCase()) return false;
  return url.hostname === "localhost" || isIP(url.hostname.replace(/^\[|\]$/g, "")) !== 0;
}

function pathOf(url: string): string {
  const query = url.indexOf("?");
  return query < 0 ? url : url.slice(0, query);
}
