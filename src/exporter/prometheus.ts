/**
 * The Prometheus exporter: every metric that Seismo has about one process, and what moves each of them.
 *
 *   error events ─► export()          ┐
 *   requests, operations ─► record…() ├─► series (bounded-metric.ts) ─► snapshot() ─► process group ─► exposition
 *   clocks, queues, own health ───────┘ pulled when somebody looks
 *
 * docs/metrics.md lists them for people; names and labels are public.
 */
import { Registry } from "prom-client";
import type {
  ErrorExporter,
  EventSummary,
  ExportResult,
  LlmUsage,
  RequestGroup,
  RequestRecord,
  Resource,
  Severity,
} from "../event";
import type { Signal, Telemetry, TelemetryCount } from "../telemetry";
import {
  type BoundedCounter,
  type BoundedGauge,
  type CounterSeries,
  createBoundedCounter,
  createBoundedGauge,
  createBoundedHistogram,
  type ExemplarLabels,
  type HistogramSeries,
  type MetricConfig,
  type MetricRegistry,
  type SeriesLimits,
} from "./bounded-metric";
import { createDefaultMetrics } from "./default-metrics";
import { hardwareFaults, utilization } from "./hardware-context";
import { createLastSeen } from "./last-seen";
import { type GaugeInGroup, type GaugeMerge, type MetricFamilySnapshot, OTHER } from "./metric-family";
import type { NotificationCount } from "./notifier";
import { createDistinctWindow, createTimeWindow, type DistinctWindow, type TimeWindow } from "./time-window";
import { createTopGroups } from "./top-groups";

export interface MetricsOptions {
  /** Of every metric but Node's defaults: `seismo_`. */
  readonly prefix: string;
  readonly resource: Resource;
  /** Distinct values of one label, `other` among them: 200. */
  readonly maxLabelValues: number;
  /** Series of one metric, the one for all the rest among them: 2000. */
  readonly maxSeries: number;
  /** Also `process_*` and `nodejs_*`. */
  readonly defaultMetrics: boolean;
  /** Ascending, in seconds, of requests and timed operations. */
  readonly durationBuckets?: readonly number[] | undefined;
  readonly version: string;
  /** Fingerprints with a series of their own: 100. */
  readonly topGroups?: number | undefined;
}

/** What is asked for at a scrape. */
export interface MetricsSources {
  readonly telemetry: Telemetry;
  /** Of this process; a collector has none. */
  requests?(): { readonly inFlight: number; readonly stuck: number };
  /** Events; of a queue on disk, bytes. */
  queues(): readonly { readonly exporter: string; readonly length: number; readonly capacity: number }[];
  /** Lines that went to the journal's fallback file; without a journal there are none. */
  fallbackLines?(): number;
  /** Default: of this process. */
  residentBytes?(): number;
  /** Of a collector alone. */
  collector?(): CollectorCounts;
  /** Of a collector alone: what became of notifications. */
  notifications?(): readonly NotificationCount[];
  /** Of a collector with a store. */
  store?(): StoreCounts;
  /** Of a collector that others watch. */
  live?(): LiveCounts;
  /** Of a process that looks at its own code: stacks whose code could not be shown in full, by reason. */
  sourceProblems?(): ReadonlyMap<string, number>;
  /** Likewise; undefined while local variables are not kept. */
  localVariables?(): LocalVariablesCounts | undefined;
  /** What was received and is not yet kept, forwarded or dropped. */
  waiting?(): readonly { readonly signal: Signal; readonly count: number }[];
}

export interface CollectorCounts {
  /** OTLP requests that were refused, by reason: nothing in them was received. */
  readonly refused: Readonly<Record<string, number>>;
  /** Failures that were taken for roots before their time was over. */
  readonly undecided: number;
}

export interface LiveCounts {
  readonly clients: number;
  /** Rows that came too thick to be told of. */
  readonly skipped: number;
  /** Messages that a client did not get since it was behind. */
  readonly passedOver: number;
  /** Clients that were cut since they did not read. */
  readonly cut: number;
}

