/**
 * Passes OTLP requests on, tagged with what was found in them.
 *
 *   enqueue ──► queue on disk ──► hold: until it is known which failures are echoes ──► tag ──► POST
 *                    ▲                                                                          │
 *                    └── stays the oldest while the receiver is away: back-off, 1 s to 30 s ◄───┤ 429 502 503 504, no answer
 *                                                       dead-letter file ◄── (413: halves once) ┘ any other refusal
 *
 * One request at a time: the order is kept, and one connection carries as much as the disk queue gives. A request that
 * is refused for good never stands in the way of those behind it. Answers that got lost are asked for again, so a
 * receiver may see a request twice.
 */

import { randomUUID } from "node:crypto";
import { validateHeaderName, validateHeaderValue } from "node:http";
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";
import type { ErrorOrigin, ItemTags, OtlpEncoding, OtlpSignal } from "../event";
import { createAppendFile, type DropReason, type Signal, type Telemetry } from "../telemetry";
import { backOffMillis, MIN_BACK_OFF_MILLIS, waitFor } from "./back-off";
import type { AppendOutcome, DiskQueue } from "./disk-queue";
import { decodeItem, encodeItem, type ForwardItem, type PendingTags, type StoredItem } from "./forward-record";
import { createPoster, type OtlpPoster } from "./otlp-post";
import { outgoingUrlFault } from "./outgoing-address";
import { createSendingLoop } from "./sending-loop";

export interface ForwarderOptions {
  /** Of this forwarder alone. Whoever opened it closes it, after `stop`. */
  readonly queue: DiskQueue;
  /** See `otlpUrls`. */
  readonly urls: OtlpUrls;
  /** Sent with each request. May hold secrets: never logged. */
  readonly headers?: { readonly [name: string]: string };
  readonly gzip?: boolean;
  /** `http:` to other hosts than this one. Default false. */
  readonly allowInsecure?: boolean;
  /** Receivers in private networks. Default false. */
  readonly allowPrivate?: boolean;
  /** For one attempt, with its answer. Default 10 s. */
  readonly timeoutMillis?: number;
  /** An item that is older than this is given up when an attempt fails. Default 24 h. */
  readonly maxAgeMillis?: number;
  /** How long after its arrival the origin of a failure can still be decided. */
  readonly holdMillis: number;
  /** `undefined` while it is not decided, and for what was forgotten. */
  readonly originOf: (eventId: string) => ErrorOrigin | undefined;
  /** Throws an Error when it cannot; the body then goes on as it came. */
  readonly addAttributes: (
    body: Buffer,
    signal: OtlpSignal,
    encoding: OtlpEncoding,
    tags: readonly ItemTags[],
  ) => Buffer;
  /** Two requests in place of one that is too large; `undefined` when it cannot be cut. May throw. */
  readonly halve: (body: Buffer, signal: OtlpSignal, encoding: OtlpEncoding) => readonly RequestPart[] | undefined;
  /** JSON Lines with what receivers refused; the older half goes when it is full. */
  readonly deadLetterPath: string;
  /** Of the dead-letter files together. Default 16 MiB. */
  readonly deadLetterBytes?: number;
  readonly telemetry: Telemetry;
  /** The wall clock. */
  readonly nowMillis: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Ends early when it is told to. Default: a timer. */
  readonly wait?: (millis: number, abort: AbortSignal) => Promise<void>;
}

export interface RequestPart {
  readonly body: Buffer;
  readonly itemCount: number;
}

/** A receiver has one for each signal. */
export type OtlpUrls = { readonly [signal in OtlpSignal]: string };

export interface Forwarder {
  /**
   * Takes the item into the queue. Of outcome `full` its spans or log records are counted as dropped (`queue_full`) and
   * nothing that is queued is touched; of `failed` nothing is counted, so that the caller can refuse the request. What is
   * queued is counted as received when it is committed.
   */
  enqueue(item: ForwardItem): AppendOutcome;
  /** As that of the queue. What is committed is sent. */
  commit(sequence?: number): Promise<Error | undefined>;
  /** Spans and log records that are neither forwarded nor dropped. */
  waiting(): readonly { readonly signal: Signal; readonly count: number }[];
  stats(): ForwarderStats;
  start(): void;
  /** Sends what is queued for as long as that, unless the receiver is away; what is left stays on disk. */
  stop(graceMillis: number): Promise<void>;
}

