/**
 * The one door from RawError to RedactedError. First the limits, so that nothing behind this is ever large; then
 * whatever is secret becomes `[REDACTED]`, found in two ways:
 *
 *   by key    { "password": … }, attributes, headers       sensitive-keys.ts
 *   by value  any text at all: messages, stacks, URLs      secret-patterns.ts
 */
import { emptyBag } from "../bag";
import type {
  Attributes,
  AttributeValue,
  Breadcrumb,
  JsonObject,
  JsonValue,
  PoolState,
  RawCause,
  RawError,
  RedactedError,
  Resource,
  redacted,
  StackFrame,
} from "../event";
import { REDACTED } from "./assigned-secrets";
import { decodePercent } from "./decoded-text";
import { detached, memoized } from "./memoized";
import { hideSecrets } from "./secret-patterns";
import { compileKeys, type KeyRules, type KeySense, wordsOf } from "./sensitive-keys";
import { keptStackParts } from "./stack-limits";
import { hideLiterals } from "./statement-literals";

export interface RedactionOptions {
  /** More keys to hide, matched as words within a key: `customerId` also hides `order.customer_id`. */
  readonly keys?: readonly string[] | undefined;
  /** Keys to show, matched as a whole. Their values are still searched for secrets. */
  readonly allowKeys?: readonly string[] | undefined;
  /** Hide e-mail addresses. Default false. */
  readonly emails?: boolean | undefined;
  /** Hide IP addresses. Default false. */
  readonly ips?: boolean | undefined;
  /** Keep the addresses of who sent a request. Default false. */
  readonly clientAddresses?: boolean | undefined;
}

export interface RedactionRules {
  readonly keys: KeyRules;
  readonly emails: boolean;
  readonly ips: boolean;
  readonly clientAddresses: boolean;
  /** What was found out about keys. Keys repeat; the memory is bounded. */
  readonly knownKeys: Map<string, KeyPlan>;
  /** hideSecrets() for the frames of a stack, which repeat even more. */
  readonly hideInFrames: (frames: string) => string;
  /** hideLiterals(), for statements with placeholders, which repeat as well. */
  readonly hideInStatement: (statement: string) => string;
  /** One stands before many errors of its request. */
  readonly knownBreadcrumbs: WeakMap<Breadcrumb, SafeBreadcrumb>;
  /** redactLabel(): few texts, which come again and again. */
  readonly hideInLabel: (text: string) => string;
}

/** A breadcrumb without secrets and within limits. */
export interface SafeBreadcrumb {
  readonly breadcrumb: Breadcrumb;
  /** As JSON, in characters. */
  readonly length: number;
  readonly isCut: boolean;
}

/** What to do with a key and its value. */
export interface KeyPlan {
  /** The key itself, without secrets. */
  readonly name: string;
  readonly hides: KeySense["hides"];
  readonly isUrl: boolean;
  readonly isStatement: boolean;
}

export const MAX_TYPE_LENGTH = 256;
export const MAX_MESSAGE_LENGTH = 8_192;
export const MAX_ATTRIBUTES = 128;
export const MAX_VALUE_LENGTH = 1_024;
export const MAX_KEY_LENGTH = 256;
export const MAX_LIST_LENGTH = 128;
export const MAX_CAUSES = 10;
export const MAX_FRAMES = 50;
/** Lines of source code on either side of a frame's own. */
export const MAX_CONTEXT_LINES = 20;
export const MAX_DEPTH = 8;
export const MAX_BREADCRUMBS = 100;
/** Of the breadcrumbs of one error as JSON, in characters. */
export const MAX_BREADCRUMBS_LENGTH = 16_384;
/** Values in one bag (`details`, `properties`…), nested ones included. */
export const MAX_NODES = 1_000;

export function compileRedaction(options: RedactionOptions): RedactionRules {
  const patterns = { keys: compileKeys(options), emails: options.emails ?? false, ips: options.ips ?? false };
  return {
    ...patterns,
    clientAddresses: options.clientAddresses ?? false,
    knownKeys: new Map(),
    hideInFrames: memoized((frames) => hideSecrets(frames, patterns), KNOWN_FRAMES),
    hideInStatement: memoized(hideLiterals, KNOWN_FRAMES),
    knownBreadcrumbs: new WeakMap(),
    hideInLabel: memoized(
      (text) => hideSecrets(text.slice(0, MAX_VALUE_LENGTH + LOOKAHEAD), patterns, MAX_VALUE_LENGTH),
      KNOWN_LABELS,
    ),
  };
}