export interface StoreCounts {
  readonly isUp: boolean;
  /** Of the journal, not taken in yet. */
  readonly lagBytes: number;
  readonly fileBytes: number;
  readonly starts: number;
  /** Rows written, by kind. */
  readonly written: Readonly<Record<string, number>>;
  /** Errors deleted, by why. */
  readonly deleted: Readonly<Record<string, number>>;
  /** Of the journal, gone before they were read. */
  readonly missedBytes: number;
  /** Questions, by what became of them. */
  readonly questions: Readonly<Record<string, number>>;
}

/** What keeping local variables cost, and how often it was switched off, by why. */
export interface LocalVariablesCounts {
  readonly stops: number;
  readonly stoppedSeconds: number;
  readonly off: Readonly<Record<string, number>>;
}

export type OperationChange =
  | { readonly kind: "duration"; readonly millis: number }
  | { readonly kind: "value"; readonly value: number }
  | { readonly kind: "event"; readonly count: number };

/** Numbers that are not finite, and counts below 0, change nothing but `seismo_dropped_total`. */
export interface Metrics extends ErrorExporter {
  /** Of events, what is counted is enough. */
  export(events: readonly EventSummary[]): readonly ExportResult[];
  /** A sign of life of a worker, and of the release that it runs. This process gives its own. */
  recordSeen(resource: Resource): void;
  recordRequest(request: RequestRecord): void;
  /** Counts as many requests at once; over `slowMillis` they are slow. */
  recordRequests(group: RequestGroup, slowMillis: number): void;
  recordLlm(usage: LlmUsage): void;
  recordOperation(name: string, change: OperationChange): void;
  recordExport(exporter: string, durationMillis: number): void;
  /** One that the store answered. */
  recordQuestion(question: string, durationMillis: number): void;
  /** prom-client's, of the OpenMetrics content type, for apps that serve or merge it themselves. */
  readonly registry: MetricRegistry;
  /** All families but Node's defaults: one process's part of the group. */
  snapshot(): MetricFamilySnapshot[];
  /** `process_*` and `nodejs_*`; empty unless asked for. */
  defaultFamilies(): Promise<MetricFamilySnapshot[]>;
}

