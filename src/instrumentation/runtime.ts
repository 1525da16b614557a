/**
 * The running engine of this process: one, however many copies of Seismo are loaded, made at first use.
 *
 *   spans ─► span processors ─┐
 *   captureError(), crashes ──┼─► pipeline ─► metrics, journal; by OTLP, what no span carries
 */

import type { Cluster } from "node:cluster";
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { getEnvironmentData, isMainThread, resourceLimits, setEnvironmentData } from "node:worker_threads";
import { type Config, ConfigError, describeProblems, loadConfig } from "../config";
import type { ErrorEvent, ErrorExporter, RawError, RequestRecord, Resource } from "../event";
import { createJournal } from "../exporter/journal";
import type { OtlpLogs } from "../exporter/otlp-logs";
import { createMetrics, type Metrics, type MetricsSources } from "../exporter/prometheus";
import { ErrorSpanProcessor, withAdded } from "../processors/error-span-processor";
import { createFrequency } from "../processors/frequency";
import { createPipeline, errorPath, type Pipeline } from "../processors/pipeline";
import { compileRedaction, type RedactionRules, redactText } from "../processors/redact";
import { RequestIdSpanProcessor } from "../processors/request-id-span-processor";
import { compileRules } from "../processors/rules";
import { SlowRequestSpanProcessor } from "../processors/slow-request-span-processor";
import type { SpanScope } from "../processors/span-scope";
import { scriptFile } from "../processors/stack/script-file";
import { createLogWriter, createTelemetry, type Signal, type Telemetry } from "../telemetry";
import { VERSION } from "../version";
import { poolStateOf } from "./connection-pools";
import { createFrameExplainer } from "./frame-explainer";
import { createLastRequests, type LastRequests } from "./last-requests";
import { LlmSpanProcessor } from "./llm-span-processor";
import type { LocalVariables } from "./local-variables";
import { type MetricsEndpoint, serveMetrics } from "./metrics-endpoint";

