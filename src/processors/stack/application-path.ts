/**
 * Which part of an application a source file is, named so that the name holds on every host, in every layout and release.
 *
 *   /home/ann/shop/src/orders/save.ts   /app/dist/orders/save.js    orders/save
 *   /var/www/shop/releases/20240131/lib/cart.rb                     lib/cart
 *
 * Where an application begins on a disk cannot be told from a path alone. A build or source folder is the surest
 * sign, then the customary places of deployment; without either, the last two parts of the path have to do.
 */

/** Of a path or URL with forward slashes. Empty only for a path that names nothing. */
export function applicationModule(file: string): string {
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
  else begin = Math.max(begin, releaseEnd(parts));
  const depth = root >= 0 || packages >= 0 ? 2 : 1;
  const folders = parts.slice(Math.max(begin, parts.length - depth));
  return [...owner, ...folders, withoutHashes(withoutExtension(name))].join("/");
}

export function withoutExtension(name: string): string {
  return name.replace(/\.(?:[cm]?[jt]s|[jt]sx|vue|svelte|wasm|pyw?|rb|erb|haml|slim|php|phtml|rs)$/, "");
}

/** `cart-BX3kq9aF`, `main.3f2a1bcd.chunk`: what bundlers add to the name and change with every release. */
export function withoutHashes(name: string): string {
  if (!/[.-]/.test(name)) return name;
  return name
    .split(/(?=[.-])/)
    .filter((part, at) => at === 0 || !isHash(part.slice(1)))
    .join("");
}

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

/** Deployments side by side: `releases/20240131120000/`, and `current/` for the one in use. */
function releaseEnd(parts: readonly string[]): number {
  const releases = parts.indexOf("releases");
  return releases >= 0 ? Math.min(releases + 2, parts.length) : parts.indexOf("current") + 1;
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

function isHash(part: string): boolean {
  if (/^(?=[a-f]*\d)[\da-f]{6,64}$/.test(part)) return true;
  // Base 62 or 32: digits amid capitals, or capitals that are not the one that starts a word.
  return /^\w{8,32}$/.test(part) && (/[A-Z].*[A-Z]/.test(part) || (/[A-Z]/.test(part) && /\d/.test(part)));
}
