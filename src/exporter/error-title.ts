/**
 * What happened, in one line that a person can read: the kind of trouble, then what went wrong with what.
 *
 *   connect ECONNREFUSED 10.0.0.5:5432   ──►  Database Error: connection refused (10.0.0.5:5432)
 *   a client span that got 502           ──►  HTTP Error: 502 from prices.internal
 *   [{"path":["email"],"message":…}]     ──►  Validation Error: 'email' is required
 *   x is not a function                  ──►  TypeError: x is not a function
 *
 * The line holds nothing but parts of the event, which are redacted.
 */
import { STATUS_CODES } from "node:http";
import { CATEGORIES, type ErrorEvent, type EventSummary, type Group, type RawCause } from "../event";
import { issueIn } from "./first-issue";
import { oneLine } from "./one-line";

export const MAX_TITLE_CHARS = 120;

/** Of an event of which only a summary is left, the line says what that knows. */
export type TitledEvent = EventSummary &
  Partial<
    Pick<
      ErrorEvent,
      "message" | "causes" | "properties" | "attributes" | "request" | "database" | "spanName" | "spanKind"
    >
  >;

/** Pure. A line of 1 to 120 characters. Takes a microsecond or two, whatever the length of the texts. */
export function titleOf(event: TitledEvent): string {
  const label = labelOf(event);
  const said = saidBy(event);
  const detail = detailOf(event, said);
  if (detail !== undefined) return oneLine(`${label}: ${detail}`, MAX_TITLE_CHARS);
  const kind = kindOf(event);
  return oneLine(`${label}${kind === undefined ? "" : `: ${kind}`} ${placeOf(event) ?? ""}`, MAX_TITLE_CHARS);
}

const LABELS: { readonly [group in Group]: string } = {
  hardware_error: "Hardware Error",
  resource_error: "Resource Error",
  worker_error: "Worker Error",
  network_error: "Network Error",
  connection_error: "Connection Error",
  database_error: "Database Error",
  http_error: "HTTP Error",
  validation_error: "Validation Error",
  auth_error: "Auth Error",
  quota_error: "Quota Error",
  content_filter: "Content Filter",
  file_error: "File Error",
  analysis_error: "Analysis Error",
  ui_error: "UI Error",
  test_error: "Test Error",
  application_error: "Application Error",
  unknown_error: "Unknown Error",
};

/** A category of somebody's own says more than the group it was put in; of an exception its class does. */
function labelOf({ type, classification }: TitledEvent): string {
  const { group, category } = classification;
  if (!KNOWN_NAMES.has(category)) return capitalized(category.replaceAll("_", " "));
  return (group === "application_error" ? classOf(type) : undefined) ?? LABELS[group];
}

const KNOWN_NAMES: ReadonlySet<string> = new Set(Object.entries(CATEGORIES).flat(2));

function capitalized(words: string): string {
  return words.replace(/(?<!\S)\p{Ll}/gu, (letter) => letter.toUpperCase());
}

/** Without its package; undefined for names that say nothing, and for codes and sentences. */
function classOf(type: string): string | undefined {
  if (!/^[\w$]+(?:(?:\.|::|\\)[\w$]+)*$/.test(type) || SILENT_CLASSES.has(type)) return undefined;
  const name = type.slice(Math.max(type.lastIndexOf("."), type.lastIndexOf(":"), type.lastIndexOf("\\")) + 1);
  return /[a-z]/.test(name) ? name : undefined;
}

const SILENT_CLASSES: ReadonlySet<string> = new Set(["Error", "Exception", "error"]);

/** The first of error and causes that says more than that it failed, or its status in words. */
function saidBy(event: TitledEvent): string | undefined {
  const { type, message = "", causes = [] } = event;
  const status = STATUS_CODES[statusOf(event) ?? 0]?.toLowerCase();
  const own: Pick<RawCause, "type" | "message"> = { type, message };
  for (const link of [own, ...causes]) {
    const words = wordsOf(link.type, link.message);
    if (!SILENT_WORDS.test(words) && words.toLowerCase() !== status) return words;
  }
  return undefined;
}

/** Wrappers, and what only repeats a status. */
const SILENT_WORDS =
  /^(?:|null|undefined|error|fetch failed|validation failed|response error|.{1,200} answered \d{3}|request failed with status code \d{3}|got status: \d{3}|\d{3})$/i;

function wordsOf(type: string, message: string): string {
  const line = oneLine(message, MAX_TITLE_CHARS);
  const text = line.startsWith(`${type}: `) ? line.slice(type.length + 2) : line;
  const call = SYSTEM_CALL.exec(text);
  const words = WORDS.get(call?.[1] ?? "");
  if (words !== undefined) return call?.[2] === undefined ? words : `${words} (${call[2]})`;
  return TLS_FAULT.exec(text)?.[1] ?? text.replace(PREFIX, "");
}

