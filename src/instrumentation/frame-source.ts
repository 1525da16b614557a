/**
 * Finds the code of a frame on the disk: the author's place by a source map, and the lines around it. Synchronous, for
 * a thread of its own (frame-source-thread.ts) or a process that is about to die.
 *
 *   frame ─► script ─► map? ─► the author's frame ─► text: from the map, else a file ─► lines, redacted
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { dirname, extname, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { SourceContext, StackFrame } from "../event";
import { codeOf } from "../node-error";
import { compileRedaction, type RedactionOptions } from "../processors/redact";
import { hideSecrets } from "../processors/secret-patterns";
import { type HideSecrets, MAX_LINE_LENGTH, sourceLines } from "../processors/source-lines";
import { inlineMap, readSourceMap, type SourceMap, sourceMappingUrl } from "../processors/source-map";
import { scriptFile } from "../processors/stack/script-file";

export interface FrameSourceOptions {
  /** On each side of a frame's; 0 for none. */
  readonly lines: number;
  readonly redaction: RedactionOptions;
  /** Node has mapped the stacks already (`--enable-source-maps`). */
  readonly isMapped: boolean;
  /** What was written since holds other lines than those that run. */
  readonly startedUnixMillis: number;
}

/** Why code could not be shown. A closed list, since it is a metric label. */
export const SOURCE_PROBLEMS = [
  "missing",
  "not_a_file",
  "too_large",
  "changed",
  "unreadable",
  "broken_map",
  "late",
] as const;
export type SourceProblem = (typeof SOURCE_PROBLEMS)[number];

/** A stack as its author knows it, and what went wrong on the way, each thing once. */
export interface ExplainedStack {
  readonly frames: readonly StackFrame[];
  readonly problems: readonly SourceProblem[];
}

export interface FrameSource {
  /** `scripts`: what the process has loaded, asked for the author's text where Node has mapped a stack. */
  explain(frames: readonly StackFrame[], scripts: readonly string[]): ExplainedStack;
}

/** In-app frames that get their lines: the first. */
export const MAX_CONTEXT_FRAMES = 5;
const MAX_SOURCE_BYTES = 2 * 1_048_576;
const MAX_SCRIPT_BYTES = 16 * 1_048_576;
const MAX_MAP_BYTES = 32 * 1_048_576;
/** Bytes of source text and maps that are kept for the frames to come. */
const MAX_CACHE_BYTES = 48 * 1_048_576;
const MAX_CACHE_ENTRIES = 200;
const MAX_SCRIPTS_ASKED = 50;
/** A stack may name any file, whoever wrote it: only code is ever shown. */
const CODE: ReadonlySet<string> = new Set([
  ".js",
  ".mjs",
  ".cjs",
  ".jsx",
  ".ts",
  ".mts",
  ".cts",
  ".tsx",
  ".vue",
  ".svelte",
  ".coffee",
]);
const MINIFIED = /\.min\.[cm]?js$/;

type Found<T> = { readonly value: T; readonly bytes: number } | { readonly problem: SourceProblem } | undefined;

export function createFrameSource(options: FrameSourceOptions): FrameSource {
  const rules = compileRedaction(options.redaction);
  const hide: HideSecrets = (text, end) => hideSecrets(text, rules, end);
  const maps = createCache<SourceMap>();
  const texts = createCache<readonly string[]>();
  const contexts = createCache<SourceContext>();

  /** A script without a map is its own source. */
  function mapOf(script: string): Found<SourceMap> {
    return maps.get(script, () => {
      const code = readText(script, MAX_SCRIPT_BYTES, options.startedUnixMillis);
      if ("problem" in code) return code;
      const url = sourceMappingUrl(code.value);
      if (url === undefined) return undefined;
      try {
        const inline = inlineMap(url);
        const path = inline === undefined ? pathBeside(script, url) : script;
        if (path === undefined) return { problem: "broken_map" };
        const json =
          inline === undefined ? readText(path, MAX_MAP_BYTES, undefined) : { value: inline, bytes: inline.length };
        if ("problem" in json || json.bytes > MAX_MAP_BYTES) return { problem: "broken_map" };
        return { value: readSourceMap(json.value, pathToFileURL(path).href), bytes: 2 * json.bytes };
      } catch {
        return { problem: "broken_map" };
      }
    });
  }

  function linesOf(path: string, content: string | undefined): Found<readonly string[]> {
    return texts.get(path, () => {
      if (content !== undefined && content.length > MAX_SOURCE_BYTES) return { problem: "too_large" };
      if (content === undefined && (!CODE.has(extname(path)) || MINIFIED.test(path))) return undefined;
      const text =
        content === undefined
          ? readText(path, MAX_SOURCE_BYTES, options.startedUnixMillis)
          : { value: content, bytes: 2 * content.length };
      return "problem" in text ? text : { value: text.value.split(/\r?\n/), bytes: text.bytes };
    });
  }

  function contextAt(path: string, content: string | undefined, line: number): Found<SourceContext> {
    return contexts.get(JSON.stringify([path, line]), () => {
      const text = linesOf(path, content);
      if (text === undefined || "problem" in text) return text;
      const context = sourceLines(text.value, line, options.lines, hide);
      return context && { value: context, bytes: 2 * MAX_LINE_LENGTH * (2 * options.lines + 1) };
    });
  }

  return {
    explain(frames, scripts) {
      const problems = new Set<SourceProblem>();
      const told = <T>(found: Found<T>): T | undefined => {
        if (found === undefined || "value" in found) return found?.value;
        problems.add(found.problem);
        return undefined;
      };
      let shown = 0;
      const explainOne = (frame: StackFrame, index: number): StackFrame => {
        if (!frame.inApp || frame.line === 0) return frame;
        const script = pathOf(frame.file);
        const isCode = script !== undefined && CODE.has(extname(script));
        const map = isCode && !options.isMapped ? told(mapOf(script)) : undefined;
        const mapped = map === undefined ? undefined : mapFrame(frame, map, frames[index + 1]);
        const { frame: authored, source } = mapped ?? { frame, source: frame.file };
        if (!authored.inApp || options.lines === 0 || shown >= MAX_CONTEXT_FRAMES) return authored;
        shown++;
        const path = pathOf(source);
        const content = map?.contentOf(source) ?? (options.isMapped ? contentIn(scripts, source) : undefined);
        if (path === undefined && content === undefined) return authored;
        const context = told(contextAt(path ?? source, content, authored.line));
        return context === undefined ? authored : { ...authored, context };
      };
      return { frames: frames.map(explainOne), problems: [...problems] };
    },
  };

  /** The text of a source that may be no file here: only the map of a script that was made of it has it. */
  function contentIn(scripts: readonly string[], source: string): string | undefined {
    const url = source.startsWith("/") ? pathToFileURL(source).href : source;
    for (const script of scripts.slice(0, MAX_SCRIPTS_ASKED)) {
      const found = mapOf(script);
      const content = found !== undefined && "value" in found ? found.value.contentOf(url) : undefined;
      if (content !== undefined) return content;
    }
    return undefined;
  }
}

