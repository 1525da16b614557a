/** How values are written and checked: the kinds that the options of the table are of. */
import { resolve } from "node:path";
import type { ZodType, z as zod } from "zod";
import type { ConfigInputs, ConfigProblem } from "../config";
import { nearestName, SECRET_NAME } from "./problems";

/** How one kind of value is written and checked. `decode` gives undefined for a value that breaks the rule. */
export interface Kind<T> {
  readonly unit: string;
  readonly rule: string;
  readonly decode: (raw: unknown, context: Context) => T | undefined;
}

export interface OptionNames {
  /** In the file. */
  readonly key?: string;
  readonly env?: string;
  /** Where else the environment may say it. */
  readonly also?: { readonly text: string; readonly read: (ground: Ground) => string | undefined };
  readonly about: string;
  readonly isSecret?: boolean;
}

export type Option<T> = Kind<T> &
  OptionNames &
  ({ readonly fallback: T } | { readonly derive: (ground: Ground) => T; readonly defaultText: string });

/** What defaults are made from. */
export interface Ground extends ConfigInputs {
  /** Of the environment, trimmed, those that may be meant for Seismo; an empty one counts as unset. */
  readonly variables: ReadonlyMap<string, string>;
  readonly resource: { readonly [key: string]: string };
}

export interface Context {
  readonly ground: Ground;
  readonly isFile: boolean;
  /** For a value that is good in parts. */
  readonly report: (
    rule: string,
    value: unknown,
    at?: { readonly key?: string; readonly nearest?: string | undefined },
  ) => void;
}

export type Report = (problem: ConfigProblem) => void;

export function flag(): Kind<boolean> {
  return {
    unit: "boolean",
    rule: "expected true or false",
    decode(raw) {
      if (typeof raw === "boolean") return raw;
      const word = toText(raw)?.toLowerCase() ?? "";
      if (["true", "1", "yes", "on"].includes(word)) return true;
      return ["false", "0", "no", "off"].includes(word) ? false : undefined;
    },
  };
}

export function whole(unit: string, min: number, max: number): Kind<number> {
  return {
    unit,
    rule: `expected ${unit}, a whole number from ${min} to ${max}`,
    decode(raw) {
      const number = typeof raw === "number" ? raw : /^\d{1,15}$/.test(toText(raw) ?? "") ? Number(raw) : Number.NaN;
      return Number.isInteger(number) && number >= min && number <= max ? number : undefined;
    },
  };
}

export function oneOf<T extends string>(...words: readonly T[]): Kind<T> {
  return {
    unit: "word",
    rule: `expected ${words.slice(0, -1).join(", ")} or ${words.at(-1)}`,
    decode: (raw) => words.find((word) => word === toText(raw)?.toLowerCase()),
  };
}

export function text(
  maxChars: number,
  pattern: RegExp = PRINTABLE,
  rule: string = `expected text without control characters, at most ${maxChars}`,
): Kind<string> {
  return {
    unit: "text",
    rule,
    decode(raw) {
      const given = toText(raw);
      return given !== undefined && given.length <= maxChars && pattern.test(given) ? given : undefined;
    },
  };
}

/** One that need not be given. */
export function optionalPath(): Kind<string> {
  const { rule, decode } = text(4_096);
  return {
    unit: "path",
    rule,
    decode(raw, context) {
      const given = decode(raw, context);
      return given === undefined ? undefined : resolve(context.ground.cwd, given);
    },
  };
}

export function path(
  fallback: string,
): Kind<string> & { readonly derive: (ground: Ground) => string; readonly defaultText: string } {
  return {
    ...optionalPath(),
    derive: ({ cwd }: Ground) => resolve(cwd, fallback),
    defaultText: `\`${fallback}\``,
  };
}

/** The bad items are listed and left out. */
export function list(
  unit: string,
  pattern: RegExp,
  change: (item: string) => string = (item) => item,
): Kind<readonly string[]> {
  const rule = `expected ${unit}, separated by commas or as a list, at most ${MAX_LIST}`;
  return {
    unit,
    rule,
    decode(raw, context) {
      const items = toItems(raw)?.map(change);
      const bad = items?.filter((item) => !pattern.test(item)) ?? [];
      for (const item of bad) context.report(rule, item);
      return items?.filter((item) => pattern.test(item));
    },
  };
}

export function headers(): Kind<readonly string[]> {
  const names = list("header names", HEADER_NAME, toLowerCase);
  const rule = "expected a header that holds no secret";
  return {
    ...names,
    rule: `${names.rule}; none that holds a secret, such as authorization or cookie`,
    decode(raw, context) {
      return names.decode(raw, context)?.filter((name) => {
        const isSecret = SECRET_NAME.test(name);
        if (isSecret) context.report(rule, name);
        return !isSecret;
      });
    },
  };
}

/** Lists of objects are checked by zod, which is loaded only when a file has one. Bad items are listed and left out. */
export function objects<T>(shape: string, schemaOf: (z: Zod) => ZodType<T>): Kind<readonly T[]> {
  return {
    unit: "list",
    rule: `expected a list of ${shape}, at most ${MAX_LIST}`,
    decode(raw, context) {
      if (!Array.isArray(raw) || raw.length > MAX_LIST) return undefined;
      if (raw.length === 0) return [];
      // A decoding edge: the package's own type.
      const { z } = require("zod") as { z: Zod };
      const schema = schemaOf(z);
      return raw.flatMap((item: unknown, index) => {
        const result = schema.safeParse(item);
        if (result.success) return [result.data];
        for (const issue of result.error.issues) {
          const unknown = issue.code === "unrecognized_keys" ? issue.keys[0] : undefined;
          const path = unknown === undefined ? issue.path : [...issue.path, unknown];
          context.report(issue.message, valueAt(item, path), {
            key: `[${index}]${path.map((part) => `.${String(part)}`).join("")}`,
            nearest: unknown === undefined ? undefined : nearestName(unknown, RULE_FIELDS),
          });
        }
        return [];
      });
    },
  };
}

export type Zod = typeof zod;

export function toText(raw: unknown): string | undefined {
  return typeof raw === "string" || typeof raw === "number" || typeof raw === "boolean"
    ? String(raw).trim()
    : undefined;
}

/** A list, or texts separated by commas. */
export function toItems(raw: unknown): readonly string[] | undefined {
  const items = Array.isArray(raw)
    ? raw.map(toText)
    : toText(raw)
        ?.split(",")
        .map((item) => item.trim());
  if (items === undefined || items.length > MAX_LIST || items.includes(undefined)) return undefined;
  return items.flatMap((item) => (item ? [item] : []));
}

export function toLowerCase(item: string): string {
  return item.toLowerCase();
}

const MAX_LIST = 200;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
const PRINTABLE = /^[^\u0000-\u001f\u007f-\u009f]+$/;

export function valueAt(item: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, part) => (isObject(value) ? value[String(part)] : Array.isArray(value) ? value[Number(part)] : undefined),
    item,
  );
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export const HEADER_NAME: RegExp = /^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/;

const RULE_FIELDS = [
  ...["match", "type", "message", "service", "category", "attributes"],
  ...["group", "severity", "fingerprint", "advice", "route", "method", "ms"],
];
