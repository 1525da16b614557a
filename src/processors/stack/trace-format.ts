/** What each family of stack traces can tell. The text that it is given has line feeds alone, no colours and a bounded length. */
import type { RawCause, StackFrame } from "../../event";

/** An error as the text of a stack prints it. The first of several is the error itself, the others stand behind it. */
export type ToldError = Pick<RawCause, "relation" | "type" | "message" | "stack">;

export interface TraceFormat {
  /** True for a line that stands for a call, and hardly for anything else. */
  isFrame(line: string): boolean;
  /** Of the error itself, not of its causes; innermost first, at most 50. Empty for text of another family. */
  frames(trace: string): readonly StackFrame[];
  /** The error whose stack it is, then what caused it, at most ten; empty where the language does not print that. */
  errors(trace: string): readonly ToldError[];
}

/** More are not kept of an event. */
export const MAX_ERRORS = 10;

/** A longer line is no frame. */
export const MAX_LINE_LENGTH = 4_096;

/** Frames that are kept at either end of a long stack. */
export const EDGE_FRAMES = 25;

/** Of a long stack the ends: the middle of a recursion says least. */
export function keptFrames<T>(frames: readonly T[]): readonly T[] {
  if (frames.length <= 2 * EDGE_FRAMES) return frames;
  return [...frames.slice(0, EDGE_FRAMES), ...frames.slice(-EDGE_FRAMES)];
}

/** What runtimes and redaction write where they left frames out: `... 3 more`, `... frames omitted ...`. It ends no run of frames. */
export function isGap(line: string): boolean {
  return line.trimStart().startsWith("... ");
}

/** A member of a group, and its own causes. */
export function asMember([member, ...causes]: readonly ToldError[]): readonly ToldError[] {
  return member === undefined ? [] : [{ ...member, relation: "member" }, ...causes];
}

/** Whether a dotted (or otherwise separated) name is one of the prefixes or stands below one. */
export function isBelow(name: string, prefixes: ReadonlySet<string>, separator: string): boolean {
  for (let at = name.indexOf(separator); at >= 0; at = name.indexOf(separator, at + separator.length)) {
    if (prefixes.has(name.slice(0, at))) return true;
  }
  return prefixes.has(name);
}
