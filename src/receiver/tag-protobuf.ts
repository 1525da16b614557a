/**
 * Adds attributes to spans and log records of a protobuf request, in the wire form: nothing is decoded and encoded
 * again. New fields go to the end of their Span or LogRecord, and the lengths of the messages around them grow:
 *
 *   [len] ResourceSpans ( … [len] ScopeSpans ( … [len] Span ( … + attributes )))
 *    └ rewritten              └ rewritten         └ rewritten
 */
import type { ItemTags, OtlpSignal } from "../event";
import { beginWork, finishWork, leadsToNext, type Work } from "./item-tags";
import { encodeField, encodeVarint, type Field, fieldsOf, LENGTH_DELIMITED } from "./protobuf-fields";

/**
 * Every other byte of the body stays as it came; with no tags the body itself comes back. A key that the item already
 * has is not added. Throws an Error when the body is not protobuf or has no such item. Linear in body and tags.
 */
export function addAttributes(body: Buffer, signal: OtlpSignal, tags: readonly ItemTags[]): Buffer {
  if (tags.length === 0) return body;
  const work = beginWork(body, signal, tags);
  editChildren(work, 0, { start: 0, end: body.length, path: [] });
  return finishWork(work);
}

/** A message: where its fields stand, and by which indexes it was reached. */
interface Message {
  readonly start: number;
  readonly end: number;
  readonly path: readonly number[];
}

/** Of the lists from the request down to its items: TracesData, ResourceSpans, ScopeSpans (and the same of logs). */
export const LIST_FIELDS = [1, 2, 2] as const;
const ATTRIBUTES_FIELD = { traces: 9, logs: 6 } as const;
const KEY_FIELD = 1;
const VALUE_FIELD = 2;
const STRING_VALUE_FIELD = 1;

/** Gives by how many bytes the message grew. */
function editChildren(work: Work, depth: number, message: Message): number {
  const listField = LIST_FIELDS[depth];
  if (listField === undefined) return editItem(work, message);
  let grown = 0;
  let index = 0;
  for (const field of fieldsOf(work.body, message.start, message.end)) {
    if (field.number !== listField || field.wireType !== LENGTH_DELIMITED) continue;
    const path = [...message.path, index];
    index += 1;
    if (leadsToNext(work, path)) grown += editMessage(work, depth + 1, field, path);
    if (!leadsToNext(work, message.path)) return grown;
  }
  return grown;
}

function editMessage(work: Work, depth: number, field: Field, path: readonly number[]): number {
  // The edit of the length stands before those of the content, though it is known after them.
  const place = work.edits.length;
  const grown = editChildren(work, depth, { start: field.valueStart, end: field.end, path });
  if (grown === 0) return 0;
  const length = encodeVarint(field.end - field.valueStart + grown);
  work.edits.splice(place, 0, { start: field.tagEnd, end: field.valueStart, bytes: length });
  return grown + length.length - (field.valueStart - field.tagEnd);
}

function editItem(work: Work, item: Message): number {
  const { body, edits } = work;
  const tags = work.tags[work.next];
  work.next += 1;
  if (tags === undefined) return 0;
  const attributesField = ATTRIBUTES_FIELD[work.signal];
  const present = new Set<string>();
  for (const field of fieldsOf(body, item.start, item.end)) {
    if (field.number === attributesField && field.wireType === LENGTH_DELIMITED) present.add(keyOf(body, field));
  }
  const added = tags.attributes.filter(([key]) => !present.has(key));
  const bytes = Buffer.concat(added.map(([key, value]) => encodeField(attributesField, encodeAttribute(key, value))));
  if (bytes.length > 0) edits.push({ start: item.end, end: item.end, bytes });
  return bytes.length;
}

/** The last one counts when a field that is no list comes twice. */
function keyOf(body: Buffer, attribute: Field): string {
  let key = "";
  for (const field of fieldsOf(body, attribute.valueStart, attribute.end)) {
    const isKey = field.number === KEY_FIELD && field.wireType === LENGTH_DELIMITED;
    if (isKey) key = body.toString("utf8", field.valueStart, field.end);
  }
  return key;
}

function encodeAttribute(key: string, value: string): Buffer {
  const anyValue = encodeField(STRING_VALUE_FIELD, Buffer.from(value));
  return Buffer.concat([encodeField(KEY_FIELD, Buffer.from(key)), encodeField(VALUE_FIELD, anyValue)]);
}
