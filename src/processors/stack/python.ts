/**
 * Tracebacks of Python, 2.7 to 3.14.
 *
 *   Traceback (most recent call last):
 *     File "/srv/shop/stock.py", line 12, in take
 *       raise KeyError(article)
 *       ~~~~~^^^^^^^^^^^^^^^^^^                                              3.11 and later
 *   KeyError: 'tea'                                                        the cause: type and `str(error)`
 *
 *   The above exception was the direct cause of the following exception:
 *
 *     + Exception Group Traceback (most recent call last):
 *     |   File …                                                           the error itself: a group, behind a margin
 *     | ExceptionGroup: no order (2 sub-exceptions)
 *     +-+---------------- 1 ----------------
 *       | Traceback (most recent call last):                               its members, behind wider ones
 *
 * What was merely being handled when another error occurred is no cause: its handler may have a bug of its own.
 */
import type { StackFrame } from "../../event";
import { memoized } from "../memoized";
import { applicationModule } from "./application-path";
import { asMember, keptFrames, MAX_ERRORS, type ToldError, type TraceFormat } from "./trace-format";

export const PYTHON: TraceFormat = {
  isFrame(line) {
    return FRAME_IN_MARGIN.test(line);
  },

  frames(trace) {
    const { own } = unfolded(trace);
    const lines = readPart(own.slice(partBefore(own, own.length).from)).frames;
    return keptFrames(lines.reverse()).flatMap(toFrame);
  },

  errors(trace) {
    const { own, members } = unfolded(trace);
    const errors = chain(own);
    for (const member of members) errors.push(...asMember(chain(member)));
    return errors.slice(0, MAX_ERRORS);
  },
};

const HEADING = "Traceback (most recent call last):\n";
const GROUP_HEADING = "  + Exception Group Traceback (most recent call last):\n";
const DIRECT_CAUSE = "\n\nThe above exception was the direct cause of the following exception:\n\n";
const WHILE_HANDLING = "\n\nDuring handling of the above exception, another exception occurred:\n\n";

const FRAME = /^ {2}File "([^"\n]{1,1024})", line (\d{1,9}), in (.{1,256})$/;
const FRAME_IN_MARGIN = /^(?: {2,64}\| )? {2}File "[^"\n]{1,1024}", line \d{1,9}, in ./;

/** Groups without their margins: what is told of the error itself, and of each member, nested ones included. */
function unfolded(trace: string): { readonly own: string; readonly members: readonly string[] } {
  const begin = trace.startsWith(GROUP_HEADING) ? 0 : trace.indexOf(`\n${GROUP_HEADING}`) + 1;
  if (begin === 0 && !trace.startsWith(GROUP_HEADING)) return { own: trace, members: [] };
  const own: string[] = [HEADING.trimEnd()];
  const members: string[][] = [];
  for (const line of trace.slice(begin + GROUP_HEADING.length).split("\n")) {
    const rule = /^ {2,64}\+(?:-\+)?-{4,64}( (?:\d{1,6}|\.\.\.) -)?/.exec(line);
    if (rule !== null) {
      if (rule[1] !== undefined && members.length <= MAX_ERRORS) members.push([]);
      continue;
    }
    const margin = /^( {2,64})\|(?: |$)/.exec(line);
    const isMember = margin?.[0].startsWith("    ") === true;
    const text = margin === null ? line : line.slice(margin[0].length);
    const section = isMember ? members.at(-1) : own;
    section?.push(text.startsWith("+ Exception Group ") ? text.slice(18) : text);
  }
  return { own: trace.slice(0, begin) + own.join("\n"), members: members.map((lines) => lines.join("\n")) };
}

/** The last part is the error itself. */
function chain(trace: string): ToldError[] {
  const errors: ToldError[] = [];
  let end = trace.length;
  while (errors.length < MAX_ERRORS) {
    const { from, isCause } = partBefore(trace, end);
    const { error } = readPart(trace.slice(from, end).trimEnd());
    if (error !== undefined) errors.push(error);
    if (error === undefined || !isCause) break;
    end = from - DIRECT_CAUSE.length;
  }
  return errors;
}

