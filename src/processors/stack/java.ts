/**
 * What a stack trace of the Java virtual machine says of its errors, beside the frames.
 *
 *   com.shop.Stock$OutOfStock: no tea left
 *   →at com.shop.Stock.take(Stock.java:12)         → is a tab
 *   →Suppressed: …
 *   Caused by: java.sql.SQLException: …
 *   →at …
 *   →... 3 more
 */
import type { RawCause } from "../../event";

/** The error, then its cause, and so on, by their canonical names; empty for text that is no such trace. */
export function javaErrors(stack: string): readonly Pick<RawCause, "type" | "message" | "stack">[] {
  // V8's frames begin with blanks: there, a message quotes the trace of a child process.
  if (!stack.includes("\n\tat ") || stack.includes("\n    at ")) return [];
  const errors: Pick<RawCause, "type" | "message" | "stack">[] = [];
  for (const part of stack.split("\nCaused by: ", MAX_ERRORS)) {
    const header = HEADER.exec(part.slice(0, MAX_TYPE_LENGTH + 2))?.[0];
    if (header === undefined) break;
    const frames = part.indexOf("\n\t");
    const message = part.slice(header.length + 2, frames < 0 ? part.length : Math.max(frames, header.length + 2));
    errors.push({ type: header.replaceAll("$", "."), message: message.trimEnd(), stack: part.trimEnd() });
  }
  return errors;
}

/** More are not kept of an event. */
const MAX_ERRORS = 10;
const MAX_TYPE_LENGTH = 256;
const HEADER = /^[\w.$]{1,256}(?=: |:?$|\r?\n)/;
