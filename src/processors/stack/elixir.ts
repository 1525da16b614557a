/**
 * Stack traces of Elixir, and of Erlang's shell.
 *
 *   ** (KeyError) key "tea" not found in: %{"coffee" => 3}
 *       :erlang.map_get("tea", %{"coffee" => 3})                                 built in: arguments, no place
 *       (shop 0.1.0) lib/shop/cart.ex:7: Shop.Cart.take/1
 *       (elixir 1.14.0) lib/enum.ex:1658: Enum."-map/2-lists^map/1-0-"/2
 *       lib/shop/cart.ex:9: anonymous fn/1 in Shop.Cart.all/1
 *
 *   exception error: bad key: tea
 *     in function  map_get/2
 *     in call from shop_cart:take/1 (shop_cart.erl, line 4)
 */
import type { StackFrame } from "../../event";
import { applicationModule } from "./application-path";
import { isGap, keptFrames, type TraceFormat } from "./trace-format";

export const ELIXIR: TraceFormat = {
  isFrame(line) {
    return isCall(line);
  },

  frames(trace) {
    return keptFrames(callLines(trace)).flatMap(toFrame);
  },

  errors(trace) {
    const header = ERROR.exec(trace);
    const [start = "", type] = header ?? [];
    if (header === null || type === undefined) return [];
    const begin = header.index + start.length;
    const frames = trace.lastIndexOf(callLines(trace)[0] ?? "");
    return [{ relation: "cause", type, message: trace.slice(begin, Math.max(begin, frames)).trimEnd(), stack: trace }];
  },
};

const ERROR = /^\*\* \(([A-Z][\w.]{0,255}|exit|throw|EXIT)\) ?/m;
const CALL =
  /^ {4}(?:\(([\w-]{1,64}) \d[\w.+-]{0,64}\) )?(?:([^\s:"][^\n:"]{0,511}\.(?:exs?|[ehy]rl|[hl]?eex)|iex|nofile):(\d{1,9}): )?(\S.{0,1023})$/;
const BUILT_IN = /^:[a-z]\w{0,127}\.(?:[a-z]\w{0,127}[?!]?|"[^"\n]{1,128}"|[+\-*/<>=!]{1,4})(?:\(.*\)|\/\d{1,3})$/;
const ERLANG =
  /^ {2,5}in (?:function|call from) {1,2}(?:([a-z]\w{0,127}):)?(.{1,256})\/(\d{1,3})(?: (?:\(([^()\n]{1,512}), line (\d{1,9})\))?)?$/;

function isCall(line: string): boolean {
  if (line.startsWith("  in ") || line.startsWith("     in ")) return ERLANG.test(line);
  const [, app, file, , call = ""] = line.startsWith("    ") ? (CALL.exec(line) ?? []) : [];
  return (app !== undefined || file !== undefined ? FUNCTION : BUILT_IN).test(call);
}