/** `connect ECONNREFUSED 10.0.0.5:5432`, `getaddrinfo ENOTFOUND api`, `read ECONNRESET`. */
const SYSTEM_CALL = /^[A-Za-z]{1,20} (E[A-Z_]{3,14})(?: (\S+))?$/;
const WORDS: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "connection refused"],
  ["ECONNRESET", "connection reset"],
  ["ECONNABORTED", "connection aborted"],
  ["EPIPE", "connection closed by the other side"],
  ["ETIMEDOUT", "timed out"],
  ["ETIMEOUT", "timed out"],
  ["EHOSTUNREACH", "host unreachable"],
  ["ENETUNREACH", "network unreachable"],
  ["ENOTFOUND", "host not found"],
  ["EAI_AGAIN", "no answer from the name server"],
]);
/** OpenSSL's own form: number, library, function, then the words. */
const TLS_FAULT = /:error:[0-9A-F]{8}:[^:]*:[^:]*:([^:]+)/;
/** The code before the words: `ENOENT: no such file…`, `14 UNAVAILABLE: …`, `[Errno 32] …`. */
const PREFIX = /^(?:E[A-Z0-9]{2,14}: |\d{1,2} [A-Z_]{2,30}: |\[Errno -?\d{1,6}\] )/;

function detailOf(event: TitledEvent, said: string | undefined): string | undefined {
  const { type, message = "", classification, properties = {}, hardwareContext } = event;
  switch (classification.group) {
    case "http_error":
      return httpDetail(event, said);
    case "validation_error":
      return issueIn(properties, message) ?? said ?? statusText(event);
    case "worker_error":
    case "ui_error": {
      const name = classOf(type);
      return said === undefined || name === undefined ? said : `${name}: ${said}`;
    }
    case "hardware_error":
    case "resource_error": {
      // The state that was reported decided, and the message may be about something else.
      const kind = hardwareContext === undefined ? undefined : kindOf(event);
      return said === undefined || kind === undefined ? said : `${kind}: ${said}`;
    }
    case "auth_error":
    case "quota_error":
    case "file_error":
      return said ?? statusText(event);
    default:
      return said;
  }
}

function httpDetail(event: TitledEvent, said: string | undefined): string | undefined {
  const status = statusOf(event);
  if (status === undefined) return said;
  const words = said?.replace(/^\d{3} /, "");
  const place = peerOf(event) ?? routeOf(event);
  if (place === undefined) return words === undefined ? statusText(event) : `${status} ${words}`;
  return words === undefined ? `${status} ${place}` : `${status} ${place}: ${words}`;
}

function statusText(event: TitledEvent): string | undefined {
  const status = statusOf(event);
  return status === undefined ? undefined : [status, STATUS_CODES[status]].filter(Boolean).join(" ");
}

/** That of the answer that failed before that of the request it was made for. */
function statusOf({ type, properties = {}, attributes = {}, request }: TitledEvent): number | undefined {
  const response = properties["response"];
  return (
    errorStatus(isRecord(response) ? response["status"] : undefined) ??
    errorStatus(properties["statusCode"]) ??
    errorStatus(properties["status"]) ??
    errorStatus(attributes["http.response.status_code"]) ??
    errorStatus(request?.statusCode) ??
    errorStatus(/^HTTP \d{3}$/.test(type) ? Number(type.slice("HTTP ".length)) : undefined)
  );
}

function errorStatus(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= 400 && value <= 599 ? value : undefined;
}

/** Of the request that a client made: that of a server names the server itself. */
function peerOf({ request, spanKind }: TitledEvent): string | undefined {
  return spanKind === "client" && request?.peer ? `from ${oneLine(request.peer, MAX_NAME_CHARS)}` : undefined;
}

/** What a category says beside its group: `hardware_overheating` is overheating. */
function kindOf({ classification }: TitledEvent): string | undefined {
  const { group, category } = classification;
  const stem = `${group.replace(/_error$/, "")}_`;
  const kind = category.startsWith(stem) ? category.slice(stem.length).replaceAll("_", " ") : "";
  return ["", "other", "error"].includes(kind) || !KNOWN_NAMES.has(category) ? undefined : kind;
}

function placeOf(event: TitledEvent): string | undefined {
  const { database, spanName } = event;
  const statement = [database?.operation, database?.collection].filter(Boolean).join(" ");
  const call = statement || database?.system;
  if (call) return `in ${call}`;
  return routeOf(event) ?? (spanName ? `in ${spanName}` : undefined);
}

/** By its template: a path may hold what is different for every user. */
function routeOf({ request }: TitledEvent): string | undefined {
  return request?.route ? ["in", request.method, request.route].filter(Boolean).join(" ") : undefined;
}

const MAX_NAME_CHARS = 60;

function isRecord(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null;
}