const KNOWN_FRAMES = { maxEntries: 256, maxLength: MAX_MESSAGE_LENGTH };
const KNOWN_LABELS = { maxEntries: 1_000, maxLength: MAX_KEY_LENGTH };

/**
 * The error without secrets and within limits; the parts of `raw` are not changed. Ids of the event, trace and span are
 * made by machines and stay as they are; ids of request, session and user stay unless they look like a secret.
 */
export function redact(raw: RawError, rules: RedactionRules): RedactedError {
  const truncated = new Set<string>();
  const pass: Pass = { rules, truncated };
  const value = (field: string, text: string | undefined): string | undefined =>
    text === undefined ? undefined : boundedText(pass, field, text, MAX_VALUE_LENGTH);
  const bag = (field: string, values: JsonObject | undefined): JsonObject | undefined =>
    values === undefined ? undefined : boundedBag(pass, field, values);
  const { resource, request, database, given } = raw;

  const limited: Omit<RedactedError, typeof redacted> = {
    id: raw.id,
    source: raw.source,
    origin: raw.origin,
    timeUnixMillis: raw.timeUnixMillis,
    type: boundedText(pass, "type", raw.type, MAX_TYPE_LENGTH),
    message: boundedText(pass, "message", raw.message, MAX_MESSAGE_LENGTH),
    stack: boundedStack(pass, "stack", raw.stack),
    causes: first(pass, "causes", raw.causes, MAX_CAUSES).map((cause) => boundedCause(pass, cause)),
    properties: boundedBag(pass, "properties", raw.properties),
    handled: raw.handled,
    fatal: raw.fatal,
    resource: {
      service: boundedText(pass, "resource", resource.service, MAX_VALUE_LENGTH),
      serviceVersion: value("resource", resource.serviceVersion),
      environment: value("resource", resource.environment),
      worker: boundedText(pass, "resource", resource.worker, MAX_VALUE_LENGTH),
    },
    traceId: raw.traceId,
    spanId: raw.spanId,
    spanName: value("spanName", raw.spanName),
    spanKind: raw.spanKind,
    attributes: boundedAttributes(pass, "attributes", raw.attributes, raw.spanKind),
    request: request && {
      method: value("request", request.method),
      route: value("request", request.route),
      url: request.url === undefined ? undefined : boundedUrl(pass, "request", request.url),
      statusCode: request.statusCode,
      peer: value("request", request.peer),
      clientAddress: rules.clientAddresses ? value("request", request.clientAddress) : undefined,
      headers: bag("request", rules.clientAddresses ? request.headers : withoutProxies(request.headers)),
      durationMillis: request.durationMillis,
    },
    database: database && {
      system: value("database", database.system),
      namespace: value("database", database.namespace),
      operation: value("database", database.operation),
      collection: value("database", database.collection),
      query:
        database.query === undefined
          ? undefined
          : rules.hideInStatement(boundedText(pass, "database", database.query, MAX_MESSAGE_LENGTH)),
      statusCode: value("database", database.statusCode),
      constraint: value("database", database.constraint),
      pool: database.pool && numbersOf(database.pool),
    },
    requestId: value("requestId", raw.requestId),
    sessionId: value("sessionId", raw.sessionId),
    userId: value("userId", raw.userId),
    page: raw.page === undefined ? undefined : boundedUrl(pass, "page", raw.page),
    userAgent: value("userAgent", raw.userAgent),
    userContext: bag("userContext", raw.userContext),
    details: boundedBag(pass, "details", raw.details),
    systemContext: bag("systemContext", raw.systemContext),
    hardwareContext: bag("hardwareContext", raw.hardwareContext),
    breadcrumbs: raw.breadcrumbs && boundedBreadcrumbs(pass, raw.breadcrumbs),
    variables: raw.variables?.map(({ function: name, file, values }) => ({
      function: boundedText(pass, "variables", name, MAX_VALUE_LENGTH),
      file: boundedText(pass, "variables", file, MAX_VALUE_LENGTH),
      values: boundedBag(pass, "variables", values),
    })),
    explained:
      raw.explained && first(pass, "stack", raw.explained, MAX_FRAMES).map((frame) => boundedFrame(pass, frame)),
    given: {
      category: value("given", given.category),
      severity: given.severity,
      fingerprint:
        given.fingerprint &&
        first(pass, "given", given.fingerprint, MAX_LIST_LENGTH).map((part) =>
          boundedText(pass, "given", part, MAX_VALUE_LENGTH),
        ),
      previousFingerprint: value("given", given.previousFingerprint),
    },
    truncated: [...truncated], // last: by now every field was gone through
  };
  // The brand has no value: this function is its only source.
  return limited as RedactedError;
}

