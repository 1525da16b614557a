/**
 * Stacks of Firefox and Safari: no header, a frame a line.
 *
 *   total@https://shop.example/assets/cart-BX3kq9aF.js:10:5
 *   async*all/<@https://shop.example/cart.js:12:3            Firefox: an asynchronous caller; `/<` is a function without a name
 *   rule@https://shop.example/cart.js line 7 > eval:1:9      Firefox: evaluated code belongs to the file that called eval
 *   forEach@[native code]                                    Safari
 *   https://shop.example/cart.js:3:1                         Safari: the code of a file itself
 */
import type { StackFrame } from "../../event";
import { BUILT_IN, scriptFile } from "./script-file";
import { isGap, keptFrames, type TraceFormat } from "./trace-format";

export const GECKO: TraceFormat = {
  isFrame(line) {
    return FRAME.test(line);
  },

  frames(trace) {
    let run: string[] = [];
    let inRun = false;
    for (const line of trace.split("\n")) {
      if (FRAME.test(line)) {
        if (!inRun) run = [];
        inRun = true;
        run.push(line);
      } else if (!isGap(line) && line.trim() !== "") inRun = false;
    }
    return keptFrames(run).flatMap(toFrame);
  },

  errors() {
    return [];
  },
};

const SOURCE =
  "(?:[a-z][a-z\\d+.-]{1,32}:\\/\\/|[a-z]{1,32}-internal:|blob:|resource:|/|[A-Za-z]:[\\\\/]|debugger eval code|[\\w./-]{1,256}\\.[cm]?[jt]sx?:)";
/** Function, then file, line and column; an e-mail address or a git remote is none. */
const FRAME = new RegExp(
  `^\\s{0,8}(?:([^\\s@()]{0,256}(?: [^\\s@()]{1,256}){0,3})@(?:\\[native code\\]|(?=${SOURCE})([^\\n]{1,2048}?):(\\d{1,9}):(\\d{1,9}))|(?=https?://|file://)([^\\s@]{1,2048}?):(\\d{1,9}):(\\d{1,9}))$`,
);

function toFrame(line: string): StackFrame[] {
  const [found, name = "", named, namedLine, namedColumn, bare, bareLine, bareColumn] = FRAME.exec(line) ?? [];
  if (found === undefined) return [];
  const called = functionName(name);
  const location = named ?? bare;
  if (location === undefined)
    return [{ function: called, module: BUILT_IN, file: BUILT_IN, line: 0, column: 0, inApp: false }];
  const evaluated = / line (\d{1,9}) > /.exec(location);
  if (evaluated !== null) {
    return [
      { function: called, ...scriptFile(location.slice(0, evaluated.index)), line: Number(evaluated[1]), column: 0 },
    ];
  }
  const place = { line: Number(namedLine ?? bareLine), column: Number(namedColumn ?? bareColumn) };
  if (location === "debugger eval code")
    return [{ function: called, module: BUILT_IN, file: BUILT_IN, ...place, inApp: false }];
  return [{ function: called, ...scriptFile(location), ...place }];
}

/** `async*total`, `promise callback*total`, `Cart/this.total`, `total/<`; Safari's `global code`, `eval code`. */
function functionName(name: string): string {
  const star = name.lastIndexOf("*");
  const called = star < 0 ? name : name.slice(star + 1);
  if (called === "" || called.endsWith("<") || /^(?:global|module|eval) code$/.test(called)) return "<anonymous>";
  return called.slice(called.lastIndexOf("/") + 1) || "<anonymous>";
}
