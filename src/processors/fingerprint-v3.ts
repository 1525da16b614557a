/**
 * Version 3 of what an id is made of, where nobody gave parts:
 *
 *   database kind ─► network code and peer ─► in-app frames ─► template ─► operation
 *
 * The first that applies decides. What must not count never gets in: line numbers, absolute paths, values in messages,
 * callers.
 */
import type { Classification, JsonObject, RawCause, RedactedError, StackFrame } from "../event";
import type { Decision, FingerprintAlgorithm } from "./fingerprint";
import { memoized } from "./memoized";
import { messageTemplate } from "./message-template";
import { parseStack } from "./stack";
import { headerName } from "./stack/v8";
import { statementKey } from "./statement-key";

export const FINGERPRINT_V3: FingerprintAlgorithm = {
  version: 3,
  templateOf,
  typeOf(error) {
    const { type, code } = nameOf(error);
    return type || code;
  },
  infer,
};

/** In-app frames taken at most: an anonymous function or two, and the named one around them. */
const MAX_FRAMES = 3;

function infer(
  error: RedactedError,
  frames: readonly StackFrame[],
  classification: Classification,
  template: string,
): Decision {
  const name = nameOf(error);
  const { category, group } = classification;
  // `database_other` only says that a database was called: what failed is found as for any other error.
  if (group === "database_error" && category !== "database_other") return databaseFailure(error, category, template);
  if (group === "network_error") {
    const decision = networkFailure(error, name.code);
    if (decision !== undefined) return decision;
  }
  if (error.stack === "" && error.causes.length === 0 && /^HTTP \d{3}$/.test(error.type)) return answer(error);

  const place = frames.length === 0 && error.causes.length === 0 ? undefined : rootPlace(error, frames);
  const from = place?.error ?? error;
  const { type, code } = place === undefined ? name : nameOf(from);
  const statement = keyOf(from === error ? template : templateOf(from));
  if (place !== undefined) {
    const parts = [type, code, statement];
    let reason = from === error ? "in-app frames" : "in-app frames of the cause";
    let isNamed = false;
    for (const frame of place.frames) {
      const called = functionName(frame.function);
      isNamed ||= called !== ANONYMOUS;
      parts.push(called, frame.module);
      reason += `, ${called} (${frame.module})`;
    }
    // Anonymous handlers of one file are told apart by what they answer.
    if (!isNamed && error.request?.route !== undefined) parts.push(error.request.route);
    return { parts, reason };
  }
  if (saysSomething(statement)) return { parts: [type, code, statement], reason: "type and message template" };
  const library = frames.find((frame) => !RUNTIME_MODULE.test(frame.module));
  if (library !== undefined) {
    const called = functionName(library.function);
    const reason = `type, message and library frame ${called} (${library.module}): no in-app frame, hardly a message`;
    return { parts: [type, code, statement, called, library.module], reason };
  }
  if (statement !== "") return { parts: [type, code, statement], reason: "type and message template" };
  return { parts: [type, code, ...operation(error)], reason: "type and operation: no message, no in-app frame" };
}

/** Messages differ, their templates come again and again. */
const keyOf = memoized(statementKey, { maxEntries: 1_024, maxLength: 1_024 });

/** The message without what is put in front of it on its way: `Uncaught (in promise) TypeError: …`. */
function templateOf({ type, message, stack }: RedactedError | RawCause): string {
  let start = message.startsWith("Uncaught ") ? (message.startsWith("Uncaught (in promise) ") ? 22 : 9) : 0;
  if (type !== "" && message.startsWith(type, start) && message.startsWith(": ", start + type.length)) {
    start += type.length + 2;
  }
  return messageTemplate(start === 0 ? message : message.slice(start), stack === "" && TYPES_OF_LINES.has(type));
}

/** What is called so, and has no stack, is a line of a log that no exception stands behind. */
const TYPES_OF_LINES: ReadonlySet<string> = new Set(
  " Error Log LogRecord Message Event Trace Debug Info Notice Warn Warning Severe Critical Fatal"
    .split(" ")
    .flatMap((name) => [name, name.toLowerCase(), name.toUpperCase()]),
);

/** Two words at least, or one of a script that has no spaces: `timeout` alone is said of too much. */
function saysSomething(statement: string): boolean {
  return /[A-Za-z]{2}[^A-Za-z]{1,64}[A-Za-z]{2}|[^\0-\x7f]{2}/.test(statement);
}

/** What runs every program: its frames say no more than that one ran. */
const RUNTIME_MODULE = /^(?:node:|<anonymous>|runtime$|runtime\/|java\.|jdk\.|sun\.|core::|std::|System\.)/;

/**
 * By kind. The constraint is read from the message first, since that is all that a pg error has left after OTLP; then
 * from what the driver or the span say.
 */
function databaseFailure(error: RedactedError, category: string, template: string): Decision {
  const kind = category.startsWith("database_") ? category.slice(9) : category;
  const parts = ["database-error", kind];
  if (kind === "constraint") {
    const { database, properties } = error;
    const constraint =
      constraintIn(error.message) ??
      database?.constraint ??
      text(properties["constraint"]) ??
      tableIn(error.message) ??
      database?.collection ??
      text(properties["table"]);
    parts.push(constraint ?? keyOf(template));
  } else if (kind !== "connection" && kind !== "timeout") parts.push(keyOf(template));
  return { parts, reason: parts.join(": ") };
}

