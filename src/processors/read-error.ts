/**
 * Reads a thrown value, whatever it is: null, a frozen object, a proxy whose traps throw, a cyclic cause chain.
 * Every property access is guarded, every walk is bounded; nothing here throws or runs for long.
 */
import { emptyBag } from "../bag";
import type { JsonObject, JsonValue, RawCause } from "../event";

/** A thrown value in words. The texts may hold secrets. */
export interface ReadError {
  /** The error's name, or its code where the name says nothing (`Error` with `code: "ECONNREFUSED"`). */
  readonly type: string;
  readonly message: string;
  readonly stack: string;
  readonly causes: readonly RawCause[];
  readonly properties: JsonObject;
}

/** Characters read of one text. Redaction cuts further; this only keeps a 50 MB message from being scanned. */
export const MAX_TEXT = 65_536;
export const MAX_CAUSES = 10;
const MAX_PROPERTIES = 32;
const MAX_ITEMS = 16;
const MAX_DEPTH = 3;
/** Values read of one error's properties, nested ones included. */
const MAX_NODES = 256;
const MAX_GIVEN = { nodes: 1_000, depth: 6, items: 128 };
const GENERIC_NAMES = new Set(["Error", "error", "Object", ""]);
const NOT_PROPERTIES = new Set(["name", "message", "stack", "cause", "errors"]);
/** Read also when inherited: libraries keep them on the prototype of an error's class. */
const INHERITED = ["code", "status", "statusCode"];

export function readError(thrown: unknown): ReadError {
  const causes: RawCause[] = [];
  readCauses(thrown, new Set([thrown]), causes);
  return { ...readOne(thrown), causes };
}

/** A bounded copy of what the application gave, whatever that is. Empty for what has no properties. */
export function readJson(given: unknown): JsonObject {
  if (!isObject(given)) return {};
  return copyFields(given, ownKeys(given), { ...MAX_GIVEN });
}

/** Undefined also for what throws when it is asked. */
export function readProperty(target: unknown, key: string): unknown {
  return isObject(target) ? read(target, key) : undefined;
}

/** The thrown value and what stands behind it: its causes and members, each object once, itself first. */
export function errorChain(thrown: unknown): readonly object[] {
  const chain = new Set<object>();
  const walk = (value: unknown): void => {
    if (!isObject(value) || chain.has(value) || chain.size > MAX_CAUSES) return;
    chain.add(value);
    walk(read(value, "cause"));
    for (const member of members(value)) walk(member);
  };
  walk(thrown);
  return [...chain];
}

/** True for errors of this and other realms, and for whatever carries a message like one. */
export function isErrorLike(value: unknown): value is object {
  return isObject(value) && typeof read(value, "message") === "string";
}

/**
 * The name for people: specific names win, and a code wins over a name that every error has.
 * OTLP has only `code || name`, so both doors meet on this rule.
 */
export function errorType(name: string, code: string): string {
  if (!GENERIC_NAMES.has(name)) return name;
  return code !== "" ? code : "Error";
}

function readOne(thrown: unknown): Omit<ReadError, "causes"> {
  if (!isObject(thrown)) {
    return { type: "Error", message: cap(printPrimitive(thrown)), stack: "", properties: { thrown: typeName(thrown) } };
  }
  if (!isErrorLike(thrown)) {
    const properties = readProperties(thrown);
    return { type: readName(thrown), message: cap(printObject(properties)), stack: readStack(thrown), properties };
  }
  return {
    type: readName(thrown),
    message: readText(thrown, "message"),
    stack: readStack(thrown),
    properties: readProperties(thrown),
  };
}

function readCauses(thrown: unknown, seen: Set<unknown>, causes: RawCause[]): void {
  if (!isObject(thrown)) return;
  const behind: (readonly ["cause" | "member", unknown])[] = [];
  const cause = read(thrown, "cause");
  if (cause !== undefined && cause !== null) behind.push(["cause", cause]);
  for (const member of members(thrown)) behind.push(["member", member]);
  for (const [relation, value] of behind) {
    if (causes.length >= MAX_CAUSES || seen.has(value)) return;
    if (isObject(value)) seen.add(value);
    causes.push({ relation, ...readOne(value) });
    readCauses(value, seen, causes);
  }
}

