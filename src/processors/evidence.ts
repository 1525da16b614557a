/**
 * What an error itself tells about its kind. The first to speak decides:
 *
 *     a code for what ran out      it explains whatever failed after it
 *     the death of a process       whoever died is down, whatever the last words were
 *     other codes                  of the error, then of its causes; databases before sockets
 *     statuses of the call         gRPC, a model's finish reason
 *     class names
 *     shapes                       a child process, ajv, the state of hardware
 *     4xx ─► wording ─► 5xx        what a message says is a better cause than a bare 500
 *     what is left                 of a database call, of hardware, of a page; a failure without any content is an
 *                                  unknown_error, every other exception an application_error
 */
import type { Category, JsonObject, RedactedError } from "../event";
import { databaseSystem, inContext } from "./code-context";
import { databaseEvidence, databaseWording, type Evidence, type Link } from "./database-codes";
import { categoryOfCode, categoryOfTypeName } from "./known-names";
import {
  categoryOfGrpcStatus,
  categoryOfHttpStatus,
  errorStatus,
  grpcStatusOf,
  grpcStatusOfSpan,
  httpStatusOf,
  httpStatusOfName,
  isObject,
  member,
} from "./status-codes";
import { codeInText, wordingEvidence } from "./wording";

/** Pure. Takes a microsecond or two, tens of them for the longest message. */
export function evidenceOf(error: RedactedError): Evidence {
  const links: readonly Link[] = error.causes.length === 0 ? [error] : [error, ...error.causes];
  const coded = byCode(error, links);
  if (coded?.category === "resource_exhausted") return coded;
  if (error.fatal || error.source === "process") return byDeath(error);
  return (
    coded ??
    byCallStatus(error) ??
    byTypeName(error, links) ??
    byShape(error) ??
    byHardwareState(error) ??
    byStatusOrWording(error, links) ??
    byRemains(error)
  );
}

/** The first code of the chain, but what ran out anywhere in it comes before all. */
function byCode(error: RedactedError, links: readonly Link[]): Evidence | undefined {
  const system = databaseSystem(error);
  let first: Evidence | undefined;
  for (const link of links) {
    const statusCode = link === error ? error.database?.statusCode : undefined;
    const found = databaseEvidence(link, system, statusCode) ?? codeEvidence(error, link);
    if (found?.category === "resource_exhausted") return found;
    first ??= found;
  }
  return first;
}

function codeEvidence(error: RedactedError, link: Link): Evidence | undefined {
  const { properties, type } = link;
  const body = properties["error"]; // as model providers answer: { error: { code, type, status } }
  const grpc = grpcStatusOf(properties) ?? (isObject(body) ? grpcStatusOf(body) : undefined);
  if (grpc !== undefined) return grpcEvidence(grpc, error);
  return (
    codeOf(error, link, properties["code"]) ??
    codeOf(error, link, properties["type"]) ??
    codeOf(error, link, properties["failureType"]) ??
    (isObject(body) ? bodyEvidence(error, link, body) : undefined) ??
    codeOf(error, link, type)
  );
}

function bodyEvidence(error: RedactedError, link: Link, body: JsonObject): Evidence | undefined {
  return (
    codeOf(error, link, body["code"]) ??
    codeOf(error, link, body["type"]) ??
    codeOf(error, link, member(body["innererror"], "code")) ??
    codeOf(error, link, member(body["error"], "type"))
  );
}

function codeOf(error: RedactedError, link: Link, code: unknown): Evidence | undefined {
  if (typeof code !== "string") return undefined;
  const category = categoryOfCode(code);
  return category && inContext(error, link, category, `code ${code}`, code);
}

/** Which code it was is in the event; that a process is down is what the category has to say. */
function byDeath({ fatal, source, message }: RedactedError): Evidence {
  const words = wordingEvidence(message);
  if (words?.category === "resource_exhausted") return words;
  if (fatal) return { category: "worker_crashed", reason: "the process died of it" };
  return { category: "worker_other", reason: `source ${source}` };
}

function byCallStatus(error: RedactedError): Evidence | undefined {
  const reasons = error.attributes["gen_ai.response.finish_reasons"];
  const filtered =
    Array.isArray(reasons) && reasons.find((reason) => categoryOfCode(String(reason)) === "content_filter");
  if (filtered) return { category: "content_filter", reason: `finish reason ${filtered}` };
  const grpc = grpcStatusOfSpan(error.attributes);
  if (grpc === undefined) return undefined;
  const found = grpcEvidence(grpc, error);
  return found.category === "http_server_error" && error.stack !== "" ? undefined : found;
}

function grpcEvidence(status: number, { spanKind }: RedactedError): Evidence {
  return { category: categoryOfGrpcStatus(status, spanKind !== "server"), reason: `gRPC status ${status}` };
}

function byTypeName(error: RedactedError, links: readonly Link[]): Evidence | undefined {
  for (const link of links) {
    const category = categoryOfTypeName(link.type);
    if (category !== undefined) return inContext(error, link, category, `type ${link.type}`, "");
  }
  return undefined;
}

