/**
 * Every option of Seismo: one table drives the reading, the messages about what is wrong, and docs/configuration.md.
 *
 *   environment ─► file ─► default        the first that holds a valid value wins
 *        └──────────┴── each bad value, unknown key and unread SEISMO_ variable becomes a ConfigProblem
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join, resolve } from "node:path";
import type { ZodType, z as zod } from "zod";
import {
  CATEGORIES,
  type CategoryRule,
  type FingerprintRule,
  type Group,
  type RuleMatch,
  type SeverityRule,
  type SlowRoute,
} from "./event";
import { escapeControls, type LogLevel } from "./telemetry";

/** Frozen, complete, every value checked. Paths are absolute. */
export interface Config {
  readonly startup: { readonly enabled: boolean; readonly strict: boolean };
  readonly service: {
    readonly name: string;
    readonly version: string | undefined;
    readonly environment: string | undefined;
    readonly instanceId: string | undefined;
    readonly worker: string;
    /** All of OTEL_RESOURCE_ATTRIBUTES, decoded. */
    readonly attributes: { readonly [key: string]: string };
  };
  readonly requests: {
    readonly slowMillis: number;
    /** The first match wins. */
    readonly slowRoutes: readonly SlowRoute[];
    /** Lower case, in order of preference. */
    readonly idHeaders: readonly string[];
  };
  readonly metrics: {
    readonly enabled: boolean;
    readonly host: string;
    /** 0 takes a free one. */
    readonly port: number;
    readonly prefix: string;
    readonly nodeMetrics: boolean;
    readonly maxSeries: number;
    readonly maxLabelValues: number;
    readonly topGroups: number;
    readonly durationBucketsSeconds: readonly number[];
    /** Where a child process sends its metrics; set by Seismo itself. */
    readonly socketPath: string | undefined;
  };
  readonly security: { readonly token: Secret | undefined; readonly insecure: boolean };
  readonly journal: {
    readonly enabled: boolean;
    readonly path: string;
    readonly fallbackPath: string;
    readonly maxBytes: number;
    readonly backupCount: number;
  };
  readonly errors: {
    readonly localVariables: "off" | "uncaught" | "all";
    readonly sourceContextLines: number;
    readonly httpClientErrors: boolean;
    readonly recurringAfter: number;
    readonly ignore: readonly RuleMatch[];
    readonly categories: readonly CategoryRule[];
    readonly severities: readonly SeverityRule[];
    readonly fingerprints: readonly FingerprintRule[];
  };
  readonly redaction: {
    readonly keys: readonly string[];
    readonly allowKeys: readonly string[];
    readonly emails: boolean;
    readonly ips: boolean;
  };
  readonly instrumentation: {
    readonly names: readonly InstrumentationName[];
    /** Lower case. */
    readonly requestHeaders: readonly string[];
    readonly responseHeaders: readonly string[];
    readonly esmHooks: "auto" | "on" | "off";
    readonly middlewareSpans: boolean;
  };
  readonly log: {
    readonly level: LogLevel;
    readonly toFile: boolean;
    readonly path: string;
    readonly maxBytes: number;
    readonly backupCount: number;
    /** Every level, to stderr as well. */
    readonly debug: boolean;
  };
  readonly otel: {
    readonly sdkDisabled: boolean;
    /** Undefined: nothing is exported. */
    readonly tracesEndpoint: string | undefined;
    /** `name=value` pairs, separated by commas. */
    readonly tracesHeaders: Secret | undefined;
    /** All OTEL_ variables as given, but for the headers, which hold credentials. */
    readonly env: { readonly [name: string]: string };
  };
}

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

/** A text that shows itself only to who asks by name: printed, inspected or serialised it is `[REDACTED]`. */
export interface Secret {
  reveal(): string;
}

export interface ConfigProblem {
  /** A file's path, or `environment`. */
  readonly source: string;
  readonly key: string;
  /** As given, at most 80 characters; `[REDACTED]` where it may be a secret. */
  readonly value: string;
  readonly rule: string;
  readonly nearest?: string | undefined;
}

