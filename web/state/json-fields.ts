/** Reads JSON of which nothing is certain: by own key, and `undefined` where something else stands. */
import type { JsonObject, JsonValue } from "../../src/event";

export function valueAt(object: JsonObject | undefined, key: string): JsonValue | undefined {
  return object !== undefined && Object.hasOwn(object, key) ? object[key] : undefined;
}

/** `undefined` for `""` too. */
export function textAt(object: JsonObject | undefined, key: string): string | undefined {
  const value = valueAt(object, key);
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function numberAt(object: JsonObject | undefined, key: string): number | undefined {
  const value = valueAt(object, key);
  return typeof value === "number" ? value : undefined;
}

export function isTrueAt(object: JsonObject | undefined, key: string): boolean {
  return valueAt(object, key) === true;
}

/** `undefined` for an object without anything in it. */
export function objectAt(object: JsonObject | undefined, key: string): JsonObject | undefined {
  const value = asObject(valueAt(object, key));
  return value !== undefined && Object.keys(value).length > 0 ? value : undefined;
}

export function textsAt(object: JsonObject | undefined, key: string): readonly string[] {
  const value = valueAt(object, key);
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

export function objectsAt(object: JsonObject | undefined, key: string): readonly JsonObject[] {
  const value = valueAt(object, key);
  if (!Array.isArray(value)) return [];
  return value.map((item: JsonValue) => asObject(item)).filter((item) => item !== undefined);
}

function asObject(value: JsonValue | undefined): JsonObject | undefined {
  // An array is the one other thing that `typeof` calls an object, and TypeScript cannot rule out a readonly one.
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}
