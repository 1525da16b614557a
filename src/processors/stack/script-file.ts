/**
 * Which code a JavaScript file is, named so that the name holds on every host, in every container and release.
 *
 *   /usr/src/app/node_modules/.pnpm/pg@8.2.0/node_modules/pg/lib/client.js   pg             not the application's
 *   node:internal/timers, internal/timers.js                                 node:internal/timers   same
 *   /home/ann/shop/src/orders/save.ts   /app/dist/orders/save.js             orders/save    the application's
 *   https://shop.example/assets/cart-BX3kq9aF.js?v=2                         assets/cart    same
 */
import { applicationModule, withoutExtension, withoutHashes } from "./application-path";

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
  return { module: scriptModule(file) || BUILT_IN, file, inApp: !FOREIGN.some((part) => file.includes(part)) };
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
  "/@vite/",
  "/@react-refresh",
  "eval]-wrapper",
];

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
  if (/^(?:node|ext|deno|bun):/.test(file) || file.startsWith("electron/js2c")) return file;
  if (file.startsWith("internal/")) return `node:${withoutExtension(file)}`;
  if (file.includes("/")) return undefined;
  const name = withoutExtension(file);
  return name !== file && OLD_CORE_FILES.has(name) ? `node:${name}` : undefined;
}

function packageName(file: string, start: number): string {
  // Vite bundles a package into one file, named after it; what several share has a hash for a name.
  const bundled = /^\.vite\/deps\/(?!chunk-)(@[^_/]{1,64}_)?([^/?]{1,128})\.js/.exec(file.slice(start, start + 256));
  if (bundled !== null) return (bundled[1] ?? "").replace("_", "/") + (bundled[2] ?? "");
  const slash = file.indexOf("/", start);
  const end = file[start] === "@" && slash > 0 ? file.indexOf("/", slash + 1) : slash;
  return file.slice(start, end < 0 ? file.length : end);
}

function scriptModule(file: string): string {
  if (file.startsWith("blob:")) return "blob:";
  if (file.startsWith("wasm://")) return withoutHashes(file.replace(/^wasm:\/\/wasm\/?/, "wasm-"));
  return applicationModule(file);
}