function partBefore(trace: string, end: number): { readonly from: number; readonly isCause: boolean } {
  const text = trace.slice(0, end);
  const cause = text.lastIndexOf(DIRECT_CAUSE);
  const handled = text.lastIndexOf(WHILE_HANDLING);
  if (cause < 0 && handled < 0) return { from: 0, isCause: false };
  return cause > handled
    ? { from: cause + DIRECT_CAUSE.length, isCause: true }
    : { from: handled + WHILE_HANDLING.length, isCause: false };
}

/**
 * The lines of its frames, and the error behind them. Whatever follows the heading and begins with a blank is frames and
 * source; the message comes after that, so no message can have frames. A cause that was never raised has no heading.
 */
function readPart(part: string): { readonly frames: string[]; readonly error: ToldError | undefined } {
  const heading = part.startsWith(HEADING) ? 0 : part.indexOf(`\n${HEADING}`) + 1;
  let at = part.startsWith(HEADING, heading) ? heading + HEADING.length : 0;
  const frames: string[] = [];
  while (part[at] === " ") {
    const newline = part.indexOf("\n", at);
    const end = newline < 0 ? part.length : newline;
    if (part.startsWith('  File "', at)) frames.push(part.slice(at, end));
    if (newline < 0) return { frames, error: undefined };
    at = end + 1;
  }
  const header = HEADER.exec(part.slice(at, at + MAX_TYPE_LENGTH + 2));
  if (header === null) return { frames, error: undefined };
  const [type = ""] = header;
  return { frames, error: { relation: "cause", type, message: part.slice(at + type.length + 2), stack: part } };
}

const MAX_TYPE_LENGTH = 256;
const HEADER = /^[\w.<>]{1,256}(?=: |:?$|\n)/;

/** Nothing for the line of a syntax error, which no function ran; nor for comprehensions, which are functions until 3.11 only. */
function toFrame(line: string): StackFrame[] {
  const [, path, lineNumber, name = ""] = FRAME.exec(line) ?? [];
  if (path === undefined || /^<(?:list|dict|set)comp>$/.test(name)) return [];
  const called = name === "<lambda>" ? "<anonymous>" : name;
  return [{ function: called, ...sourceFile(path), line: Number(lineNumber), column: 0 }];
}

/** Code that the application made itself as it ran, and what is typed in by hand. */
const OWN_CODE = /^<(?:string|stdin|console|ipython-input|unknown)/;
const INSTALLED = /(?:^|\/)(?:site|dist)-packages\//g;
const STANDARD_LIBRARY =
  /(?:^|\/)(?:lib(?:64)?\/)?(?:python|pypy)\d(?:\.\d{1,2})?\/|\/Python\d{1,3}\/Lib\/|python\d{2,3}\.zip\//gi;

/** Traces name the same files again and again. */
const sourceFile = memoized(classify, { maxEntries: 1_000, maxLength: 1_024 });

function classify(path: string): Pick<StackFrame, "module" | "file" | "inApp"> {
  if (path.startsWith("<")) {
    const module = path.startsWith("<frozen ") ? path.slice(8, -1) : path.replace(/[-\s][\da-f-]{4,64}(?=>)/, "");
    return { module: module || path, file: path, inApp: OWN_CODE.test(path) };
  }
  const file = path.includes("\\") ? path.replaceAll("\\", "/") : path;
  const installed = endOfLast(file, INSTALLED);
  if (installed > 0) {
    const [name = ""] = file.slice(installed).split("/", 1);
    return { module: name.replace(/\.py$/, "") || file, file: file.slice(installed), inApp: false };
  }
  const standard = endOfLast(file, STANDARD_LIBRARY);
  if (standard > 0 && standard < file.length) {
    const module = file
      .slice(standard)
      .replace(/(?:\/__init__)?\.py$/, "")
      .replaceAll("/", ".");
    return { module, file: file.slice(standard), inApp: false };
  }
  // A cell of a notebook is a file by the number of its process and its own hash.
  const isCell = /\/ipykernel_\d{1,10}\/\d{1,20}\.py$/.test(file);
  const module = isCell ? "<notebook>" : applicationModule(file) || file;
  // Commands that an installer made have no ending: /venv/bin/uvicorn.
  return { module, file, inApp: isCell || !/\/(?:bin|Scripts)\/[^/.]{1,128}$|^\/var\/runtime\//.test(file) };
}

function endOfLast(text: string, pattern: RegExp): number {
  let end = 0;
  for (const match of text.matchAll(pattern)) end = match.index + match[0].length;
  return end;
}
