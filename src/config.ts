/**
 * The configuration of Seismo: one table (config/option-table.ts) drives the reading, the messages about what is wrong,
 * and docs/configuration.md.
 *
 *   environment ─► file ─► default        the first that holds a valid value wins
 *        └──────────┴── each bad value, unknown key and unread SEISMO_ variable becomes a ConfigProblem
 */
import { type ConfigFile, readConfigFile } from "./config/config-file";
import { decodeAttributes, type InstrumentationName } from "./config/decoders";
import type { Ground, Option, Report } from "./config/option-kinds";
import { LOOPBACK_HOST, OPTIONS, TABLE, VARIABLES } from "./config/option-table";
import { createProblemList, ENVIRONMENT, HIDDEN, showValue, unknownName } from "./config/problems";
import type { AdviceRule, CategoryRule, FingerprintRule, RuleMatch, Severity, SeverityRule, SlowRoute } from "./event";
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
  readonly receiver: {
    readonly host: string;
    /** OTLP/HTTP; 0 takes a free one. */
    readonly port: number;
    /** OTLP/gRPC; undefined: none. */
    readonly grpcPort: number | undefined;
    readonly maxBodyBytes: number;
  };
  readonly server: {
    readonly host: string;
    /** 0 takes a free one. */
    readonly port: number;
    /** Lower case, without ports. */
    readonly allowedHosts: readonly string[];
    readonly allowedOrigins: readonly string[];
  };
  readonly logs: {
    /** Of the log records that are kept and shown. */
    readonly minLevel: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "off";
  };
  readonly page: {
    readonly theme: "system" | "dark" | "light";
    /** Sounds of the user's own; undefined: none. */
    readonly soundsPath: string | undefined;
  };
  readonly forward: {
    /** Undefined: nothing is forwarded. */
    readonly endpoint: string | undefined;
    /** `name=value` pairs, separated by commas. */
    readonly headers: Secret | undefined;
    readonly gzip: boolean;
    readonly queuePath: string;
    readonly queueMaxBytes: number;
    readonly maxAgeHours: number;
    readonly allowPrivate: boolean;
    readonly allowInsecure: boolean;
  };
  readonly origin: { readonly holdMillis: number };
  readonly notifications: {
    /** Each channel is off while its first option is undefined. */
    readonly slackWebhookUrl: Secret | undefined;
    readonly emailServer: string | undefined;
    readonly emailFrom: string | undefined;
    readonly emailTo: readonly string[];
    readonly emailUser: string | undefined;
    readonly emailPassword: Secret | undefined;
    readonly webhookUrl: Secret | undefined;
    readonly webhookToken: Secret | undefined;
    readonly webhookSecret: Secret | undefined;
    readonly alertmanagerUrl: string | undefined;
    readonly pageUrl: string;
    readonly minSeverity: Severity;
    readonly windowMinutes: number;
    readonly perMinute: number;
    readonly perHour: number;
    readonly outboxPath: string;
    readonly allowPrivate: boolean;
    readonly allowInsecure: boolean;
  };
  readonly journal: {
    readonly enabled: boolean;
    readonly path: string;
    readonly fallbackPath: string;
    readonly maxBytes: number;
    readonly backupCount: number;
    /** When a collector's answer waits for the disk. */
    readonly sync: "always" | "interval";
  };
  readonly store: {
    readonly enabled: boolean;
    readonly path: string;
    readonly retentionHours: number;
    readonly maxBytes: number;
    readonly memoryBytes: number;
    readonly threads: number;
  };
  readonly errors: {
    readonly localVariables: "off" | "uncaught" | "all" | "novel";
    readonly sourceContextLines: number;
    /** Of one request or job; 0 keeps none. */
    readonly breadcrumbs: number;
    readonly httpClientErrors: boolean;
    readonly errorLogs: boolean;
    readonly recurringAfter: number;
    readonly regressedAfterHours: number;
    readonly ignore: readonly RuleMatch[];
    readonly categories: readonly CategoryRule[];
    readonly severities: readonly SeverityRule[];
    readonly fingerprints: readonly FingerprintRule[];
    readonly advice: readonly AdviceRule[];
  };
  readonly redaction: {
    readonly keys: readonly string[];
    readonly allowKeys: readonly string[];
    readonly emails: boolean;
    readonly ips: boolean;
    readonly clientAddresses: boolean;
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
    /** Undefined: nothing is exported. */
    readonly logsEndpoint: string | undefined;
    readonly logsHeaders: Secret | undefined;
    /** All OTEL_ variables as given, but for the headers, which hold credentials. */
    readonly env: { readonly [name: string]: string };
  };
}

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
  const config = withSafeBinds(Object.fromEntries(sections) as Config, ground, file, problems.add);
  reportMissingForMail(config, ground, file, problems.add);
  return { config: freezeDeep(config), problems: problems.list() };
}

