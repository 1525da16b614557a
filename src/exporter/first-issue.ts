/**
 * The field that a validation failed for. zod, ajv, joi and Fastify list what is wrong; zod does so in the text of the
 * message, as JSON.
 */
import type { JsonObject } from "../event";
import { oneLine } from "./one-line";

/** `'email' is required`, `'age': must be a number (and 2 more)`. Undefined when there is no such list. */
export function issueIn(properties: JsonObject, message: string): string | undefined {
  for (const key of LISTS) {
    const found = firstOf(properties[key]);
    if (found !== undefined) return found;
  }
  return message.startsWith("[") && message.length <= MAX_JSON_CHARS ? firstOf(parse(message)) : undefined;
}

const LISTS = ["issues", "validation", "errors", "details"];
const MAX_JSON_CHARS = 8_192;
const MAX_FIELD_CHARS = 60;
const MAX_ISSUE_CHARS = 200;

function firstOf(list: unknown): string | undefined {
  if (!Array.isArray(list)) return undefined;
  const issue: unknown = list[0];
  if (!isRecord(issue) || typeof issue["message"] !== "string" || issue["message"] === "") return undefined;
  const text = oneLine(issue["message"], MAX_ISSUE_CHARS);
  const more = list.length > 1 ? ` (and ${list.length - 1} more)` : "";
  const field = fieldOf(issue);
  if (field === "" || text.includes(`'${field}'`) || text.includes(`"${field}"`)) return `${text}${more}`;
  return `'${field}'${MISSING.test(text) ? " is required" : `: ${text}`}${more}`;
}

/** zod's words for a field that is not there, in its third and fourth version. */
const MISSING = /^(?:Required|.{0,100}received undefined)$/;

/** A path as list (zod, joi) or as JSON pointer (ajv). */
function fieldOf(issue: { readonly [key: string]: unknown }): string {
  const path = issue["path"] ?? issue["instancePath"];
  const parts = Array.isArray(path) ? path : typeof path === "string" ? path.split("/").filter(Boolean) : [];
  return oneLine(parts.slice(0, MAX_PARTS).join("."), MAX_FIELD_CHARS);
}
const MAX_PARTS = 10;

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined; // a text that only looks like a list
  }
}

function isRecord(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null;
}
