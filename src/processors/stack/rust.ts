/**
 * Panics and backtraces of Rust (std, anyhow, eyre).
 *
 *   thread 'main' panicked at src/stock.rs:14:27:
 *   index out of bounds: the len is 1 but the index is 5
 *   stack backtrace:
 *      0:     0x5576 - core[c1f1a4ba]::panicking::panic_fmt::h59807616e1fa2540     address and hashes in the full form
 *                          at /rustc/5980…/library/core/src/panicking.rs:80:14
 *      1: <shop::stock::Cart as shop::stock::Total>::total::{{closure}}
 *                at ./src/stock.rs:21:71
 */
import type { StackFrame } from "../../event";
import { applicationModule } from "./application-path";
import { isGap, keptFrames, MAX_ERRORS, type ToldError, type TraceFormat } from "./trace-format";

export const RUST: TraceFormat = {
  isFrame(line) {
    if (line.startsWith("thread ")) return PANIC.test(line);
    // Positions of C stand as deep as those of Rust, which are deeper than any frame of JavaScript.
    const isPosition = line.includes(".rs:") || line.startsWith(" ".repeat(12));
    return isPosition ? POSITION.test(line) : line.includes("::") && CALL.test(line);
  },

  frames(trace) {
    const calls = keptFrames(callsOf(trace)).map(toFrame);
    if (calls.length > 0) return calls;
    // Without RUST_BACKTRACE only the place of the panic is told.
    const [, path, line, column] = PANIC.exec(trace) ?? [];
    if (path === undefined) return [];
    const module = applicationModule(path) || path;
    const place = { file: path, line: Number(line), column: Number(column) };
    return [{ function: "<anonymous>", module, ...place, inApp: !FOREIGN.test(path) }];
  },

  errors(trace) {
    const panic = PANIC.exec(trace);
    return panic === null ? reported(trace) : panicked(trace, panic);
  },
};