/** Any text with its secrets hidden; no limits. */
export function redactText(text: string, rules: RedactionRules): string {
  return hideInStack(text, rules);
}

/** As redactText(), cut to `limit`; a secret that crosses the cut is hidden whole. */
export function redactWithin(text: string, limit: number, rules: RedactionRules): string {
  const known = text.length <= limit ? text : text.slice(0, limit + LOOKAHEAD);
  return cutText(hideSecrets(known, rules, Math.min(limit, known.length)), known.length, limit);
}

/** What others chose and metrics show as a label: a route, a model, an operation. Without secrets, at most MAX_VALUE_LENGTH. */
export function redactLabel(text: string, rules: RedactionRules): string {
  return rules.hideInLabel(text);
}

/** Who sent something, as metrics show it. */
export function redactResource(resource: Resource, rules: RedactionRules): Resource {
  const { service, serviceVersion, environment, worker } = resource;
  const ifGiven = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : redactLabel(text, rules);
  return {
    service: redactLabel(service, rules),
    serviceVersion: ifGiven(serviceVersion),
    environment: ifGiven(environment),
    worker: redactLabel(worker, rules),
  };
}

/** A URL, a path with a query, or a query alone. Who logs in and the values of secret parameters are hidden; no limits. */
export function redactUrl(url: string, rules: RedactionRules): string {
  return hideSecrets(hideParameters(url, rules), rules);
}

/** Attributes without secrets; the same object when there are none. No limits. */
export function redactAttributes(attributes: Attributes, rules: RedactionRules): Attributes {
  const keys = Object.keys(attributes);
  const step: TextStep = (text, plan) => {
    if (plan.isUrl) return redactUrl(text, rules);
    return plan.isStatement ? rules.hideInStatement(redactText(text, rules)) : redactText(text, rules);
  };
  const isSafe = (key: string): boolean => {
    const plan = planOf(key, rules);
    return plan.name === key && Object.is(safeAttribute(attributes[key], plan, step), attributes[key]);
  };
  return keys.every(isSafe) ? attributes : copyAttributes(attributes, keys, rules, step);
}

/** One call of redact(): the rules, and the fields that were cut so far. */
interface Pass {
  readonly rules: RedactionRules;
  readonly truncated: Set<string>;
}

type TextStep = (text: string, plan: KeyPlan) => string;

/** How far to look behind a cut, so that a secret that begins before it is seen whole. */
const LOOKAHEAD = 512;
const MAX_KNOWN_KEYS = 2_000;

function boundedText({ rules, truncated }: Pass, field: string, text: string, limit: number): string {
  const safe =
    text.length <= limit ? hideSecrets(text, rules) : hideSecrets(text.slice(0, limit + LOOKAHEAD), rules, limit);
  if (text.length > limit || safe.length > limit) truncated.add(field);
  return cutText(safe, text.length, limit);
}

function boundedUrl({ rules, truncated }: Pass, field: string, url: string): string {
  const parameters = hideParameters(url.slice(0, MAX_VALUE_LENGTH), rules);
  const rest = url.slice(MAX_VALUE_LENGTH, MAX_VALUE_LENGTH + LOOKAHEAD);
  const safe = hideSecrets(parameters + rest, rules, parameters.length);
  if (url.length > MAX_VALUE_LENGTH || safe.length > MAX_VALUE_LENGTH) truncated.add(field);
  return cutText(safe, url.length, MAX_VALUE_LENGTH);
}