export function createMetrics(
  options: MetricsOptions,
  sources: MetricsSources,
  nowMillis: () => number = Date.now,
): Metrics {
  const { telemetry } = sources;
  const { service, worker } = options.resource;
  const registry: MetricRegistry = new Registry();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const snapshots: (() => MetricFamilySnapshot)[] = [];
  const limits = {
    maxLabelValues: options.maxLabelValues,
    maxSeries: options.maxSeries,
    overflowed: (metric: string): void => overflow.at([metric]).inc(1),
  };
  const config = (name: string, help: string, labelNames: readonly string[]): MetricConfig => ({
    name: options.prefix + name,
    help,
    labelNames,
    registry,
    limits,
    nowMillis,
  });
  const keep = <M extends { snapshot(): MetricFamilySnapshot }>(metric: M): M => {
    snapshots.push(metric.snapshot);
    return metric;
  };
  const counter = (name: string, help: string, labels: readonly string[], more: CounterExtras = {}): BoundedCounter =>
    keep(createBoundedCounter({ ...config(name, help, labels), ...more }));
  const gauge = (
    name: string,
    help: string,
    labels: readonly string[],
    inGroup: GaugeMerge | GaugeInGroup,
    collect?: () => void,
  ): BoundedGauge =>
    keep(
      createBoundedGauge({
        ...config(name, help, labels),
        ...(typeof inGroup === "string" ? { merge: inGroup } : inGroup),
        ...(collect && { collect: guarded(name, collect) }),
      }),
    );
  const histogram = (
    name: string,
    help: string,
    labels: readonly string[],
    bounds: readonly number[],
    exemplars = false,
  ) => keep(createBoundedHistogram({ ...config(name, help, labels), bounds, exemplars }));
  /** A source that throws costs its own metric, not the scrape. */
  const guarded = (name: string, collect: () => void) => (): void => {
    try {
      collect();
    } catch (error) {
      telemetry.internalError(`metric ${name}`, error);
    }
  };
  /** Every number passes here before it can spoil a sum for good. */
  const usable = (value: number): boolean => {
    if (Number.isFinite(value)) return true;
    telemetry.received("metrics");
    telemetry.dropped("metrics", "ignored");
    return false;
  };
  const countable = (value: number): boolean => usable(value < 0 ? Number.NaN : value);

  // Errors.
  const errors = counter(
    "errors_total",
    "Errors, each counted once.",
    ["service", "worker", "category", "group", "type", "severity", "origin"],
    { exemplars: true },
  );
  const newGroups = counter("new_error_groups_total", "Error groups that this process had never seen before.", [
    "service",
    "category",
  ]);
  const regressedGroups = counter(
    "regressed_error_groups_total",
    "Known error groups that came back after a long silence.",
    ["service", "category"],
  );
  const occurrences = counter(
    "error_group_occurrences_total",
    "Errors by group: the most frequent groups, the rest as other.",
    ["service", "fingerprint", "category"],
    { uncapped: ["fingerprint"] },
  );
  const topGroups = createTopGroups<readonly [string, string, string]>(options.topGroups ?? DEFAULT_TOP_GROUPS);

  const critical = windowed(
    (pull) => gauge("critical_errors", "Critical errors in the last 5 minutes.", ["service"], "sum", pull),
    () => createTimeWindow(CRITICAL_WINDOW_MILLIS),
    (window: TimeWindow, set) => set(window.count(nowMillis())),
  );
  const rate = windowed(
    (pull) => gauge("error_rate", "Errors per minute, over the last minute.", ["service"], "sum", pull),
    () => createTimeWindow(RATE_WINDOW_MILLIS),
    (window: TimeWindow, set) => set(window.count(nowMillis())),
  );
  const groups = windowed(
    (pull) =>
      gauge("error_groups", "Distinct error groups in the last hour.", ["service", "severity"], "distinct", pull),
    () => createDistinctWindow(GROUPS_WINDOW_MILLIS, options.maxSeries),
    (window: DistinctWindow, set) => {
      const fingerprints = window.keys(nowMillis());
      set(fingerprints.length, fingerprints);
    },
  );
  const workers = windowed(
    (pull) =>
      gauge(
        "worker_status",
        "2: a critical error in the last 5 minutes; 1: a warning; 0: neither.",
        ["service", "worker"],
        LAST_WORDS,
        pull,
      ),
    () => ({ critical: createTimeWindow(CRITICAL_WINDOW_MILLIS), warning: createTimeWindow(CRITICAL_WINDOW_MILLIS) }),
    (window, set) => {
      const now = nowMillis();
      set(window.critical.count(now) > 0 ? 2 : window.warning.count(now) > 0 ? 1 : 0);
    },
  );
  const lastError = gauge(
    "worker_last_error_timestamp_seconds",
    "When the last error of a worker happened, in Unix time.",
    ["service", "worker"],
    LAST_WORDS,
  );
  // What a healthy process says, so that an alert can tell "none" from "not there".
  critical.at([service]);
  rate.at([service]);
  for (const severity of ["critical", "warning", "info"] satisfies Severity[]) groups.at([service, severity]);
  workers.at([service, worker]);

  // Who is there.
  const releases = createLastSeen({ forgetMillis: RELEASE_MILLIS, maxEntries: options.maxSeries });
  const living = createLastSeen({ forgetMillis: SILENCE_MILLIS, maxEntries: options.maxSeries });
  const noteSeen = (resource: Resource): void => {
    const now = nowMillis();
    const { serviceVersion = "", environment = "" } = resource;
    const hasRelease = releases.note([resource.service, serviceVersion, environment], now);
    if (!hasRelease) limits.overflowed(`${options.prefix}service_info`);
    const hasWorker = living.note([resource.service, resource.worker], now);
    if (!hasWorker) limits.overflowed(`${options.prefix}worker_last_seen_timestamp_seconds`);
  };
  // The first, so that no number of others takes its place.
  noteSeen(options.resource);
  const serviceInfo = gauge(
    "service_info",
    "A release of a service that was there in the last 15 minutes. Always 1.",
    ["service", "service_version", "environment"],
    "max",
    () => {
      noteSeen(options.resource);
      serviceInfo.replace(releases.recent(nowMillis()).map(({ labels }) => ({ labels, value: 1 })));
    },
  );
  const lastSeen = gauge(
    "worker_last_seen_timestamp_seconds",
    "When a worker last gave a sign of life, in Unix time.",
    ["service", "worker"],
    { merge: "max", lastingMillis: SILENCE_MILLIS },
    () => {
      noteSeen(options.resource);
      const seen = living.recent(nowMillis());
      lastSeen.replace(seen.map(({ labels, seenMillis }) => ({ labels, value: seenMillis / 1_000 })));
    },
  );
  const residentMemory = gauge(
    "process_resident_memory_bytes",
    "Resident memory of a process; of several with one name, of the largest.",
    ["service", "worker"],
    "max",
    () => residentMemory.at([service, worker]).set(sources.residentBytes?.() ?? process.memoryUsage.rss()),
  );

  // The machine under it.
  const hardwareErrors = counter("hardware_errors_total", "Hardware faults that errors reported.", [
    "hardware_type",
    "status",
  ]);
  const cpu = gauge("worker_cpu_percent", "CPU use that the worker's last error reported.", ["worker"], "max");
  const memory = gauge("worker_memory_percent", "Memory use that the worker's last error reported.", ["worker"], "max");
  const disk = gauge("worker_disk_percent", "Disk use that the worker's last error reported.", ["worker"], "max");
  const device = ["worker", "device"];
  const gpuMemory = gauge("gpu_memory_percent", "GPU memory use that the worker's last error reported.", device, "max");
  const gpuTemperature = gauge(
    "gpu_temperature_celsius",
    "GPU temperature that the worker's last error reported.",
    device,
    "max",
  );

  // Requests.
  const durationBuckets = options.durationBuckets ?? DURATION_BUCKETS;
  const requestDuration = histogram(
    "http_request_duration_seconds",
    "Duration of HTTP server requests.",
    ["service", "method", "route", "status_class"],
    durationBuckets,
    true,
  );
  const slowRequests = counter("slow_requests_total", "HTTP server requests over their slow threshold.", [
    "service",
    "method",
    "route",
  ]);
  const { requests } = sources;
  if (requests !== undefined) {
    const inFlight = gauge("requests_in_flight", "HTTP server requests open now.", ["service"], "sum", () =>
      inFlight.at([service]).set(requests().inFlight),
    );
    const stuck = gauge(
      "requests_stuck",
      "HTTP server requests that are open for longer than their slow threshold.",
      ["service"],
      "sum",
      () => stuck.at([service]).set(requests().stuck),
    );
  }

  // What the application measures.
  const llmTokens = counter("llm_tokens_total", "Tokens of language model calls.", ["service", "model", "direction"]);
  const llmDuration = histogram(
    "llm_operation_duration_seconds",
    "Duration of language model calls.",
    ["service", "model", "operation"],
    LLM_DURATION_BUCKETS,
  );
  const operation = ["service", "operation"];
  const operationDuration = histogram(
    "operation_duration_seconds",
    "Duration of operations timed by the application.",
    operation,
    durationBuckets,
  );
  const operationValue = gauge("operation_value", "Last value recorded by the application.", operation, "max");
  const operationEvents = counter("operation_events_total", "Events counted by the application.", operation);

  // Seismo's own health.
  for (const what of ["received", "kept", "forwarded", "dropped"] as const) {
    const collect = guarded(`${what}_total`, () => {
      for (const count of telemetry.snapshot()[what]) mirror(health, count);
    });
    const health = counter(`${what}_total`, `What Seismo ${HEALTH_VERBS[what]}.`, ["signal", "reason"], { collect });
  }
  const { collector } = sources;
  if (collector !== undefined) {
    const refused = counter("otlp_refused_requests_total", "OTLP requests that were refused, and why.", ["reason"], {
      collect: guarded("otlp_refused_requests_total", () => {
        for (const [reason, count] of Object.entries(collector().refused)) raise(refused.at([reason]), count);
      }),
    });
    const undecided = counter("undecided_origins_total", "Failures taken for roots before their time was over.", [], {
      collect: guarded("undecided_origins_total", () => raise(undecided.at([]), collector().undecided)),
    });
  }
  const { notifications } = sources;
  if (notifications !== undefined) {
    const collect = guarded("notifications_total", () => {
      for (const { channel, outcome, count } of notifications()) raise(told.at([channel, outcome]), count);
    });
    const told = counter("notifications_total", "Notifications to people.", ["channel", "outcome"], { collect });
  }
  const { live } = sources;
  if (live !== undefined) {
    const watching = gauge("live_clients", "Who watches by WebSocket.", [], "max", () => {
      watching.at([]).set(live().clients);
    });
    const collect = guarded("live_lost_total", () => {
      const { skipped, passedOver, cut } = live();
      raise(lost.at(["row_skipped"]), skipped);
      raise(lost.at(["message_passed_over"]), passedOver);
      raise(lost.at(["client_cut"]), cut);
    });
    const lost = counter("live_lost_total", "What those who watch were not told, and why.", ["reason"], { collect });
  }
  const { store } = sources;
  const questionDuration =
    store === undefined
      ? undefined
      : histogram("store_query_duration_seconds", "Duration of questions to the store.", ["question"], QUERY_BUCKETS);
  if (store !== undefined) {
    const pull = (name: string, help: string, read: (counts: StoreCounts) => number): void => {
      const pulled = gauge(name, help, [], "max", () => pulled.at([]).set(read(store())));
    };
    const mirrorAll = (name: string, help: string, label: string, read: (counts: StoreCounts) => Counts): void => {
      const collect = guarded(name, () => {
        for (const [value, count] of Object.entries(read(store()))) raise(mirrored.at([value]), count);
      });
      const mirrored = counter(name, help, [label], { collect });
    };
    const mirrorOne = (name: string, help: string, read: (counts: StoreCounts) => number): void => {
      const mirrored = counter(name, help, [], { collect: guarded(name, () => raise(mirrored.at([]), read(store()))) });
    };
    pull("store_up", "1 while the store can be asked, else 0.", ({ isUp }) => (isUp ? 1 : 0));
    pull("store_lag_bytes", "Of the journal, not in the store yet.", ({ lagBytes }) => lagBytes);
    pull("store_file_bytes", "Size of the store's file and its log.", ({ fileBytes }) => fileBytes);
    mirrorOne("store_starts_total", "How often the process of the store was started.", ({ starts }) => starts);
    mirrorAll("store_rows_total", "Rows written to the store.", "kind", ({ written }) => written);
    mirrorAll("store_deleted_errors_total", "Errors deleted from the store, and why.", "reason", (it) => it.deleted);
    mirrorOne("store_missed_bytes_total", "Of the journal, gone before the store read them.", (it) => it.missedBytes);
    mirrorAll("store_queries_total", "Questions to the store.", "outcome", ({ questions }) => questions);
  }
  const { sourceProblems, localVariables } = sources;
  if (sourceProblems !== undefined) {
    const problems = counter("source_problems_total", "Stacks whose code could not be shown, and why.", ["reason"], {
      collect: guarded("source_problems_total", () => {
        for (const [reason, count] of sourceProblems()) raise(problems.at([reason]), count);
      }),
    });
  }
  if (localVariables !== undefined) {
    const stops = counter("local_variables_stops_total", "Throws at which the application was stopped.", [], {
      collect: guarded("local_variables_stops_total", () => raise(stops.at([]), localVariables()?.stops ?? 0)),
    });
    const seconds = counter("local_variables_stopped_seconds_total", "How long it was stopped at them.", [], {
      collect: guarded("local_variables_stopped_seconds_total", () =>
        raise(seconds.at([]), localVariables()?.stoppedSeconds ?? 0),
      ),
    });
    const off = counter(
      "local_variables_off_total",
      "How often local variables were switched off, and why.",
      ["reason"],
      {
        collect: guarded("local_variables_off_total", () => {
          for (const [reason, count] of Object.entries(localVariables()?.off ?? {})) raise(off.at([reason]), count);
        }),
      },
    );
  }
  const unaccounted = gauge(
    "unaccounted",
    "Received, less what was kept, forwarded or dropped, or waits. Always 0.",
    ["signal"],
    "sum",
    () => {
      for (const [signal, count] of balance(telemetry, sources.waiting?.() ?? [])) unaccounted.at([signal]).set(count);
    },
  );
  const pullQueues = (value: "length" | "capacity", into: () => BoundedGauge) => (): void => {
    for (const queue of sources.queues()) into().at([queue.exporter]).set(queue[value]);
  };
  const queueLength = gauge(
    "queue_length",
    "What waits for an exporter: events, in a queue on disk bytes.",
    ["exporter"],
    "sum",
    pullQueues("length", () => queueLength),
  );
  const queueCapacity = gauge(
    "queue_capacity",
    "What may wait for an exporter: events, in a queue on disk bytes.",
    ["exporter"],
    "sum",
    pullQueues("capacity", () => queueCapacity),
  );
  const exportDuration = histogram(
    "export_duration_seconds",
    "Duration of exports.",
    ["exporter"],
    EXPORT_DURATION_BUCKETS,
  );
  const fallbackLines = counter("journal_fallback_lines_total", "Lines that went to the journal's fallback file.", [], {
    collect: guarded("journal_fallback_lines_total", () => raise(fallbackLines.at([]), sources.fallbackLines?.() ?? 0)),
  });
  const overflow = counter(
    "series_overflow_total",
    "Observations that lost a label value to a cap and were counted as other.",
    ["metric"],
    // Bounded by the metrics that there are; a cap here would call itself.
    { limits: { maxLabelValues: Infinity, maxSeries: Infinity, overflowed() {} } },
  );
  overflow.at([`${options.prefix}errors_total`]); // none is 0, and not nothing
  gauge("build_info", "Always 1.", ["service", "version", "node_version"], "max")
    .at([service, options.version, process.versions.node])
    .set(1);

  const defaults = options.defaultMetrics ? createDefaultMetrics(registry) : undefined;

  const countOccurrence = (event: EventSummary, category: string, now: number): void => {
    const labels = [event.resource.service, event.fingerprint.id, category] as const;
    const placement = topGroups.place(JSON.stringify(labels), labels, now);
    if (placement.status === "other") {
      occurrences.at([event.resource.service, OTHER, category]).inc(1);
      return;
    }
    if (placement.status === "promoted" && placement.demoted !== undefined) {
      // Its past goes over to `other`, whose count is thereby the count of all that have no series.
      const [oldService, , oldCategory] = placement.demoted;
      const past = occurrences.at(placement.demoted).value();
      occurrences.remove(placement.demoted);
      occurrences.at([oldService, OTHER, oldCategory]).inc(past);
    }
    occurrences.at(labels).inc(1);
  };

  const countError = (event: EventSummary): void => {
    const now = nowMillis();
    const time = Math.min(event.timeUnixMillis, now);
    const { group } = event.classification;
    const category = event.classification.category.toLowerCase();
    const { severity } = event.rating;
    const from = event.resource;

    errors
      .at([from.service, from.worker, category, group, event.type, severity, event.origin])
      .inc(1, errorExemplar(event));
    if (event.recurrence.isNew) newGroups.at([from.service, category]).inc(1);
    // There at 0 before the first one returns, so that its return is an increase.
    if (event.recurrence.isNew) regressedGroups.at([from.service, category]);
    if (event.recurrence.isRegressed) regressedGroups.at([from.service, category]).inc(1);
    countOccurrence(event, category, now);

    rate.at([from.service]).record(time, now);
    if (severity === "critical") critical.at([from.service]).record(time, now);
    if (!groups.at([from.service, severity]).record(event.fingerprint.id, time)) {
      limits.overflowed(`${options.prefix}error_groups`);
    }
    const health = workers.at([from.service, from.worker]);
    if (severity !== "info") health[severity].record(time, now);
    lastError.at([from.service, from.worker]).set(time / 1_000);
    countHardware(event);
  };

  const countHardware = (event: EventSummary): void => {
    for (const fault of hardwareFaults(event)) hardwareErrors.at([fault.type, fault.status]).inc(1);
    if (event.systemContext === undefined) return;
    const from = event.resource.worker;
    const use = utilization(event.systemContext);
    setKnown(cpu, [from], use.cpuPercent);
    setKnown(memory, [from], use.memoryPercent);
    setKnown(disk, [from], use.diskPercent);
    for (const gpu of use.gpus) {
      setKnown(gpuMemory, [from, gpu.device], gpu.memoryPercent);
      setKnown(gpuTemperature, [from, gpu.device], gpu.temperatureCelsius);
    }
  };

  type RequestLabels = Pick<RequestRecord, "service" | "method" | "route" | "statusCode">;
  const durationOf = ({ service: from, method, route, statusCode }: RequestLabels): HistogramSeries =>
    requestDuration.at([from, methodOf(method), route, STATUS_CLASSES[Math.floor(statusCode / 100)] ?? "unknown"]);
  const slowOf = ({ service: from, method, route }: RequestLabels): CounterSeries =>
    slowRequests.at([from, methodOf(method), route]);

  const exportOne = (event: EventSummary): ExportResult => {
    try {
      countError(event);
      return ACCEPTED;
    } catch (error) {
      telemetry.internalError("prometheus", error);
      return { status: "rejected", reason: "internal_error" };
    }
  };

  return {
    name: "prometheus",
    registry,
    export: (events) => events.map(exportOne),
    recordSeen: noteSeen,
    recordRequest({ durationMillis, slow, traceId, ...labels }) {
      if (!countable(durationMillis)) return;
      durationOf(labels).observe(durationMillis / 1_000, traceExemplar(traceId));
      if (slow) slowOf(labels).inc(1);
    },
    recordRequests({ durationsMillis, slowestTraceId, ...labels }, slowMillis) {
      const series = durationOf(labels);
      const exemplar = traceExemplar(slowestTraceId);
      const slowest = durationsMillis.reduce((longest, duration) => Math.max(longest, duration), 0);
      let slow = 0;
      for (const duration of durationsMillis) {
        if (!countable(duration)) continue;
        series.observe(duration / 1_000, duration === slowest ? exemplar : undefined);
        if (duration > slowMillis) slow += 1;
      }
      if (slow > 0) slowOf(labels).inc(slow);
    },
    recordLlm({ service: from, ...usage }) {
      if (countable(usage.inputTokens)) llmTokens.at([from, usage.model, "input"]).inc(usage.inputTokens);
      if (countable(usage.outputTokens)) llmTokens.at([from, usage.model, "output"]).inc(usage.outputTokens);
      if (countable(usage.durationMillis)) {
        llmDuration.at([from, usage.model, usage.operation]).observe(usage.durationMillis / 1_000);
      }
    },
    recordOperation(name, change) {
      switch (change.kind) {
        case "duration":
          if (countable(change.millis)) operationDuration.at([service, name]).observe(change.millis / 1_000);
          return;
        case "value":
          if (usable(change.value)) operationValue.at([service, name]).set(change.value);
          return;
        case "event":
          if (countable(change.count)) operationEvents.at([service, name]).inc(change.count);
          return;
      }
    },
    recordExport(exporter, durationMillis) {
      if (countable(durationMillis)) exportDuration.at([exporter]).observe(durationMillis / 1_000);
    },
    recordQuestion(question, durationMillis) {
      questionDuration?.at([question]).observe(durationMillis / 1_000);
    },
    snapshot: () => snapshots.map((snapshot) => snapshot()),
    defaultFamilies: async () => (defaults === undefined ? [] : await defaults()),
    // Counting is done when export() returns: there is nothing left to pass on.
    flushNow() {},
    async forceFlush() {},
    async shutdown() {},
  };
}

