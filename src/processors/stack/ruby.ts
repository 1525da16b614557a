/**
 * Backtraces of Ruby, with the quotes and names of 3.4 and those before.
 *
 *   app/cart.rb:7:in 'Hash#fetch': key not found: "tea" (KeyError)         `fetch' before 3.4
 *   →from app/cart.rb:17:in 'block (2 levels) in Shop::Cart#all'           → is a tab
 *   app/disk.rb:3:in 'read': disk (IOError)                                the cause
 *   →from …
 *
 * Bottom up, as for terminals: a heading, `→ 2: from …` with the outermost call first, and the error at the end.
 * A bare list of `file:line:in 'name'` is what `backtrace` gives.
 */
import type { StackFrame } from "../../event";
import { memoized } from "../memoized";
import { applicationModule } from "./application-path";
import { isGap, keptFrames, MAX_ERRORS, type TraceFormat } from "./trace-format";

export const RUBY: TraceFormat = {
  isFrame(line) {
    return readCall(line) !== undefined;
  },

  frames(trace) {
    const [own] = parts(trace);
    return own === undefined ? [] : keptFrames(own.calls.map(toFrame).map(asBuiltIn));
  },

  errors(trace) {
    return parts(trace)
      .filter(({ type }) => type !== "")
      .slice(0, MAX_ERRORS)
      .map(({ type, message, lines }) => ({ relation: "cause", type, message, stack: lines.join("\n") }));
  },
};

/** `file:line:in 'name'`, with what stands behind it. */
interface Call {
  readonly path: string;
  readonly line: number;
  readonly name: string;
  /** Behind the name: `: message (Type)`, or nothing. */
  readonly rest: string;
  readonly isFrom: boolean;
}

const PLACE = /^(\s{1,16}(?:\d{1,6}: )?from )?(.{1,1024}):(\d{1,9})$/;
const NAME = /^[`'](.{1,512}?)'(?=$|: )/;

function readCall(line: string): Call | undefined {
  const mark = line.indexOf(":in ");
  if (mark < 0) return undefined;
  const [quoted = "", name] = NAME.exec(line.slice(mark + 4)) ?? [];
  const [, from, path, lineNumber] = name === undefined ? [] : (PLACE.exec(line.slice(0, mark)) ?? []);
  if (name === undefined || path === undefined || (from === undefined && /^\s/.test(path))) return undefined;
  const rest = line.slice(mark + 4 + quoted.length);
  return { path, line: Number(lineNumber), name, rest, isFrom: from !== undefined };
}

const ERROR = /^(.*) \(([A-Z][\w:]{0,255})\)$/;
const BOTTOM_UP = /^[ \t]{1,16}\d{1,6}: from /m;

interface Part {
  readonly lines: readonly string[];
  /** Innermost first. */
  readonly calls: readonly Call[];
  readonly type: string;
  readonly message: string;
}

/** The error itself first. */
function parts(trace: string): readonly Part[] {
  const groups: Part[] = [];
  let lines: string[] = [];
  let calls: (Call | undefined)[] = [];
  const isBottomUp = BOTTOM_UP.test(trace);
  const close = (): void => {
    const part = readPart(lines, calls, isBottomUp);
    if (part.calls.length > 0) groups.push(part);
    lines = [];
    calls = [];
  };
  let behindFrom = true;
  for (const line of trace.split("\n")) {
    const call = readCall(line);
    const isFrom = call?.isFrom === true;
    // Top down an error begins with its own line; bottom up it ends with that, and with what its message has more of.
    if (isBottomUp ? isFrom && !behindFrom : behindFrom && call?.rest !== "" && call?.isFrom === false) close();
    lines.push(line);
    calls.push(call);
    behindFrom = isFrom || isGap(line) || line.trim() === "" || (isBottomUp && line.startsWith("Traceback "));
  }
  close();
  // Bottom up, what was printed last is the error itself.
  return isBottomUp ? groups.reverse() : groups;
}

function readPart(lines: readonly string[], all: readonly (Call | undefined)[], isBottomUp: boolean): Part {
  const calls = all.filter((call) => call !== undefined);
  const at = all.findLastIndex((call) => call?.isFrom === false && call.rest !== "");
  // The type stands at the end of the first line; the rest of the message follows.
  const [, first = "", type = ""] = ERROR.exec(all[at]?.rest.slice(2) ?? "") ?? [];
  const rest = at < 0 ? [] : lines.filter((line, index) => index > at && all[index] === undefined && !isGap(line));
  const message = [first, ...rest].join("\n").trimEnd();
  return { lines, calls: isBottomUp ? calls.reverse() : calls, type, message };
}

function toFrame({ path, line, name }: Call): StackFrame {
  return { function: stableName(name), ...sourceFile(path), line, column: 0 };
}

/** A function that is written in C has the place of its caller: `fetch` on the line of `take`, which calls it. */
function asBuiltIn(frame: StackFrame, at: number, all: readonly StackFrame[]): StackFrame {
  const caller = all[at + 1];
  const isBuiltIn =
    caller !== undefined &&
    caller.line === frame.line &&
    caller.file === frame.file &&
    caller.function !== frame.function &&
    !frame.function.includes(" in ");
  return isBuiltIn ? { ...frame, module: BUILT_IN, inApp: false } : frame;
}

const BUILT_IN = "<anonymous>";

/** Without the owner of the method that 3.4 adds, the depth of a block, and the numbers of a compiled view. */
function stableName(name: string): string {
  const [, context = "", method = name] =
    /^((?:(?:block(?: \(\d{1,4} levels\))?|rescue|ensure) in )*)(.*)$/.exec(name) ?? [];
  const owner = /^(?:[A-Z]\w*(?:::[A-Z]\w*)*)[#.](?=.)/.exec(method)?.[0] ?? "";
  const bare = method.slice(owner.length).replace(/_{2,3}-?\d{4,24}_\d{1,12}$/, "");
  return context.replace(/ \(\d{1,4} levels\)/g, "") + bare;
}

const GEM = /\/gems\/([\w.-]{1,128}?)-(?:\d[\w.]{0,64}(?:-[\w.-]{1,64})?|[\da-f]{7,40})\//g;
const STANDARD_LIBRARY = /\/lib\/(?:[\w-]{1,64}\/)?ruby\/(?:\d[\d.]{0,16}|site_ruby\/\d[\d.]{0,16}|vendor_ruby)\//;

/** Traces name the same files again and again. */
const sourceFile = memoized(classify, { maxEntries: 1_000, maxLength: 1_024 });

function classify(path: string): Pick<StackFrame, "module" | "file" | "inApp"> {
  if (path.startsWith("<internal:")) return { module: path.slice(10, -1), file: path, inApp: false };
  // `(eval at /srv/shop/rule.rb:12)` since 3.3, `(eval)` before.
  if (path.startsWith("(eval")) return { module: "(eval)", file: path, inApp: true };
  let gem: RegExpExecArray | undefined;
  for (const match of path.matchAll(GEM)) gem = match;
  if (gem !== undefined) {
    const [found, name = ""] = gem;
    return { module: name, file: `${name}/${path.slice(gem.index + found.length)}`, inApp: false };
  }
  const standard = STANDARD_LIBRARY.exec(path);
  if (standard !== null) {
    const file = path.slice(standard.index + standard[0].length);
    return { module: file.replace(/\.rb$/, ""), file, inApp: false };
  }
  return {
    module: applicationModule(path) || path,
    file: path,
    inApp: !/\/(?:s?bin|exe)\/[^/.]{1,128}$|\/vendor\/bundle\//.test(path),
  };
}