/** `Shop.Cart.take/1`, `:timer.tc/3`, `Shop.Cart.price(%{…})`, `anonymous fn/1 in …`, `(file)`, `(module)`. */
const FUNCTION =
  /^(?:anonymous fn(?:\/\d{1,3}|\(.*\)) in )?(?:\(?[A-Za-z:][\w.:]{0,255})(?:\.?"[^"\n]{1,256}"|[?!]|\.[+\-*/<>=!|&^~]{1,4})?(?:\/\d{1,3}|\(.*\)|\))$/;

/** The last unbroken run. */
function callLines(trace: string): readonly string[] {
  let run: string[] = [];
  let inRun = false;
  for (const line of trace.split("\n")) {
    if (isCall(line)) {
      if (!inRun) run = [];
      inRun = true;
      run.push(line);
      // Erlang explains arguments between the calls.
    } else if (!isGap(line) && !/^ {5}(?:called as |\*\*\* argument )/.test(line)) inRun = false;
  }
  return run;
}

function toFrame(line: string): StackFrame[] {
  if (line.startsWith("  in ") || line.startsWith("     in ")) return erlangFrame(line);
  const [, app = "", file = "", lineNumber = "0", call = ""] = CALL.exec(line) ?? [];
  const { module, name } = split(call);
  const isBuiltIn = module.startsWith(":") && file === "";
  const owner = module === "" ? applicationModule(file.replace(/\.exs?$/, "")) : module;
  return [
    {
      function: name,
      module: owner || NO_FILE,
      file: file || NO_FILE,
      line: Number(lineNumber),
      column: 0,
      inApp: !isBuiltIn && !LIBRARIES.has(app) && !/(?:^|\/)deps\//.test(file) && !isRuntime(module),
    },
  ];
}

function erlangFrame(line: string): StackFrame[] {
  const [, module = "erlang", name = "", arity = "", file = NO_FILE, lineNumber = "0"] = ERLANG.exec(line) ?? [];
  const position = { file, line: Number(lineNumber), column: 0 };
  return [
    {
      function: `${stableName(name)}/${arity}`,
      module,
      ...position,
      inApp: file !== NO_FILE && !isRuntime(`:${module}`),
    },
  ];
}

const NO_FILE = "<anonymous>";

/** The arguments of a call that no clause matched are values: their number takes their place. */
function split(call: string): { readonly module: string; readonly name: string } {
  const holder = /^anonymous fn(?:\/\d{1,3}|\(.*\)) in (.*)$/.exec(call)?.[1];
  if (holder !== undefined) {
    const { module, name } = split(holder);
    return { module, name: `fn in ${name}` };
  }
  if (call.startsWith("(")) return { module: "", name: call };
  const open = call.endsWith(")") ? call.indexOf("(") : -1;
  const path = open < 0 ? call : `${call.slice(0, open)}/${countArguments(call.slice(open + 1, -1))}`;
  const quote = path.indexOf('."');
  const dot = quote >= 0 ? quote : path.lastIndexOf(".");
  if (dot < 0) return { module: "", name: path };
  // A script is compiled under a name that is counted; its file says more.
  const module = path.slice(0, dot);
  return { module: module.startsWith(":elixir_compiler_") ? "" : module, name: stableName(path.slice(dot + 1)) };
}

/** `"-map/2-lists^map/1-0-"/2`: what the compiler made of a comprehension or a closure, for the function that holds it. */
function stableName(name: string): string {
  const holder = /^['"]?-([^/\n]{1,256}\/\d{1,3})-/.exec(name)?.[1];
  return holder === undefined ? name : `fn in ${holder}`;
}

function countArguments(text: string): number {
  if (text.trim() === "") return 0;
  let depth = 0;
  let commas = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? "";
    if (char === "\\") at++;
    else if (char === '"') isQuoted = !isQuoted;
    else if (isQuoted) continue;
    else if ("([{".includes(char)) depth++;
    else if (")]}".includes(char)) depth--;
    else if (char === "," && depth === 0) commas++;
  }
  return commas + 1;
}

/** Code of the runtime that is told without its application. */
function isRuntime(module: string): boolean {
  return /^:(?:erlang|elixir\w*|erl_\w+|init|lists|maps|proc_lib|gen|gen_server|gen_statem|supervisor|timer|ets|binary|io|file)$/.test(
    module,
  );
}

const LIBRARIES = new Set(
  (
    "stdlib kernel erts compiler crypto ssl inets mnesia public_key asn1 sasl runtime_tools tools syntax_tools elixir ex_unit " +
    "mix iex logger eex plug plug_cowboy plug_crypto cowboy cowlib ranch bandit thousand_island phoenix phoenix_live_view " +
    "phoenix_pubsub phoenix_html phoenix_ecto phoenix_template ecto ecto_sql db_connection postgrex myxql tds exqlite redix " +
    "jason poison telemetry oban absinthe absinthe_plug dataloader tesla hackney finch mint req httpoison gun gen_stage flow " +
    "broadway gettext swoosh bamboo castore nimble_options nimble_pool decimal timex quantum nebulex cachex guardian sentry " +
    "opentelemetry opentelemetry_api opentelemetry_exporter opentelemetry_phoenix opentelemetry_ecto opentelemetry_telemetry"
  ).split(" "),
);
