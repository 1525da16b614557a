/**
 * Which code a JavaScript file is, named so that the name holds on every host, in every container and release.
 *
 *   /usr/src/app/node_modules/.pnpm/pg@8.2.0/node_modules/pg/lib/client.js   pg             not the application's
 *   node:internal/timers, internal/timers.js                                 node:internal/timers   same
 *   /home/ann/shop/src/orders/save.ts   /app/dist/orders/save.js             orders/save    the application's
 *   https://shop.example/assets/cart-BX3kq9aF.js?v=2                         assets/cart    same
 *
 * Where an application begins on a disk cannot be told from a path alone. A build or source folder is the surest
 * sign, then the customary places of deployment; without either, the last two parts of the path have to do.
 */
export interface ScriptFile {
  readonly module: string;
  /** Packages from `node_modules/` on, the rest as a path or URL without query. */
  readonly file: string;
  readonly inApp: boolean;
}

/** The file of code that has none: built-in functions, and what V8 calls `native`. */
export const BUILT_IN = "<anonymous>";

/** The same file always gives the same answer, so the answers for the files of late are kept. */
export function scriptFile(location: string): ScriptFile {
  if (location.length > MAX_FILE_LENGTH) return classify(shortened(location));
  const known = recent.get(location);
  if (known !== undefined) return known;
  if (recent.size >= MAX_RECENT) recent.clear();
  // A slice keeps the whole text alive that it was cut from; this is a copy.
  const copy = ` ${location}`.slice(1);
  const answer = classify(copy);
  recent.set(copy, answer);
  return answer;
}

const MAX_FILE_LENGTH = 1_024;
const MAX_RECENT = 1_000;
const recent = new Map<string, ScriptFile>();

function classify(location: string): ScriptFile {
  const file = plainPath(location) || BUILT_IN; // a URL may be all query
  if (file === BUILT_IN) return { module: BUILT_IN, file, inApp: false };
  const runtime = runtimeModule(file);
  if (runtime !== undefined) return { module: runtime, file, inApp: false };
  const packages = file.lastIndexOf("node_modules/");
  if (packages >= 0) {
    return { module: packageName(file, packages + 13) || BUILT_IN, file: file.slice(packages), inApp: false };
  }
  return { module: applicationModule(file) || BUILT_IN, file, inApp: !FOREIGN.some((part) => file.includes(part)) };
}

/** Files that are no part of the application though no package manager put them there. */
const FOREIGN = [
  "/var/runtime/",
  "chrome-extension:",
  "moz-extension:",
  "/@opentelemetry/",
  "/@sentry/",
  "/dd-trace/",
  "/newrelic/",
  "/seismo/dist/",
  "eval]-wrapper",
];

/** Folders that a compiler reads from or writes to: what follows is the application's own order. */
const SOURCE_ROOTS = new Set(["src", "dist", "build", "out", "output", ".output", ".next", "compiled"]);

/** Folders of a monorepo: what follows names the package. */
const PACKAGE_FOLDERS = new Set(["packages", "apps", "services", "libs"]);

/** How many leading folders only say where an application was put, by the first: /home/ann/shop, /usr/src/app, /app. */
const PLACES = new Map([
  ["app", 1],
  ["code", 1],
  ["workspace", 1],
  ["data", 2],
  ["opt", 2],
  ["root", 2],
  ["srv", 2],
  ["tmp", 2],
  ["var", 2],
  ["work", 2],
  ["workspaces", 2],
  ["home", 3],
  ["mnt", 3],
  ["usr", 3],
  ["Users", 3],
]);

/** Core modules as Node before 16 wrote them: `events.js`, without a folder. */
const OLD_CORE_FILES = new Set(
  (
    "_http_agent _http_client _http_common _http_incoming _http_outgoing _http_server _stream_readable _stream_writable " +
    "_tls_common _tls_wrap assert bootstrap_node buffer child_process cluster crypto dgram dns domain events fs http " +
    "http2 https module net next_tick path process queue_microtask querystring readline repl stream string_decoder " +
    "timers tls url util v8 vm worker_threads zlib"
  ).split(" "),
);

/** What tells one file from another is at the end of a path, and at the beginning of a `data:` URL. */
function shortened(location: string): string {
  return location.startsWith("data:") ? location.slice(0, MAX_FILE_LENGTH) : location.slice(-MAX_FILE_LENGTH);
}