type Counts = Readonly<Record<string, number>>;

interface CounterExtras {
  readonly exemplars?: boolean;
  readonly uncapped?: readonly string[];
  readonly limits?: SeriesLimits;
  readonly collect?: () => void;
}

const ACCEPTED: ExportResult = { status: "accepted" };
const DEFAULT_TOP_GROUPS = 100;
const CRITICAL_WINDOW_MILLIS = 5 * 60_000;
/** How a worker that is gone fared shows for as long as a critical error keeps the status of a living one. */
const LAST_WORDS: GaugeInGroup = { merge: "max", lastingMillis: CRITICAL_WINDOW_MILLIS };
const RELEASE_MILLIS = 15 * 60_000;
/** A worker that is silent for longer is forgotten. */
const SILENCE_MILLIS = 60 * 60_000;
const RATE_WINDOW_MILLIS = 60_000;
const GROUPS_WINDOW_MILLIS = 60 * 60_000;
const TRACE_ID_LENGTH = 32;

/** As the OpenTelemetry semantic conventions advise for HTTP. */
const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** As they advise for generative AI. */
const LLM_DURATION_BUCKETS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const QUERY_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const EXPORT_DURATION_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

const METHODS: ReadonlyMap<string, string> = new Map(
  ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"].flatMap((method) => [
    [method, method],
    [method.toLowerCase(), method],
  ]),
);
const STATUS_CLASSES: Readonly<Record<number, string>> = { 1: "1xx", 2: "2xx", 3: "3xx", 4: "4xx", 5: "5xx" };
const HEALTH_VERBS = {
  received: "was given",
  kept: "kept",
  forwarded: "passed on",
  dropped: "lost, and why",
} as const;