/** Errors without a name of their own that their properties give away: a failed child process, an ajv validation. */
function byShape({ properties, message }: RedactedError): Evidence | undefined {
  if (properties["ajv"] === true) return { category: "validation_schema", reason: "property ajv" };
  const isExit = typeof properties["cmd"] === "string" || ("pid" in properties && "output" in properties);
  if (!isExit || !message.startsWith("Command failed")) return undefined;
  const { signal, killed } = properties;
  if (typeof signal !== "string") return { category: "worker_other", reason: "a child process failed" };
  if (killed === true) return { category: "worker_timeout", reason: `a child process was stopped by ${signal}` };
  return { category: "worker_crashed", reason: `a child process died of ${signal}` };
}

function byHardwareState({ hardwareContext }: RedactedError): Evidence | undefined {
  const status = hardwareContext?.["hardware_status"];
  for (const [flag, category] of HARDWARE_FLAGS) {
    if (member(status, flag) === true) return { category, reason: `hardware status ${flag}` };
  }
  return undefined;
}

const HARDWARE_FLAGS: readonly (readonly [flag: string, category: Category])[] = [
  ["overheating", "hardware_overheating"],
  ["memory_pressure", "resource_memory_pressure"],
  ["throttling", "hardware_throttled"],
];

function byStatusOrWording(error: RedactedError, links: readonly Link[]): Evidence | undefined {
  const status = statusEvidence(error, links);
  const isServerFault = status?.category === "http_server_error" || status?.category === "http_upstream_error";
  return status !== undefined && !isServerFault ? status : (wordingOf(error, links) ?? status);
}

function statusEvidence(error: RedactedError, links: readonly Link[]): Evidence | undefined {
  const { attributes, spanKind, stack, type, request } = error;
  for (const link of links) {
    const own = httpStatusOf(link.properties) ?? httpStatusOfName(link.type);
    // Koa writes a 500 onto every error that had no status.
    if (own === undefined || (own === 500 && PLAIN_ERRORS.has(link.type))) continue;
    return httpEvidence(own, spanKind === "client" || isAnswer(link));
  }
  const seen =
    errorStatus(attributes["http.response.status_code"] ?? attributes["http.status_code"]) ??
    (spanKind === undefined ? errorStatus(request?.statusCode) : undefined) ??
    errorStatus(type.startsWith("HTTP ") ? type.slice(5) : type);
  // A server answers 500 to whatever was thrown: the exception says more.
  if (seen === undefined || (seen >= 500 && spanKind !== "client" && stack !== "")) return undefined;
  return httpEvidence(seen, spanKind === "client");
}

function httpEvidence(status: number, upstream: boolean): Evidence {
  return { category: categoryOfHttpStatus(status, upstream), reason: `status ${status}` };
}

const PLAIN_ERRORS: ReadonlySet<string> = new Set(
  "Error TypeError RangeError ReferenceError SyntaxError URIError EvalError AggregateError".split(" "),
);

/** True for what HTTP clients make of an answer, false for what an app throws to give one (http-errors). */
function isAnswer({ properties }: Link): boolean {
  if (properties["expose"] !== undefined) return false;
  return ANSWER_PROPERTIES.some((key) => properties[key] !== undefined);
}

const ANSWER_PROPERTIES: readonly string[] = ["response", "headers", "$metadata", "requestID", "request_id"];

function wordingOf(error: RedactedError, links: readonly Link[]): Evidence | undefined {
  const isDatabaseCall = databaseSystem(error) !== undefined && !PROGRAMMING_ERRORS.has(error.type);
  for (const link of links) {
    const quoted = codeInText(link.message);
    if (quoted !== undefined) {
      return inContext(error, link, quoted.category, `code ${quoted.code} in message`, quoted.code);
    }
    const words = (isDatabaseCall ? databaseWording(link.message) : undefined) ?? wordingEvidence(link.message);
    if (words !== undefined) return inContext(error, link, words.category, words.reason, "");
  }
  return undefined;
}

const PROGRAMMING_ERRORS: ReadonlySet<string> = new Set(["TypeError", "ReferenceError", "RangeError"]);

function byRemains(error: RedactedError): Evidence {
  const { type, message, stack, source, page, hardwareContext } = error;
  if (databaseSystem(error) !== undefined && !PROGRAMMING_ERRORS.has(type)) {
    return { category: "database_other", reason: "a database call failed" };
  }
  const hardware = [hardwareContext?.["hardware_type"], hardwareContext?.["hardware_types"]].flat()[0];
  if (typeof hardware === "string" && hardware !== "") {
    return { category: "hardware_other", reason: `reported of hardware ${hardware}` };
  }
  if (source === "report" && page !== undefined) return { category: "ui_component", reason: "reported by a page" };
  if (stack === "" && SILENT_TYPES.has(type.toLowerCase()) && SILENT_MESSAGES.has(message.toLowerCase())) {
    return { category: "unknown_error", reason: "no type, message or stack" };
  }
  return { category: "application_error", reason: `type ${type}` };
}

const SILENT_TYPES: ReadonlySet<string> = new Set(["", "error", "exception", "unknown", "unknownerror", "_other"]);
const SILENT_MESSAGES: ReadonlySet<string> = new Set([
  ...["", "error", "exception", "unknown", "unknown error", "null", "undefined", "{}", "[object object]"],
]);
