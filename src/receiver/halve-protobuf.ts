/** A protobuf request as two of about half its size, for a receiver that takes no larger ones. */
import { fieldsOf, LENGTH_DELIMITED } from "./protobuf-fields";
import { LIST_FIELDS } from "./tag-protobuf";

export interface Half {
  readonly body: Buffer;
  /** Spans or log records. */
  readonly itemCount: number;
}

/**
 * Cut between two resources: fields of a message that stand in two messages are two valid messages. `undefined` when
 * there is only one resource. Throws an Error when the body is not protobuf.
 */
export function halve(body: Buffer): readonly [Half, Half] | undefined {
  const resources = listOf(body, 0, body.length, 0);
  const last = resources.at(-1);
  if (resources.length < 2 || last === undefined) return undefined;
  const cut = (resources.find(({ end }) => end < last.end && end >= body.length / 2) ?? resources.at(-2) ?? last).end;
  return [toHalf(body.subarray(0, cut)), toHalf(body.subarray(cut))];
}

function toHalf(body: Buffer): Half {
  return { body, itemCount: countItems(body, 0, body.length, 0) };
}

function countItems(body: Buffer, start: number, end: number, depth: number): number {
  if (depth === LIST_FIELDS.length) return 1;
  return listOf(body, start, end, depth).reduce(
    (count, message) => count + countItems(body, message.valueStart, message.end, depth + 1),
    0,
  );
}

function listOf(body: Buffer, start: number, end: number, depth: number): { valueStart: number; end: number }[] {
  const fields = [...fieldsOf(body, start, end)];
  return fields.filter(({ number, wireType }) => number === LIST_FIELDS[depth] && wireType === LENGTH_DELIMITED);
}
