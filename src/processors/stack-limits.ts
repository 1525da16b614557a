/**
 * What is kept of a long stack: the header, and the first and last 25 frames.
 *
 *   header ≤ limit │ frame 1 … 25 │ (left out) │ the last 25
 */
import type { Span } from "./assigned-secrets";

export const MAX_STACK_FRAMES = 50;
/** A stack is read this far from both of its ends, so its frames take twice this at most. */
const WINDOW = 16_384;

/**
 * The parts to keep, in order; one part for the whole of a stack within the limits. Parts begin and end where a frame
 * begins; only the header is cut anywhere. Lines count as frames where no frame is recognised.
 */
export function keptStackParts(stack: string, maxHeader: number): Span[] {
  if (stack.length <= maxHeader && countLines(stack) <= MAX_STACK_FRAMES) return [{ from: 0, to: stack.length }];
  const isLong = stack.length > 2 * WINDOW;
  const frames = isLong
    ? [...framesWithin(stack, 0, WINDOW), ...framesWithin(stack, stack.length - WINDOW, stack.length)]
    : framesWithin(stack, 0, stack.length);
  const half = MAX_STACK_FRAMES / 2;
  const kept = frames.length > MAX_STACK_FRAMES ? [...frames.slice(0, half), ...frames.slice(-half)] : frames;

  const parts: Span[] = [{ from: 0, to: Math.min(kept[0]?.from ?? stack.length, maxHeader) }];
  for (const frame of kept) {
    const last = parts.at(-1);
    if (last !== undefined && last.to === frame.from) parts[parts.length - 1] = { from: last.from, to: frame.to };
    else parts.push(frame);
  }
  return parts;
}

/** Frames of a group of Python's exceptions stand behind a margin. */
const FRAME = /^[ \t]*(?:\| {1,4})?(?:at |File "|from |#\d|\d+: )/gm;

/** From each frame to the next. The last one before a gap is left out: it may be cut. */
function framesWithin(stack: string, from: number, to: number): Span[] {
  const text = stack.slice(from, to);
  const recognised = [...text.matchAll(FRAME)].filter(([found], at, all) => {
    // Rust writes the place of a numbered call on a line of its own.
    return !found.endsWith("at ") || all[at - 1]?.[0].endsWith(": ") !== true;
  });
  const starts = (recognised.length > 0 ? recognised.map(({ index }) => index) : lineStarts(text)).map(
    (at) => from + at,
  );
  const ends = to < stack.length ? starts.slice(1) : [...starts.slice(1), to];
  return ends.map((end, index) => ({ from: starts[index] ?? end, to: end }));
}

/** But for the first. */
function lineStarts(text: string): number[] {
  const starts: number[] = [];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

function countLines(text: string): number {
  let lines = 1;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}
