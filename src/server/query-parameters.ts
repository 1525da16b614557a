/**
 * The parameters of each question, as strict as the body of a report: a name that nobody knows, a parameter that comes
 * twice and a value that is not allowed are refused by name, so that a slip does not look like an answer.
 *
 *   ?time_range=24&service=shop ──readParameters(ERRORS)──► { timeRange: 24, service: "shop", limit: 100 }
 */
import { z } from "zod";
import { emptyBag } from "../bag";
import { CATEGORIES, type Group } from "../event";
import {
  type ErrorsQuery,
  type GroupsQuery,
  type JourneyQuery,
  type LogsQuery,
  type RequestsQuery,
  TIME_RANGES,
  type TimeRange,
} from "../store/answers";
import { readPageCursor } from "../store/page-cursor";
import type { FieldError, Refusal } from "./answer";

export const MAX_FILTER_CHARS = 256;
export const MAX_LIMIT = 500;

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
const PLAIN_TEXT = /^[^\u0000-\u001f\u007f-\u009f]{1,256}$/u;
const TEXT_RULE = `expected 1 to ${MAX_FILTER_CHARS} characters, none of control`;

/** What of a path or a filter may be any text. */
export const TEXT: z.ZodType<string, string> = z.string().regex(PLAIN_TEXT, TEXT_RULE);
export const EVENT_ID: z.ZodType<string, string> = z
  .string()
  .regex(/^[0-9A-Za-z-]{1,64}$/, "expected the id of an error");
export const FINGERPRINT: z.ZodType<string, string> = z
  .string()
  .regex(/^[0-9a-f]{16}$/, "expected 16 lower-case hex digits");

const text = TEXT.optional();
const flag = z
  .enum(["true", "false"], "expected true or false")
  .transform((word) => word === "true")
  .optional();
const GROUPS = Object.keys(CATEGORIES) as Group[]; // the type of CATEGORIES says so

const timeRange = z
  .enum(["1", "6", "24", "168"], "expected 1, 6, 24 or 168 hours")
  .default("24")
  .transform((hours): TimeRange => TIME_RANGES.find((range) => String(range) === hours) ?? 24);

function limit(fallback: number, max: number) {
  return z
    .string()
    .regex(/^\d{1,4}$/, `expected a whole number from 1 to ${max}`)
    .default(String(fallback))
    .transform(Number)
    .refine((number) => number >= 1 && number <= max, `expected a whole number from 1 to ${max}`)
    .meta({ type: "integer", minimum: 1, maximum: max, pattern: undefined });
}

const cursor = z
  .string()
  .max(512)
  .refine((given) => readPageCursor(given) !== undefined, "expected next_cursor of an answer")
  .optional();

const filter = {
  service: text,
  category: text,
  group: z.enum(GROUPS, "expected a group of errors, such as database_error").optional(),
  severity: z.enum(["critical", "warning", "info"], "expected critical, warning or info").optional(),
  worker: text,
  fingerprint: FINGERPRINT.optional(),
  origin: z.enum(["root", "echo"], "expected root or echo").optional(),
  q: text,
};

const sort = z
  .enum(["occurrences", "last_seen", "first_seen", "users"], "expected occurrences, last_seen, first_seen or users")
  .default("occurrences");
const logFilter = {
  time_range: timeRange,
  level: z
    .enum(["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"], "expected TRACE, DEBUG, INFO, WARN, ERROR or FATAL")
    .optional(),
  service: text,
  q: text,
};

/** `time_range` alone has another name there. */
function toQuery<T>({ time_range: timeRange, ...rest }: T & { readonly time_range: TimeRange }) {
  return { timeRange, ...rest };
}

export const ERRORS: z.ZodType<ErrorsQuery> = z
  .strictObject({ time_range: timeRange, ...filter, limit: limit(100, MAX_LIMIT), cursor })
  .transform(toQuery);
export const GROUP_LIST: z.ZodType<GroupsQuery> = z
  .strictObject({ time_range: timeRange, ...filter, sort, limit: limit(50, MAX_LIMIT), cursor })
  .transform(toQuery);
export const GROUP_DETAIL: z.ZodType<{ readonly timeRange: TimeRange }> = z
  .strictObject({ time_range: timeRange })
  .transform(toQuery);
export const REQUESTS: z.ZodType<RequestsQuery> = z
  .strictObject({
    time_range: timeRange,
    service: text,
    route: text,
    slow: flag,
    failed: flag,
    limit: limit(100, MAX_LIMIT),
    cursor,
  })
  .transform(toQuery);
/** Without its value, which is a part of the path. */
export const JOURNEY: z.ZodType<Omit<JourneyQuery, "value">> = z.strictObject({
  by: z
    .enum(["request_id", "session_id", "user_id", "trace_id"], "expected request_id, session_id, user_id or trace_id")
    .default("request_id"),
  limit: limit(500, 1_000),
});
export const LOGS: z.ZodType<LogsQuery> = z
  .strictObject({ ...logFilter, limit: limit(200, MAX_LIMIT), cursor })
  .transform(toQuery);
export type LogDownload = Omit<LogsQuery, "limit" | "cursor"> & { readonly format: "text" | "jsonl" };
export const LOG_DOWNLOAD: z.ZodType<LogDownload> = z
  .strictObject({ ...logFilter, format: z.enum(["text", "jsonl"], "expected text or jsonl").default("text") })
  .transform(toQuery);
export const NONE: z.ZodType<object> = z.strictObject({});

export type ReadParameters<T> =
  | { readonly status: "read"; readonly value: T }
  | { readonly status: "refused"; readonly refusal: Refusal };

/** Of a URL as it came. Never throws. */
export function readParameters<T>(schema: z.ZodType<T>, url: string): ReadParameters<T> {
  const { values, errors } = split(url);
  const checked = schema.safeParse(values);
  const found = [...errors, ...(checked.error?.issues ?? []).flatMap(toFieldErrors)];
  if (checked.success && found.length === 0) return { status: "read", value: checked.data };
  const message = `a parameter is not valid: ${found[0]?.path ?? ""}`;
  return { status: "refused", refusal: { status: 400, message, errors: found.slice(0, MAX_LISTED_ERRORS) } };
}

const MAX_LISTED_ERRORS = 20;
const MAX_SHOWN_CHARS = 64;

function split(url: string): { values: Record<string, string>; errors: FieldError[] } {
  const values = emptyBag<string>();
  const errors: FieldError[] = [];
  const at = url.indexOf("?");
  const query = at < 0 ? "" : url.slice(at + 1);
  for (const part of query === "" ? [] : query.split("&")) {
    const equals = part.indexOf("=");
    const name = decode(equals < 0 ? part : part.slice(0, equals));
    const value = decode(equals < 0 ? "" : part.slice(equals + 1));
    const path = shown(name ?? part);
    if (name === undefined || value === undefined) errors.push({ path, message: "not percent-encoded UTF-8" });
    else if (name in values) errors.push({ path, message: "given more than once" });
    else values[name] = value;
  }
  return { values, errors };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return undefined; // its only failure
  }
}

function toFieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  if (issue.code !== "unrecognized_keys") return [{ path: issue.path.join("."), message: issue.message }];
  return issue.keys.map((key) => ({ path: shown(key), message: "unknown parameter" }));
}

/** The sender's own text, short. */
function shown(name: string): string {
  return name.slice(0, MAX_SHOWN_CHARS);
}
