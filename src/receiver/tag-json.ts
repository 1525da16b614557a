/**
 * Adds attributes to spans and log records of a JSON request, in the text: nothing is parsed and printed again.
 *
 *   {"resourceSpans":[{"scopeSpans":[{"spans":[{ … "attributes":[ … ▲]  }]}]}]}      ▲ into the list that is there, or
 *                                              { …                     ▲}              as a new member
 *
 * Where a key comes twice in an object, the last one counts, as it does for JSON.parse.
 */
import type { ItemTags, OtlpSignal } from "../event";
import { beginWork, type Edit, finishWork, leadsToNext, type Work } from "./item-tags";
import { elementsOf, isArray, isNull, isObject, lastMember, membersOf, rootOf, type Span, stringOf } from "./json-scan";

/**
 * Every byte of the body stays as it came (but an `attributes` that is `null`, which gives way to a list); with no tags
 * the body itself comes back. A key that the item already has is not added. Throws an Error when the body is not JSON or
 * has no such item.
 *
 * The text is read once for each of the five levels down to an attribute's key, so time is linear in body and tags.
 */
export function addAttributes(body: Buffer, signal: OtlpSignal, tags: readonly ItemTags[]): Buffer {
  if (tags.length === 0) return body;
  const work = beginWork(body, signal, tags);
  editChildren(work, { start: rootOf(body), end: body.length }, []);
  return finishWork(work);
}

/** From the request down to its items. */
export const LIST_KEYS = {
  traces: ["resourceSpans", "scopeSpans", "spans"],
  logs: ["resourceLogs", "scopeLogs", "logRecords"],
} as const;

function editChildren(work: Work, value: Span, path: readonly number[]): void {
  if (!isObject(work.body, value)) return;
  const key = LIST_KEYS[work.signal][path.length];
  if (key === undefined) {
    editItem(work, value);
    return;
  }
  const list = lastMember(work.body, value, key);
  if (list === undefined || !isArray(work.body, list)) return;
  let index = 0;
  for (const element of elementsOf(work.body, list.start)) {
    const childPath = [...path, index];
    index += 1;
    if (leadsToNext(work, childPath)) editChildren(work, element, childPath);
    if (!leadsToNext(work, path)) return;
  }
}

function editItem(work: Work, item: Span): void {
  const { body, edits } = work;
  const tags = work.tags[work.next];
  work.next += 1;
  if (tags === undefined) return;
  const attributes = lastMember(body, item, "attributes");
  const present = attributes !== undefined && isArray(body, attributes) ? keysOf(body, attributes) : new Set<string>();
  const added = tags.attributes.filter(([key]) => !present.has(key)).map(toText);
  if (added.length === 0) return;
  if (attributes === undefined) {
    edits.push(insertion(item.end - 1, `${isEmpty(body, item) ? "" : ","}"attributes":[${added.join()}]`));
  } else if (isNull(body, attributes)) {
    edits.push({ ...attributes, bytes: Buffer.from(`[${added.join()}]`) });
  } else if (isArray(body, attributes)) {
    edits.push(insertion(attributes.end - 1, `${isEmpty(body, attributes) ? "" : ","}${added.join()}`));
  } else throw new Error(`not a list of attributes, at byte ${attributes.start}`);
}

function keysOf(body: Buffer, attributes: Span): Set<string> {
  const keys = new Set<string>();
  for (const attribute of elementsOf(body, attributes.start)) {
    const value = isObject(body, attribute) ? lastMember(body, attribute, "key") : undefined;
    const key = value && stringOf(body, value);
    if (key !== undefined) keys.add(key);
  }
  return keys;
}

function isEmpty(body: Buffer, value: Span): boolean {
  const entries = isArray(body, value) ? elementsOf(body, value.start) : membersOf(body, value.start);
  return entries.next().done === true;
}

function insertion(at: number, text: string): Edit {
  return { start: at, end: at, bytes: Buffer.from(text) };
}

/** Through UTF-8 first, so that half a surrogate pair becomes U+FFFD and not an escape that readers refuse. */
function toText([key, value]: readonly [string, string]): string {
  return JSON.stringify({ key: wellFormed(key), value: { stringValue: wellFormed(value) } });
}

function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}