export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];
  constructor(problems: readonly ConfigProblem[]) {
    super(describeProblems(problems).join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

export interface ConfigInputs {
  readonly env: { readonly [name: string]: string | undefined };
  readonly cwd: string;
  readonly hostname: string;
  readonly clusterWorkerId?: number | undefined;
}

/**
 * Never throws for what it reads: a bad value gives way to the next source and is listed. A caller that must not start
 * on bad configuration throws `new ConfigError(problems)`.
 */
export function loadConfig(inputs: ConfigInputs): {
  readonly config: Config;
  readonly problems: readonly ConfigProblem[];
} {
  const problems = createProblemList();
  const ground = lookAround(inputs);
  const file = readConfigFile(ground, problems.add);
  reportUnreadVariables(ground, problems.add);
  const read = (option: Option<unknown>) => readOption(option, ground, file, problems.add);
  const sections = Object.entries(TABLE).map(([name, section]) => [name, mapValues(section, read)]);
  // A decoding edge: the type of TABLE gives each field of Config the option that reads it.
  const config = withSafeBind(Object.fromEntries(sections) as Config, ground, file, problems.add);
  return { config: freezeDeep(config), problems: problems.list() };
}

/** One line a problem, ready for a log or a terminal. */
export function describeProblems(problems: readonly ConfigProblem[]): string[] {
  return problems.map(({ source, key, value, rule, nearest }) => {
    const given = value === "" ? key : `${key}=${JSON.stringify(value)}`;
    const hint = nearest === undefined ? "" : `; the nearest known name is ${nearest}`;
    return escapeControls(`${source}: ${given}: ${rule}${hint}`);
  });
}

export interface OptionDescription {
  readonly key: string | undefined;
  readonly env: string | undefined;
  readonly unit: string;
  readonly fallback: string;
  readonly rule: string;
  readonly about: string;
}

/** What docs/configuration.md lists, in its order. */
export function describeOptions(): OptionDescription[] {
  return OPTIONS.map((option) => ({
    key: option.key,
    env: option.also === undefined ? option.env : [option.env, option.also.text].filter(Boolean).join(", "),
    unit: option.unit,
    fallback: "derive" in option ? option.defaultText : showDefault(option.fallback),
    rule: option.rule,
    about: option.about,
  }));
}

/** How one kind of value is written and checked. `decode` gives undefined for a value that breaks the rule. */
interface Kind<T> {
  readonly unit: string;
  readonly rule: string;
  readonly decode: (raw: unknown, context: Context) => T | undefined;
}

interface OptionNames {
  /** In the file. */
  readonly key?: string;
  readonly env?: string;
  /** Where else the environment may say it. */
  readonly also?: { readonly text: string; readonly read: (ground: Ground) => string | undefined };
  readonly about: string;
  readonly isSecret?: boolean;
}

type Option<T> = Kind<T> &
  OptionNames &
  ({ readonly fallback: T } | { readonly derive: (ground: Ground) => T; readonly defaultText: string });

/** What defaults are made from. */
interface Ground extends ConfigInputs {
  /** Of the environment, trimmed, those that may be meant for Seismo; an empty one counts as unset. */
  readonly variables: ReadonlyMap<string, string>;
  readonly resource: { readonly [key: string]: string };
}

interface Context {
  readonly ground: Ground;
  readonly isFile: boolean;
  /** For a value that is good in parts. */
  readonly report: (
    rule: string,
    value: unknown,
    at?: { readonly key?: string; readonly nearest?: string | undefined },
  ) => void;
}

type Report = (problem: ConfigProblem) => void;

const DAY_MILLIS = 86_400_000;
const GIGABYTE = 1_073_741_824;
const MAX_LIST = 200;
const MAX_PROBLEMS = 100;
const MAX_SHOWN_CHARS = 80;
const MAX_FILE_BYTES = 1_048_576;
const HIDDEN = "[REDACTED]";
const LOOPBACK_HOST = "127.0.0.1";
const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
const SECRET_NAME =
  /auth|token|secret|passw|pwd|cookie|session|credential|signature|private|api-?key|jwt|csrf|xsrf|dsn/i;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
const PRINTABLE = /^[^\u0000-\u001f\u007f-\u009f]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const KEY_NAME = /^[^\u0000-\u001f\u007f-\u009f]{1,128}$/;
const HOST = /^[A-Za-z0-9.:_%[\]-]+$/;
const PREFIX = /^[A-Za-z_][A-Za-z0-9_]*$/;
const URL_START = /^https?:\/\/[^\s/]/;
const TOKEN_RULE =
  "expected 32 to 512 printable characters without spaces, or file:PATH of a file with mode 600; " +
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what the user writes
  "in a configuration file only ${env:NAME} or file:PATH";
const TOKEN = /^[\x21-\x7e]{32,512}$/;
const OWN_VARIABLE = /^(?:SEISMO|OTEL|LOG)_/;
const FILE_NAMES = ["yaml", "yml", "json", "js", "mjs", "cjs"].map((ending) => `seismo.config.${ending}`);

type Table = { readonly [S in keyof Config]: { readonly [F in keyof Config[S]]: Option<Config[S][F]> } };

const TABLE: Table = {
  startup: {
    enabled: {
      ...flag(),
      key: "enabled",
      env: "SEISMO_ENABLED",
      fallback: true,
      about: "`false`: Seismo does nothing at all.",
    },
    strict: {
      ...flag(),
      key: "strict",
      env: "SEISMO_STRICT",
      fallback: false,
      about: "Bad configuration stops the application from starting, instead of a warning and the default.",
    },
  },
  service: {
    name: {
      ...text(255),
      key: "service.name",
      env: "OTEL_SERVICE_NAME",
      also: resourceAttribute("service.name"),
      derive: (ground) => packageName(ground.cwd) ?? "unknown_service:node",
      defaultText: "`name` of `package.json`, else `unknown_service:node`",
      about: "Label `service` of every metric.",
    },
    version: {
      ...text(255),
      key: "service.version",
      also: resourceAttribute("service.version"),
      fallback: undefined,
      about: "The release that runs.",
    },
    environment: {
      ...text(255),
      key: "service.environment",
      also: resourceAttribute("deployment.environment.name", "deployment.environment"),
      fallback: undefined,
      about: "Such as `production`.",
    },
    instanceId: {
      ...text(128),
      also: resourceAttribute("service.instance.id"),
      fallback: undefined,
      about: "OpenTelemetry's name of this instance.",
    },
    worker: {
      ...text(128),
      key: "service.worker",
      env: "SEISMO_WORKER_ID",
      also: resourceAttribute("service.instance.id"),
      derive: ({ hostname, clusterWorkerId }) =>
        clusterWorkerId === undefined ? hostname : `${hostname}-${clusterWorkerId}`,
      defaultText: "host name, in a cluster worker `<host name>-<worker number>`",
      about: "Label `worker` of every metric; never a process id.",
    },
    attributes: {
      unit: "attributes",
      rule: "expected key=value pairs, separated by commas, percent-encoded",
      decode: decodeAttributes,
      env: "OTEL_RESOURCE_ATTRIBUTES",
      fallback: {},
      about: "Attributes of every span.",
    },
  },
  requests: {
    slowMillis: {
      ...whole("milliseconds", 1, DAY_MILLIS),
      key: "requests.slow_ms",
      env: "SEISMO_SLOW_REQUEST_MS",
      fallback: 5_000,
      about: "A request that takes longer is slow.",
    },
    slowRoutes: {
      ...objects("{ route, method, ms }", slowRouteSchema),
      key: "requests.slow_routes",
      fallback: [],
      about: "Thresholds of single routes; the first match wins.",
    },
    idHeaders: {
      ...list("header names", HEADER_NAME, toLowerCase),
      key: "requests.id_headers",
      env: "SEISMO_REQUEST_ID_HEADERS",
      fallback: ["x-request-id", "x-correlation-id"],
      about: "Headers that a request id is adopted from, the first that is there.",
    },
  },
  metrics: {
    enabled: {
      ...flag(),
      key: "metrics.enabled",
      env: "SEISMO_METRICS_ENABLED",
      fallback: true,
      about: "Serve `/metrics` and `/healthz`.",
    },
    host: {
      ...text(253, HOST, "expected a host name or an IP address"),
      key: "metrics.host",
      env: "SEISMO_METRICS_HOST",
      fallback: LOOPBACK_HOST,
      about: "Address to listen on. Other than loopback it needs `token`, or `insecure: true`.",
    },
    port: {
      ...whole("port", 0, 65_535),
      key: "metrics.port",
      env: "SEISMO_METRICS_PORT",
      fallback: 9_464,
      about: "`0` takes a free port and logs it.",
    },
    prefix: {
      ...text(64, PREFIX, "expected letters, digits and underscores, no digit first, at most 64"),
      key: "metrics.prefix",
      env: "SEISMO_METRICS_PREFIX",
      fallback: "seismo_",
      about: "Begins the name of every metric.",
    },
    nodeMetrics: {
      ...flag(),
      key: "metrics.node_metrics",
      env: "SEISMO_METRICS_DEFAULT",
      fallback: false,
      about: "Add Node's default metrics (event loop, heap, garbage collection).",
    },
    maxSeries: {
      ...whole("series", 10, 100_000),
      key: "metrics.max_series",
      env: "SEISMO_METRICS_MAX_SERIES",
      fallback: 2_000,
      about: "Of one metric; what goes over is counted under `other`.",
    },
    maxLabelValues: {
      ...whole("values", 1, 10_000),
      key: "metrics.max_label_values",
      env: "SEISMO_METRICS_MAX_LABEL_VALUES",
      fallback: 200,
      about: "Of one open-ended label; what goes over is `other`.",
    },
    topGroups: {
      ...whole("groups", 0, 10_000),
      key: "metrics.top_groups",
      env: "SEISMO_METRICS_TOP_GROUPS",
      fallback: 100,
      about: "Fingerprints with a series of their own.",
    },
    durationBucketsSeconds: {
      unit: "seconds",
      rule: "expected at most 50 numbers above 0, each larger than the one before",
      decode: decodeBuckets,
      key: "metrics.duration_buckets_seconds",
      env: "SEISMO_METRICS_DURATION_BUCKETS",
      fallback: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      about: "Upper bounds of the histograms of duration.",
    },
    socketPath: {
      ...text(4_096),
      env: "SEISMO_METRICS_SOCKET",
      fallback: undefined,
      about: "Set by Seismo itself for the processes that its host starts.",
    },
  },
  security: {
    token: {
      unit: "text",
      rule: TOKEN_RULE,
      decode: decodeToken,
      key: "token",
      env: "SEISMO_TOKEN",
      isSecret: true,
      fallback: undefined,
      about: "Asked of every request for metrics as `Authorization: Bearer …`.",
    },
    insecure: {
      ...flag(),
      key: "insecure",
      env: "SEISMO_INSECURE",
      fallback: false,
      about: "Allow other addresses than loopback without a token.",
    },
  },
  journal: {
    enabled: {
      ...flag(),
      key: "journal.enabled",
      env: "SEISMO_JOURNAL",
      fallback: true,
      about: "Write each error event as a line of JSON.",
    },
    path: {
      ...path("logs/error_log.jsonl"),
      key: "journal.path",
      env: "SEISMO_JOURNAL_PATH",
      about: "The journal.",
    },
    fallbackPath: {
      ...path("logs/error_log_fallback.txt"),
      key: "journal.fallback_path",
      env: "SEISMO_JOURNAL_FALLBACK_PATH",
      about: "Takes a plain line for each event that the journal could not take.",
    },
    maxBytes: {
      ...whole("bytes", 65_536, GIGABYTE),
      key: "journal.max_bytes",
      env: "SEISMO_JOURNAL_MAX_BYTES",
      fallback: 67_108_864,
      about: "A file of this size is set aside as `.1`.",
    },
    backupCount: {
      ...whole("files", 0, 100),
      key: "journal.backup_count",
      env: "SEISMO_JOURNAL_BACKUP_COUNT",
      fallback: 5,
      about: "Files set aside; the oldest goes.",
    },
  },
  errors: {
    localVariables: {
      ...oneOf("off", "uncaught", "all"),
      key: "errors.local_variables",
      env: "SEISMO_LOCAL_VARIABLES",
      fallback: "off",
      about: "Reserved for the local variables of frames; nothing reads it yet.",
    },
    sourceContextLines: {
      ...whole("lines", 0, 50),
      key: "errors.source_context",
      env: "SEISMO_SOURCE_CONTEXT",
      fallback: 5,
      about: "Reserved for source lines on each side of a frame's; nothing reads it yet.",
    },
    httpClientErrors: {
      ...flag(),
      key: "errors.http_client_errors",
      env: "SEISMO_HTTP_CLIENT_ERRORS",
      fallback: true,
      about: "Count 4xx answers as errors of severity info.",
    },
    recurringAfter: {
      ...whole("occurrences", 2, 1_000_000),
      key: "errors.recurring_after",
      env: "SEISMO_RECURRING_AFTER",
      fallback: 5,
      about: "This often within an hour, an `info` becomes a `warning`.",
    },
    ignore: {
      ...objects("{ type, message, service, category, attributes }", matchSchema),
      key: "errors.ignore",
      fallback: [],
      about: "What matches is counted as dropped (`ignored`) and nothing else.",
    },
    categories: {
      ...objects("{ match, category, group }", categoryRuleSchema),
      key: "errors.categories",
      fallback: [],
      about: "Categories of your own, ahead of the built-in ones; the first match wins.",
    },
    severities: {
      ...objects("{ match, severity }", severityRuleSchema),
      key: "errors.severities",
      fallback: [],
      about: "Severities of your own; the first match wins.",
    },
    fingerprints: {
      ...objects("{ match, fingerprint: [parts] }", fingerprintRuleSchema),
      key: "errors.fingerprints",
      fallback: [],
      about: "Groups of your own; the first match wins.",
    },
  },
  redaction: {
    keys: {
      ...list("key names", KEY_NAME),
      key: "redaction.keys",
      env: "SEISMO_REDACT_KEYS",
      fallback: [],
      about: "More keys whose values are hidden.",
    },
    allowKeys: {
      ...list("key names", KEY_NAME),
      key: "redaction.allow_keys",
      env: "SEISMO_REDACT_ALLOW_KEYS",
      fallback: [],
      about: "Keys whose values are shown though the built-in list hides them.",
    },
    emails: {
      ...flag(),
      key: "redaction.emails",
      env: "SEISMO_REDACT_EMAILS",
      fallback: true,
      about: "Hide e-mail addresses.",
    },
    ips: {
      ...flag(),
      key: "redaction.ips",
      env: "SEISMO_REDACT_IPS",
      fallback: false,
      about: "Hide IP addresses.",
    },
  },
  instrumentation: {
    names: {
      unit: "names",
      rule: `expected all, none, or names out of ${INSTRUMENTATIONS.join(", ")}; -name takes one away`,
      decode: decodeInstrumentations,
      key: "instrumentation.names",
      env: "SEISMO_INSTRUMENTATIONS",
      fallback: INSTRUMENTATIONS,
      about: "What is instrumented when the application loads it.",
    },
    requestHeaders: {
      ...headers(),
      key: "instrumentation.request_headers",
      env: "SEISMO_CAPTURE_REQUEST_HEADERS",
      fallback: [],
      about: "Request headers that become span attributes.",
    },
    responseHeaders: {
      ...headers(),
      key: "instrumentation.response_headers",
      env: "SEISMO_CAPTURE_RESPONSE_HEADERS",
      fallback: [],
      about: "Response headers that become span attributes.",
    },
    esmHooks: {
      ...oneOf("auto", "on", "off"),
      key: "instrumentation.esm_hooks",
      env: "SEISMO_ESM_HOOKS",
      fallback: "auto",
      about:
        "Hooks for ES modules; `auto`: when the entry is one. Without hooks, what ES modules import keeps" +
        " the errors of HTTP, fetch, Express and Fastify, and loses Express' routes, Koa's errors, and the spans of databases and loggers.",
    },
    middlewareSpans: {
      ...flag(),
      key: "instrumentation.middleware_spans",
      env: "SEISMO_MIDDLEWARE_SPANS",
      fallback: false,
      about: "A span for each middleware, not only for the request.",
    },
  },
  log: {
    level: {
      unit: "level",
      rule: "expected DEBUG, INFO, WARNING or ERROR",
      decode: decodeLevel,
      key: "log.level",
      env: "LOG_LEVEL",
      fallback: "info",
      about:
        "The lowest level that Seismo logs. Other loggers' names for levels are understood; an unknown one is INFO.",
    },
    toFile: {
      ...flag(),
      key: "log.to_file",
      env: "LOG_TO_FILE",
      fallback: true,
      about: "Write Seismo's own log file; warnings and errors go to stderr in any case.",
    },
    path: {
      ...path("logs/seismo.log"),
      key: "log.path",
      env: "LOG_FILE_PATH",
      about: "Seismo's own log file.",
    },
    maxBytes: {
      ...whole("bytes", 1_024, GIGABYTE),
      key: "log.max_bytes",
      env: "LOG_MAX_BYTES",
      fallback: 10_485_760,
      about: "A file of this size is set aside as `.1`.",
    },
    backupCount: {
      ...whole("files", 0, 100),
      key: "log.backup_count",
      env: "LOG_BACKUP_COUNT",
      fallback: 5,
      about: "Files set aside; the oldest goes.",
    },
    debug: {
      ...flag(),
      key: "log.debug",
      env: "SEISMO_DEBUG",
      fallback: false,
      about: "Log every level, to stderr as well.",
    },
  },
  otel: {
    sdkDisabled: {
      ...flag(),
      env: "OTEL_SDK_DISABLED",
      fallback: false,
      about: "`true`: no spans; errors that are captured or uncaught are still counted.",
    },
    tracesEndpoint: {
      ...text(2_048, URL_START, "expected a URL that begins with http:// or https://"),
      key: "otel.traces_endpoint",
      env: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
      also: { text: "OTEL_EXPORTER_OTLP_ENDPOINT", read: baseTracesEndpoint },
      fallback: undefined,
      about: "Where spans go by OTLP/HTTP; without it nowhere. `/v1/traces` is added to the general endpoint.",
    },
    tracesHeaders: {
      unit: "text",
      rule: "expected name=value pairs, separated by commas",
      decode: decodeSecretText,
      env: "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
      also: {
        text: "OTEL_EXPORTER_OTLP_HEADERS",
        read: ({ variables }) => variables.get("OTEL_EXPORTER_OTLP_HEADERS"),
      },
      isSecret: true,
      fallback: undefined,
      about: "Sent with each export.",
    },
    env: {
      unit: "text",
      rule: "see the OpenTelemetry specification",
      decode: () => undefined,
      env: "OTEL_*",
      derive: ({ variables }) =>
        Object.fromEntries(
          [...variables].filter(
            ([name, value]) => name.startsWith("OTEL_") && !name.endsWith("_HEADERS") && value !== "",
          ),
        ),
      defaultText: "–",
      about: "The other standard variables keep their meaning.",
    },
  },
};

const OPTIONS: readonly Option<unknown>[] = Object.values(TABLE).flatMap((section) => Object.values(section));
const KEYS: readonly string[] = OPTIONS.flatMap((option) => option.key ?? []);
const VARIABLES: readonly string[] = ["SEISMO_CONFIG", ...OPTIONS.flatMap((option) => option.env ?? [])];

// Kinds of values

function flag(): Kind<boolean> {
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

function whole(unit: string, min: number, max: number): Kind<number> {
  return {
    unit,
    rule: `expected ${unit}, a whole number from ${min} to ${max}`,
    decode(raw) {
      const number = typeof raw === "number" ? raw : /^\d{1,15}$/.test(toText(raw) ?? "") ? Number(raw) : Number.NaN;
      return Number.isInteger(number) && number >= min && number <= max ? number : undefined;
    },
  };
}

function oneOf<T extends string>(...words: readonly T[]): Kind<T> {
  return {
    unit: "word",
    rule: `expected ${words.slice(0, -1).join(", ")} or ${words.at(-1)}`,
    decode: (raw) => words.find((word) => word === toText(raw)?.toLowerCase()),
  };
}

function text(
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

function path(fallback: string) {
  const { rule, decode } = text(4_096);
  return {
    unit: "path",
    rule,
    decode(raw: unknown, context: Context): string | undefined {
      const given = decode(raw, context);
      return given === undefined ? undefined : resolve(context.ground.cwd, given);
    },
    derive: ({ cwd }: Ground) => resolve(cwd, fallback),
    defaultText: `\`${fallback}\``,
  };
}

/** The bad items are listed and left out. */
function list(
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

function headers(): Kind<readonly string[]> {
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
function objects<T>(shape: string, schemaOf: (z: Zod) => ZodType<T>): Kind<readonly T[]> {
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

// Decoders of single options

function decodeAttributes(raw: unknown): { readonly [key: string]: string } | undefined {
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

function decodeBuckets(raw: unknown): readonly number[] | undefined {
  const bounds = Array.isArray(raw) ? raw : (toItems(raw) ?? []).map(Number);
  const rising = bounds.every((bound, i) => Number.isFinite(bound) && bound > (i === 0 ? 0 : bounds[i - 1]));
  return bounds.length > 0 && bounds.length <= 50 && rising ? bounds : undefined;
}

function decodeToken(raw: unknown, { ground, isFile }: Context): Secret | undefined {
  const given = toText(raw) ?? "";
  const name = /^\$\{env:(\w+)\}$/.exec(given)?.[1];
  const value = given.startsWith("file:")
    ? readSecretFile(resolve(ground.cwd, given.slice("file:".length)))
    : isFile
      ? ground.env[name ?? ""]
      : given;
  return value !== undefined && TOKEN.test(value) ? createSecret(value) : undefined;
}

function decodeSecretText(raw: unknown): Secret | undefined {
  const given = toText(raw);
  return given === undefined ? undefined : createSecret(given);
}

/** Undefined also when others than the owner may read it. */
function readSecretFile(file: string): string | undefined {
  try {
    const { mode, size } = statSync(file);
    return (mode & 0o077) === 0 && size <= 4_096 ? readFileSync(file, "utf8").trim() : undefined;
  } catch {
    return undefined; // the option's rule says what was expected
  }
}

function createSecret(value: string): Secret {
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
function decodeInstrumentations(raw: unknown, { report }: Context): readonly InstrumentationName[] | undefined {
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
function decodeLevel(raw: unknown, { isFile }: Context): LogLevel | undefined {
  const word = toText(raw)?.toLowerCase() ?? "";
  const level = LEVEL_WORDS.find(([, words]) => words.includes(word))?.[0];
  return level ?? (isFile ? undefined : "info");
}

const LEVEL_WORDS: readonly (readonly [LogLevel, readonly string[]])[] = [
  ["debug", ["debug", "trace", "verbose", "silly", "all"]],
  ["info", ["info", "information", "notice", "http", "log"]],
  ["warning", ["warning", "warn"]],
  ["error", ["error", "err", "critical", "crit", "fatal", "alert", "emerg", "panic", "silent", "off", "none"]],
];

function resourceAttribute(...names: readonly string[]): NonNullable<OptionNames["also"]> {
  return {
    text: `OTEL_RESOURCE_ATTRIBUTES ${names[0]}`,
    read: ({ resource }) => names.map((name) => resource[name]).find((value) => value !== undefined),
  };
}

function baseTracesEndpoint({ variables }: Ground): string | undefined {
  const base = variables.get("OTEL_EXPORTER_OTLP_ENDPOINT");
  return base ? `${base.replace(/\/+$/, "")}/v1/traces` : undefined;
}

function packageName(cwd: string): string | undefined {
  try {
    const { name } = JSON.parse(readFileSync(join(cwd, "package.json"), "utf8"));
    return typeof name === "string" && name !== "" ? name : undefined;
  } catch {
    return undefined; // no package.json, or none that can be read: the name is only a default
  }
}

// Shapes of the structured lists

type Zod = typeof zod;

const RULE_FIELDS = [
  ...["match", "type", "message", "service", "category", "attributes"],
  ...["group", "severity", "fingerprint", "route", "method", "ms"],
];

function slowRouteSchema(z: Zod): ZodType<SlowRoute> {
  return z
    .strictObject({
      route: z.string().min(1).max(1_024),
      method: z
        .string()
        .regex(/^[A-Za-z]{1,20}$/)
        .toUpperCase()
        .optional(),
      ms: z.int().min(1).max(DAY_MILLIS),
    })
    .transform(({ ms, ...route }) => ({ ...route, slowMillis: ms }));
}

function matchSchema(z: Zod): ZodType<RuleMatch> {
  const glob = z.string().min(1).max(256);
  return z
    .strictObject({
      type: glob.optional(),
      message: glob.optional(),
      service: glob.optional(),
      category: glob.optional(),
      attributes: z.record(z.string().max(256), glob).optional(),
    })
    .refine((match) => Object.keys(match).length > 0, "expected at least one field to match");
}

function categoryRuleSchema(z: Zod): ZodType<CategoryRule> {
  // A decoding edge: these are the keys.
  const groups = Object.keys(CATEGORIES) as Group[];
  const category = z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, "expected lower snake case, at most 64");
  return z.strictObject({ match: matchSchema(z), category, group: z.enum(groups).optional() });
}

function severityRuleSchema(z: Zod): ZodType<SeverityRule> {
  return z.strictObject({ match: matchSchema(z), severity: z.enum(["critical", "warning", "info"]) });
}

function fingerprintRuleSchema(z: Zod): ZodType<FingerprintRule> {
  return z.strictObject({ match: matchSchema(z), fingerprint: z.array(z.string().min(1).max(256)).min(1).max(10) });
}

// Reading

function lookAround(inputs: ConfigInputs): Ground {
  const names = Object.keys(inputs.env).filter((name) => OWN_VARIABLE.test(name));
  const variables = new Map(names.map((name) => [name, inputs.env[name]?.trim() ?? ""]));
  return { ...inputs, variables, resource: decodeAttributes(variables.get("OTEL_RESOURCE_ATTRIBUTES")) ?? {} };
}

function readOption(option: Option<unknown>, ground: Ground, file: ConfigFile, add: Report): unknown {
  for (const { source, key, raw } of givenValues(option, ground, file)) {
    const show = (value: unknown) => (option.isSecret ? HIDDEN : showValue(value));
    const value = option.decode(raw, {
      ground,
      isFile: source === file.path,
      report: (rule, bad, at) =>
        add({ source, key: key + (at?.key ?? ""), value: show(bad), rule, nearest: at?.nearest }),
    });
    if (value !== undefined) return value;
    add({ source, key, value: show(raw), rule: option.rule });
  }
  return "derive" in option ? option.derive(ground) : option.fallback;
}

/** In the order in which they win. An empty variable is an unset one. */
function givenValues({ key, env, also }: Option<unknown>, ground: Ground, file: ConfigFile): readonly GivenValue[] {
  const values: GivenValue[] = [];
  const add = (source: string, name: string, raw: unknown) => {
    if (raw !== undefined && raw !== "") values.push({ source, key: name, raw });
  };
  if (env !== undefined) add(ENVIRONMENT, env, ground.variables.get(env));
  if (also !== undefined) add(ENVIRONMENT, also.text, also.read(ground));
  if (key !== undefined) add(file.path, key, file.values.get(key));
  return values;
}

interface GivenValue {
  readonly source: string;
  readonly key: string;
  readonly raw: unknown;
}

interface ConfigFile {
  readonly path: string;
  /** By dotted key; known keys only. */
  readonly values: ReadonlyMap<string, unknown>;
}

const ENVIRONMENT = "environment";
const NO_FILE: ConfigFile = { path: "", values: new Map() };

function readConfigFile({ cwd, variables }: Ground, add: Report): ConfigFile {
  const named = variables.get("SEISMO_CONFIG") || undefined;
  const found = named === undefined ? findFiles(cwd) : [];
  const file = named === undefined ? found[0] : resolve(cwd, named);
  if (file === undefined) return NO_FILE;
  if (found.length > 1) {
    add({
      source: file,
      key: "",
      value: "",
      rule: `the first of several configuration files; ${found[1]} is not read`,
    });
  }
  try {
    return { path: file, values: valuesOf(parseFile(file), file, add) };
  } catch (error) {
    const rule = `expected a configuration file that can be read: ${firstLine(error)}`;
    add(
      named === undefined
        ? { source: file, key: "", value: "", rule }
        : { source: ENVIRONMENT, key: "SEISMO_CONFIG", value: showValue(named), rule },
    );
    return NO_FILE;
  }
}

function findFiles(folder: string): readonly string[] {
  try {
    const names = new Set(readdirSync(folder));
    return FILE_NAMES.filter((name) => names.has(name)).map((name) => join(folder, name));
  } catch {
    return []; // a folder that cannot be listed has no configuration file to find
  }
}

/** Throws what is wrong with the file. */
function parseFile(file: string): unknown {
  const { size } = statSync(file);
  if (size > MAX_FILE_BYTES) throw new Error(`at most ${MAX_FILE_BYTES} bytes`);
  const ending = extname(file);
  if (ending === ".json") return JSON.parse(readFileSync(file, "utf8").replace(/^\uFEFF/, ""));
  if (ending === ".yaml" || ending === ".yml") {
    // A decoding edge: the package's own type. Loaded here, since most services have no such file.
    const yaml = require("yaml") as typeof import("yaml");
    return yaml.parse(readFileSync(file, "utf8"), { prettyErrors: true });
  }
  if ([".js", ".cjs", ".mjs"].includes(ending)) return parseModule(file);
  throw new Error(`a name that ends with .yaml, .json, .js, .mjs or .cjs, not "${ending}"`);
}

/** What the module exports, as plain data. */
function parseModule(file: string): unknown {
  const loaded: unknown = require(file);
  const content = isObject(loaded) && "default" in loaded ? loaded["default"] : loaded;
  return JSON.parse(JSON.stringify(content) ?? "null");
}

function valuesOf(content: unknown, file: string, add: Report): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>();
  if (content === null || content === undefined) return values;
  if (!isObject(content)) throw new Error("expected sections of options");
  collect(content, "");
  return values;

  function collect(section: Record<string, unknown>, prefix: string): void {
    for (const [name, value] of Object.entries(section)) {
      const key = prefix + name;
      if (value === null || value === undefined) continue;
      if (KEYS.includes(key)) values.set(key, value);
      else if (!KEYS.some((known) => known.startsWith(`${key}.`))) add(unknownName(file, key, value, KEYS));
      else if (isObject(value)) collect(value, `${key}.`);
      else add({ source: file, key, value: showValue(value), rule: "expected a section with options" });
    }
  }
}

function reportUnreadVariables({ variables }: Ground, add: Report): void {
  for (const [name, value] of variables) {
    if (!name.startsWith("SEISMO_") || VARIABLES.includes(name)) continue;
    add(
      unknownName(
        ENVIRONMENT,
        name,
        value,
        VARIABLES.filter((known) => known.startsWith("SEISMO_")),
      ),
    );
  }
}

function unknownName(source: string, key: string, value: unknown, known: readonly string[]): ConfigProblem {
  const nearest = nearestName(key, known);
  const isSecret = SECRET_NAME.test(key) || SECRET_NAME.test(nearest);
  return { source, key, value: isSecret ? HIDDEN : showValue(value), rule: "nothing reads this", nearest };
}

/** Only the scrape endpoint listens; a bind that needs a token and has none becomes loopback. */
function withSafeBind(config: Config, ground: Ground, file: ConfigFile, add: Report): Config {
  const { metrics, security } = config;
  if (!metrics.enabled || isLoopback(metrics.host) || security.token !== undefined || security.insecure) return config;
  const isEnvironment = ground.variables.has("SEISMO_METRICS_HOST");
  add({
    source: isEnvironment ? ENVIRONMENT : file.path,
    key: isEnvironment ? "SEISMO_METRICS_HOST" : "metrics.host",
    value: metrics.host,
    rule: "a bind other than loopback needs a token (SEISMO_TOKEN) or insecure: true (SEISMO_INSECURE)",
  });
  return { ...config, metrics: { ...metrics, host: LOOPBACK_HOST } };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

// Problems

function createProblemList() {
  const problems: ConfigProblem[] = [];
  let more = 0;
  return {
    add(problem: ConfigProblem): void {
      if (problems.length < MAX_PROBLEMS) problems.push(problem);
      else more += 1;
    },
    list: (): readonly ConfigProblem[] =>
      more === 0
        ? problems
        : [...problems, { source: "configuration", key: "", value: "", rule: `${more} more problems` }],
  };
}

/** By edit distance, case and separators ignored; the last part of a dotted key may stand for the whole. */
function nearestName(name: string, known: readonly string[]): string {
  const subject = plain(name);
  const distances = known.map((candidate) => {
    const part = candidate.slice(candidate.lastIndexOf(".") + 1);
    return Math.min(editDistance(subject, plain(candidate)), editDistance(subject, plain(part)) + 0.5);
  });
  return known[distances.indexOf(Math.min(...distances))] ?? "";
}

function plain(name: string): string {
  return name.slice(0, MAX_SHOWN_CHARS).toLowerCase().replace(/[-_]/g, "");
}

/** Levenshtein, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** As given, without the password of a URL. */
function showValue(value: unknown): string {
  const shown = typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
  return shown.replace(/\/\/[^/@\s]{1,200}@/g, `//${HIDDEN}@`).slice(0, MAX_SHOWN_CHARS);
}

function showDefault(value: unknown): string {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return "–";
  if (typeof value === "object" && !Array.isArray(value)) return "–";
  return `\`${Array.isArray(value) ? value.join(",") : String(value)}\``;
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split("\n", 1)[0]?.slice(0, 300) ?? "";
}

// Values

function toText(raw: unknown): string | undefined {
  return typeof raw === "string" || typeof raw === "number" || typeof raw === "boolean"
    ? String(raw).trim()
    : undefined;
}

/** A list, or texts separated by commas. */
function toItems(raw: unknown): readonly string[] | undefined {
  const items = Array.isArray(raw)
    ? raw.map(toText)
    : toText(raw)
        ?.split(",")
        .map((item) => item.trim());
  if (items === undefined || items.length > MAX_LIST || items.includes(undefined)) return undefined;
  return items.flatMap((item) => (item ? [item] : []));
}

function toLowerCase(item: string): string {
  return item.toLowerCase();
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function valueAt(item: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, part) => (isObject(value) ? value[String(part)] : Array.isArray(value) ? value[Number(part)] : undefined),
    item,
  );
}

function mapValues<T, U>(section: { readonly [name: string]: T }, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(section).map(([name, value]) => [name, change(value)]));
}

function freezeDeep<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) freezeDeep(member);
  }
  return value;
}
