/**
 * The numbers of the alerts: alerting/thresholds.yaml, read and checked. Every fault is listed, none is guessed around:
 * a threshold that falls back to a default would be an alert that nobody asked for.
 */
import { parse } from "yaml";
import { type ZodType, z } from "zod";
import type { ConfigProblem } from "../config";
import { valueAt } from "../config/option-kinds";
import { createProblemList, firstLine, showValue, unknownName } from "../config/problems";

/** One number for each severity; `warning` is at most `critical`. */
export interface Levels {
  readonly warning: number;
  readonly critical: number;
}

/** Named and explained as in alerting/thresholds.yaml. */
export interface Thresholds {
  /** Absolute, without a slash at the end. */
  readonly links: { readonly grafana: string; readonly seismo: string; readonly runbooks: string };
  readonly errors: {
    readonly critical_count: number;
    readonly spike: { readonly factor: number; readonly min_errors: number };
    readonly trend: { readonly factor: number; readonly min_errors_per_day: number };
    readonly new_group: { readonly after_deploy_minutes: number; readonly unseen_hours: number };
  };
  readonly requests: {
    readonly min_requests: number;
    readonly for_minutes: number;
    readonly failing_percent: Levels;
    readonly p95_seconds: Levels;
    readonly slow: { readonly factor: number; readonly min_requests: number };
    readonly stuck: { readonly count: number; readonly minutes: number };
  };
  readonly slo: { readonly objective_percent: number; readonly min_requests: number };
  readonly workers: {
    readonly critical_minutes: number;
    readonly silent_minutes: number;
    readonly process_memory_gb: Levels;
  };
  readonly hardware: {
    readonly memory_used_percent: number;
    readonly disk_free_percent: number;
    readonly gpu_celsius: Levels;
  };
  readonly llm: { readonly tokens_per_request: Levels; readonly min_requests: number };
  readonly health: { readonly down_minutes: number; readonly queue_percent: number; readonly dropped_count: number };
}

export type ReadThresholds =
  | { readonly status: "valid"; readonly thresholds: Thresholds }
  | { readonly status: "invalid"; readonly problems: readonly ConfigProblem[] };

/** `file` is what problems call the source of `text`. */
export function readThresholds(text: string, file: string): ReadThresholds {
  const problems = createProblemList();
  let content: unknown;
  try {
    content = parse(text, { prettyErrors: true });
  } catch (error) {
    return {
      status: "invalid",
      problems: [{ source: file, key: "", value: "", rule: `not YAML: ${firstLine(error)}` }],
    };
  }
  const checked = THRESHOLDS.safeParse(content);
  if (checked.success) return { status: "valid", thresholds: checked.data };
  for (const issue of checked.error.issues) {
    const key = issue.path.join(".");
    if (issue.code === "unrecognized_keys") {
      for (const name of issue.keys) {
        const unknown = key === "" ? name : `${key}.${name}`;
        problems.add(unknownName(file, unknown, valueAt(content, [...issue.path, name]), KEYS));
      }
      continue;
    }
    const value = valueAt(content, issue.path);
    problems.add(
      value === undefined
        ? { source: file, key, value: "", rule: `missing: ${issue.message}` }
        : { source: file, key, value: key === "" ? "" : showValue(value), rule: issue.message },
    );
  }
  return { status: "invalid", problems: problems.list() };
}

/** What each key of the file has to be. */
type Table<T> = { readonly [K in keyof T]: T[K] extends string | number ? ZodType<T[K]> : Table<T[K]> };

/** More than this is a slip of the finger. */
const MAX_COUNT = 1_000_000_000;
const MAX_MINUTES = 24 * 60;
const MAX_LINK_CHARS = 1_000;

const percent = numberOf("percent", 100);
const count = wholeNumberOf("a count", MAX_COUNT);
const minutes = wholeNumberOf("minutes", MAX_MINUTES);
const factor = numberOf("a factor", 1_000);

const TABLE: Table<Thresholds> = {
  links: { grafana: link(), seismo: link(), runbooks: link() },
  errors: {
    critical_count: count,
    spike: { factor, min_errors: count },
    trend: { factor, min_errors_per_day: count },
    new_group: { after_deploy_minutes: minutes, unseen_hours: wholeNumberOf("hours", 30 * 24) },
  },
  requests: {
    min_requests: count,
    for_minutes: minutes,
    failing_percent: levels(percent),
    p95_seconds: levels(numberOf("seconds", 86_400)),
    slow: { factor, min_requests: count },
    stuck: { count, minutes },
  },
  slo: {
    objective_percent: numberOf("percent", 99.9999),
    min_requests: count,
  },
  workers: {
    critical_minutes: minutes,
    silent_minutes: minutes,
    process_memory_gb: levels(numberOf("gigabytes", 1_000_000)),
  },
  hardware: {
    memory_used_percent: percent,
    disk_free_percent: percent,
    gpu_celsius: levels(numberOf("degrees Celsius", 1_000)),
  },
  llm: { tokens_per_request: levels(numberOf("tokens", MAX_COUNT)), min_requests: count },
  health: { down_minutes: minutes, queue_percent: percent, dropped_count: count },
};
// A decoding edge: the type of TABLE gives each field of Thresholds the schema that reads it.
const THRESHOLDS = section(TABLE) as ZodType<Thresholds>;
const KEYS: readonly string[] = keysOf(TABLE, "");

type Section = { readonly [key: string]: ZodType | Section };

function section(table: Section): ZodType {
  const fields = Object.entries(table).map(([key, entry]) => [key, isSchema(entry) ? entry : section(entry)]);
  const object = z.strictObject(Object.fromEntries(fields), {
    error: (issue) => (issue.code === "unrecognized_keys" ? undefined : "expected a section of its own keys"),
  });
  if (!("warning" in table && "critical" in table)) return object;
  return object.refine(({ warning, critical }) => Number(warning) <= Number(critical), {
    path: ["critical"],
    error: "expected no less than warning",
  });
}

function keysOf(table: Section, prefix: string): string[] {
  return Object.entries(table).flatMap(([key, entry]) =>
    isSchema(entry) ? [prefix + key] : [prefix + key, ...keysOf(entry, `${prefix}${key}.`)],
  );
}

function isSchema(entry: ZodType | Section): entry is ZodType {
  return entry instanceof z.ZodType;
}

function levels(level: ZodType<number>): Table<Levels> {
  return { warning: level, critical: level };
}

function numberOf(unit: string, max: number): ZodType<number> {
  const error = `expected ${unit}, a number above 0 and at most ${max}`;
  return z.number({ error }).gt(0, error).lte(max, error);
}

function wholeNumberOf(unit: string, max: number): ZodType<number> {
  const error = `expected ${unit}, a whole number from 1 to ${max}`;
  return z.int({ error }).gte(1, error).lte(max, error);
}

/** Written anew by the URL parser, which leaves neither braces nor quotes to Prometheus' templates. */
function link(): ZodType<string> {
  const error = "expected a URL that begins with http:// or https://, without user, query and fragment";
  return z
    .string({ error })
    .max(MAX_LINK_CHARS, error)
    .refine(isPlainLink, error)
    .transform((text) => (isPlainLink(text) ? new URL(text).href.replace(/\/+$/, "") : text));
}

function isPlainLink(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && username + password + search + hash === "";
}