/** PostgreSQL, MySQL (foreign key, then unique), SQLite. */
const CONSTRAINT_MARKS = ['constraint "', "CONSTRAINT `", "for key '", "constraint failed: "];
const TABLE_MARKS = ['relation "', 'table "', "Table '"];

function constraintIn(message: string): string | undefined {
  // MongoDB's index names say nothing without their collection: every second one is `email_1`.
  const index = nameBehind(message, [" index: "]);
  const collection = index === undefined ? undefined : nameBehind(message, [" collection: "]);
  if (collection !== undefined) return `${collection.slice(collection.indexOf(".") + 1)}.${index}`;
  return nameBehind(message, CONSTRAINT_MARKS);
}

function tableIn(message: string): string | undefined {
  return nameBehind(message, TABLE_MARKS);
}

function nameBehind(message: string, marks: readonly string[]): string | undefined {
  for (const mark of marks) {
    const found = message.indexOf(mark);
    const name =
      found < 0 ? undefined : /^[\w.$-]{1,128}/.exec(message.slice(found + mark.length, found + mark.length + 128));
    if (name) return name[0];
  }
  return undefined;
}

/** By code and peer; `undefined` when either is unknown: frames and message then tell more. */
function networkFailure(error: RedactedError, ownCode: string): Decision | undefined {
  const [link, code] = coded(error, ownCode);
  const peer = code === "" ? "" : (spanPeer(error) ?? messagePeer(link.message, code) ?? propertyPeer(link.properties));
  if (peer === undefined || peer === "") return undefined;
  return { parts: ["network-error", code, peer], reason: `network failure: ${code} ${peer}` };
}

/** The error that has a code: itself, or the first behind it (`fetch failed`). */
function coded(error: RedactedError, ownCode: string): readonly [RedactedError | RawCause, string] {
  if (ownCode !== "") return [error, ownCode];
  for (const cause of error.causes) {
    const { code } = nameOf(cause);
    if (code !== "") return [cause, code];
  }
  return [error, ""];
}

/** Only a client's span names the other side; a server's `server.address` is its own. */
function spanPeer({ spanKind, attributes, request }: RedactedError): string | undefined {
  if (spanKind !== "client" && spanKind !== "producer") return undefined;
  const host = attributes["server.address"] ?? attributes["net.peer.name"];
  const port = attributes["server.port"] ?? attributes["net.peer.port"];
  if (typeof host !== "string" || host === "") return request?.peer === undefined ? undefined : peerName(request.peer);
  return peerName(port === undefined ? host : `${host}:${String(port)}`);
}

/** `connect ECONNREFUSED 10.0.0.7:5432`, `getaddrinfo ENOTFOUND db.internal`. */
function messagePeer(message: string, code: string): string | undefined {
  const found = message.indexOf(`${code} `);
  if (found < 0) return undefined;
  const peer = /^(?:[\w.-]*[\w-]|\/\S{1,200}|[\da-f:.]+(?:%\w+)?)(?::\d{1,5})?(?=\s|$)/i.exec(
    message.slice(found + code.length + 1, found + code.length + 256),
  );
  // A plain word is prose; a peer has a port, or is a DNS name that was looked up.
  if (peer === null || !(/[.:/]/.test(peer[0]) || message.startsWith("getaddrinfo "))) return undefined;
  return peerName(peer[0]);
}

function propertyPeer(properties: JsonObject): string | undefined {
  const host = text(properties["hostname"]) ?? text(properties["host"]) ?? text(properties["address"]);
  const port = properties["port"];
  if (host === undefined) return undefined;
  return peerName(typeof port === "number" ? `${host}:${port}` : host);
}

/** Addresses come and go with pods and hosts, names and ports stay; this machine has several spellings. */
function peerName(peer: string): string {
  if (peer.startsWith("/")) return peer.slice(peer.lastIndexOf("/") + 1);
  const port = /:\d{1,5}$/.exec(peer)?.[0] ?? "";
  const host = peer
    .slice(0, peer.length - port.length)
    .toLowerCase()
    .replace(/^\[|\]$/g, "");
  if (host === "localhost" || host === "::1" || host.startsWith("127.")) return `localhost${port}`;
  return (/^\d{1,3}(?:\.\d{1,3}){3}$/.test(host) || host.includes(":") ? "<ip>" : host) + port;
}

/** An answer of 5xx or 4xx that nothing was thrown for. */
function answer(error: RedactedError): Decision {
  const parts = ["http-answer", error.type.slice(5), ...operation(error)];
  return { parts, reason: `operation answered: ${parts.slice(1).join(" ")}` };
}

function operation(error: RedactedError): readonly string[] {
  const { request, spanKind, spanName } = error;
  if (request === undefined) return [messageTemplate(spanName ?? "")];
  const to = spanKind === "client" ? (request.peer ?? "") : (request.route ?? "");
  return [request.method ?? "", to === "" ? messageTemplate(spanName ?? "") : to, String(request.statusCode ?? "")];
}