export interface ForwarderStats {
  /** Bytes on disk: the unit of `seismo_queue_length` and `_capacity` for a forwarder, since bytes are what is bounded. */
  readonly queuedBytes: number;
  readonly capacityBytes: number;
  /** Requests. */
  readonly queuedRequests: number;
  /** Spans and log records that a receiver took. */
  readonly forwardedItems: number;
  /** Spans and log records by reason; of `corrupt`, requests. */
  readonly droppedItems: { readonly [reason in ForwardDropReason]: number };
  /** Attempts that failed and were made again, or will be. */
  readonly retries: number;
}

export type ForwardDropReason = Extract<DropReason, "queue_full" | "expired" | "rejected_downstream" | "corrupt">;

/** Throws an Error, without the URL or a header's value in it, when a URL or a header is not allowed. */
export function createForwarder(options: ForwarderOptions): Forwarder {
  const { queue, telemetry, nowMillis, random, holdMillis, originOf } = options;
  const wait = options.wait ?? waitFor;
  const maxAgeMillis = options.maxAgeMillis ?? MAX_AGE_MILLIS;
  const posters = { traces: createPosterFor("traces", options), logs: createPosterFor("logs", options) };
  const writeDeadLetter = createDeadLetters(options);

  const loop = createSendingLoop();
  const { stopping, stopped } = loop;
  let wake: (() => void) | undefined;
  let failures = 0;

  let retries = 0;
  let forwardedItems = 0;
  const droppedItems = { queue_full: 0, expired: 0, rejected_downstream: 0, corrupt: 0 };

  // The books: what is committed is received and waits; then it is forwarded or dropped.
  const writer = randomUUID();
  const waiting = { traces: 0, logs: 0 };
  const uncommitted = new Map<number, Pick<ForwardItem, "signal" | "itemCount">>();
  let takenOver: Buffer | undefined;

  function countReceived({ signal, itemCount }: Pick<ForwardItem, "signal" | "itemCount">): void {
    telemetry.received(SIGNALS[signal], itemCount);
    waiting[signal] += itemCount;
  }

  /** Once for a record, however often it is tried. */
  function takeOver(record: Buffer, item: StoredItem): void {
    if (item.writer === writer || record === takenOver) return;
    takenOver = record;
    countReceived(item);
  }

  function countForwarded(signal: OtlpSignal, items: number): void {
    forwardedItems += items;
    waiting[signal] -= items;
    telemetry.forwarded(SIGNALS[signal], items);
  }

  function countDropped(signal: OtlpSignal, reason: ForwardDropReason, items: number): void {
    if (items <= 0) return;
    droppedItems[reason] += items;
    waiting[signal] -= items;
    telemetry.dropped(SIGNALS[signal], reason, items);
  }

  /** By the time that is left, not by the clock at each turn: the clock may stand or be set back. */
  async function hold(item: StoredItem): Promise<void> {
    const age = nowMillis() - item.receivedUnixMillis;
    let left = Math.min(holdMillis, holdMillis - age);
    while (left > 0 && !stopped.aborted && item.tags.some(({ eventId }) => originOf(eventId) === undefined)) {
      const pause = Math.min(left, HOLD_POLL_MILLIS);
      left -= pause;
      await wait(pause, stopped);
    }
  }

  function tagged(item: StoredItem): Buffer {
    const { body, signal, encoding, tags } = item;
    if (tags.length === 0) return body;
    const origins = tags.map((tag) => toItemTags(tag, originOf(tag.eventId) ?? "root"));
    try {
      return options.addAttributes(body, signal, encoding, origins);
    } catch (error) {
      telemetry.internalError("forwarder", error);
      return body;
    }
  }

  /** False when it was stopped before it was done: the item is then to be sent anew. */
  async function deliver(item: StoredItem): Promise<boolean> {
    const parts: Part[] = [{ body: tagged(item), itemCount: item.itemCount, isWhole: true }];
    for (let [part] = parts; part !== undefined; [part] = parts) {
      const result = await send(item, part.body);
      switch (result.status) {
        case "aborted":
          return false;
        case "delivered":
          failures = 0;
          countDelivered(item.signal, part, result.rejectedItems);
          parts.shift();
          break;
        case "refused":
          failures = 0;
          parts.splice(0, 1, ...afterRefusal(item, part, result.statusCode));
          break;
        case "retryable":
          if (isGivenUp(item, part, result.reason)) parts.shift();
          await backOff(result.retryAfterMillis);
          if (stopping.aborted && parts.length > 0) return false;
          break;
        default:
          result satisfies never;
      }
    }
    return true;
  }

  function countDelivered(signal: OtlpSignal, { itemCount }: Part, rejectedItems: number): void {
    const rejected = Math.min(rejectedItems, itemCount);
    if (rejected > 0) warn(signal, `did not take ${rejected} of ${itemCount} items`);
    countForwarded(signal, itemCount - rejected);
    countDropped(signal, "rejected_downstream", rejected);
  }

  /** What is to be sent in place of the part. */
  function afterRefusal(item: StoredItem, part: Part, statusCode: number): readonly Part[] {
    const halves = statusCode === TOO_LARGE && part.isWhole ? halvesOf(item, part.body) : undefined;
    if (halves !== undefined) return halves;
    warn(item.signal, `refused a request: HTTP ${statusCode}`);
    countDropped(item.signal, "rejected_downstream", part.itemCount);
    writeDeadLetter(item, part, statusCode);
    return [];
  }

  function isGivenUp(item: StoredItem, part: Part, reason: string): boolean {
    const isExpired = nowMillis() - item.receivedUnixMillis >= maxAgeMillis;
    warn(item.signal, isExpired ? `was away for too long: ${reason}` : `is away: ${reason}`);
    if (isExpired) countDropped(item.signal, "expired", part.itemCount);
    else retries += 1;
    return isExpired;
  }

  async function send(item: StoredItem, body: Buffer): ReturnType<OtlpPoster["post"]> {
    const isGzip = options.gzip === true;
    const sent = isGzip ? await compress(body, { level: constants.Z_BEST_SPEED }) : body;
    return posters[item.signal].post(sent, item.encoding, isGzip, stopped);
  }

  function halvesOf({ signal, encoding }: StoredItem, body: Buffer): Part[] | undefined {
    try {
      return options.halve(body, signal, encoding)?.map((half) => ({ ...half, isWhole: false }));
    } catch (error) {
      telemetry.internalError("forwarder", error);
      return undefined;
    }
  }

  async function backOff(retryAfterMillis: number | undefined): Promise<void> {
    failures += 1;
    await wait(backOffMillis(failures, retryAfterMillis, random), stopping);
  }

  function warn(signal: OtlpSignal, what: string): void {
    // The origin alone: path, query and headers may hold secrets.
    telemetry.logLimited("warning", `forward:${signal}`, `${new URL(options.urls[signal]).origin} ${what}`);
  }

  /** False when it was stopped before it was done. */
  async function forward(record: Buffer): Promise<boolean> {
    const item = decodeItem(record);
    if (item === undefined) {
      countReceived({ signal: "traces", itemCount: 1 });
      countDropped("traces", "corrupt", 1);
      telemetry.logLimited("error", "forward:record", "a queued request was written by another version; it is dropped");
      return true;
    }
    takeOver(record, item);
    await hold(item);
    return !stopped.aborted && (await deliver(item));
  }

  /** `undefined` also when the queue cannot be read just now: no descriptors left, say. */
  function oldest(): Buffer | undefined {
    try {
      return queue.peek();
    } catch (error) {
      telemetry.logLimited("error", "forward:read", `cannot read the queue: ${String(error)}`);
      setTimeout(() => wake?.(), MIN_BACK_OFF_MILLIS).unref();
      return undefined;
    }
  }

  async function run(): Promise<void> {
    while (!stopped.aborted) {
      const record = oldest();
      if (record === undefined) {
        if (stopping.aborted) return;
        await committed();
        continue;
      }
      try {
        if (!(await forward(record))) return;
        queue.ack();
      } catch (error) {
        telemetry.internalError("forwarder", error);
        await wait(MIN_BACK_OFF_MILLIS, stopping);
        if (stopping.aborted) return;
      }
    }
  }

  function committed(): Promise<void> {
    return new Promise((resolve) => {
      wake = resolve;
    });
  }

  return {
    enqueue(item) {
      const { signal, itemCount } = item;
      const outcome = queue.append(encodeItem({ ...item, receivedUnixMillis: nowMillis(), writer }));
      if (outcome.status === "queued") uncommitted.set(outcome.sequence, { signal, itemCount });
      if (outcome.status === "full") {
        countReceived(item);
        countDropped(signal, "queue_full", itemCount);
      }
      return outcome;
    },
    async commit(sequence) {
      const covered = [...uncommitted.keys()].filter((queued) => queued <= (sequence ?? queued));
      const error = await queue.commit(sequence);
      for (const queued of covered) {
        const item = uncommitted.get(queued);
        uncommitted.delete(queued);
        if (error === undefined && item !== undefined) countReceived(item);
      }
      wake?.();
      return error;
    },
    waiting: () => [
      { signal: "spans", count: waiting.traces },
      { signal: "logs", count: waiting.logs },
    ],
    stats: () => ({
      queuedBytes: queue.bytes,
      capacityBytes: queue.capacityBytes,
      queuedRequests: queue.length,
      forwardedItems,
      droppedItems: { ...droppedItems, corrupt: droppedItems.corrupt + queue.lostRecords },
      retries,
    }),
    start() {
      loop.start(run);
    },
    async stop(graceMillis) {
      const ended = loop.stop(graceMillis);
      wake?.();
      await ended;
      posters.traces.close();
      posters.logs.close();
    },
  };
}

