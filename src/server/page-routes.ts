/**
 * The page at `/error-visualization`. Its files are read once, at start: what is served is a fixed list, whatever path is
 * asked for. They hold no data, so they need no token; what they ask of the API does.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Express } from "express";
import { acceptsGzip } from "../exporter/exposition";
import { codeOf } from "../node-error";
import { onlyMethods, refuse } from "./answer";

export const PAGE_PATH = "/error-visualization";

export interface PageOptions {
  /** Holds `index.html`; undefined or missing: there is no page. */
  readonly folder: string | undefined;
  /** What the page begins with. */
  readonly theme: "system" | "dark" | "light";
  /** WAV files that take the place of the page's own: `error-critical.wav`, … */
  readonly soundsFolder: string | undefined;
}

/** Throws what is wrong with the folder of sounds. */
export function addPage(app: Express, options: PageOptions): void {
  const files = readFiles(options);
  const page = files.get("index.html");
  app
    .route("/")
    .get((_request, response) => {
      response.writeHead(302, { location: PAGE_PATH, "content-length": 0 });
      response.end();
    })
    .all(onlyMethods("GET, HEAD"));
  app
    .route([PAGE_PATH, `${PAGE_PATH}/`])
    .get((request, response) => {
      if (page !== undefined) return send(request, response, page);
      refuse(request, response, { status: 404, message: "the page is not part of this build: npm run build makes it" });
    })
    .all(onlyMethods("GET, HEAD"));
  for (const [path, file] of files) {
    if (file === page) continue;
    app
      .route(`${PAGE_PATH}/${path}`)
      .get((request, response) => send(request, response, file))
      .all(onlyMethods("GET, HEAD"));
  }
}

export const SOUNDS: readonly string[] = ["error-critical", "error-warning", "error-info", "error-notification"];

const MAX_FILES = 200;
const MAX_FILE_BYTES = 4_194_304;
const TYPES: ReadonlyMap<string, string> = new Map([
  [".html", "text/html; charset=utf-8"],
  [".js", "text/javascript; charset=utf-8"],
  [".css", "text/css; charset=utf-8"],
  [".svg", "image/svg+xml"],
  [".png", "image/png"],
  [".ico", "image/x-icon"],
  [".wav", "audio/wav"],
  [".json", "application/json"],
  [".webmanifest", "application/manifest+json"],
]);
const COMPRESSED: ReadonlySet<string> = new Set([".html", ".js", ".css", ".svg", ".json", ".webmanifest"]);
/** As express would read it: a name that is a pattern of its own is none of ours. */
const NAME = /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/;

interface PageFile {
  readonly bytes: Buffer;
  readonly gzipped: Buffer | undefined;
  readonly type: string;
  readonly etag: string;
  readonly cacheControl: string;
}

function readFiles({ folder, theme, soundsFolder }: PageOptions): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>();
  for (const name of folder === undefined ? [] : namesIn(folder)) {
    const path = join(folder ?? "", name);
    if (!statSync(path).isFile()) continue;
    const bytes = readFileSync(path);
    files.set(name.replaceAll("\\", "/"), toFile(name, name === "index.html" ? themed(bytes, theme) : bytes));
  }
  for (const sound of soundsFolder === undefined ? [] : SOUNDS) {
    const bytes = readSound(join(soundsFolder ?? "", `${sound}.wav`));
    if (bytes !== undefined) files.set(`sounds/${sound}.wav`, toFile(`${sound}.wav`, bytes));
  }
  return files;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => NAME.test(name.replaceAll("\\", "/")) && TYPES.has(extname(name)))
      .slice(0, MAX_FILES);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

/** Undefined for one that is not there: the page's own stays. */
function readSound(path: string): Buffer | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  if (!stat.isFile() || stat.size > MAX_FILE_BYTES) throw new Error(`${path}: expected a file of at most 4 MiB`);
  const bytes = readFileSync(path);
  if (bytes.toString("latin1", 0, 4) !== "RIFF") throw new Error(`${path}: expected a WAV file`);
  return bytes;
}

/** Before the first paint, so that no light page flashes up in a dark room. */
function themed(html: Buffer, theme: PageOptions["theme"]): Buffer {
  if (theme === "system") return html;
  return Buffer.from(html.toString().replace("<html", `<html data-theme="${theme}"`));
}

function toFile(name: string, bytes: Buffer): PageFile {
  const ending = extname(name);
  const isHashed = /(?:^|\/)assets\//.test(name.replaceAll("\\", "/"));
  return {
    bytes,
    gzipped: COMPRESSED.has(ending) ? gzipSync(bytes, { level: 9 }) : undefined,
    type: TYPES.get(ending) ?? "application/octet-stream",
    etag: `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`,
    cacheControl: isHashed ? "public, max-age=31536000, immutable" : "no-cache",
  };
}

function send(request: IncomingMessage, response: ServerResponse, file: PageFile): void {
  const { bytes, gzipped, type, etag, cacheControl } = file;
  const accepted = request.headers["accept-encoding"];
  const isGzip = gzipped !== undefined && acceptsGzip(Array.isArray(accepted) ? accepted.join(",") : accepted);
  const headers = { "cache-control": cacheControl, etag, ...(gzipped && { vary: "Accept-Encoding" }) };
  if (request.headers["if-none-match"] === etag) {
    response.writeHead(304, headers);
    response.end();
    return;
  }
  const body = isGzip ? gzipped : bytes;
  response.writeHead(200, {
    ...headers,
    "content-type": type,
    "content-length": body.length,
    ...(isGzip && { "content-encoding": "gzip" }),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}
