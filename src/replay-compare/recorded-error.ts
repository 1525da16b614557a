/**
 * An error of the journal, named anew: its line holds all that its name was made of, but for two things. Of the first line
 * of its stack only what the type says is left, so of the few forms that it usually has, the one is taken that gives the
 * recorded id. And frames that source maps explained are at the author's places.
 */
import type { Classification, DatabaseContext, JsonObject, RawCause, RawError, RequestContext } from "../event";
import { CATEGORIES, type RedactedError, type StackFrame } from "../event";
import { categorize } from "../processors/categorize";
import { fingerprint } from "../processors/fingerprint";
import { redact } from "../processors/redact";
import type { Rules } from "../processors/rules";

/** What a line of the journal says of an error. */
export interface RecordedError {
  readonly id: string;
  readonly type: string;
  readonly message: string;
  /** The id that the line has. */
  readonly fingerprint: string;
  readonly category: string;
  readonly raw: RawError;
  readonly frames: readonly StackFrame[];
}

/** `cut`: the line lost to its limit what the name is made of. `none`: no line of an error. */
export type ReadLine =
  | { readonly status: "error"; readonly error: RecordedError }
  | { readonly status: "cut" }
  | { readonly status: "other" }
  | { readonly status: "none" };

export function readRecordedError(line: string): ReadLine {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    return { status: "none" }; // torn by a crash, or no journal: the caller counts it
  }
  if (!isObject(record) || typeof record["action"] !== "string") return { status: "none" };
  if (record["action"] !== "error") return { status: "other" };
  const isCut = ["attributes", "causes", "stack"].some((field) => record[field] === null);
  if (isCut || listOf(record["truncated"]).includes("line")) return { status: "cut" };
  const recorded = textOf(record["fingerprint"]);
  if (!/^[0-9a-f]{16}$/.test(recorded)) return { status: "none" };
  const raw = rawError(record);
  const frames = listOf(record["stack"]).filter(isObject).map(toFrame);
  const { id, type, message } = raw;
  return {
    status: "error",
    error: { id, type, message, fingerprint: recorded, category: textOf(record["error_category"]), raw, frames },
  };
}

export type NamedAnew = { readonly status: "named"; readonly fingerprint: string } | { readonly status: "ignored" };

/** `header`: the index of the form of the stack's first line, as headerOf() found it. */
export function nameAnew(error: RecordedError, rules: Rules, header: number): NamedAnew {
  const { safe, classification } = prepared(error, rules, header);
  if (rules.ignores(safe, classification.category)) return { status: "ignored" };
  return { status: "named", fingerprint: fingerprint(safe, error.frames, classification, rules).id };
}

/** Which form of the stack's first line gives the recorded id under any of these rules; 0 where none does. */
export function headerOf(error: RecordedError, rules: readonly Rules[]): number {
  if (error.frames.length === 0) return 0;
  for (let header = 0; header < HEADERS.length; header++) {
    const isSame = rules.some((some) => {
      const { safe, classification } = prepared(error, some, header);
      return fingerprint(safe, error.frames, classification, some).id === error.fingerprint;
    });
    if (isSame) return header;
  }
  return 0;
}

const HEADERS: readonly ((type: string) => string)[] = [(type) => type, () => "Error", () => "error", () => ""];

function prepared(
  { raw, frames, category }: RecordedError,
  rules: Rules,
  header: number,
): { readonly safe: RedactedError; readonly classification: Classification } {
  const stack = frames.length === 0 ? raw.stack : stackOf(HEADERS[header]?.(raw.type) ?? "", raw.message, frames);
  const isOwn = !KNOWN_CATEGORIES.has(category) && !rules.categories.some(({ rule }) => rule.category === category);
  const given = isOwn ? { ...raw.given, category } : raw.given;
  const safe = redact({ ...raw, stack, given }, rules.redaction);
  return { safe, classification: categorize(safe, rules) };
}

/** Rules of categories look for drivers in it. */
function stackOf(name: string, message: string, frames: readonly StackFrame[]): string {
  const lines = frames.map((frame) => `    at ${frame.function} (/${frame.file}:${frame.line}:${frame.column})`);
  return [`${name}: ${message}`, ...lines].join("\n");
}

