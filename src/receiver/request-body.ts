/**
 * Reads the body of a request within its limits, as it was sent and as it inflates.
 *
 *   socket ──chunks──► one Buffer ──gzip, deflate──► one Buffer
 *          maxBytes, budget       small: at once; large: on the thread pool, two at a time
 */
import type { IncomingMessage } from "node:http";
import type { Transform } from "node:stream";
import { promisify } from "node:util";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import {
  createGunzip,
  createInflateRaw,
  createInflate as createInflateStream,
  gunzip,
  gunzipSync,
  inflate,
  inflateRaw,
  inflateRawSync,
  inflateSync,
  type ZlibOptions,
} from "node:zlib";

/** A bound on what many hold together. */
export interface ByteBudget {
  /** False, and nothing is taken, when it would go over. */
  take(bytes: number): boolean;
  give(bytes: number): void;
  taken(): number;
}

export function createByteBudget(maxBytes: number): ByteBudget {
  let taken = 0;
  return {
    take(bytes) {
      if (taken + bytes > maxBytes) return false;
      taken += bytes;
      return true;
    },
    give(bytes) {
      taken -= bytes;
    },
    taken: () => taken,
  };
}

export type BodyResult =
  /** `heldBytes` of the budget are now the caller's to give back. */
  | { readonly status: "complete"; readonly body: Buffer; readonly heldBytes: number }
  | { readonly status: "too_large" }
  | { readonly status: "over_budget" }
  /** The sender went away. */
  | { readonly status: "aborted" };

/**
 * Memory follows what arrived, not what was announced, so that a thousand slow senders of much hold little; a body that
 * comes in one piece is not copied. Once settled, what still arrives is thrown away.
 */
export function readBody(request: IncomingMessage, maxBytes: number, budget: ByteBudget): Promise<BodyResult> {
  const announced = announcedLength(request);
  const growth = announced === undefined ? 2 : ANNOUNCED_GROWTH;
  const mostBytes = announced ?? maxBytes;
  return new Promise((resolve) => {
    let buffer: Buffer = EMPTY;
    let length = 0;

    const settle = (result: BodyResult): void => {
      request.off("data", onData).off("end", onEnd).off("close", onClose);
      if (result.status !== "complete") budget.give(buffer.length);
      resolve(result);
    };
    const onData = (chunk: Buffer): void => {
      const needed = length + chunk.length;
      if (needed > maxBytes) return void settle({ status: "too_large" });
      if (needed > buffer.length) {
        const isWhole = chunk.length === announced;
        const capacity = isWhole ? needed : Math.min(mostBytes, Math.max(MIN_CAPACITY, needed * growth));
        if (!budget.take(capacity - buffer.length)) return void settle({ status: "over_budget" });
        const larger = isWhole ? chunk : Buffer.allocUnsafe(capacity);
        buffer.copy(larger, 0, 0, length);
        buffer = larger;
      }
      if (buffer !== chunk) chunk.copy(buffer, length);
      length = needed;
    };
    const onEnd = (): void =>
      settle({ status: "complete", body: buffer.subarray(0, length), heldBytes: buffer.length });
    const onClose = (): void => settle({ status: "aborted" });
    request.on("data", onData).on("end", onEnd).on("close", onClose);
  });
}

/** Undefined for a chunked body; 0 without a body. The parser has made sure that it is a number. */
export function announcedLength({ headers }: IncomingMessage): number | undefined {
  if (headers["transfer-encoding"] !== undefined) return undefined;
  return Number(headers["content-length"] ?? 0);
}

export type ContentEncoding = "identity" | "gzip" | "deflate";

/** Undefined for what is not known, a list of encodings among it. */
export function contentEncodingOf(header: string | undefined): ContentEncoding | undefined {
  switch (header?.trim().toLowerCase()) {
    case undefined:
    case "":
    case "identity":
      return "identity";
    case "gzip":
    case "x-gzip":
      return "gzip";
    case "deflate":
      return "deflate";
    default:
      return undefined;
  }
}

export type InflateResult =
  | { readonly status: "complete"; readonly body: Buffer }
  | { readonly status: "too_large" }
  /** Not what its encoding says, or cut off. */
  | { readonly status: "broken" };

export type Inflate = (body: Buffer, encoding: "gzip" | "deflate") => Promise<InflateResult>;

/**
 * Never makes more than `maxBytes` (and a chunk) of any body.
 *
 *   up to 64 kB that make 1 MiB   inflated at once: half the CPU of a turn through the thread pool
 *   up to 5 MiB inflated          on the thread pool, so that the event loop stays free
 *   more than that                measured to its end, keeping nothing, and inflated only when it fits
 */
