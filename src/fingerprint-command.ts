/**
 * `seismo fingerprint`: errors as JSON lines become their names as JSON lines, one for one and in the same order.
 *
 *   {"id":1,"type":"Error","message":"no order 17"} ─► {"id":1,"fingerprint":"…","template":"no order <number>",…}
 *   {"id":2,"message":17}                           ─► {"id":2,"line":2,"error":"message: expected text"}
 *
 * Each goes the way of an exception that was recorded on a span, redaction included, so the names are those that a
 * collector would give. Nothing is remembered from line to line.
 */
import type { RawError, SpanRecord } from "./event";
import { linesOf } from "./lines";
import { categorize } from "./processors/categorize";
import { extractErrors } from "./processors/extract";
import { fingerprint } from "./processors/fingerprint";
import { redact } from "./processors/redact";
import type { Rules } from "./processors/rules";
import { parseStack } from "./processors/stack";
import { headerName } from "./processors/stack/v8";

/** Longer lines are answered with an error and not kept. */
export const MAX_LINE_CHARS: number = 32 * 1_048_576;
const MAX_ID_CHARS = 1_024;
/** Answers are written this many characters at a time, and no more are made while the reader is slow. */
const CHUNK_CHARS = 65_536;

export interface ErrorTexts {
  readonly type: string;
  readonly message: string;
  readonly stack: string;
  /** As in OpenTelemetry's `telemetry.sdk.language`; "" when unknown. */
  readonly language: string;
}

export interface ErrorName {
  readonly fingerprint: string;
  readonly template: string;
  readonly category: string;
  readonly reason: string;
}

export function nameError(texts: ErrorTexts, rules: Rules): ErrorName {
  const safe = redact(rawFrom(texts), rules.redaction);
  const classification = categorize(safe, rules);
  const { id, template, reason } = fingerprint(safe, parseStack(safe.stack), classification, rules);
  return { fingerprint: id, template, category: classification.category, reason };
}

/** How many lines were no errors. `write` takes whole lines and resolves when it may be given more. */
export async function fingerprintLines(
  input: AsyncIterable<string>,
  write: (lines: string) => Promise<void>,
  rules: Rules,
): Promise<number> {
  let number = 0;
  let bad = 0;
  let answers = "";
  for await (const line of linesOf(input, MAX_LINE_CHARS)) {
    number++;
    if (line !== undefined && line.trim() === "") continue;
    const answer = line === undefined ? { id: null, error: TOO_LONG } : answerTo(line, rules);
    if ("error" in answer) bad++;
    answers += `${JSON.stringify("error" in answer ? { id: answer.id, line: number, error: answer.error } : answer)}\n`;
    if (answers.length >= CHUNK_CHARS) {
      await write(answers);
      answers = "";
    }
  }
  if (answers !== "") await write(answers);
  return bad;
}

type Id = string | number | null;
type Answer = { readonly id: Id; readonly error: string } | ({ readonly id: Id } & ErrorName);

const TOO_LONG = `the line is longer than ${MAX_LINE_CHARS} characters`;

function answerTo(line: string, rules: Rules): Answer {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // The parser's own words quote the text, which may hold secrets.
    return { id: null, error: "the line is no JSON" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { id: null, error: "the line is no JSON object" };
  }
  // What JSON.parse made of an object has only its own keys.
  const fields = value as { readonly [key: string]: unknown };
  const { id = null } = fields;
  if (!isId(id)) return { id: null, error: `id: expected a number, or text of at most ${MAX_ID_CHARS} characters` };
  for (const key of FIELDS) {
    const field = fields[key] ?? "";
    if (typeof field !== "string") return { id, error: `${key}: expected text` };
  }
  const text = (key: (typeof FIELDS)[number]): string => String(fields[key] ?? "");
  const texts = { type: text("type"), message: text("message"), stack: text("stack"), language: text("language") };
  if (texts.type === "" && texts.message === "" && texts.stack === "") {
    return { id, error: "expected type, message or stack" };
  }
  return { id, ...nameError(texts, rules) };
}

const FIELDS = ["type", "message", "stack", "language"] as const;

function isId(id: unknown): id is Id {
  return id === null || typeof id === "number" || (typeof id === "string" && id.length <= MAX_ID_CHARS);
}

/** A stack alone names its error in its first line. */
function rawFrom({ type, message, stack, language }: ErrorTexts): RawError {
  const header = type === "" ? (headerName(stack) ?? "") : type;
  const isInHeader = message === "" && header !== "" && stack.startsWith(`${header}: `);
  const end = stack.indexOf("\n");
  const told = isInHeader ? stack.slice(header.length + 2, end < 0 ? stack.length : end) : message;
  const span: SpanRecord = {
    traceId: "",
    spanId: "",
    name: "",
    kind: "internal",
    endUnixMillis: 0,
    durationMillis: 0,
    status: "error",
    statusMessage: "",
    attributes: language === "" ? {} : { "telemetry.sdk.language": language },
    exceptions: [{ timeUnixMillis: 0, type: header, message: told, stack }],
  };
  const [raw] = extractErrors(span, { resource: NOBODY, newId: () => "" }, { httpClientErrors: false });
  if (raw === undefined) throw new Error("a recorded exception is an error");
  return raw;
}

const NOBODY = { service: "", worker: "" };