export interface Runtime {
  readonly config: Config;
  readonly telemetry: Telemetry;
  readonly resource: Resource;
  readonly redaction: RedactionRules;
  readonly metrics: Metrics;
  readonly pipeline: Pipeline;
  readonly errorSpans: ErrorSpanProcessor;
  readonly requestIds: RequestIdSpanProcessor;
  readonly slowRequests: SlowRequestSpanProcessor;
  readonly llmSpans: LlmSpanProcessor;
  readonly endpoint: MetricsEndpoint;
  /** What flushNow() of this and of the tracing leave to be sent. */
  readonly lastRequests: LastRequests;
  /** Fills in what the parts leave open and counts the error once. Undefined when it was ignored or counted before. */
  recordError(
    thrown: unknown,
    parts: Partial<RawError> & Pick<RawError, "type" | "message">,
    scope?: SpanScope,
  ): ErrorEvent | undefined;
  flushNow(): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

const KEY: unique symbol = Symbol.for("seismo.runtime");
type Host = typeof globalThis & { [KEY]?: Runtime };

export function runtime(): Runtime {
  const host: Host = globalThis;
  host[KEY] ??= createRuntime();
  return host[KEY];
}

/** The runtime, if there is one already. */
export function startedRuntime(): Runtime | undefined {
  const host: Host = globalThis;
  return host[KEY];
}

/** Ends the runtime of this process; the next use makes a new one. */
export async function shutdown(): Promise<void> {
  const host: Host = globalThis;
  const current = host[KEY];
  if (current === undefined) return;
  delete host[KEY];
  await current.shutdown();
}

function createRuntime(): Runtime {
  const { config, telemetry, redaction } = configure();
  const { service } = config;
  const resource: Resource = {
    service: service.name,
    serviceVersion: service.version,
    environment: service.environment,
    worker: service.worker,
  };
  const newId = (): string => randomUUID();

  const onRequest = (request: RequestRecord): void => {
    telemetry.received("requests");
    metrics.recordRequest(request);
    telemetry.kept("requests");
  };
  const slowRequests = new SlowRequestSpanProcessor(
    {
      service: resource.service,
      redaction,
      slowMillis: config.requests.slowMillis,
      routes: config.requests.slowRoutes,
    },
    onRequest,
    () => performance.now(),
  );
  const explainer = createFrameExplainer({
    lines: config.errors.sourceContextLines,
    redaction: config.redaction,
    isMapped: sourceMapsEnabled(),
    startedUnixMillis: performance.timeOrigin,
    telemetry,
    scripts: loadedScripts,
    reading: isMainThread ? "beside" : isSmallHeap(resourceLimits.maxOldGenerationSizeMb) ? "never" : "here",
    nowMillis: () => performance.now(),
  });
  const localVariables = startKeepingVariables(config, telemetry);
  const metrics = createMetrics(
    {
      prefix: config.metrics.prefix,
      resource,
      maxLabelValues: config.metrics.maxLabelValues,
      maxSeries: config.metrics.maxSeries,
      // Of the members of a group they are not gathered.
      defaultMetrics: config.metrics.nodeMetrics && config.metrics.socketPath === undefined,
      durationBuckets: config.metrics.durationBucketsSeconds,
      version: VERSION,
      topGroups: config.metrics.topGroups,
    },
    {
      telemetry,
      requests: () => slowRequests.openRequests(),
      queues: () => queues(),
      waiting: () => waiting(),
      fallbackLines: () => journal?.fallbackLines ?? 0,
      sourceProblems: explainer.problems,
      localVariables: () => localVariables?.counts(),
    },
  );
  const endpoint = serveMetrics(config, metrics, telemetry);
  const writes = config.startup.enabled && config.journal.enabled;
  const journal = writes ? createJournal({ ...config.journal, telemetry }) : undefined;
  const lastRequests = createLastRequests();
  const logs = startLogExport(config, telemetry, metrics, lastRequests);
  const queues: MetricsSources["queues"] = () =>
    logs === undefined ? [] : [{ exporter: logs.name, length: logs.waiting(), capacity: logs.capacity }];
  const pipeline = createPipeline({
    rules: compileRules({ ...config.errors, redaction: config.redaction }),
    frequency: createFrequency(config.errors),
    exporters: [metrics, journal, logs, localVariables?.closerLook].filter((exporter) => exporter !== undefined),
    telemetry,
    nowMillis: Date.now,
    defer: (deliver) => void setImmediate(deliver),
    explainer,
  });
  const waiting = (): readonly { signal: Signal; count: number }[] => [{ signal: "errors", count: pipeline.waiting() }];
  if (isMainThread) loadErrorPathSoon(telemetry);
  const errorSpans = new ErrorSpanProcessor({
    pipeline,
    telemetry,
    resource,
    extract: { httpClientErrors: config.errors.httpClientErrors },
    newId,
    maxBreadcrumbs: config.errors.breadcrumbs,
    variablesOf: (thrown) => localVariables?.of(thrown),
    poolOf: poolStateOf,
    later: (callback, millis) => void setTimeout(callback, millis).unref(),
  });

  return {
    config,
    telemetry,
    resource,
    redaction,
    metrics,
    pipeline,
    errorSpans,
    requestIds: new RequestIdSpanProcessor(newId),
    slowRequests,
    llmSpans: new LlmSpanProcessor(resource.service, redaction, metrics.recordLlm),
    endpoint,
    lastRequests,
    recordError(thrown, parts, scope) {
      const raw: RawError = {
        id: newId(),
        source: "capture",
        origin: "root",
        timeUnixMillis: Date.now(),
        stack: "",
        causes: [],
        properties: {},
        handled: true,
        fatal: false,
        resource,
        attributes: {},
        details: {},
        given: {},
        ...parts,
      };
      return errorSpans.recordThrown(thrown, withAdded(raw, scope), scope);
    },
    flushNow() {
      errorSpans.releaseHeld();
      pipeline.flushNow();
      localVariables?.stop();
      endpoint.pushNow();
    },
    async forceFlush() {
      await errorSpans.forceFlush();
    },
    async shutdown() {
      await errorSpans.shutdown();
      await pipeline.shutdown();
      localVariables?.stop();
      explainer.close();
      await endpoint.stop();
    },
  };
}

/** Not while the application starts; and before its first error if it can be, which may be that no more files can be opened. */
function loadErrorPathSoon(telemetry: Telemetry): void {
  const load = (): void => {
    try {
      errorPath();
    } catch (error) {
      telemetry.internalError("loading what names errors", error);
    }
  };
  setTimeout(load, LOAD_ERROR_PATH_MILLIS).unref();
}
const LOAD_ERROR_PATH_MILLIS = 1_000;

/** Node maps stacks itself, as `--enable-source-maps` tells it to. */
function sourceMapsEnabled(): boolean {
  const { sourceMapsEnabled: enabled }: { readonly sourceMapsEnabled?: boolean } = process; // newer than the types' Node
  return enabled === true;
}

/** The application's files, as far as Node tells: the first one, and what it requires. */
function loadedScripts(): readonly string[] {
  const entry = process.argv[1];
  return [...(entry === undefined ? [] : [entry]), ...Object.keys(require.cache)].filter(
    (path) => scriptFile(path).inApp,
  );
}

/** Undefined where they are not asked for, or cannot be had. Its modules are loaded only here. */
function startKeepingVariables(
  config: Config,
  telemetry: Telemetry,
): (LocalVariables & { readonly closerLook?: ErrorExporter }) | undefined {
  const mode = config.startup.enabled ? config.errors.localVariables : "off";
  if (mode === "off") return undefined;
  const { startLocalVariables } = require("./local-variables") as typeof import("./local-variables");
  const nowMillis = (): number => performance.now();
  const started = startLocalVariables({ mode, isMapped: sourceMapsEnabled(), telemetry, nowMillis });
  if (started === undefined || mode !== "novel") return started;
  const { createCloserLook } = require("./closer-look") as typeof import("./closer-look");
  return { ...started, closerLook: createCloserLook(started) };
}

/** Undefined where nobody said where to. */
function startLogExport(
  config: Config,
  telemetry: Telemetry,
  metrics: Metrics,
  lastRequests: LastRequests,
): OtlpLogs | undefined {
  const { env, logsEndpoint, sdkDisabled } = config.otel;
  const exporters = (env["OTEL_LOGS_EXPORTER"] ?? "otlp").split(",").map((name) => name.trim());
  const isWanted = config.startup.enabled && !sdkDisabled && exporters.includes("otlp");
  if (!isWanted || logsEndpoint === undefined) return undefined;
  const protocol = env["OTEL_EXPORTER_OTLP_LOGS_PROTOCOL"] ?? env["OTEL_EXPORTER_OTLP_PROTOCOL"] ?? "http/json";
  if (protocol !== "http/json" && protocol !== "http/protobuf") {
    telemetry.log("warning", `errors that no span tells of are not exported: ${protocol} is not OTLP over HTTP`);
    return undefined;
  }
  const { createLogExport } = require("./log-export") as typeof import("./log-export");
  return createLogExport({
    config,
    url: logsEndpoint,
    protocol,
    telemetry,
    lastRequests,
    onExported: (exporter, millis) => metrics.recordExport(exporter, millis),
  });
}

/** Reads the configuration and says what is wrong with it: once, to stderr and the log. */
function configure(): Pick<Runtime, "config" | "telemetry" | "redaction"> {
  const cluster = clusterWorkerId();
  const { config, problems } = loadConfig({
    env: process.env,
    cwd: process.cwd(),
    hostname: hostname(),
    ...(cluster === undefined ? {} : { clusterWorkerId: cluster }),
  });
  const redaction = compileRedaction(config.redaction);
  const writer = createLogWriter(config.log);
  const telemetry = createTelemetry({
    log: { write: (level, message, fields) => writer.write(level, redactText(message, redaction), fields) },
  });
  if (problems.length > 0 && config.startup.strict) throw new ConfigError(problems);
  for (const line of describeProblems(problems))
    telemetry.log("warning", `configuration: ${line}; going on with the default`);
  return { config, telemetry, redaction };
}

/** Node's own store for what threads inherit: unlike the environment, child processes do not. */
const CLUSTER_WORKER = "seismo.cluster_worker";

/** The id that Node's cluster gave this process. The module is loaded only where there is a parent that may have one. */
function clusterWorkerId(): number | undefined {
  if (!isMainThread) {
    const inherited = getEnvironmentData(CLUSTER_WORKER);
    return typeof inherited === "number" ? inherited : undefined;
  }
  if (process.channel === undefined) return undefined;
  const cluster = require("node:cluster") as Cluster;
  const id = cluster.worker?.id;
  setEnvironmentData(CLUSTER_WORKER, id);
  return id;
}

/** Of a thread with a limit of its own; 0 and nothing are no limit. */
function isSmallHeap(megabytes: number | undefined): boolean {
  return megabytes !== undefined && megabytes > 0 && megabytes < ROOM_TO_READ_MB;
}

/** Ten are Seismo's and OpenTelemetry's code. */
const ROOM_TO_READ_MB = 64;