export function createInflate(maxBytes: number): Inflate {
  const takeTurn = createTurns(BACKGROUND_INFLATIONS);
  return async (body, encoding) => {
    const format = encoding === "gzip" ? GZIP : hasZlibHeader(body) ? ZLIB : RAW_DEFLATE;
    if (body.length <= SYNC_INPUT_BYTES) {
      const result = inflateNow(format, body, Math.min(maxBytes, SYNC_OUTPUT_BYTES));
      if (result.status !== "too_large" || maxBytes <= SYNC_OUTPUT_BYTES) return result;
    }
    const endTurn = await takeTurn();
    try {
      const result = await inflateOrMeasure(format, body, maxBytes);
      return result.status === "fits" ? await inflateInBackground(format, body, maxBytes) : result;
    } finally {
      endTurn();
    }
  };
}

const EMPTY = Buffer.alloc(0);
const MIN_CAPACITY = 16_384;
/** What was announced is believed up to so many times of what has arrived. */
const ANNOUNCED_GROWTH = 8;
const SYNC_INPUT_BYTES = 65_536;
const SYNC_OUTPUT_BYTES = 1_048_576;
const MIN_CHUNK_BYTES = 16_384;
const MAX_CHUNK_BYTES = 262_144;
const USUAL_RATIO = 8;
const UNMEASURED_BYTES = 5 * 1_048_576;
/** At a time: the others wait, so that threads are left for the files that are synced meanwhile. */
const BACKGROUND_INFLATIONS = 2;

interface Format {
  readonly now: (body: Buffer, options: ZlibOptions) => Buffer;
  readonly inBackground: (body: Buffer, options: ZlibOptions) => Promise<Buffer>;
  readonly stream: (options: ZlibOptions) => Transform;
}
const GZIP: Format = {
  now: gunzipSync,
  inBackground: promisify<Buffer, ZlibOptions, Buffer>(gunzip),
  stream: createGunzip,
};
const ZLIB: Format = {
  now: inflateSync,
  inBackground: promisify<Buffer, ZlibOptions, Buffer>(inflate),
  stream: createInflateStream,
};
const RAW_DEFLATE: Format = {
  now: inflateRawSync,
  inBackground: promisify<Buffer, ZlibOptions, Buffer>(inflateRaw),
  stream: createInflateRaw,
};

/**
 * `deflate` means RFC 1950, yet some send the bare stream of RFC 1951. That cannot begin like this: its first block would
 * be a stored one, with padding that is not 0.
 */
function hasZlibHeader(body: Buffer): boolean {
  const method = body[0] ?? 0;
  return (method & 0x0f) === 8 && ((method << 8) | (body[1] ?? 0)) % 31 === 0;
}

function inflateNow(format: Format, body: Buffer, maxOutputLength: number): InflateResult {
  const chunkSize = Math.min(Math.max(body.length * USUAL_RATIO, MIN_CHUNK_BYTES), MAX_CHUNK_BYTES);
  try {
    return { status: "complete", body: format.now(body, { maxOutputLength, chunkSize }) };
  } catch (error) {
    return failure(error);
  }
}

async function inflateInBackground(format: Format, body: Buffer, maxOutputLength: number): Promise<InflateResult> {
  try {
    return {
      status: "complete",
      body: await format.inBackground(body, { maxOutputLength, chunkSize: MAX_CHUNK_BYTES }),
    };
  } catch (error) {
    return failure(error);
  }
}

/** Keeps what it makes while that is little, then measures. Stops where it no longer fits: what is broken behind that is not seen. */
function inflateOrMeasure(
  format: Format,
  body: Buffer,
  maxBytes: number,
): Promise<InflateResult | { readonly status: "fits" }> {
  return new Promise((resolve) => {
    const inflating = format.stream({ chunkSize: MAX_CHUNK_BYTES });
    const kept: Buffer[] = [];
    let bytes = 0;
    inflating.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      kept.push(chunk);
      if (bytes <= Math.min(maxBytes, UNMEASURED_BYTES)) return;
      for (const one of kept.splice(0)) setImmediate(giveBack, one); // not while its stream still speaks of it
      if (bytes <= maxBytes) return;
      inflating.destroy();
      resolve({ status: "too_large" });
    });
    inflating.on("error", () => resolve({ status: "broken" }));
    inflating.on("end", () => {
      const isKept = bytes <= UNMEASURED_BYTES;
      resolve(isKept ? { status: "complete", body: Buffer.concat(kept, bytes) } : { status: "fits" });
    });
    inflating.end(body);
  });
}

/** What is sent to a port that is closed is gone with its memory. */
const nowhere = closedPort();

/**
 * Frees the memory of a chunk now: bombs make more in a second than the garbage collector, which waits for 64 MB of such,
 * takes away. A chunk that does not fill its memory is left to the collector, since the rest may be in use.
 */
function giveBack({ buffer, length }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === length) nowhere.postMessage(undefined, [buffer]);
}

function closedPort(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.close();
  return port1;
}

function failure(error: unknown): InflateResult {
  const isTooLarge = error instanceof RangeError && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
  return { status: isTooLarge ? "too_large" : "broken" };
}

/** At most `count` hold a turn; the others wait in the order in which they came. */
function createTurns(count: number): () => Promise<() => void> {
  const waiting: (() => void)[] = [];
  let free = count;
  const end = (): void => {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  };
  return async () => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    return end;
  };
}