interface Place {
  readonly error: RedactedError | RawCause;
  readonly frames: readonly StackFrame[];
}

/**
 * Where the fault began: the in-app frames of the innermost cause that has some. A wrapper tells who was affected, the
 * cause what went wrong. Of the members of an AggregateError the first speaks, and only when the error itself cannot.
 */
function rootPlace(error: RedactedError, frames: readonly StackFrame[]): Place | undefined {
  const firstMember = error.causes.findIndex((cause) => cause.relation === "member");
  const chain = firstMember < 0 ? error.causes : error.causes.slice(0, firstMember);
  for (let at = chain.length - 1; at >= 0; at--) {
    const cause = chain[at];
    const found = cause && place(cause, parseStack(cause.stack));
    if (found !== undefined) return found;
  }
  const member = error.causes[firstMember];
  return place(error, frames) ?? (member && place(member, parseStack(member.stack)));
}

function place(error: RedactedError | RawCause, frames: readonly StackFrame[]): Place | undefined {
  const telling = error.message.startsWith(OVERFLOW) ? (cycle(frames) ?? tellingFrames(frames)) : tellingFrames(frames);
  return telling.length === 0 ? undefined : { error, frames: telling };
}

/**
 * The innermost in-app frame alone says where a fault is: with more of them, one throw reached by several callers
 * would be several groups. Only where that frame names no place (an anonymous function, an `assert` that everybody
 * calls) do the frames around it follow, until one does, through built-in functions (`map`) but not through a library.
 */
function tellingFrames(frames: readonly StackFrame[]): readonly StackFrame[] {
  const telling: StackFrame[] = [];
  for (const frame of frames) {
    if (!frame.inApp) {
      if (telling.length > 0 && frame.module !== BUILT_IN_MODULE) break;
      continue;
    }
    const previous = telling.at(-1);
    const recurs = previous?.function === frame.function && previous.module === frame.module;
    if (!recurs) telling.push(frame);
    if (!isVague(functionName(frame.function)) || telling.length === MAX_FRAMES) break;
  }
  return telling;
}

/** Endless recursion ends in any function of its cycle or in one that these call: the whole cycle is the place. */
const OVERFLOW = "Maximum call stack size exceeded";

function cycle(frames: readonly StackFrame[]): readonly StackFrame[] | undefined {
  const seen = new Map<string, { readonly frame: StackFrame; count: number }>();
  for (const frame of frames) {
    if (!frame.inApp) continue;
    const key = JSON.stringify([frame.function, frame.module]);
    const entry = seen.get(key);
    if (entry === undefined) seen.set(key, { frame, count: 1 });
    else entry.count += 1;
  }
  const recurring = [...seen].filter(([, { count }]) => count > 1).sort(([a], [b]) => (a < b ? -1 : 1));
  return recurring.length === 0 ? undefined : recurring.map(([, { frame }]) => frame);
}

const ANONYMOUS = "<anonymous>";
const BUILT_IN_MODULE = "<anonymous>";

/** Without the receivers that V8 adds where there is no class (they differ by version and call), without numbers of wasm. */
function functionName(name: string): string {
  const bare = name.replace(/^(?:Object|Function|Module|global|process|exports)\.(?=.)/, "");
  const isNameless = bare === "" || bare.endsWith(`.${ANONYMOUS}`) || bare.startsWith("wasm-function[");
  return isNameless ? ANONYMOUS : bare;
}

/** Anonymous, or a function that throws on behalf of its callers. */
function isVague(name: string): boolean {
  return name === ANONYMOUS || /(?:^|\.)(?:assert|invariant|fail|panic|unreachable|throw|raise)(?![a-z])/.test(name);
}

/**
 * The type as both doors know it. OpenTelemetry's JavaScript SDK sends `code || name`, a live error has both; so a code
 * counts as a code wherever it is found, and the name beside it is the one in the stack's header, which both have.
 */
function nameOf({ type, properties, stack }: RedactedError | RawCause): {
  readonly type: string;
  readonly code: string;
} {
  const code = properties["code"];
  const reported =
    (typeof code === "string" || typeof code === "number") && code !== "" && code !== 0 ? String(code) : type;
  if (PLAIN_NAMES.has(reported) || isClassName(reported)) return { type: reported, code: "" };
  const name = headerName(stack) ?? "";
  // A DOMException has a number on its prototype, where only the SDK finds it, and says the same by its name.
  const isLegacy = /^\d{1,2}$/.test(reported) && name !== "Error" && isClassName(name);
  return { type: name, code: isLegacy ? "" : reported };
}

/** In Go, a panic that a server caught begins otherwise than one that ended the program. */
const PLAIN_NAMES: ReadonlySet<string> = new Set(["Error", "panic", "fatal error"]);

/** `TypeError`, `java.lang.IllegalStateException`; not `ECONNREFUSED`, `23505`, `invalid_request`. */
function isClassName(name: string): boolean {
  return /[a-z]/.test(name) && /[A-Z.]/.test(name) && !/[\s_-]/.test(name);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
