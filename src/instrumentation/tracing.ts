/**
 * Starts OpenTelemetry's tracing with Seismo's processors, as light as the configuration allows:
 *
 *   no OTEL_* wishes, or OTLP/HTTP traces  →  tracer provider, context manager, one exporter (fast start)
 *   anything more (gRPC, logs, metrics, …) →  NodeSDK, configured by the same OTEL_* variables
 *   an SDK of the application's own         →  Seismo's processors join it, whenever it starts
 */
import {
  context,
  propagation,
  type TextMapPropagator,
  type Tracer,
  type TracerProvider,
  trace,
} from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  CompositePropagator,
  parseKeyPairsIntoRecord,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from "@opentelemetry/core";
import type { Resource as OtelResource } from "@opentelemetry/resources";
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import type { Config } from "../config";
import type { Telemetry } from "../telemetry";
import type { CrashSafeExporter } from "./crash-safe-exporter";
import { JoinedRequestSpanProcessor } from "./joined-requests";
import type { LastRequests } from "./last-requests";
import { otelResource } from "./otel-resource";
import { recordAll, samplerFrom } from "./record-all-sampler";
import { RequestIdPropagator } from "./request-id-propagator";

export interface Tracing {
  /** An SDK that the application started itself is in use, not Seismo's. */
  isJoined(): boolean;
  /**
   * Synchronous: gives the spans that wait for export to the last requests of this process. `failures`: only when one
   * of them failed, since waiting costs a process that just ends more than its last healthy spans are worth.
   */
  flushNow(which: "failures" | "all"): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

export interface TracingOptions {
  readonly config: Config;
  /** In the order in which they see a span. */
  readonly processors: readonly SpanProcessor[];
  readonly telemetry: Telemetry;
  /** What may leave of a span. */
  readonly redact: (span: ReadableSpan) => ReadableSpan;
  readonly onExported: (exporter: string, durationMillis: number) => void;
  readonly lastRequests: LastRequests;
}

export function startTracing(options: TracingOptions): Tracing {
  const { config, telemetry } = options;
  let joined = false;
  const join = (provider: TracerProvider): void => {
    joined = true;
    const didJoin = attachProcessors(provider, [...options.processors, new JoinedRequestSpanProcessor()]);
    telemetry.logOnce(
      "warning",
      "joined",
      didJoin
        ? "this application has an OpenTelemetry SDK of its own: Seismo joined it"
        : "this application has an OpenTelemetry SDK of its own that Seismo cannot join: add createErrorSpanProcessor(), " +
            "createRequestIdSpanProcessor() and createSlowRequestSpanProcessor() to its span processors",
    );
  };

  const present = globalProvider();
  if (present !== undefined) {
    join(present);
    wrapPropagator(config.requests.idHeaders);
    return { isJoined: () => true, flushNow: () => {}, forceFlush: async () => {}, shutdown: async () => {} };
  }

  const own = wantsNodeSdk(config) ? startNodeSdk(options) : startLight(options);
  watchForAnotherSdk(join, config.requests.idHeaders);
  return { ...own, isJoined: () => joined };
}

type OwnTracing = Omit<Tracing, "isJoined">;

function startLight(options: TracingOptions): OwnTracing {
  const { config, processors } = options;
  const exporter = otlpExporter(options);
  const batch = exporter && new BatchSpanProcessor(exporter);
  const provider = new BasicTracerProvider({
    resource: otelResource(config),
    sampler: recordAll(samplerFrom(config.otel.env["OTEL_TRACES_SAMPLER"], config.otel.env["OTEL_TRACES_SAMPLER_ARG"])),
    spanProcessors: batch === undefined ? [...processors] : [...processors, batch],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(
    new RequestIdPropagator(
      new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
      config.requests.idHeaders,
    ),
  );
  trace.setGlobalTracerProvider(provider);
  return {
    flushNow: (which) => batch && exporter?.flushNow(which, () => drain(batch)),
    forceFlush: () => provider.forceFlush(),
    shutdown: () => provider.shutdown(),
  };
}

function startNodeSdk(options: TracingOptions): OwnTracing {
  const { config, processors } = options;
  // Loaded only here: it brings every exporter and costs several times the light start.
  const { NodeSDK } = require("@opentelemetry/sdk-node") as typeof import("@opentelemetry/sdk-node");
  const { env } = config.otel;
  const sdk = new NodeSDK({
    resource: otelResource(config),
    sampler: recordAll(samplerFrom(env["OTEL_TRACES_SAMPLER"], env["OTEL_TRACES_SAMPLER_ARG"])),
    // As in the light start; some detectors are asynchronous, and until they are done no span can leave.
    autoDetectResources: env["OTEL_NODE_RESOURCE_DETECTORS"] !== undefined,
    ...(wantsTraces(config) ? {} : { spanProcessors: [...processors] }),
    ...(env["OTEL_METRICS_EXPORTER"] === undefined ? { metricReaders: [] } : {}),
    ...(env["OTEL_LOGS_EXPORTER"] === undefined ? { logRecordProcessors: [] } : {}),
  });
  const restore = interceptPropagator(config.requests.idHeaders);
  sdk.start();
  restore();
  const provider = globalProvider();
  const exporting = isSdkProvider(provider) ? wrapExporters(provider, options) : [];
  if (wantsTraces(config) && isSdkProvider(provider)) attachProcessors(provider, processors);
  return {
    flushNow(which) {
      for (const { exporter, batch } of exporting) exporter.flushNow(which, () => drain(batch));
    },
    forceFlush: async () => {
      for (const processor of processors) await processor.forceFlush();
    },
    shutdown: () => sdk.shutdown(),
  };
}

/** Anything that the light start does not do. */
function wantsNodeSdk({ otel: { env } }: Config): boolean {
  const protocol = env["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] ?? env["OTEL_EXPORTER_OTLP_PROTOCOL"] ?? "http/json";
  const traces = env["OTEL_TRACES_EXPORTER"] ?? "otlp";
  const propagators = env["OTEL_PROPAGATORS"] ?? "tracecontext,baggage";
  const asks = (name: string): boolean => (env[name] ?? "none") !== "none";
  return (
    protocol !== "http/json" ||
    (traces !== "otlp" && traces !== "none") ||
    propagators.split(",").some((name) => name.trim() !== "tracecontext" && name.trim() !== "baggage") ||
    asks("OTEL_METRICS_EXPORTER") ||
    asks("OTEL_LOGS_EXPORTER") ||
    env["OTEL_NODE_RESOURCE_DETECTORS"] !== undefined ||
    env["OTEL_CONFIG_FILE"] !== undefined
  );
}

/** Nothing is exported unless an endpoint or an exporter was named: no noise about a collector that nobody runs. */
function wantsTraces({ otel: { env, tracesEndpoint } }: Config): boolean {
  const exporter = env["OTEL_TRACES_EXPORTER"];
  return exporter === undefined ? tracesEndpoint !== undefined : exporter !== "none";
}

/** forceFlush() hands its batches to the exporter before it returns. */
function drain(batch: SpanProcessor): void {
  void batch.forceFlush().catch(() => {}); // a failed export is counted and logged where it fails
}

function otlpExporter(options: TracingOptions): CrashSafeExporter<ReadableSpan> | undefined {
  if (!wantsTraces(options.config)) return undefined;
  // Loaded only here: OpenTelemetry's serializers are a third of all that is loaded at start-up.
  const { OTLPTraceExporter } =
    require("@opentelemetry/exporter-trace-otlp-http") as typeof import("@opentelemetry/exporter-trace-otlp-http");
  return crashSafe(new OTLPTraceExporter({ url: tracesUrl(options.config) }), options);
}

function tracesUrl(config: Config): string {
  return config.otel.tracesEndpoint ?? "http://localhost:4318/v1/traces";
}

function crashSafe(inner: SpanExporter, options: TracingOptions): CrashSafeExporter<ReadableSpan> {
  const { config, telemetry, redact, onExported, lastRequests } = options;
  const exporter = require("./crash-safe-exporter") as typeof import("./crash-safe-exporter");
  const { JsonTraceSerializer } =
    require("@opentelemetry/otlp-transformer") as typeof import("@opentelemetry/otlp-transformer");
  return new exporter.CrashSafeExporter<ReadableSpan>({
    signal: "spans",
    inner,
    url: tracesUrl(config),
    headers: parseKeyPairsIntoRecord(config.otel.tracesHeaders?.reveal()),
    redact,
    isFailure: (span) => span.attributes["error.fingerprint"] !== undefined,
    toJson: (spans) => JsonTraceSerializer.serializeRequest(spans),
    lastRequests,
    telemetry,
    onExported: (durationMillis) => onExported("otlp", durationMillis),
  });
}

/** The SDK provider behind the API's proxy, when one is registered. */
function globalProvider(): TracerProvider | undefined {
  const proxy = trace.getTracerProvider();
  if (!("getDelegate" in proxy) || typeof proxy.getDelegate !== "function") return proxy;
  const delegate: unknown = proxy.getDelegate();
  return isSdkProvider(delegate) ? delegate : undefined;
}

/**
 * The SDK has no public way to add a processor to a running provider. Its processors sit behind one
 * MultiSpanProcessor, in both living lines of the SDK; where that shape is missing, false.
 */
function attachProcessors(provider: TracerProvider, processors: readonly SpanProcessor[]): boolean {
  if (!isSdkProvider(provider)) return false;
  provider._activeSpanProcessor._spanProcessors.unshift(...processors);
  return true;
}

interface Exporting {
  readonly exporter: CrashSafeExporter<ReadableSpan>;
  readonly batch: SpanProcessor;
}

/**
 * NodeSDK makes the exporters that the environment names, behind processors of its own: what leaves by them is redacted
 * too. Those that send OTLP over HTTP also get their last spans out of a process that dies.
 */
function wrapExporters(provider: SdkProvider, options: TracingOptions): readonly Exporting[] {
  const { env } = options.config.otel;
  const protocol = env["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] ?? env["OTEL_EXPORTER_OTLP_PROTOCOL"] ?? "http/json";
  // A resource counts as pending until someone has waited for it, and a dying process cannot.
  void provider._resource?.waitForAsyncAttributes?.();
  const exporting: Exporting[] = [];
  for (const batch of provider._activeSpanProcessor._spanProcessors) {
    const holder = batch as { _exporter?: SpanExporter }; // as the SDK's own processors have it
    const inner = holder._exporter;
    if (inner === undefined) continue;
    if ("_delegate" in inner && protocol.startsWith("http/")) {
      const exporter = crashSafe(inner, options);
      holder._exporter = exporter;
      exporting.push({ exporter, batch });
    } else {
      const original = inner.export;
      inner.export = (spans, resultCallback) => original.call(inner, spans.map(options.redact), resultCallback);
    }
  }
  return exporting;
}

type SdkProvider = TracerProvider & {
  readonly _resource?: OtelResource;
  readonly _activeSpanProcessor: { readonly _spanProcessors: SpanProcessor[] };
};

function isSdkProvider(provider: unknown): provider is SdkProvider {
  const shape = provider as Partial<SdkProvider> | null | undefined; // looked at only, field by field
  return Array.isArray(shape?._activeSpanProcessor?._spanProcessors);
}

/**
 * The API takes the first registration and refuses the application's later one. Here the later one wins:
 * all tracers that were handed out follow to its provider, with Seismo's processors inside.
 */
function watchForAnotherSdk(join: (provider: TracerProvider) => void, idHeaders: readonly string[]): void {
  interceptPropagator(idHeaders);
  const proxy = trace.getTracerProvider();
  const own = globalProvider();
  if (own === undefined || !("setDelegate" in proxy) || typeof proxy.setDelegate !== "function") return;
  const following = createFollowingProvider(own);
  proxy.setDelegate(following);
  trace.setGlobalTracerProvider = (provider: TracerProvider): boolean => {
    join(provider);
    following.follow(provider);
    return true;
  };
  // Both would be refused with an error in the log; the one that runs serves them too.
  context.setGlobalContextManager = (): boolean => true;
}

/** Its tracers change with the provider; those of the API's proxy stay with the first one. */
function createFollowingProvider(first: TracerProvider): TracerProvider & { follow(provider: TracerProvider): void } {
  let current = first;
  return {
    getTracer(...names) {
      let source = current;
      let tracer = source.getTracer(...names);
      const latest = (): Tracer => {
        if (source !== current) {
          source = current;
          tracer = source.getTracer(...names);
        }
        return tracer;
      };
      return {
        startSpan: (...args) => latest().startSpan(...args),
        startActiveSpan: (...args: readonly unknown[]) => Reflect.apply(latest().startActiveSpan, latest(), args),
      };
    },
    follow(provider) {
      current = provider;
    },
  };
}

/** Wraps the propagator that is set already, so that request ids travel with it. */
function wrapPropagator(idHeaders: readonly string[]): void {
  const api = propagation as unknown as { readonly _getGlobalPropagator?: () => TextMapPropagator }; // the API shows it no other way
  const present = api._getGlobalPropagator?.call(propagation);
  if (present === undefined) return;
  propagation.disable();
  propagation.setGlobalPropagator(new RequestIdPropagator(present, idHeaders));
}

/** Wraps whatever propagator is set from now on, so that request ids travel with it. Returns how to stop. */
function interceptPropagator(idHeaders: readonly string[]): () => void {
  const original = propagation.setGlobalPropagator;
  propagation.setGlobalPropagator = (propagator: TextMapPropagator): boolean => {
    propagation.disable();
    return original.call(propagation, new RequestIdPropagator(propagator, idHeaders));
  };
  return () => {
    propagation.setGlobalPropagator = original;
  };
}
