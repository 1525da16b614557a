/**
 * What another process's Seismo knew of an error and wrote into attributes of its own (exporter/carried-attributes.ts),
 * read back.
 */
import {
  type Attributes,
  type AttributeValue,
  type Breadcrumb,
  CARRIED_ATTRIBUTES as CARRIED,
  type JsonObject,
  type PoolState,
  type RawCause,
  type RawError,
  type SourceContext,
  type StackFrame,
} from "../event";

export function isCarried(attributes: Attributes): boolean {
  return attributes[CARRIED.handled] !== undefined;
}

/** Adds what another process's Seismo knew of the error. It is trusted no more than what anybody else sends. */
export function withCarried(raw: RawError, carried: Attributes): RawError {
  return {
    ...raw,
    attributes: Object.fromEntries(Object.entries(raw.attributes).filter(([key]) => !CARRIED_KEYS.has(key))),
    handled: carried[CARRIED.handled] === true,
    fatal: carried[CARRIED.fatal] === true,
    causes: causesOf(carried[CARRIED.causes]) ?? raw.causes,
    properties: objectOf(carried[CARRIED.properties]) ?? raw.properties,
    details: objectOf(carried[CARRIED.details]) ?? raw.details,
    page: textOf(carried[CARRIED.page]) || raw.page,
    userContext: objectOf(carried[CARRIED.userContext]),
    breadcrumbs: breadcrumbsOf(carried[CARRIED.breadcrumbs]) ?? raw.breadcrumbs,
    systemContext: objectOf(carried[CARRIED.systemContext]),
    hardwareContext: objectOf(carried[CARRIED.hardwareContext]),
    database: raw.database && { ...raw.database, pool: poolOf(carried[CARRIED.pool]) },
    explained: framesOf(carried[CARRIED.frames]),
  };
}

const CARRIED_KEYS: ReadonlySet<string> = new Set(Object.values(CARRIED));

function objectOf(json: AttributeValue | undefined): JsonObject | undefined {
  const value = parsed(json);
  return isJsonObject(value) ? value : undefined;
}

function causesOf(json: AttributeValue | undefined): readonly RawCause[] | undefined {
  const list = parsed(json);
  if (!Array.isArray(list)) return undefined;
  return list.filter(isJsonObject).map(({ relation, type, message, stack, properties }) => ({
    relation: relation === "member" ? "member" : "cause",
    type: textOf(type) || "Error",
    message: textOf(message),
    stack: textOf(stack),
    properties: isJsonObject(properties) ? properties : {},
  }));
}

function poolOf(json: AttributeValue | undefined): PoolState | undefined {
  const { size, idle, waiting } = objectOf(json) ?? {};
  const isState = typeof size === "number" && typeof idle === "number" && typeof waiting === "number";
  return isState ? { size, idle, waiting } : undefined;
}

function breadcrumbsOf(json: AttributeValue | undefined): readonly Breadcrumb[] | undefined {
  const list = parsed(json);
  if (!Array.isArray(list)) return undefined;
  const number = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);
  return list.filter(isJsonObject).map((item) => ({
    timeUnixMillis: number(item["timeUnixMillis"]) ?? Number.NaN,
    type: BREADCRUMB_TYPES.find((type) => type === item["type"]) ?? "custom",
    category: textOf(item["category"]),
    message: textOf(item["message"]),
    level: BREADCRUMB_LEVELS.find((level) => level === item["level"]) ?? "info",
    offsetMillis: number(item["offsetMillis"]),
    durationMillis: number(item["durationMillis"]),
    data: isJsonObject(item["data"]) ? item["data"] : {},
  }));
}

const BREADCRUMB_TYPES: readonly Breadcrumb["type"][] = ["span", "log", "custom"];
const BREADCRUMB_LEVELS: readonly Breadcrumb["level"][] = ["debug", "info", "warning", "error"];

function framesOf(json: AttributeValue | undefined): readonly StackFrame[] | undefined {
  const list = parsed(json);
  return Array.isArray(list) ? list.filter(isJsonObject).map(frameOf) : undefined;
}

function frameOf({ function: name, module, file, line, column, inApp, context, variables }: JsonObject): StackFrame {
  return {
    function: textOf(name),
    module: textOf(module),
    file: textOf(file),
    line: typeof line === "number" ? line : 0,
    column: typeof column === "number" ? column : 0,
    inApp: inApp === true,
    context: isJsonObject(context) ? sourceContextOf(context) : undefined,
    variables: isJsonObject(variables) ? variables : undefined,
  };
}

function sourceContextOf({ pre, line, post }: JsonObject): SourceContext {
  return { pre: textsOf(pre), line: textOf(line), post: textsOf(post) };
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(textOf) : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Undefined for what is no JSON text, or was cut on its way. */
function parsed(json: AttributeValue | undefined): unknown {
  if (typeof json !== "string") return undefined;
  try {
    return JSON.parse(json);
  } catch {
    return undefined; // the event is worth keeping without it
  }
}

/** For what JSON.parse made, where an object can hold nothing but JSON. */
function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