function mapFrame(
  frame: StackFrame,
  map: SourceMap,
  caller: StackFrame | undefined,
): { readonly frame: StackFrame; readonly source: string } | undefined {
  const place = map.original(frame.line, frame.column);
  if (place === undefined) return undefined;
  const { module, file, inApp } = scriptFile(place.source);
  // A map names what stands at a place. What a function is called stands where it is called.
  const called = caller?.file === frame.file ? map.original(caller.line, caller.column)?.name : undefined;
  const name = called !== undefined && SHORTENED.test(frame.function) ? called : frame.function;
  return {
    frame: { function: name, module, file, line: place.line, column: place.column, inApp },
    source: place.source,
  };
}

/** The names that minifiers give. Longer ones are the author's, and say more than the name at the call (`Cart.total`). */
const SHORTENED = /^(?:\w\.|new )?[\w$]{1,2}$/;

/** Undefined for what is no file of this machine. */
function pathOf(file: string): string | undefined {
  if (file.startsWith("file://")) {
    try {
      return fileURLToPath(file);
    } catch {
      return undefined; // of another host, or with an escaped slash
    }
  }
  return resolve("/", file) === file ? file : undefined;
}

function pathBeside(script: string, url: string): string | undefined {
  if (url.startsWith("file://")) return pathOf(url);
  return /^[a-z][a-z0-9+.-]*:/i.test(url) ? undefined : resolve(dirname(script), decodeURIComponent(url));
}

function readText(
  path: string,
  maxBytes: number,
  notAfterMillis: number | undefined,
): { readonly value: string; readonly bytes: number } | { readonly problem: SourceProblem } {
  let fd: number | undefined;
  try {
    // O_NONBLOCK: a pipe that nobody writes to would hold this thread for ever.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    if (!stat.isFile()) return { problem: "not_a_file" };
    if (stat.size > maxBytes) return { problem: "too_large" };
    if (notAfterMillis !== undefined && stat.mtimeMs > notAfterMillis) return { problem: "changed" };
    return { value: readFileSync(fd, "utf8"), bytes: 2 * stat.size };
  } catch (error) {
    return { problem: codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR" ? "missing" : "unreadable" };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

interface Cache<T> {
  get(key: string, find: () => Found<T>): Found<T>;
}

/** What was used longest ago gives way. What was not found is remembered as well. */
function createCache<T>(): Cache<T> {
  const entries = new Map<string, Found<T>>();
  let bytes = 0;
  const sizeOf = (found: Found<T>): number => (found !== undefined && "bytes" in found ? found.bytes : 0);
  return {
    get(key, find) {
      const known = entries.has(key);
      const found = known ? entries.get(key) : find();
      if (known) entries.delete(key);
      else bytes += sizeOf(found);
      entries.set(key, found);
      for (const [oldest, value] of entries) {
        if ((bytes <= MAX_CACHE_BYTES && entries.size <= MAX_CACHE_ENTRIES) || oldest === key) break;
        entries.delete(oldest);
        bytes -= sizeOf(value);
      }
      return found;
    },
  };
}