/** The values of parameters by their keys, which may be URL-encoded. */
function hideParameters(url: string, rules: RedactionRules): string {
  if (!url.includes("=")) return url;
  const parts = url.split(/([?&#;])/).map((part, index) => {
    const equals = part.indexOf("=");
    if (equals <= 0 || (index === 0 && part.slice(0, equals).includes("/"))) return part;
    const key = part.slice(0, equals);
    const text = part.slice(equals + 1);
    const value = /^-?\d+$/.test(text) ? Number(text) : text;
    const { hides } = planOf(decodePercent(key)?.text ?? key, rules);
    return isHidden(hides, value) ? `${key}=${REDACTED}` : part;
  });
  return parts.join("");
}

/** Cuts safe text between characters, and before a `[REDACTED]` rather than within it. */
function cutText(safe: string, originalLength: number, limit: number): string {
  if (originalLength <= limit && safe.length <= limit) return safe;
  const marker = safe.lastIndexOf(REDACTED, limit - 1);
  let end = marker >= 0 && marker + REDACTED.length > limit ? marker : limit;
  if (/[\uD800-\uDBFF]/.test(safe.charAt(end - 1))) end--;
  return detached(safe.slice(0, end));
}

/** The header, and of many frames the first and the last 25. */
function boundedStack(pass: Pass, field: string, stack: string): string {
  const parts = keptStackParts(stack, MAX_MESSAGE_LENGTH);
  if (parts.length === 1 && parts[0]?.to === stack.length) return hideInStack(stack, pass.rules);
  pass.truncated.add(field);
  const safe = parts.map(({ from, to }) =>
    hideSecrets(stack.slice(from, to + LOOKAHEAD), pass.rules, to - from).trimEnd(),
  );
  return detached(safe.join(OMITTED));
}

const OMITTED = "\n    ... frames omitted ...\n";

/** No secret goes on from the last line of a message into the frames behind it, so each is searched by itself. */
function hideInStack(stack: string, rules: RedactionRules): string {
  const frames = stack.indexOf(FRAMES_BEGIN) + 1;
  if (frames === 0) return hideSecrets(stack, rules);
  return hideSecrets(stack.slice(0, frames), rules) + rules.hideInFrames(stack.slice(frames));
}

const FRAMES_BEGIN = "\n    at ";

function boundedCause(pass: Pass, cause: RawCause): RawCause {
  return {
    relation: cause.relation,
    type: boundedText(pass, "causes", cause.type, MAX_TYPE_LENGTH),
    message: boundedText(pass, "causes", cause.message, MAX_MESSAGE_LENGTH),
    stack: boundedStack(pass, "causes", cause.stack),
    properties: boundedBag(pass, "causes", cause.properties),
  };
}

function boundedFrame(pass: Pass, frame: StackFrame): StackFrame {
  const text = (value: string): string => boundedText(pass, "stack", value, MAX_VALUE_LENGTH);
  const { line, column, inApp, context, variables } = frame;
  return {
    function: text(frame.function),
    module: text(frame.module),
    file: text(frame.file),
    line,
    column,
    inApp,
    context: context && {
      pre: first(pass, "stack", context.pre, MAX_CONTEXT_LINES).map(text),
      line: text(context.line),
      post: first(pass, "stack", context.post, MAX_CONTEXT_LINES).map(text),
    },
    variables: variables && boundedBag(pass, "stack", variables),
  };
}

/** The latest, as many as have room. */
function boundedBreadcrumbs({ rules, truncated }: Pass, breadcrumbs: readonly Breadcrumb[]): readonly Breadcrumb[] {
  const kept: Breadcrumb[] = [];
  let room = MAX_BREADCRUMBS_LENGTH;
  for (let at = breadcrumbs.length - 1; at >= 0; at--) {
    const raw = breadcrumbs[at];
    if (raw === undefined) continue;
    const { breadcrumb, length, isCut } = safeBreadcrumb(raw, rules);
    room -= length + 1;
    const hasRoom = room >= 0 && kept.length < MAX_BREADCRUMBS;
    if (isCut || !hasRoom) truncated.add("breadcrumbs");
    if (!hasRoom) break;
    kept.push(breadcrumb);
  }
  return kept.reverse();
}

function safeBreadcrumb(raw: Breadcrumb, rules: RedactionRules): SafeBreadcrumb {
  const known = rules.knownBreadcrumbs.get(raw);
  if (known !== undefined) return known;
  const pass: Pass = { rules, truncated: new Set() };
  const breadcrumb = {
    ...raw,
    category: boundedText(pass, "breadcrumbs", raw.category, MAX_TYPE_LENGTH),
    message: boundedText(pass, "breadcrumbs", raw.message, MAX_VALUE_LENGTH),
    data: boundedBag(pass, "breadcrumbs", raw.data),
  };
  const safe = { breadcrumb, length: JSON.stringify(breadcrumb).length, isCut: pass.truncated.size > 0 };
  rules.knownBreadcrumbs.set(raw, safe);
  return safe;
}

function first<T>(pass: Pass, field: string, list: readonly T[], limit: number): readonly T[] {
  if (list.length <= limit) return list;
  pass.truncated.add(field);
  return list.slice(0, limit);
}

function boundedAttributes(
  pass: Pass,
  field: string,
  attributes: Attributes,
  kind: RawError["spanKind"] | undefined,
): Attributes {
  const isKept = (key: string): boolean =>
    !CLIENT_ADDRESSES.has(key) && (kind !== "server" || !PEER_ADDRESSES.has(key));
  const all = Object.keys(attributes);
  const allowed = pass.rules.clientAddresses || all.every(isKept) ? all : all.filter(isKept);
  const keys = first(pass, field, allowed, MAX_ATTRIBUTES);
  return copyAttributes(attributes, keys, pass.rules, boundedStep(pass, field), (list) =>
    first(pass, field, list, MAX_LIST_LENGTH),
  );
}

/** The application may have added anything at all under this name. */
function numbersOf({ size, idle, waiting }: PoolState): PoolState | undefined {
  return [size, idle, waiting].every(Number.isFinite) ? { size, idle, waiting } : undefined;
}

function withoutProxies(headers: JsonObject | undefined): JsonObject | undefined {
  if (headers === undefined || !PROXY_HEADERS.some((name) => Object.hasOwn(headers, name))) return headers;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !PROXY_HEADERS.includes(name)));
}

