/**
 * Reads a JSON body that anybody may have sent. Every limit applies before the work that it bounds:
 *
 *   headers ──► bytes ≤ limit ──► inflated ≤ limit ──► UTF-8 ──► nesting ≤ 100 ──► JSON.parse
 */
import { isUtf8 } from "node:buffer";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { gunzipSync } from "node:zlib";
import type { JsonValue } from "../event";
import { jsonFault } from "../receiver/json-shape";
import type { Refusal } from "./answer";

export interface JsonBodyLimits {
  /** Of one body, as it comes and inflated. */
  readonly maxBytes: number;
  /** Of all bodies that are being read. */
  readonly maxTotalBytes: number;
}

export type JsonBody =
  | { readonly status: "read"; readonly value: JsonValue }
  | { readonly status: "refused"; readonly refusal: Refusal }
  /** The sender went away: there is nobody to answer. */
  | { readonly status: "gone" };

export type JsonBodyReader = (request: IncomingMessage, response: ServerResponse) => Promise<JsonBody>;

/** Takes `application/json` in UTF-8, plain or gzipped. Nothing is read of a body whose headers are refused. */
export function createJsonBodyReader({ maxBytes, maxTotalBytes }: JsonBodyLimits): JsonBodyReader {
  let totalBytes = 0;

  const collect = (request: IncomingMessage): Promise<Collected> =>
    new Promise((resolve) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const finish = (collected: Collected): void => {
        request.off("data", onData).off("end", onEnd).off("close", onClose).pause();
        totalBytes -= size;
        resolve(collected);
      };
      const onData = (chunk: Buffer): void => {
        size += chunk.length;
        totalBytes += chunk.length;
        if (size > maxBytes) finish(refused(tooLarge(maxBytes)));
        else if (totalBytes > maxTotalBytes) finish(refused(BUSY));
        else chunks.push(chunk);
      };
      const onEnd = (): void => finish({ status: "collected", bytes: Buffer.concat(chunks) });
      const onClose = (): void => finish({ status: "gone" });
      request.on("data", onData).on("end", onEnd).on("close", onClose);
    });

  return async (request, response) => {
    const { headers } = request;
    const refusal = refuseType(headers) ?? refuseEncoding(headers);
    if (refusal !== undefined) return refused(refusal);
    if (Number(headers["content-length"] ?? 0) > maxBytes) return refused(tooLarge(maxBytes));
    if (headers.expect !== undefined) response.writeContinue();
    const collected = await collect(request);
    if (collected.status !== "collected") return collected;
    return decode(collected.bytes, isGzip(headers), maxBytes);
  };
}

/** For whoever comes while there is too much to do. */
export const BUSY: Refusal = { status: 503, message: "too many requests at once", headers: { "retry-after": "1" } };

const LIMITS = { nesting: 100, containers: 100_000 };

type Collected = Exclude<JsonBody, { status: "read" }> | { readonly status: "collected"; readonly bytes: Buffer };

function decode(sent: Buffer, gzip: boolean, maxBytes: number): JsonBody {
  let bytes = sent;
  if (gzip) {
    try {
      bytes = gunzipSync(sent, { maxOutputLength: maxBytes });
    } catch (error) {
      const isBomb = error instanceof RangeError; // what zlib throws for an output beyond its limit, and for no other
      return refused(isBomb ? tooLarge(maxBytes) : malformed("the body is not valid gzip"));
    }
  }
  if (!isUtf8(bytes)) return refused(malformed("the body is not valid UTF-8"));
  const fault = jsonFault(bytes, LIMITS);
  if (fault !== undefined) return refused(malformed(fault));
  try {
    // Without a reviver, JSON.parse makes nothing but JSON values.
    return { status: "read", value: JSON.parse(bytes.toString()) as JsonValue };
  } catch {
    return refused(malformed("the body is not valid JSON")); // its own message quotes the body
  }
}

/** A form or `text/plain` can be sent by any page without being asked; this type cannot. */
function refuseType(headers: IncomingHttpHeaders): Refusal | undefined {
  const [type = "", ...parameters] = (headers["content-type"] ?? "").toLowerCase().split(";");
  const charset = parameters.map((parameter) => /^\s*charset\s*=\s*"?([^"\s]*)"?\s*$/.exec(parameter)?.[1]);
  const isOther = charset.some((name) => name !== undefined && name !== "utf-8" && name !== "utf8");
  if (type.trim() === "application/json" && !isOther) return undefined;
  return { status: 415, message: "expected Content-Type: application/json, in UTF-8" };
}

function refuseEncoding(headers: IncomingHttpHeaders): Refusal | undefined {
  const encoding = encodingOf(headers);
  if (encoding === "" || encoding === "identity" || isGzip(headers)) return undefined;
  return {
    status: 415,
    message: "expected Content-Encoding: gzip or identity",
    headers: { "accept-encoding": "gzip" },
  };
}

function isGzip(headers: IncomingHttpHeaders): boolean {
  return ["gzip", "x-gzip"].includes(encodingOf(headers));
}

function encodingOf(headers: IncomingHttpHeaders): string {
  return (headers["content-encoding"] ?? "").trim().toLowerCase();
}

function tooLarge(maxBytes: number): Refusal {
  return { status: 413, message: `the body is larger than ${maxBytes} bytes` };
}

function malformed(message: string): Refusal {
  return { status: 400, message };
}

function refused(refusal: Refusal): { readonly status: "refused"; readonly refusal: Refusal } {
  return { status: "refused", refusal };
}
