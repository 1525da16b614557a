/**
 * What tagging has in common for both encodings: the tags in the order of the wire, and a body with bytes replaced.
 *
 *   body   ──┬────────┬──────────┬────────►      every byte between two edits stays as it came
 *   edits    └ edit ──┘          └ edit (an insertion when it replaces nothing)
 */
import type { ItemTags, OtlpSignal, Place } from "../event";

/** Replaces the bytes from `start` to `end`, which is excluded. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly bytes: Buffer;
}

/** One walk through a request edits its items in their order. */
export interface Work {
  readonly body: Buffer;
  readonly signal: OtlpSignal;
  readonly edits: Edit[];
  readonly tags: readonly ItemTags[];
  /** Of `tags`, the first that is not done. */
  next: number;
}

export function beginWork(body: Buffer, signal: OtlpSignal, tags: readonly ItemTags[]): Work {
  return { body, signal, edits: [], tags: inWireOrder(tags), next: 0 };
}

/** Throws an Error when the walk met no item for one of the tags. */
export function finishWork({ body, edits, tags, next }: Work): Buffer {
  const place = tags[next]?.place;
  if (place !== undefined) {
    throw new Error(`the request has no item [${place.resource}][${place.scope}][${place.item}]`);
  }
  return applyEdits(body, edits);
}

/** Whether the next item that is wanted stands under this path of indexes. */
export function leadsToNext({ tags, next }: Work, path: readonly number[]): boolean {
  const place = tags[next]?.place;
  if (place === undefined) return false;
  const wanted = [place.resource, place.scope, place.item];
  return path.every((index, level) => index === wanted[level]);
}

/** The edits must be in order and must not overlap. The body itself comes back when there is none. */
export function applyEdits(body: Buffer, edits: readonly Edit[]): Buffer {
  if (edits.length === 0) return body;
  const parts: Buffer[] = [];
  let kept = 0;
  for (const { start, end, bytes } of edits) {
    parts.push(body.subarray(kept, start), bytes);
    kept = end;
  }
  parts.push(body.subarray(kept));
  return Buffer.concat(parts);
}

/** Sorted by place, one entry a place. Of a key that is named twice for one place the first value stays. */
function inWireOrder(tags: readonly ItemTags[]): ItemTags[] {
  const sorted = [...tags].sort((a, b) => comparePlaces(a.place, b.place)); // stable
  const merged: { place: Place; attributes: Map<string, string> }[] = [];
  for (const { place, attributes } of sorted) {
    let last = merged.at(-1);
    if (last === undefined || comparePlaces(last.place, place) !== 0) {
      last = { place, attributes: new Map() };
      merged.push(last);
    }
    for (const [key, value] of attributes) if (!last.attributes.has(key)) last.attributes.set(key, value);
  }
  return merged.map(({ place, attributes }) => ({ place, attributes: [...attributes] }));
}

function comparePlaces(a: Place, b: Place): number {
  return a.resource - b.resource || a.scope - b.scope || a.item - b.item;
}