/** `panicked at src/stock.rs:14:27:`, and until 1.72 `panicked at 'message', src/stock.rs:14:27`. */
const PANIC =
  /^thread '[^\n]{0,256}'(?: \(\d{1,20}\))? panicked at (?:'[^\n]{0,4096}', )?([^\s'][^\n]{0,1023}?\.rs):(\d{1,9}):(\d{1,9}):?$/m;
const CALL =
  /^ {0,8}\d{1,6}: {1,16}(?:0x[\da-f]{1,16} - )?(?:<.{1,2048}|[A-Za-z_][^\s(),;'"]{0,1024}|[A-Za-z_][^\s()]{0,1024}<.{1,1024}>.{0,256})$/;
const POSITION = /^ {6,64}at ([^\n]{1,1024}?):(\d{1,9})(?::(\d{1,9}))?$/;
const HEADING = /^(?:stack backtrace:|Stack backtrace:|Backtrace:)$/m;

function panicked(trace: string, panic: RegExpExecArray): readonly ToldError[] {
  const [line] = panic;
  const quoted = /panicked at '(.{0,4096})', /.exec(line)?.[1];
  const text = trace.slice(panic.index + line.length + 1);
  const end = text.search(/^(?:stack backtrace:$|note: )/m);
  const message = quoted ?? (end < 0 ? text : text.slice(0, end)).trimEnd();
  return [{ relation: "cause", type: "panic", message, stack: trace }];
}

/** anyhow's report: the message, `Caused by:` with a line for each cause, and one backtrace, of the innermost. */
function reported(trace: string): readonly ToldError[] {
  const begin = trace.indexOf("\n\nCaused by:\n");
  if (begin < 0) return [];
  const errors: ToldError[] = [
    { relation: "cause", type: "", message: trace.slice(0, begin).replace(/^Error: /, ""), stack: trace },
  ];
  for (const line of trace.slice(begin + 13).split("\n")) {
    const [, message] = /^ {4,8}(?:\d{1,4}: )?(\S.*)$/.exec(line) ?? [];
    if (message === undefined || errors.length === MAX_ERRORS) break;
    errors.push({ relation: "cause", type: "Error", message, stack: "" });
  }
  return errors;
}

interface Call {
  readonly name: string;
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

/** The last unbroken run. */
function callsOf(trace: string): readonly Call[] {
  const heading = HEADING.exec(trace);
  let run: Call[] = [];
  let inRun = false;
  for (const line of trace.slice(heading?.index ?? 0).split("\n")) {
    const last = run.at(-1);
    const isPosition = line.startsWith("      ") && line.trimStart().startsWith("at ");
    const [, path, lineNumber, column = "0"] = isPosition ? (POSITION.exec(line) ?? []) : [];
    if (path !== undefined) {
      if (inRun && last !== undefined && last.path === "") {
        run[run.length - 1] = { ...last, path, line: Number(lineNumber), column: Number(column) };
      }
    } else if (CALL.test(line)) {
      if (!inRun) run = [];
      inRun = true;
      const name = line.replace(/^ {0,8}\d{1,6}: {1,16}(?:0x[\da-f]{1,16} - )?/, "");
      run.push({ name, path: "", line: 0, column: 0 });
    } else if (!isGap(line)) inRun = false;
  }
  // A list of causes is numbered as well, but has no places and no paths of names.
  return run.some(({ name, path }) => path !== "" || name.includes("::")) ? run : [];
}

function toFrame({ name, path, line, column }: Call): StackFrame {
  const bare = stableName(name);
  // The closures within a function belong to its name.
  const closure = bare.search(/::\{(?:\{|closure|impl|shim)/);
  const holder = closure < 0 ? bare : bare.slice(0, closure);
  const cut = lastSeparator(holder);
  const owner = cut < 0 ? "" : holder.slice(0, cut);
  const module = implementor(owner);
  const file = path === "" ? NO_NAME : stableFile(path.replaceAll("\\", "/"));
  return {
    function: holder.slice(cut < 0 ? 0 : cut + 2) + (closure < 0 ? "" : "::{{closure}}") || NO_NAME,
    module: module || NO_NAME,
    file,
    line,
    column,
    inApp: isOwn(module, path),
  };
}

const NO_NAME = "<anonymous>";
const FOREIGN =
  /^\/rustc\/|\/rustlib\/src\/|\/library\/(?:std|core|alloc)\/src\/|\.cargo\/(?:registry|git)\/|\/rust\/deps\/|\/vendor\//;

/** Without hashes and the numbers of crates and closures: `core[c1f1a4ba]::…::h59807616e1fa2540`, `{closure#0}`. */
function stableName(name: string): string {
  return name
    .slice(0, MAX_NAME_LENGTH)
    .replace(/::h[\da-f]{16}$/, "")
    .replace(/\[[\da-f]{8,16}\]/g, "")
    .replace(/#\d{1,6}\}/g, "}")
    .replace(/::<.*$/, "");
}

const MAX_NAME_LENGTH = 1_024;

/** The last `::` outside of angle brackets. */
function lastSeparator(name: string): number {
  let depth = 0;
  for (let at = name.length - 1; at > 0; at--) {
    const char = name[at];
    if (char === ">" && name[at - 1] !== "-") depth++;
    else if (char === "<") depth--;
    else if (depth === 0 && char === ":" && name[at - 1] === ":") return at - 1;
  }
  return -1;
}

/** `<shop::stock::Cart as shop::stock::Total>` is code of the cart. */
function implementor(owner: string): string {
  if (!owner.startsWith("<")) return owner;
  const end = owner.indexOf(" as ");
  return owner.slice(1, end < 0 ? (owner.endsWith(">") ? -1 : owner.length) : end).replace(/^&?(?:mut )?/, "");
}

function isOwn(module: string, path: string): boolean {
  // The C library that called main has places too.
  if (path !== "") return path.endsWith(".rs") && !FOREIGN.test(path.replaceAll("\\", "/"));
  const [crate = ""] = module.replace(/^[<&[(\s]{0,8}/, "").split(/::|</, 1);
  return module.includes("::") || module === crate ? /^[a-z]\w*$/.test(crate) && !LIBRARIES.has(crate) : false;
}

/** `/root/.cargo/registry/src/index.crates.io-6f17d22bba15001f/serde-1.0.190/src/de.rs` is `serde/src/de.rs`. */
function stableFile(path: string): string {
  const crate = /\.cargo\/(?:registry\/src|git\/checkouts)\/[^/]{1,128}\/(.*)$/.exec(path)?.[1];
  if (crate !== undefined) return crate.replace(/^([\w-]{1,128}?)-\d[\w.+-]{0,64}(?=\/)|^[\da-f]{7,40}\//, "$1");
  return path.replace(/^\/rustc\/[\da-f]{6,64}\//, "/rustc/").replace(/^\.\//, "");
}

const LIBRARIES = new Set(
  (
    "std core alloc proc_macro test backtrace __rustc rust_begin_unwind main _start __libc_start_main __libc_start_call_main " +
    "clone clone3 start_thread anyhow eyre color_eyre thiserror tokio futures futures_util futures_core rayon rayon_core " +
    "crossbeam hyper hyper_util h2 tower tower_http axum axum_core actix_web actix_http actix_rt warp rocket reqwest rustls " +
    "native_tls openssl serde serde_json serde_yaml toml tracing tracing_core tracing_subscriber log env_logger " +
    "opentelemetry opentelemetry_sdk sqlx sqlx_core diesel sea_orm tokio_postgres redis mio clap regex tonic prost once_cell " +
    "parking_lot sentry u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 bool char str"
  ).split(" "),
);
