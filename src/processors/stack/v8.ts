/**
 * Stacks as V8 writes them (Node, Chrome, Electron, Deno).
 *
 *   TypeError [ERR_X]: a message of any number of lines
 *       at async Cart.total [as sum] (file:///srv/shop/dist/cart.js:10:5)
 *          └─┬─┘ └───┬────┘           └───────────────┬────────────────┘
 *         dropped  function                        location
 *
 * A message may itself quote a stack (a failed child process, say). What follows the message is
 * therefore the last unbroken run of frame lines, up to the point where a cause begins.
 * Only indexes move over the text, so that no text can be slow.
 */
import type { StackFrame } from "../../event";
import { BUILT_IN, scriptFile } from "./script-file";
import { EDGE_FRAMES, type TraceFormat } from "./trace-format";

export const V8: TraceFormat = {
  isFrame(line) {
    let text = 0;
    while (text < line.length && isBlank(line.charCodeAt(text))) text++;
    const isCandidate = line.startsWith("at ", text) && endsLikeFrame(line, text, line.length);
    return isCandidate && parseFrame(lineFrom(line, text + 3)) !== undefined;
  },
  frames: parseV8,
  errors() {
    return [];
  },
};

const MAX_FUNCTION_LENGTH = 256;

export function parseV8(stack: string): StackFrame[] {
  const frames: StackFrame[] = [];
  for (const start of frameLines(stack)) {
    const frame = parseFrame(lineFrom(stack, start));
    if (frame !== undefined) frames.push(frame);
  }
  return frames;
}

/**
 * The name in the first line, without its `[CODE]`: `TypeError` for `TypeError [ERR_X]: message`. It is fixed when
 * the error is made, whatever reporters say about its type later. `undefined` when the first line is no such header.
 */
export function headerName(stack: string): string | undefined {
  let end = stack.startsWith("Uncaught ") ? 9 : 0;
  const start = end;
  while (end < stack.length && end - start <= MAX_FUNCTION_LENGTH && isNameChar(stack.charCodeAt(end))) end++;
  if (end === start) return undefined;
  const next = stack[end];
  const closes = next === undefined || next === ":" || next === "\n" || next === "\r" || stack.startsWith(" [", end);
  return closes ? stack.slice(start, end) : undefined;
}

/** Where the lines of the run begin, behind their "at ". */
function frameLines(stack: string): readonly number[] {
  let first: number[] = [];
  let last: number[] = [];
  let inRun = false;
  for (let start = 0; start < stack.length; ) {
    const newline = stack.indexOf("\n", start);
    const end = newline < 0 ? stack.length : newline;
    let text = start;
    start = end + 1;
    while (text < end && isBlank(stack.charCodeAt(text))) text++;
    if (stack.startsWith("at ", text) && endsLikeFrame(stack, text, end)) {
      if (!inRun) {
        // A single odd line behind the frames must not take their place.
        if (first.length > 0 && parseFrame(lineFrom(stack, text + 3)) === undefined) continue;
        first = [];
        last = [];
        inRun = true;
      }
      if (first.length < EDGE_FRAMES) first.push(text + 3);
      else {
        // Shifting a short array on every line is slower than letting it grow and cutting it now and then.
        last.push(text + 3);
        if (last.length >= 16 * EDGE_FRAMES) last = last.slice(-EDGE_FRAMES);
      }
    } else if (first.length > 0 && beginsCause(stack, text)) break;
    // Node prints "... 3 lines matching cause stack trace ..." within a run, and redaction leaves a like mark where it cut.
    else if (inRun && !stack.startsWith("... ", text)) inRun = false;
  }
  return first.concat(last.slice(-EDGE_FRAMES));
}

/** Prose that happens to begin with "at " rarely ends like a location. */
function endsLikeFrame(stack: string, start: number, end: number): boolean {
  let last = end - 1;
  while (last > start && isBlank(stack.charCodeAt(last))) last--;
  const char = stack[last];
  return (
    char === ")" ||
    char === ">" ||
    char === "{" ||
    isDigit(stack.charCodeAt(last)) ||
    stack.slice(Math.max(start, last - 12), last + 1).includes(":0x")
  );
}