/** A gauge whose series each have a memory that is asked when somebody looks. */
function windowed<W>(
  makeGauge: (pull: () => void) => BoundedGauge,
  makeWindow: () => W,
  read: (window: W, set: (value: number, members?: readonly string[]) => void) => void,
): { at(labels: readonly string[]): W } {
  const windows = new Map<ReturnType<BoundedGauge["at"]>, W>();
  const gauge = makeGauge(() => {
    for (const [series, window] of windows) read(window, series.set);
  });
  return {
    at(labels) {
      const series = gauge.at(labels);
      let window = windows.get(series);
      if (window === undefined) {
        window = makeWindow();
        windows.set(series, window);
      }
      return window;
    },
  };
}

function methodOf(method: string): string {
  return METHODS.get(method) ?? "_OTHER";
}

function traceExemplar(traceId: string): ExemplarLabels | undefined {
  return traceId.length === TRACE_ID_LENGTH ? { trace_id: traceId } : undefined;
}

/** For each signal, what was received and is nowhere. */
function balance(
  telemetry: Telemetry,
  waiting: readonly { readonly signal: Signal; readonly count: number }[],
): ReadonlyMap<Signal, number> {
  const { received, kept, forwarded, dropped } = telemetry.snapshot();
  const left = new Map<Signal, number>();
  const add = (signal: Signal, count: number): void => void left.set(signal, (left.get(signal) ?? 0) + count);
  for (const { signal, value } of received) add(signal, value);
  for (const { signal, value } of [...kept, ...forwarded, ...dropped]) add(signal, -value);
  for (const { signal, count } of waiting) add(signal, -count);
  return left;
}

/** Both ids are of fixed length, which keeps an exemplar within the 128 characters that it may have. */
function errorExemplar(event: EventSummary): ExemplarLabels {
  const fingerprint = event.fingerprint.id.slice(0, TRACE_ID_LENGTH);
  return event.traceId?.length === TRACE_ID_LENGTH ? { trace_id: event.traceId, fingerprint } : { fingerprint };
}

function setKnown(gauge: BoundedGauge, labels: readonly string[], value: number | undefined): void {
  if (value !== undefined) gauge.at(labels).set(value);
}

function mirror(counter: BoundedCounter, { signal, reason, value }: TelemetryCount): void {
  raise(counter.at([signal, reason]), value);
}

/** To a count that is kept elsewhere. */
function raise(series: CounterSeries, value: number): void {
  series.inc(Math.max(0, value - series.value()));
}