/** Forward slashes, no `file://`, no query; a `data:` URL without its data. */
function plainPath(location: string): string {
  if (location.startsWith("data:")) return location.slice(0, /,|$/.exec(location)?.index);
  let path = location;
  if (path.includes("://")) {
    const query = path.search(/[?#]/);
    if (query >= 0) path = path.slice(0, query);
    if (path.startsWith("file://")) {
      path = path.slice(7);
      if (path.includes("%")) path = decoded(path);
      if (path[0] === "/" && path[2] === ":") path = path.slice(1);
    }
  }
  return path.includes("\\") ? path.replaceAll("\\", "/") : path;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    // A stray % is part of a name, not an escape.
    return path;
  }
}

function runtimeModule(file: string): string | undefined {
  if (file.startsWith("node:") || file.startsWith("ext:") || file.startsWith("electron/js2c")) return file;
  if (file.startsWith("internal/")) return `node:${withoutExtension(file)}`;
  if (file.includes("/")) return undefined;
  const name = withoutExtension(file);
  return name !== file && OLD_CORE_FILES.has(name) ? `node:${name}` : undefined;
}

function packageName(file: string, start: number): string {
  const slash = file.indexOf("/", start);
  const end = file[start] === "@" && slash > 0 ? file.indexOf("/", slash + 1) : slash;
  return file.slice(start, end < 0 ? file.length : end);
}

function applicationModule(file: string): string {
  if (file.startsWith("blob:")) return "blob:";
  if (file.startsWith("wasm://")) return withoutHashes(file.replace(/^wasm:\/\/wasm\/?/, "wasm-"));
  const parts = pathOf(file)
    .split("/")
    .filter((part, at) => part !== "" && part !== "." && part !== ".." && part !== "@fs" && !(at < 2 && isLayer(part)));
  const name = parts.pop();
  if (name === undefined) return file;

  let begin = Math.min(PLACES.get(parts[0] ?? "") ?? 0, parts.length);
  const root = parts.findLastIndex((part, at) => at >= begin && SOURCE_ROOTS.has(part));
  const packages = parts.findLastIndex((part, at) => at >= begin && at + 1 < parts.length && PACKAGE_FOLDERS.has(part));
  const owner = packages >= 0 && packages + 1 !== root ? [parts[packages + 1] ?? ""] : [];
  if (root > packages) begin = root + 1;
  else if (packages >= 0) begin = packages + 2;
  const depth = root >= 0 || packages >= 0 ? 2 : 1;
  const folders = parts.slice(Math.max(begin, parts.length - depth));
  return [...owner, ...folders, withoutHashes(withoutExtension(name))].join("/");
}

/** The part of a URL behind its host, also of one within another; a path without its drive. */
function pathOf(file: string): string {
  const scheme = file.lastIndexOf("://");
  if (scheme >= 0) {
    const slash = file.indexOf("/", scheme + 3);
    return slash < 0 ? file.slice(scheme + 3) : file.slice(slash);
  }
  return file[1] === ":" ? file.slice(2) : file;
}

/** webpack writes the layer of a module in front: `webpack-internal:///(rsc)/./src/page.tsx`. */
function isLayer(part: string): boolean {
  return part.startsWith("(") && part.endsWith(")");
}

function withoutExtension(name: string): string {
  return name.replace(/\.(?:[cm]?[jt]s|[jt]sx|vue|svelte|wasm)$/, "");
}

/** `cart-BX3kq9aF`, `main.3f2a1bcd.chunk`: what bundlers add to the name and change with every release. */
function withoutHashes(name: string): string {
  if (!/[.-]/.test(name)) return name;
  return name
    .split(/(?=[.-])/)
    .filter((part, at) => at === 0 || !isHash(part.slice(1)))
    .join("");
}

function isHash(part: string): boolean {
  if (/^(?=[a-f]*\d)[\da-f]{6,64}$/.test(part)) return true;
  // Base 62 or 32: digits amid capitals, or capitals that are not the one that starts a word.
  return /^\w{8,32}$/.test(part) && (/[A-Z].*[A-Z]/.test(part) || (/[A-Z]/.test(part) && /\d/.test(part)));
}