const KNOWN_CATEGORIES: ReadonlySet<string> = new Set(Object.values(CATEGORIES).flat());

function rawError(record: Fields): RawError {
  const details = objectOf(record["error_details"]) ?? {};
  const attributes = attributesOf(record["attributes"]);
  const optional = (field: string): string | undefined => textOf(record[field]) || undefined;
  return {
    id: textOf(record["id"]),
    source: "span",
    origin: record["origin"] === "echo" ? "echo" : "root",
    timeUnixMillis: Date.parse(textOf(record["timestamp"])),
    type: textOf(record["error_type"]),
    message: textOf(record["error_message"]),
    stack: textOf(record["stack_text"]),
    causes: listOf(record["causes"]).filter(isObject).map(toCause),
    // The line has own properties and what was added in one object.
    properties: details,
    details,
    handled: record["handled"] === true,
    fatal: record["fatal"] === true,
    resource: { service: textOf(record["service"]), worker: textOf(record["worker_id"]) },
    spanName: optional("span_name"),
    spanKind: SPAN_KINDS.find((kind) => kind === record["span_kind"]),
    attributes,
    request: requestOf(record["request"]),
    database: databaseOf(record["database"]),
    given: { category: textOf(attributes["error.category"]) || undefined, fingerprint: givenParts(record) },
  };
}

/** Of what the code gave, the reason tells the parts; a whole id is the id itself. */
function givenParts(record: Fields): readonly string[] | undefined {
  const reason = textOf(record["fingerprint_reason"]);
  if (!reason.startsWith(GIVEN)) return undefined;
  try {
    const parts: unknown = JSON.parse(reason.slice(GIVEN.length));
    return listOf(parts).filter((part) => typeof part === "string");
  } catch {
    return [textOf(record["fingerprint"])]; // no parts behind it
  }
}

const GIVEN = "given fingerprint";
const SPAN_KINDS = ["internal", "server", "client", "producer", "consumer"] as const;

function toCause(cause: Fields): RawCause {
  return {
    relation: cause["relation"] === "member" ? "member" : "cause",
    type: textOf(cause["type"]),
    message: textOf(cause["message"]),
    stack: textOf(cause["stack"]),
    properties: objectOf(cause["properties"]) ?? {},
  };
}

function toFrame(frame: Fields): StackFrame {
  const number = (field: string): number => (typeof frame[field] === "number" ? frame[field] : 0);
  return {
    function: textOf(frame["function"]),
    module: textOf(frame["module"]),
    file: textOf(frame["file"]),
    line: number("line"),
    column: number("column"),
    inApp: frame["in_app"] === true,
  };
}

function requestOf(value: unknown): RequestContext | undefined {
  if (!isObject(value)) return undefined;
  const optional = (field: string): string | undefined => textOf(value[field]) || undefined;
  const status = value["status_code"];
  return {
    method: optional("method"),
    route: optional("route"),
    url: optional("url"),
    peer: optional("peer"),
    statusCode: typeof status === "number" ? status : undefined,
  };
}

function databaseOf(value: unknown): DatabaseContext | undefined {
  if (!isObject(value)) return undefined;
  const optional = (field: string): string | undefined => textOf(value[field]) || undefined;
  return {
    system: optional("system"),
    namespace: optional("namespace"),
    operation: optional("operation"),
    collection: optional("collection"),
    query: optional("query"),
    statusCode: optional("status_code"),
    constraint: optional("constraint"),
  };
}

function attributesOf(value: unknown): RawError["attributes"] {
  const entries = Object.entries(isObject(value) ? value : {}).filter(([, attribute]) => typeof attribute !== "object");
  // What JSON.parse made and is no object, is text, number or boolean.
  return Object.fromEntries(entries) as RawError["attributes"];
}

/** What JSON.parse made is JSON. */
function objectOf(value: unknown): JsonObject | undefined {
  return isObject(value) ? (value as JsonObject) : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

type Fields = { readonly [field: string]: unknown };

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