/** One line a problem, ready for a log or a terminal. */
export function describeProblems(problems: readonly ConfigProblem[]): string[] {
  return problems.map(({ source, key, value, rule, nearest }) => {
    const given = value === "" ? key : `${key}=${JSON.stringify(value)}`;
    const hint = nearest === undefined ? "" : `; the nearest known name is ${nearest}`;
    return escapeControls([source, given, rule + hint].filter((part) => part !== "").join(": "));
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

function lookAround(inputs: ConfigInputs): Ground {
  const names = Object.keys(inputs.env).filter((name) => OWN_VARIABLE.test(name));
  const variables = new Map(names.map((name) => [name, inputs.env[name]?.trim() ?? ""]));
  return { ...inputs, variables, resource: decodeAttributes(variables.get("OTEL_RESOURCE_ATTRIBUTES")) ?? {} };
}

function readOption(option: Option<unknown>, ground: Ground, file: ConfigFile, add: Report): unknown {
  for (const { source, key, raw } of givenValues(option, ground, file)) {
    const show = (value: unknown) => (option.isSecret ? HIDDEN : showValue(value));
    let isReported = false;
    const value = option.decode(raw, {
      ground,
      isFile: source === file.path,
      report(rule, bad, at) {
        isReported = true;
        add({ source, key: key + (at?.key ?? ""), value: show(bad), rule, nearest: at?.nearest });
      },
    });
    if (value !== undefined) return value;
    if (!isReported) add({ source, key, value: show(raw), rule: option.rule });
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

/** What listens on other addresses than loopback needs a token; without one it becomes loopback. */
function withSafeBinds(config: Config, ground: Ground, file: ConfigFile, add: Report): Config {
  const safe = (section: "metrics" | "receiver" | "server"): string => {
    const { host } = config[section];
    if (isLoopback(host) || config.security.token !== undefined || config.security.insecure) return host;
    const { env = "", key = "" } = TABLE[section].host;
    const isEnvironment = ground.variables.has(env);
    add({
      source: isEnvironment ? ENVIRONMENT : file.path,
      key: isEnvironment ? env : key,
      value: host,
      rule: "a bind other than loopback needs a token (SEISMO_TOKEN) or insecure: true (SEISMO_INSECURE)",
    });
    return LOOPBACK_HOST;
  };
  const { metrics, receiver, server } = config;
  return {
    ...config,
    metrics: metrics.enabled ? { ...metrics, host: safe("metrics") } : metrics,
    receiver: { ...receiver, host: safe("receiver") },
    server: { ...server, host: safe("server") },
  };
}

/** A mail needs a sender and a recipient, a password a user: what names one without the other is half a configuration. */
function reportMissingForMail({ notifications }: Config, ground: Ground, file: ConfigFile, add: Report): void {
  const { emailServer, emailFrom, emailTo, emailUser, emailPassword } = notifications;
  const need = (
    name: "emailFrom" | "emailTo" | "emailUser" | "emailPassword",
    isMissing: boolean,
    why: string,
  ): void => {
    const { env = "", key = "" } = TABLE.notifications[name];
    // One that was given and refused is told of already.
    if (isMissing && !ground.variables.get(env) && !file.values.has(key)) {
      add({ source: "configuration", key, value: "", rule: `${why} needs it (${env})` });
    }
  };
  if (emailServer !== undefined) {
    need("emailFrom", emailFrom === undefined, "notifications.email.server");
    need("emailTo", emailTo.length === 0, "notifications.email.server");
  }
  need("emailUser", emailUser === undefined && emailPassword !== undefined, "notifications.email.password");
  need("emailPassword", emailPassword === undefined && emailUser !== undefined, "notifications.email.user");
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

function showDefault(value: unknown): string {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return "–";
  if (typeof value === "object" && !Array.isArray(value)) return "–";
  return `\`${Array.isArray(value) ? value.join(",") : String(value)}\``;
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

const OWN_VARIABLE = /^(?:SEISMO|OTEL|LOG)_/;
