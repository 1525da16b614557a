/**
 * From a place in generated code to the place in the author's, by the map that a compiler or bundler left.
 *
 *   dist/shop.js:1:20417 ──//# sourceMappingURL=shop.js.map──► src/orders/save.ts:12:11, and its text where the map has it
 */
import { originalPositionFor, sourceContentFor, TraceMap } from "@jridgewell/trace-mapping";

export interface SourceMap {
  /** Line and column from 1, as in a stack. Undefined for code that nobody wrote. */
  original(line: number, column: number): OriginalPlace | undefined;
  /** The text of a source, as the map has it; a source is named as `original` names it. */
  contentOf(source: string): string | undefined;
}

export interface OriginalPlace {
  /** A URL; relative ones are resolved against the map's. */
  readonly source: string;
  readonly line: number;
  readonly column: number;
  /** The author's name of what stands there. */
  readonly name: string | undefined;
}

/** Throws for what is no source map. `mapUrl` is where it came from. */
export function readSourceMap(json: string, mapUrl: string): SourceMap {
  const map = new TraceMap(json, mapUrl);
  if (map.version !== 3 || map.resolvedSources.length === 0) throw new Error("not a source map of version 3");
  return {
    original(line, column) {
      const place = originalPositionFor(map, { line, column: Math.max(0, column - 1) });
      if (place.source === null) return undefined;
      return { source: place.source, line: place.line, column: place.column + 1, name: place.name ?? undefined };
    },
    contentOf: (source) =>
      map.resolvedSources.includes(source) ? (sourceContentFor(map, source) ?? undefined) : undefined,
  };
}

/** What the last `//# sourceMappingURL=` at the end of generated code says. */
export function sourceMappingUrl(code: string): string | undefined {
  const at = code.lastIndexOf(MARK);
  const newline = at < 0 ? 0 : code.lastIndexOf("\n", at) + 1;
  const before = code.slice(Math.max(newline, at - 4), Math.max(at, 0)).trimStart();
  if (at < 0 || !COMMENTS.has(before)) return undefined;
  const end = code.slice(at).search(/[\s'"]/);
  const url = code.slice(at + MARK.length, end < 0 ? undefined : at + end).replace(/\*\/$/, "");
  return url === "" ? undefined : url;
}

const MARK = "sourceMappingURL=";
const COMMENTS: ReadonlySet<string> = new Set(["//# ", "//@ ", "/*# "]);

/** The JSON of a `data:` URL. Undefined for another URL. */
export function inlineMap(url: string): string | undefined {
  if (!url.startsWith("data:")) return undefined;
  const comma = url.indexOf(",");
  const data = url.slice(comma + 1);
  return url.slice(0, comma).endsWith(";base64") ? Buffer.from(data, "base64").toString() : decodeURIComponent(data);
}