function beginsCause(stack: string, start: number): boolean {
  if (!"cC[F".includes(stack[start] ?? "\n")) return false;
  const head = stack.slice(start, start + 9).toLowerCase();
  return head === "caused by" || head.startsWith("[cause]") || head.startsWith("[errors]") || head === "from prev";
}

function lineFrom(stack: string, start: number): string {
  const newline = stack.indexOf("\n", start);
  let end = newline < 0 ? stack.length : newline;
  // util.inspect opens the error's own properties on the line of its last frame.
  while (end > start && (isBlank(stack.charCodeAt(end - 1)) || stack[end - 1] === "{")) end--;
  return stack.slice(start, end);
}

function parseFrame(line: string): StackFrame | undefined {
  const call = line.startsWith("async ") ? line.slice(6) : line;
  // A name holds no " (", a path may: the first one opens the location.
  const open = call.endsWith(")") ? call.indexOf(" (") : -1;
  const location = locate(open < 0 ? call : call.slice(open + 2, -1));
  if (location === undefined) return undefined;
  const { module, file, inApp } = scriptFile(location.file);
  const name = functionName(open < 0 ? "" : call.slice(0, open)) || location.function;
  return { function: name, module, file, line: location.line, column: location.column, inApp };
}

interface Location {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** What the function is called when the frame itself does not say. */
  readonly function: string;
}

function locate(text: string): Location | undefined {
  if (text === "<anonymous>" || text === "native" || text === "unknown location" || text.startsWith("index ")) {
    return { file: BUILT_IN, line: 0, column: 0, function: "<anonymous>" };
  }
  if (text.startsWith("eval at ")) return locateEval(text);
  return locatePosition(text) ?? locateWasm(text);
}

/** `file:line:column`, read from the end: a file may hold any character. */
function locatePosition(text: string): Location | undefined {
  const columnAt = numberStart(text, text.length);
  const lineAt = numberStart(text, columnAt - 1);
  if (lineAt < 2) return undefined;
  const line = Number(text.slice(lineAt, columnAt - 1));
  return { file: text.slice(0, lineAt - 1), line, column: Number(text.slice(columnAt)), function: "<anonymous>" };
}

/** Where the digits that end at `end` begin, when a colon stands before them; else -1. */
function numberStart(text: string, end: number): number {
  let start = end;
  while (start > 0 && isDigit(text.charCodeAt(start - 1))) start--;
  return start < end && start > 0 && text[start - 1] === ":" ? start : -1;
}

/**
 * `eval at inner (eval at outer (/app/x.js:1:2), <anonymous>:3:4), <anonymous>:1:7`: evaluated code has no file
 * of its own (unless `sourceURL` gave it one, at the end), so it belongs to the file that called eval.
 */
function locateEval(text: string): Location | undefined {
  const own = locate(text.slice(text.lastIndexOf("), ") + 3));
  if (own !== undefined && own.file !== BUILT_IN) return own;
  const open = text.indexOf(" (", text.lastIndexOf("eval at "));
  if (open < 0) return undefined;
  // The innermost call ends with its own bracket, then a comma or the bracket of the call around it.
  const [origin = ""] = text.slice(open + 2).split(/\)(?:, |\)|$)/, 1);
  return locatePosition(origin) ?? own;
}

/** `wasm://wasm/name-5f6a1b2c:wasm-function[3]:0x1a2b`. The offset stands as the column. */
function locateWasm(text: string): Location | undefined {
  const offsetAt = text.lastIndexOf(":0x");
  if (offsetAt < 0) return undefined;
  const functionAt = text.lastIndexOf(":wasm-function[", offsetAt);
  if (functionAt < 0) return undefined;
  const column = Number.parseInt(text.slice(offsetAt + 3), 16);
  return {
    file: text.slice(0, functionAt),
    line: 0,
    column: Number.isNaN(column) ? 0 : column,
    function: text.slice(functionAt + 1, offsetAt),
  };
}

function functionName(text: string): string {
  const alias = text.indexOf(" [as ");
  const end = alias < 0 ? text.length : alias;
  return text.slice(0, Math.min(end, MAX_FUNCTION_LENGTH));
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9 || code === 13;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isNameChar(code: number): boolean {
  return (
    isDigit(code) ||
    (code >= 65 && code <= 90) ||
    (code >= 97 && code <= 122) ||
    code === 95 ||
    code === 36 ||
    code === 46
  );
}