/** The `errors` of an AggregateError. */
function members(thrown: object): readonly unknown[] {
  return slice(read(thrown, "errors"), MAX_ITEMS);
}

function readName(thrown: object): string {
  const name = readText(thrown, "name");
  const code = read(thrown, "code");
  return cap(errorType(name, typeof code === "string" ? code : ""));
}

function readText(thrown: object, key: string): string {
  const value = read(thrown, key);
  return typeof value === "string" ? cap(value) : "";
}

/** A stack begins with the message: of one that is too long, the frames at its end are worth more than its middle. */
function readStack(thrown: object): string {
  const stack = read(thrown, "stack");
  if (typeof stack !== "string") return "";
  if (stack.length <= MAX_TEXT) return stack;
  const tail = stack.indexOf("\n", stack.length - MAX_TEXT / 2);
  return stack.slice(0, MAX_TEXT / 2) + (tail < 0 ? "" : stack.slice(tail));
}

function readProperties(thrown: object): JsonObject {
  const keys = ownKeys(thrown).filter((key) => !NOT_PROPERTIES.has(key));
  const budget = { nodes: MAX_NODES, depth: MAX_DEPTH, items: MAX_ITEMS };
  return copyFields(thrown, [...new Set([...INHERITED, ...keys.slice(0, MAX_PROPERTIES)])], budget);
}

/** How much may still be read: values in all, levels below this one, members of one object or list. */
interface Budget {
  nodes: number;
  depth: number;
  readonly items: number;
}

function copyFields(source: object, keys: readonly string[], budget: Budget): JsonObject {
  const copy = emptyBag<JsonValue>();
  for (const key of keys) {
    const value = toJson(read(source, key), budget);
    if (value !== undefined) copy[key] = value;
  }
  return copy;
}

/** A bounded copy that JSON can hold; functions, symbols, undefined and what goes over the budget have none. */
function toJson(value: unknown, budget: Budget): JsonValue | undefined {
  if (--budget.nodes < 0) return undefined;
  switch (typeof value) {
    case "string":
      return cap(value);
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "bigint":
      return printBigInt(value);
    case "object":
      break;
    default:
      return undefined;
  }
  if (value === null) return null;
  if (budget.depth === 0) return "[…]";
  budget.depth--;
  try {
    return copyObject(value, budget);
  } catch {
    return undefined; // even asking what it is may throw: a revoked proxy
  } finally {
    budget.depth++;
  }
}

function copyObject(value: object, budget: Budget): JsonValue {
  if (value instanceof Date) return printDate(value);
  if (Array.isArray(value)) return slice(value, budget.items).map((item) => toJson(item, budget) ?? null);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  return copyFields(value, ownKeys(value).slice(0, budget.items), budget);
}

function read(target: object, key: string): unknown {
  try {
    return Reflect.get(target, key);
  } catch {
    return undefined; // a getter or proxy trap that throws: the property is as good as absent
  }
}

/** A list of a million items has a million keys: of those, only the first. */
function ownKeys(target: object): readonly string[] {
  try {
    if (ArrayBuffer.isView(target)) return [];
    if (Array.isArray(target)) return Object.keys(slice(target, MAX_PROPERTIES));
    return Object.keys(target);
  } catch {
    return []; // a proxy whose ownKeys trap throws
  }
}

/** The first items of a list, none of what is no list. */
function slice(list: unknown, count: number): readonly unknown[] {
  try {
    return Array.isArray(list) ? Array.prototype.slice.call(list, 0, count) : [];
  } catch {
    return []; // a proxied list
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function typeName(value: unknown): string {
  return value === null ? "null" : typeof value;
}

function printPrimitive(value: unknown): string {
  return typeof value === "bigint" ? printBigInt(value) : String(value);
}

/** Writing out a number of a million digits takes seconds. */
function printBigInt(value: bigint): string {
  return BigInt.asIntN(1_024, value) === value ? String(value) : "[bigint]";
}

function printObject(properties: JsonObject): string {
  return Object.keys(properties).length === 0 ? "" : JSON.stringify(properties);
}

function printDate(date: Date): string {
  return Number.isNaN(date.getTime()) ? "Invalid Date" : date.toISOString();
}

function cap(text: string): string {
  return text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text;
}