/** Headers by which proxies say who asked. */
const PROXY_HEADERS = ["forwarded", "x-forwarded-for", "x-real-ip", "true-client-ip", "cf-connecting-ip"];
/** Attributes that say who asked, by the conventions of today and before. */
const CLIENT_ADDRESSES: ReadonlySet<string> = new Set([
  ...["client.address", "client.port", "http.client_ip"],
  ...PROXY_HEADERS.map((name) => `http.request.header.${name}`),
]);
/** Of a server's span these are the client's. */
const PEER_ADDRESSES: ReadonlySet<string> = new Set([
  ...["network.peer.address", "network.peer.port", "net.peer.ip", "net.peer.port"],
  ...["net.sock.peer.addr", "net.sock.peer.port"],
]);

function boundedStep(pass: Pass, field: string): TextStep {
  return (text, plan) => {
    if (plan.isUrl) return boundedUrl(pass, field, text);
    const safe = boundedText(pass, field, text, MAX_VALUE_LENGTH);
    return plan.isStatement ? pass.rules.hideInStatement(safe) : safe;
  };
}

type AttributeList = Extract<AttributeValue, object>;

/** Without a prototype, so that no key (`__proto__`, `constructor`) means anything. */
function copyAttributes(
  attributes: Attributes,
  keys: readonly string[],
  rules: RedactionRules,
  step: TextStep,
  cutList: (list: AttributeList) => AttributeList = (list) => list,
): Attributes {
  const copy = emptyBag<AttributeValue>();
  for (const key of keys) {
    const plan = planOf(key, rules);
    const value = attributes[key];
    const safe = safeAttribute(typeof value === "object" ? cutList(value) : value, plan, step);
    if (safe !== undefined) copy[plan.name] = safe;
  }
  return copy;
}

