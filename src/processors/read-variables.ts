/**
 * Copies the variables of a call while the application stands still in it. Nothing here runs the application's code:
 * no getter, no proxy, no `toJSON`. What is large is cut; the whole has a budget.
 */
import { isDate, isMap, isProxy, isSet } from "node:util/types";
import { emptyBag } from "../bag";
import type { JsonObject, JsonValue } from "../event";

/** What may still be copied of one error: all calls share it. */
export interface VariableBudget {
  values: number;
  characters: number;
}

export const MAX_VALUES = 200;
export const MAX_CHARACTERS = 16_384;
const MAX_DEPTH = 3;
const MAX_VARIABLES = 30;
const MAX_MEMBERS = 10;
const MAX_TEXT = 256;
/** What Node wraps around each CommonJS module. */
const MODULE_SCOPE: ReadonlySet<string> = new Set(["exports", "require", "module", "__filename", "__dirname"]);

/** `scopes` innermost first: of two variables of one name the inner one counts. */
export function readVariables(scopes: readonly object[], budget: VariableBudget): JsonObject {
  const variables = emptyBag<JsonValue>();
  let count = 0;
  for (const scope of scopes) {
    for (const name of Object.keys(scope)) {
      if (name in variables || MODULE_SCOPE.has(name)) continue;
      if (count++ >= MAX_VARIABLES) return variables;
      const value = copyOwn(scope, name, MAX_DEPTH, budget);
      if (value !== undefined) variables[name] = value;
    }
  }
  return variables;
}

/** Undefined for what is over the budget. */
function copyOwn(target: object, key: string, depth: number, budget: VariableBudget): JsonValue | undefined {
  if (budget.values <= 0 || budget.characters <= 0) return undefined;
  budget.values--;
  budget.characters -= key.length;
  try {
    const property = Object.getOwnPropertyDescriptor(target, key);
    if (property === undefined) return undefined;
    return "value" in property ? copy(property.value, depth, budget) : "[getter]";
  } catch {
    return "[not yet set]"; // an export of a module that is still being loaded
  }
}

function copy(value: unknown, depth: number, budget: VariableBudget): JsonValue {
  switch (typeof value) {
    case "string":
      return text(value, budget);
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "boolean":
      return value;
    case "undefined":
      return "[undefined]";
    case "bigint":
      return BigInt.asIntN(64, value) === value ? String(value) : "[bigint]";
    case "symbol":
      return "[symbol]";
    case "function":
      return "[function]";
    case "object":
      return value === null ? null : copyObject(value, depth, budget);
  }
}

function copyObject(value: object, depth: number, budget: VariableBudget): JsonValue {
  if (isProxy(value)) return "[proxy]";
  if (isDate(value)) return "[date]";
  if (isMap(value) || isSet(value)) return isMap(value) ? "[map]" : "[set]";
  if (ArrayBuffer.isView(value)) return "[bytes]";
  if (depth === 0) return Array.isArray(value) ? "[list]" : "[object]";
  if (Array.isArray(value)) {
    const items: JsonValue[] = [];
    const { length } = value;
    for (let index = 0; index < Math.min(length, MAX_MEMBERS); index++) {
      items.push(copyOwn(value, String(index), depth - 1, budget) ?? null);
    }
    if (length > MAX_MEMBERS) items.push(`[${length - MAX_MEMBERS} more]`);
    return items;
  }
  const members = emptyBag<JsonValue>();
  for (const key of Object.keys(value).slice(0, MAX_MEMBERS)) {
    const member = copyOwn(value, key, depth - 1, budget);
    if (member !== undefined) members[key] = member;
  }
  return members;
}

function text(value: string, budget: VariableBudget): string {
  const kept = value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value;
  budget.characters -= kept.length;
  return kept;
}
