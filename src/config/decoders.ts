/** Decoders of single options: each gives undefined for what breaks the option's rule. */
import { readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Secret } from "../config";
import type { LogLevel } from "../telemetry";
import { type Context, type OptionNames, toItems, toLowerCase, toText } from "./option-kinds";
import { firstLine, HIDDEN, nearestName } from "./problems";

export const INSTRUMENTATIONS = [
  "http",
  "express",
  "fastify",
  "koa",
  "undici",
  "pg",
  "mysql2",
  "mongodb",
  "redis",
  "ioredis",
  "pino",
  "winston",
] as const;
export type InstrumentationName = (typeof INSTRUMENTATIONS)[number];

export function decodeAttributes(raw: unknown): { readonly [key: string]: string } | undefined {
  const pairs = toItems(raw) ?? [];
  try {
    return Object.fromEntries(
      pairs.map((pair) => {
        const at = pair.indexOf("=");
        if (at < 1) throw new Error("no key");
        return [decodeURIComponent(pair.slice(0, at).trim()), decodeURIComponent(pair.slice(at + 1).trim())];
      }),
    );
  } catch {
    return undefined; // all or nothing, as the OpenTelemetry specification asks
  }
}

export function decodeBuckets(raw: unknown): readonly number[] | undefined {
  const bounds = Array.isArray(raw) ? raw : (toItems(raw) ?? []).map(Number);
  const rising = bounds.every((bound, i) => Number.isFinite(bound) && bound > (i === 0 ? 0 : bounds[i - 1]));
  return bounds.length > 0 && bounds.length <= 50 && rising ? bounds : undefined;
}

export function decodeToken(raw: unknown, { ground, isFile }: Context): Secret | undefined {
  const given = toText(raw) ?? "";
  const name = /^\$\{env:(\w+)\}$/.exec(given)?.[1];
  const value = given.startsWith("file:")
    ? readSecretFile(resolve(ground.cwd, given.slice("file:".length)))
    : isFile
      ? ground.env[name ?? ""]
      : given;
  return value !== undefined && TOKEN.test(value) ? createSecret(value) : undefined;
}

/**
 * A secret as it is mounted by those who run containers, readable by others or not: in the environment itself or
 * `file:PATH`, in a configuration file `file:PATH` or `${env:NAME}`. What is wrong is reported, and never shows it.
 */
export function decodeSecret(pattern: RegExp, rule: string): (raw: unknown, context: Context) => Secret | undefined {
  return (raw, { ground, isFile, report }) => {
    const fail = (why: string): undefined => {
      report(why, HIDDEN);
    };
    const given = toText(raw) ?? "";
    const variable = /^\$\{env:(\w+)\}$/.exec(given)?.[1];
    let value: string | undefined = given;
    if (given.startsWith("file:")) {
      const file = resolve(ground.cwd, given.slice("file:".length));
      try {
        if (statSync(file).size > MAX_SECRET_BYTES) return fail(`${file} has more than ${MAX_SECRET_BYTES} bytes`);
        value = readFileSync(file, "utf8").trim();
      } catch (error) {
        return fail(`the file cannot be read: ${firstLine(error)}`);
      }
    } else if (isFile) {
      if (variable === undefined) return fail(SECRET_IN_FILE);
      value = ground.env[variable]?.trim();
      if (value === undefined || value === "") return fail(`the variable ${variable} is not set`);
    }
    return pattern.test(value) ? createSecret(value) : fail(rule);
  };
}

export function decodeSecretText(raw: unknown): Secret | undefined {
  const given = toText(raw);
  return given === undefined ? undefined : createSecret(given);
}

/** Undefined also when others than the owner may read it. */
export function readSecretFile(file: string): string | undefined {
  try {
    const { mode, size } = statSync(file);
    return (mode & 0o077) === 0 && size <= 4_096 ? readFileSync(file, "utf8").trim() : undefined;
  } catch {
    return undefined; // the option's rule says what was expected
  }
}

