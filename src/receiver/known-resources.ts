/** Knows again who sends by the bytes of its resource, which are the same in all of its requests. */
import type { Attributes, Resource } from "../event";
import { decodeResourceAttributes } from "./otlp-protobuf-decode";
import { toResource } from "./otlp-selection";

export interface Owner {
  readonly resource: Resource;
  readonly resourceAttributes: Attributes;
}

/** Resources remembered; the one that was learnt first gives way. */
const MAX_KNOWN = 1_024;
/** Longer ones are decoded each time: so the memory stays below a few megabytes. */
const MAX_BYTES = 2_048;

/** Reads the resource fields of a range within a ResourceSpans or ResourceLogs. */
export type OwnerReader = (bytes: Buffer, from: number, end: number) => Owner;

export function createOwnerReader(resourceTag: number): OwnerReader {
  const owners = new Map<string, Owner>();
  const decode: OwnerReader = (bytes, from, end) => {
    const resourceAttributes = decodeResourceAttributes(bytes, from, end, resourceTag);
    return { resource: toResource(resourceAttributes), resourceAttributes };
  };
  return (bytes, from, end) => {
    if (end - from > MAX_BYTES) return decode(bytes, from, end);
    const key = bytes.toString("latin1", from, end); // copied and hashed by native code: a quarter of decoding
    const known = owners.get(key);
    if (known !== undefined) return known;
    const owner = decode(bytes, from, end);
    for (const oldest of owners.keys()) {
      if (owners.size < MAX_KNOWN) break;
      owners.delete(oldest);
    }
    owners.set(key, owner);
    return owner;
  };
}
