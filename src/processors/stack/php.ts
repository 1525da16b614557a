/**
 * Traces of PHP. A line names the function that was called and, in front of it, the place of the call; so the place where
 * a function was is that of the line above, and of the first function that of the header.
 *
 *   RuntimeException: disk in /srv/shop/disk.php:9                          the previous exception: the cause
 *   Stack trace:
 *   #0 /srv/shop/cart.php(14): Shop\Disk->read('tea')                       Shop\Disk->read was at disk.php:9
 *   #1 [internal function]: Shop\Cart->Shop\{closure}('tea')                the closure at cart.php:14
 *   #2 /srv/shop/cart.php(21): array_map(Object(Closure), Array)            array_map within PHP
 *   #3 {main}
 *
 *   Next Shop\OutOfStock: no tea left in /srv/shop/cart.php:16              the error itself
 *   Stack trace: …
 */
import type { StackFrame } from "../../event";
import { applicationModule } from "./application-path";
import { isGap, keptFrames, MAX_ERRORS, type ToldError, type TraceFormat } from "./trace-format";

export const PHP: TraceFormat = {
  isFrame(line) {
    return CALL.test(line);
  },

  frames(trace) {
    return keptFrames(framesOf(parts(trace)[0] ?? ""));
  },

  errors(trace) {
    const errors: ToldError[] = [];
    for (const part of parts(trace).slice(0, MAX_ERRORS)) {
      const { head } = read(part);
      const [start, type] = TYPE.exec(head) ?? [];
      if (start === undefined || type === undefined) break;
      const message = head.slice(start.length).replace(PLACE, "");
      errors.push({ relation: "cause", type, message, stack: part });
    }
    return errors;
  },
};

const CALL =
  /^#\d{1,6} (?:\{main\}|(?:([^\n]{1,1024}?)\((\d{1,9})\)|\[internal function\]): ([^\s({:][^\s({]{0,511}|[^\s({]{0,512}\{closure(?::[^{}]{0,512})?\})(?:\(.*\)?)?)$/;
const MAIN = "{main}";
const TRACE_HEADING = /^(?:Stack trace:|\[stacktrace\])$/;
const PLACE = /(?: in| at) ([^\n]{1,1024}?)(?::|\()(\d{1,9})\)?"?$/;
const TYPE = /^(?:[^\n]{0,64}Uncaught )?([A-Za-z_\x80-\uffff][\w\\@\x80-\uffff]{0,255})(?:: |(?= in ))/;

/** The error itself first: it was printed last. */
function parts(trace: string): readonly string[] {
  return trace.trimStart().split("\n\nNext ").reverse();
}

interface Trace {
  readonly head: string;
  readonly calls: readonly string[];
}

/** A message may quote a trace: the last run of calls counts, and what stands above it is the header. */
function read(part: string): Trace {
  const lines = part.split("\n");
  let begin = lines.length;
  let end = lines.length;
  while (end > 0 && !CALL.test(lines[end - 1] ?? "")) end--;
  begin = end;
  while (begin > 0 && (CALL.test(lines[begin - 1] ?? "") || isGap(lines[begin - 1] ?? ""))) begin--;
  const calls = lines.slice(begin, end).filter((line) => CALL.test(line));
  const heading = TRACE_HEADING.test(lines[begin - 1] ?? "") ? begin - 1 : begin;
  return { head: lines.slice(0, heading).join("\n"), calls };
}

interface Location {
  readonly path: string;
  readonly line: number;
}

const WITHIN_PHP: Location = { path: "", line: 0 };

function framesOf(part: string): readonly StackFrame[] {
  const { head, calls } = read(part);
  const [, path, line] = PLACE.exec(head.slice(-1_200)) ?? [];
  let at = path === undefined ? undefined : { path, line: Number(line) };
  const frames: StackFrame[] = [];
  for (const call of calls) {
    const [, caller, callerLine, name = MAIN] = CALL.exec(call) ?? [];
    const from = caller === undefined ? WITHIN_PHP : { path: caller, line: Number(callerLine) };
    // A function of PHP itself has no place: the exception then is where it was called.
    const isBuiltIn = at !== undefined && at.path === from.path && at.line === from.line && at.path !== "";
    frames.push(toFrame(name, isBuiltIn && frames.length === 0 ? WITHIN_PHP : (at ?? from)));
    at = from;
  }
  return frames;
}

function toFrame(call: string, { path, line }: Location): StackFrame {
  const name = stableName(call);
  const mark = /->|::/.exec(name);
  const owner = mark === null ? "" : name.slice(0, mark.index);
  const method = mark === null ? name : name.slice(mark.index + 2);
  const slash = method.lastIndexOf("\\");
  const called = slash < 0 ? method : method.slice(slash + 1);
  const file = path.replaceAll("\\", "/");
  const module =
    owner || (slash < 0 ? "" : method.slice(0, slash)) || (file === "" ? BUILT_IN : applicationModule(file));
  return {
    function: called === "{closure}" ? "<anonymous>" : called,
    module: module || BUILT_IN,
    file: file === "" ? BUILT_IN : stableFile(file),
    line,
    column: 0,
    inApp: file !== "" && !FOREIGN.test(file),
  };
}

const BUILT_IN = "<anonymous>";
const FOREIGN = /\/vendor\/|\/usr\/(?:local\/)?(?:share|lib)\/php|^phar:|\/var\/cache\/|^\[/;

/** `{closure:Shop\Cart::all():21}` since 8.4, `Shop\{closure}` before; classes without a name or with a generated one. */
function stableName(name: string): string {
  return name
    .replace(/\{closure:[^{}]{0,512}\}/, "{closure}")
    .replace(/@anonymous.*?(?=->|::|$)/, "@anonymous")
    .replace(/^Proxies\\__CG__\\/, "")
    .replace(/(__TwigTemplate_)[\da-f]{8,64}/, "$1")
    .replace(/^Container[A-Za-z\d]{7}\\/, "Container\\");
}

function stableFile(file: string): string {
  const vendor = file.lastIndexOf("/vendor/");
  return vendor < 0 ? file : file.slice(vendor + 8);
}