export function createSecret(value: string): Secret {
  const hide = () => HIDDEN;
  const secret = {
    reveal: () => value,
    toString: hide,
    toJSON: hide,
    [Symbol.for("nodejs.util.inspect.custom")]: hide,
  };
  return secret;
}

/** A first `-name` takes from all, a first `name` adds to none. */
export function decodeInstrumentations(raw: unknown, { report }: Context): readonly InstrumentationName[] | undefined {
  const words = toItems(raw)?.map(toLowerCase);
  if (words === undefined || words.length === 0) return undefined;
  const names = new Set<InstrumentationName>(words[0]?.startsWith("-") ? INSTRUMENTATIONS : []);
  for (const word of words) {
    const name = INSTRUMENTATIONS.find((known) => known === word.replace(/^-/, ""));
    if (word === "all") for (const known of INSTRUMENTATIONS) names.add(known);
    else if (word === "none") names.clear();
    else if (name === undefined) {
      report("no such instrumentation", word, { nearest: nearestName(word, INSTRUMENTATIONS) });
    } else if (word.startsWith("-")) names.delete(name);
    else names.add(name);
  }
  return INSTRUMENTATIONS.filter((name) => names.has(name));
}

/** LOG_LEVEL may be meant for the host's own logger: what it says is understood, or is INFO. */
export function decodeLevel(raw: unknown, { isFile }: Context): LogLevel | undefined {
  const word = toText(raw)?.toLowerCase() ?? "";
  const level = LEVEL_WORDS.find(([, words]) => words.includes(word))?.[0];
  return level ?? (isFile ? undefined : "info");
}

export const LEVEL_WORDS: readonly (readonly [LogLevel, readonly string[]])[] = [
  ["debug", ["debug", "trace", "verbose", "silly", "all"]],
  ["info", ["info", "information", "notice", "http", "log"]],
  ["warning", ["warning", "warn"]],
  ["error", ["error", "err", "critical", "crit", "fatal", "alert", "emerg", "panic", "silent", "off", "none"]],
];

export function resourceAttribute(...names: readonly string[]): NonNullable<OptionNames["also"]> {
  return {
    text: `OTEL_RESOURCE_ATTRIBUTES ${names[0]}`,
    read: ({ resource }) => names.map((name) => resource[name]).find((value) => value !== undefined),
  };
}

export const URL_START: RegExp = /^https?:\/\/[^\s/]/;

/** The path of a signal below the endpoint of all signals. */
export function generalEndpoint(path: "/v1/traces" | "/v1/logs"): NonNullable<OptionNames["also"]> {
  return {
    text: "OTEL_EXPORTER_OTLP_ENDPOINT",
    read({ variables }) {
      const base = variables.get("OTEL_EXPORTER_OTLP_ENDPOINT") ?? "";
      // What is wrong with it is reported once, by the option for spans.
      const isGiven = path === "/v1/traces" ? base !== "" : URL_START.test(base);
      return isGiven ? base.replace(/\/+$/, "") + path : undefined;
    },
  };
}

export const GENERAL_HEADERS: NonNullable<OptionNames["also"]> = {
  text: "OTEL_EXPORTER_OTLP_HEADERS",
  read: ({ variables }) => variables.get("OTEL_EXPORTER_OTLP_HEADERS"),
};

export function packageName(cwd: string): string | undefined {
  try {
    const { name } = JSON.parse(readFileSync(join(cwd, "package.json"), "utf8"));
    return typeof name === "string" && name !== "" ? name : undefined;
  } catch {
    return undefined; // no package.json, or none that can be read: the name is only a default
  }
}

const MAX_SECRET_BYTES = 4_096;
// biome-ignore lint/suspicious/noTemplateCurlyInString: this is what the user writes
const SECRET_IN_FILE = "expected file:PATH or ${env:NAME}: a configuration file holds no secret itself";
const TOKEN = /^[\x21-\x7e]{32,512}$/;
