/**
 * The text of a stack trace becomes frames. Each runtime's format is a family in `stack/`; a family
 * answers [] to text that is not its own, and the first that knows the text decides.
 */
import type { RawCause, StackFrame } from "../event";
import { memoized } from "./memoized";
import { javaErrors } from "./stack/java";
import { pythonErrors } from "./stack/python";
import { parseV8 } from "./stack/v8";

const FAMILIES: readonly ((stack: string) => StackFrame[])[] = [parseV8];

/** Innermost first; at most 50: of a longer stack the first 25 and the last 25. Linear in the text; [] for text that is no stack. */
export function parseStack(stack: string): readonly StackFrame[] {
  const frames = stack.indexOf("\n") + 1;
  // Behind a message of one line, whatever it says, nothing but the frames decides.
  if (stack.startsWith("    at ", frames) && frames > 0 && !/^\s*at /.test(stack))
    return parseKnown(stack.slice(frames));
  return parseText(stack);
}

/** An error as the text of a stack prints it. */
export type ToldError = Pick<RawCause, "type" | "message" | "stack">;

/** The error whose stack it is, then what caused it, where the language prints that; else empty. At most ten. */
export function toldErrors(stack: string): readonly ToldError[] {
  const errors = pythonErrors(stack);
  return errors.length > 0 ? errors : javaErrors(stack);
}

function parseText(stack: string): readonly StackFrame[] {
  const text = stack.length > MAX_LENGTH ? ends(stack) : stack;
  for (const parse of FAMILIES) {
    const frames = parse(text);
    if (frames.length > 0) return frames;
  }
  return [];
}

const parseKnown = memoized(parseText, { maxEntries: 256, maxLength: 16_384 });

/** Far more than the frames that are kept need. */
const MAX_LENGTH = 131_072;

/** Whole lines from either end. */
function ends(stack: string): string {
  const head = stack.slice(0, MAX_LENGTH / 2);
  const tail = stack.slice(-MAX_LENGTH / 2);
  return head.slice(0, head.lastIndexOf("\n") + 1) + tail.slice(tail.indexOf("\n") + 1);
}
