/**
 * The text of a stack trace becomes frames. Each runtime's format is a family in `stack/`.
 *
 *   Error: Command failed: python pay.py         a message may quote the trace of another program, of any language:
 *   Traceback (most recent call last):           the last line that is a frame says whose text it is …
 *     File "pay.py", line 54, in pay
 *   ValueError: no amount
 *       at ChildProcess.exithandler (node:…)     … but a traceback, which ends with its message, says so at its beginning
 */
import type { StackFrame } from "../event";
import { memoized } from "./memoized";
import { DOTNET } from "./stack/dotnet";
import { ELIXIR } from "./stack/elixir";
import { GECKO } from "./stack/gecko";
import { GO } from "./stack/go";
import { JAVA } from "./stack/java";
import { PHP } from "./stack/php";
import { PYTHON } from "./stack/python";
import { RUBY } from "./stack/ruby";
import { RUST } from "./stack/rust";
import { MAX_LINE_LENGTH, type ToldError, type TraceFormat } from "./stack/trace-format";
import { V8 } from "./stack/v8";

export type { ToldError } from "./stack/trace-format";

/** The stricter first, where lines look alike: Rust's positions like V8's frames, Java's frames like .NET's. */
const FORMATS: readonly TraceFormat[] = [RUST, V8, JAVA, PYTHON, GO, DOTNET, RUBY, PHP, ELIXIR, GECKO];

/** Innermost first; at most 50: of a longer stack the first 25 and the last 25. Linear in the text; [] for text that is no stack. */
export function parseStack(stack: string): readonly StackFrame[] {
  const frames = stack.indexOf("\n") + 1;
  // Behind a message of one line, whatever it says, nothing but the frames decides.
  if (stack.startsWith("    at ", frames) && frames > 0 && !/^\s*at /.test(stack))
    return parseKnown(stack.slice(frames));
  return parseText(stack);
}

/** The error whose stack it is, then what caused it, where the language prints that; else empty. At most ten. */
export function toldErrors(stack: string): readonly ToldError[] {
  const trace = plainTrace(stack);
  return formatOf(trace)?.errors(trace) ?? [];
}

function parseText(stack: string): readonly StackFrame[] {
  const trace = plainTrace(stack);
  return formatOf(trace)?.frames(trace) ?? [];
}

const parseKnown = memoized(parseText, { maxEntries: 256, maxLength: 16_384 });

function formatOf(trace: string): TraceFormat | undefined {
  const heading = HEADINGS.find((text) => trace.startsWith(text));
  const [, first = ""] = heading === undefined ? [] : trace.slice(0, heading.length + MAX_LINE_LENGTH).split("\n", 2);
  return TRACEBACKS.find(({ isFrame }) => isFrame(first)) ?? lastKnown(trace);
}

/** How Python and Ruby begin where the innermost call comes last; what stands behind the frames is message. */
const HEADINGS = ["Traceback (most recent call last):", "  + Exception Group Traceback (most recent call last):"];
const TRACEBACKS: readonly TraceFormat[] = [PYTHON, RUBY];

function lastKnown(trace: string): TraceFormat | undefined {
  for (let end = trace.length; end > 0; ) {
    const start = trace.lastIndexOf("\n", end - 1) + 1;
    if (end > start && end - start <= MAX_LINE_LENGTH) {
      const line = trace.slice(start, end);
      const format = FORMATS.find(({ isFrame }) => isFrame(line));
      if (format !== undefined) return format;
    }
    end = start - 1;
  }
  return undefined;
}

/** Far more than the frames that are kept need. */
const MAX_LENGTH = 65_536;

/** Bounded, with line feeds alone and without colours, on as many lines as it had when it was printed. */
function plainTrace(stack: string): string {
  let trace = stack.length > MAX_LENGTH ? ends(stack) : stack;
  if (trace.includes("\r")) trace = trace.replaceAll("\r\n", "\n");
  if (trace.includes(ESCAPE)) trace = withoutColours(trace);
  return trace.includes("\n") ? trace : onLines(trace);
}

/** Whole lines from either end. */
function ends(stack: string): string {
  const head = stack.slice(0, MAX_LENGTH / 2);
  const tail = stack.slice(-MAX_LENGTH / 2);
  return head.slice(0, head.lastIndexOf("\n") + 1) + tail.slice(tail.indexOf("\n") + 1);
}

const ESCAPE = "\u001b[";

function withoutColours(trace: string): string {
  const [first = "", ...coloured] = trace.split(ESCAPE);
  return first + coloured.map((piece) => piece.replace(/^[\d;]{0,16}m/, "")).join("");
}

/** Log shippers put a trace on one line: by `\n` as it is written in JSON, or by leaving line feeds out. */
function onLines(trace: string): string {
  if (trace.includes("\\n")) return trace.replace(/(?:\\r)?\\n/g, "\n").replaceAll("\\t", "\t");
  return trace.replace(/ {1,4}(?=at [^\s()]{1,512} ?\()|(?= {2,4}--- )/g, "\n   ");
}