/** By OpenTelemetry's rules: paths are added to `endpoint`; a URL that is given for a signal is taken as it is. */
export function otlpUrls(given: {
  readonly endpoint?: string | undefined;
  readonly traces?: string | undefined;
  readonly logs?: string | undefined;
}): OtlpUrls {
  return {
    traces: given.traces ?? withPath(given.endpoint, "traces"),
    logs: given.logs ?? withPath(given.endpoint, "logs"),
  };
}

const SIGNALS = { traces: "spans", logs: "logs" } as const;
const TOO_LARGE = 413;
const HOLD_POLL_MILLIS = 50;
const TIMEOUT_MILLIS = 10_000;
const MAX_AGE_MILLIS = 86_400_000;
const DEAD_LETTER_BYTES = 16_777_216;

const compress = promisify(gzip);

interface Part extends RequestPart {
  /** Not a half of one that was too large. */
  readonly isWhole: boolean;
}

function withPath(endpoint: string | undefined, signal: OtlpSignal): string {
  if (endpoint === undefined || !URL.canParse(endpoint)) return endpoint ?? "";
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/${signal}`;
  return url.href;
}

function createPosterFor(signal: OtlpSignal, options: ForwarderOptions): OtlpPoster {
  const { headers = {}, allowInsecure = false, allowPrivate = false, timeoutMillis = TIMEOUT_MILLIS } = options;
  const fault = outgoingUrlFault(options.urls[signal], { allowInsecure, allowPrivate });
  if (fault !== undefined) throw new Error(`the URL that ${signal} are forwarded to: ${fault}`);
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  }
  const url = new URL(options.urls[signal]);
  return createPoster({ ...options, url, signal, headers, allowInsecure, allowPrivate, timeoutMillis });
}

type WriteDeadLetter = (item: StoredItem, part: RequestPart, statusCode: number) => void;

function createDeadLetters({
  deadLetterPath,
  deadLetterBytes,
  telemetry,
  nowMillis,
}: ForwarderOptions): WriteDeadLetter {
  // Two files, the older of which goes: together they stay under the bound.
  const maxBytes = Math.floor((deadLetterBytes ?? DEAD_LETTER_BYTES) / 2);
  const file = createAppendFile({ path: deadLetterPath, maxBytes, backupCount: 1 });
  const complain = (why: string): void =>
    telemetry.logLimited("error", "forward:dead-letter", `cannot write ${deadLetterPath}: ${why}`);
  return ({ signal, encoding }, { body, itemCount }, statusCode) => {
    const timestamp = new Date(nowMillis()).toISOString();
    const about = { timestamp, signal, encoding, item_count: itemCount, status_code: statusCode };
    const line = `${JSON.stringify({ ...about, body: body.toString("base64") })}\n`;
    if (line.length > maxBytes) return complain(`a request of ${body.length} bytes is too large`);
    const result = file.append(line);
    if (result.status === "failed") complain(result.error.message);
  };
}

function toItemTags(tag: PendingTags, origin: ErrorOrigin): ItemTags {
  const { previousFingerprint } = tag;
  return {
    place: tag.place,
    attributes: [
      ["error.category", tag.category],
      ["error.group", tag.group],
      ["error.severity", tag.severity],
      ["error.fingerprint", tag.fingerprint],
      ...(previousFingerprint === undefined ? [] : [["error.fingerprint_previous", previousFingerprint] as const]),
      ["error.origin", origin],
    ],
  };
}
