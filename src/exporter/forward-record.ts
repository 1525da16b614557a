/**
 * A request that waits to be passed on, as a record of the queue:
 *
 *   length of the head (4, little-endian) │ head (JSON) │ body as it came
 */
import { z } from "zod";
import type { OtlpEncoding, OtlpSignal, Place } from "../event";

/** A failing span or log record. Whether it is where the failure began may be known later, by its `eventId`. */
export interface PendingTags {
  readonly place: Place;
  readonly eventId: string;
  readonly category: string;
  readonly group: string;
  readonly severity: string;
  readonly fingerprint: string;
  readonly previousFingerprint?: string | undefined;
}

export interface ForwardItem {
  readonly signal: OtlpSignal;
  readonly encoding: OtlpEncoding;
  readonly body: Buffer;
  /** Spans or log records in the body: what is counted when it arrives, or is lost. */
  readonly itemCount: number;
  readonly tags: readonly PendingTags[];
}

export interface StoredItem extends ForwardItem {
  /** By the wall clock, since it outlives processes. */
  readonly receivedUnixMillis: number;
  /** The process that took it, by a name of its own: what another took is new to the books of this one. */
  readonly writer: string;
}

export function encodeItem({ body, ...head }: StoredItem): readonly Buffer[] {
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(text.length);
  return [length, text, body];
}

/** `undefined` for a record that another version wrote, and this one does not know. */
export function decodeItem(record: Buffer): StoredItem | undefined {
  if (record.length < LENGTH_BYTES) return undefined;
  const bodyStart = LENGTH_BYTES + record.readUInt32LE();
  if (bodyStart > record.length) return undefined;
  const head = HEAD.safeParse(parse(record.toString("utf8", LENGTH_BYTES, bodyStart)));
  return head.success ? { ...head.data, body: record.subarray(bodyStart) } : undefined;
}

const LENGTH_BYTES = 4;
const INDEX = z.int().nonnegative();
const HEAD = z.object({
  signal: z.enum(["traces", "logs"]),
  encoding: z.enum(["protobuf", "json"]),
  itemCount: INDEX,
  receivedUnixMillis: z.number(),
  writer: z.string(),
  tags: z.array(
    z.object({
      place: z.object({ resource: INDEX, scope: INDEX, item: INDEX }),
      eventId: z.string(),
      category: z.string(),
      group: z.string(),
      severity: z.string(),
      fingerprint: z.string(),
      previousFingerprint: z.string().optional(),
    }),
  ),
});

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no head, then
  }
}
