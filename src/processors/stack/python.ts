/**
 * What a traceback of Python says of its errors, beside the frames.
 *
 *   Traceback (most recent call last):
 *     File "/srv/shop/stock.py", line 12, in take
 *       raise KeyError(article)
 *   KeyError: 'tea'                                                        the cause: type and `str(error)`
 *
 *   The above exception was the direct cause of the following exception:
 *
 *   Traceback (most recent call last):
 *     …
 *   shop.OutOfStock: no tea left                                           the error itself
 *
 * What was merely being handled when another error occurred is no cause: its handler may have a bug of its own.
 */
import type { RawCause } from "../../event";

/** The error, then its cause, and so on; empty for text that is no traceback. */
export function pythonErrors(stack: string): readonly Pick<RawCause, "type" | "message" | "stack">[] {
  if (!stack.startsWith(HEADING)) return [];
  const errors: Pick<RawCause, "type" | "message" | "stack">[] = [];
  let end = stack.length;
  while (errors.length < MAX_ERRORS) {
    const { from, isCause } = partBefore(stack, end);
    const error = lastLine(stack.slice(from, end).trimEnd());
    if (error !== undefined) errors.push(error);
    if (error === undefined || !isCause) break;
    end = from - DIRECT_CAUSE.length;
  }
  return errors;
}

/** More are not kept of an event. */
const MAX_ERRORS = 10;
const HEADING = "Traceback (most recent call last):\n";
const DIRECT_CAUSE = "\n\nThe above exception was the direct cause of the following exception:\n\n";
const WHILE_HANDLING = "\n\nDuring handling of the above exception, another exception occurred:\n\n";

function partBefore(stack: string, end: number): { readonly from: number; readonly isCause: boolean } {
  const text = stack.slice(0, end);
  const cause = text.lastIndexOf(DIRECT_CAUSE);
  const handled = text.lastIndexOf(WHILE_HANDLING);
  if (cause < 0 && handled < 0) return { from: 0, isCause: false };
  return cause > handled
    ? { from: cause + DIRECT_CAUSE.length, isCause: true }
    : { from: handled + WHILE_HANDLING.length, isCause: false };
}

/** Behind the frames, whose lines all begin with a blank; a cause that was never raised has none. */
function lastLine(part: string): Pick<RawCause, "type" | "message" | "stack"> | undefined {
  let at = part.startsWith(HEADING) ? HEADING.length : 0;
  while (part[at] === " ") {
    const newline = part.indexOf("\n", at);
    if (newline < 0) return undefined;
    at = newline + 1;
  }
  const header = HEADER.exec(part.slice(at, at + MAX_TYPE_LENGTH + 2));
  if (header === null) return undefined;
  const [type = ""] = header;
  return { type, message: part.slice(at + type.length + 2), stack: part };
}

const MAX_TYPE_LENGTH = 256;
const HEADER = /^[\w.<>]{1,256}(?=: |:?$|\n)/;