function safeAttribute(value: Attributes[string], plan: KeyPlan, step: TextStep): AttributeValue | undefined {
  if (isHidden(plan.hides, value)) return REDACTED;
  if (typeof value === "string") return step(value, plan);
  if (typeof value === "number" || typeof value === "boolean") return value;
  if (!Array.isArray(value)) return undefined;
  const safe = value.map((item) => (typeof item === "string" ? step(item, plan) : item));
  return safe.every((item, index) => Object.is(item, value[index])) ? value : safe;
}

function boundedBag({ rules, truncated }: Pass, field: string, bag: JsonObject): JsonObject {
  return copyObject({ rules, truncated, field, nodes: MAX_NODES }, bag, 1);
}

interface Copying extends Pass {
  readonly field: string;
  /** How many more values may be copied. */
  nodes: number;
}

function copyObject(copying: Copying, source: JsonObject, depth: number): JsonObject {
  const copy = emptyBag<JsonValue>();
  const label = ownText(source, "name") ?? ownText(source, "key");
  for (const key of Object.keys(source)) {
    if (copying.nodes-- <= 0) {
      copying.truncated.add(copying.field);
      break;
    }
    const plan = planOf(key, copying.rules);
    // { name: "authorization", value: … }: the key is the neighbour's text.
    const named = label !== undefined && key === "value" ? planOf(label, copying.rules) : plan;
    const value = copyValue(copying, source[key], named, depth);
    if (value !== undefined) copy[plan.name] = value;
  }
  return copy;
}

/** Undefined for what JSON has no word for. */
function copyValue(copying: Copying, value: unknown, plan: KeyPlan, depth: number): JsonValue | undefined {
  if (isHidden(plan.hides, value)) return REDACTED;
  if (typeof value === "string") return boundedStep(copying, copying.field)(value, plan);
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value === "boolean" || value === null) return value;
  if (typeof value !== "object") return undefined;
  if (depth >= MAX_DEPTH) {
    copying.truncated.add(copying.field);
    return null;
  }
  // What is no list is read by its own keys, whatever it was made by.
  if (!Array.isArray(value)) return copyObject(copying, value as JsonObject, depth + 1);
  const list: JsonValue[] = [];
  for (const item of first(copying, copying.field, value, MAX_LIST_LENGTH)) {
    if (copying.nodes-- <= 0) {
      copying.truncated.add(copying.field);
      break;
    }
    list.push(copyValue(copying, item, plan, depth + 1) ?? null);
  }
  return list;
}

function ownText(source: JsonObject, key: string): string | undefined {
  const value = Object.hasOwn(source, key) ? source[key] : undefined;
  return typeof value === "string" ? value : undefined;
}

/** A yes or no and nothing at all are no secrets; numbers are where the key says so, alone or in a list. */
function isHidden(hides: KeySense["hides"], value: unknown): boolean {
  if (hides === "nothing" || value === undefined || value === null || value === "") return false;
  if (typeof value === "boolean") return false;
  if (typeof value === "number") return hides === "everything";
  if (typeof value !== "object") return true;
  return Object.values(value).some((item) => (typeof item === "object" && item !== null) || isHidden(hides, item));
}

function planOf(key: string, rules: RedactionRules): KeyPlan {
  const known = rules.knownKeys.get(key);
  if (known !== undefined) return known;
  const name = hideSecrets(key.slice(0, MAX_KEY_LENGTH + LOOKAHEAD), rules, MAX_KEY_LENGTH);
  const plan = {
    name,
    hides: rules.keys.sense(name).hides,
    isUrl: isUrlKey(name),
    isStatement: STATEMENT_KEY.test(name),
  };
  if (key.length > MAX_KEY_LENGTH) return plan;
  if (rules.knownKeys.size >= MAX_KNOWN_KEYS) rules.knownKeys.clear();
  rules.knownKeys.set(key, plan);
  return plan;
}

/** `url.full`, `url.query`, `http.target`, `documentUri`, `http.request.header.referer`… */
function isUrlKey(key: string): boolean {
  return /^url\.|^http\.target$/.test(key) || URL_WORDS.has(wordsOf(key).at(-1) ?? "");
}

/** `db.query.text`, `db.statement`, and `sql` as drivers put it on their errors. */
const STATEMENT_KEY = /^db\.query\.text$|(?:^|[._])(?:statement|sql)$/;
const URL_WORDS = new Set(["url", "uri", "href", "referer", "referrer", "location"]);
