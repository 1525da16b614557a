/**
 * The collector: OTLP and error reports in, events written and counted, OTLP passed on. Wires its parts, starts them in
 * the order in which they need each other, and stops them in the reverse one.
 *
 *   OTLP/HTTP, OTLP/gRPC ─┐                ┌─► journal ◄── followed by the store
 *                         ├─► ingest ──────┼─► held events ─┬─► metrics ─► /metrics
 *                         │                │                └─► notifier ─► Slack, mail, webhook, Alertmanager
 *   POST /api/report-error┘                └─► queue ─► forwarder ─► OTLP downstream
 */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { parseKeyPairsIntoRecord } from "@opentelemetry/core";
import { createHeldEvents } from "./collector/held-events";
import { createIngest } from "./collector/ingest";
import { createRecordKeeper, type RecordKeeper } from "./collector/kept-records";
import { createMemoryGuard } from "./collector/memory-guard";
import { type Notifications, openNotifications } from "./collector/notifications";
import { createStats } from "./collector/stats";
import type { Config } from "./config";
import type { EventSummary, Resource } from "./event";
import { openDiskQueue } from "./exporter/disk-queue";
import { renderExposition } from "./exporter/exposition";
import { createJournal } from "./exporter/journal";
import { readJournalTail } from "./exporter/journal-tail";
import { createForwarder, type Forwarder, otlpUrls } from "./exporter/otlp-forwarder";
import { createMetrics, type Metrics, type StoreCounts } from "./exporter/prometheus";
import { createFrequency } from "./processors/frequency";
import { createOriginJudge } from "./processors/origin";
import { redactText } from "./processors/redact";
import { compileRules } from "./processors/rules";
import { halve as halveJson } from "./receiver/halve-json";
import { halve as halveProtobuf } from "./receiver/halve-protobuf";
import { createOtlpGrpcServer } from "./receiver/otlp-grpc";
import { createOtlpServer, type OtlpServer } from "./receiver/otlp-server";
import { addAttributes as tagJson } from "./receiver/tag-json";
import { addAttributes as tagProtobuf } from "./receiver/tag-protobuf";
import { createApiServer } from "./server/api-server";
import { createLiveFeed } from "./server/live-feed";
import { MAX_LIVE_CLIENTS } from "./server/live-socket";
import type { Readiness } from "./server/routes";
import { createDuckDbStore, type DuckDbStore } from "./store/duckdb-store";
import { createLogWriter, createTelemetry, type Telemetry, withFields } from "./telemetry";
import { VERSION } from "./version";

export interface Collector {
  /** Takes work when it resolves with `started`. When a part cannot start, those before it are stopped again. */
  start(): Promise<CollectorStart>;
  /** Takes no more work, finishes what is under way, writes and counts all that it was given. At most `graceMillis`. */
  stop(graceMillis: number): Promise<void>;
}

export type CollectorStart =
  | {
      readonly status: "started";
      readonly otlpUrl: string;
      readonly grpcAddress: string | undefined;
      readonly apiUrl: string;
      /** Without user and password. */
      readonly forwardsTo: string | undefined;
      /** Channels with their hosts, such as `slack hooks.slack.com`. */
      readonly notifies: readonly string[];
    }
  | { readonly status: "failed"; readonly message: string };

export function createCollector(config: Config): Collector {
  const { receiver, server, security } = config;
  const rules = compileRules({ ...config.errors, redaction: config.redaction });
  const writer = createLogWriter(config.log);
  let keepOwnLine: RecordKeeper["ownLine"] = () => {};
  const telemetry = createTelemetry({
    log: {
      write(level, message, fields) {
        const safe = redactText(message, rules.redaction);
        writer.write(level, safe, fields);
        keepOwnLine(level, withFields(safe, fields));
      },
    },
  });
  const token = security.token?.reveal();
  const newId = (): string => randomUUID();
  const frequency = createFrequency(config.errors);
  const judge = createOriginJudge({ holdMillis: config.origin.holdMillis });
  const journal = createJournal({
    path: config.journal.path,
    maxBytes: config.journal.maxBytes,
    backupCount: config.journal.backupCount,
    telemetry,
    onGrowth: () => store?.journalGrew(),
  });
  const store = openStore(config, telemetry, (question, millis) => metrics.recordQuestion(question, millis));
  const metrics: Metrics = createMetrics(
    {
      prefix: config.metrics.prefix,
      resource: { ...COLLECTOR, environment: config.service.environment, worker: config.service.worker },
      maxLabelValues: config.metrics.maxLabelValues,
      maxSeries: config.metrics.maxSeries,
      defaultMetrics: config.metrics.nodeMetrics,
      durationBuckets: config.metrics.durationBucketsSeconds,
      version: VERSION,
      topGroups: config.metrics.topGroups,
    },
    {
      telemetry,
      collector: () => ({ refused: refusedBy(doors), undecided: judge.undecided }),
      queues,
      notifications: () => notifications?.notifier.counts() ?? [],
      ...(store === undefined ? {} : { store: () => storeCounts(store) }),
      live: () => live.stats(),
      waiting: () => [
        { signal: "errors", count: held.waiting() },
        ...(forwarding === undefined ? [] : forwarding.forwarder.waiting()),
      ],
    },
  );
  const monotonicMillis = (): number => performance.now();
  const live = createLiveFeed(monotonicMillis);
  const keeper = createRecordKeeper({
    store,
    live,
    slow: { slowMillis: config.requests.slowMillis, routes: config.requests.slowRoutes },
    minSeverity: SEVERITY_NUMBERS[config.logs.minLevel],
    redaction: rules.redaction,
    self: { service: COLLECTOR.service, worker: config.service.worker },
    telemetry,
    nowMillis: Date.now,
    monotonicMillis,
  });
  keepOwnLine = keeper.ownLine;
  const held = createHeldEvents({
    ...{ judge, journal, metrics, telemetry, monotonicMillis },
    onRoot: (event) => notifications?.notifier.counted(event),
    onJudged: live.judged,
  });
  const stats = createStats({
    telemetry,
    theme: config.page.theme,
    queues,
    store: () => store?.status(),
    live: () => ({ clients: live.stats().clients, max_clients: MAX_LIVE_CLIENTS }),
    waitingErrors: held.waiting,
    nowMillis: Date.now,
    monotonicMillis,
  });
  let forwarding: Forwarding | undefined;
  let notifications: Notifications | undefined;
  const doors: OtlpServer[] = [];
  const ready = new Set<string>();
  const stopping: ((graceMillis: number) => Promise<void>)[] = [];

  function queues(): readonly { exporter: string; length: number; capacity: number }[] {
    return [
      ...(forwarding === undefined ? [] : [queueOf(forwarding.forwarder)]),
      ...(notifications?.notifier.queues() ?? []),
    ];
  }

  /** What the predecessor had written and not counted is counted now, as roots: who could tell more is gone. */
  function takeOver(): void {
    const { events, unjudged, corrupt } = readJournalTail(config.journal.path, MAX_TAIL_BYTES);
    for (const { event, millis } of inOrderOfTime(events, Date.now())) recount(event, millis);
    const uncounted = unjudged === 0 ? [] : events.slice(-unjudged);
    telemetry.received("errors", uncounted.length + corrupt);
    for (const event of uncounted) {
      const isRecent = event.timeUnixMillis > Date.now() - MAX_NEWS_MILLIS;
      if (isRecent && event.origin === "root") notifications?.notifier.counted(event);
    }
    for (const { status } of metrics.export(uncounted)) {
      if (status === "accepted") telemetry.kept("errors");
      else telemetry.dropped("errors", "internal_error");
    }
    telemetry.dropped("errors", "corrupt", corrupt);
    const last = uncounted.at(-1);
    if (last !== undefined) journal.judge({ through: last.id, changed: [] });
    if (corrupt > 0) telemetry.log("warning", `${corrupt} lines of the journal cannot be read`);
  }

  /** The journal's line names the request of an event by its trace alone: without one, what came before is not known. */
  function recount(event: EventSummary, millis: number): void {
    const { id, previous } = event.fingerprint;
    const { firstSeenUnixMillis } = event.recurrence;
    frequency.record(id, millis, event.traceId === undefined ? undefined : event, previous);
    if (firstSeenUnixMillis !== undefined) frequency.seenSince(id, firstSeenUnixMillis);
  }

  async function start(): Promise<CollectorStart> {
    notifications = openNotifications(config, telemetry);
    if (notifications !== undefined) stopping.push(notifications.stop);
    takeOver();
    notifications?.notifier.start();
    if (store !== undefined) {
      store.start();
      // Stopped after the journal is, whose last lines it takes in.
      stopping.push(store.stop);
    }
    stopping.push(() => journal.shutdown());
    forwarding = openForwarding(config, telemetry, held.originOf);
    if (forwarding !== undefined) {
      forwarding.forwarder.start();
      stopping.push(forwarding.stop);
    }
    // Stopped before the forwarder is, so that what is passed on in the end has its origins.
    const decisions = setInterval(held.decideDue, DECIDE_INTERVAL_MILLIS);
    stopping.push(async () => {
      clearInterval(decisions);
      held.decideAll();
    });
    const seconds = setInterval(() => {
      stats.tick();
      keeper.tick();
    }, 1_000);
    stopping.push(async () => {
      clearInterval(seconds);
      keeper.flush();
    });
    const ingest = createIngest({
      rules,
      frequency,
      extract: { httpClientErrors: config.errors.httpClientErrors, errorLogs: config.errors.errorLogs },
      slow: { slowMillis: config.requests.slowMillis, routes: config.requests.slowRoutes },
      journal,
      forwarder: forwarding?.forwarder,
      held,
      notifier: notifications?.notifier,
      live,
      keeper,
      metrics,
      telemetry,
      syncs: config.journal.sync === "always",
      isMemoryTight: createMemoryGuard(monotonicMillis),
      newId,
      nowMillis: Date.now,
    });
    const api = createApiServer({
      host: server.host,
      port: server.port,
      token,
      allowedHosts: server.allowedHosts,
      allowedOrigins: server.allowedOrigins,
      render: async (format) => renderExposition([...metrics.snapshot(), ...(await metrics.defaultFamilies())], format),
      readiness: () => readiness(ready),
      stats: stats.read,
      queries: store,
      live,
      page: { folder: join(__dirname, "web"), theme: config.page.theme, soundsFolder: config.page.soundsPath },
      onReport: ingest.acceptReport,
      newId,
      nowMillis: Date.now,
      telemetry,
    });
    const apiPort = await listen("the API", server, api);
    const door = {
      host: receiver.host,
      token,
      limits: { bodyBytes: receiver.maxBodyBytes },
      telemetry,
      accept: ingest.acceptOtlp,
    };
    const { grpcPort } = receiver;
    const grpc = grpcPort === undefined ? undefined : createOtlpGrpcServer({ ...door, port: grpcPort });
    const http = createOtlpServer({ ...door, port: receiver.port });
    doors.push(http, ...(grpc === undefined ? [] : [grpc]));
    const grpcAt = grpc && (await listen("OTLP/gRPC", { host: receiver.host, port: grpcPort ?? 0 }, grpc));
    const otlpPort = await listen("OTLP/HTTP", receiver, http);
    return {
      status: "started",
      otlpUrl: `http://${authority(receiver.host)}:${otlpPort}`,
      grpcAddress: grpcAt === undefined ? undefined : `${authority(receiver.host)}:${grpcAt}`,
      apiUrl: `http://${authority(server.host)}:${apiPort}`,
      forwardsTo: config.forward.endpoint === undefined ? undefined : publicUrl(config.forward.endpoint),
      notifies: notifications?.targets ?? [],
    };
  }

  async function listen(
    name: string,
    at: { readonly host: string; readonly port: number },
    part: Pick<OtlpServer, "start" | "stop">,
  ): Promise<number> {
    const result = await part.start();
    if (result.status === "failed") {
      throw new Error(`${name} cannot listen on ${at.host}:${at.port}: ${result.error.message}`);
    }
    ready.add(name);
    stopping.push((graceMillis) => part.stop(graceMillis));
    return result.port;
  }

  async function stop(graceMillis: number): Promise<void> {
    ready.clear();
    const until = performance.now() + graceMillis;
    for (const stopPart of stopping.splice(0).reverse()) {
      // Even without time left, what is held gets decided and what is written gets synced.
      await stopPart(Math.max(0, until - performance.now() - RESERVED_MILLIS));
    }
  }

  return {
    async start() {
      try {
        return await start();
      } catch (error) {
        await stop(0);
        return { status: "failed", message: error instanceof Error ? error.message : String(error) };
      }
    },
    stop,
  };
}

/** What the collector's own metrics are labelled with. */
const COLLECTOR: Pick<Resource, "service" | "serviceVersion"> = {
  service: "seismo-collector",
  serviceVersion: VERSION,
};
/** The first of each level in OpenTelemetry's log data model. */
const SEVERITY_NUMBERS: { readonly [level in Config["logs"]["minLevel"]]: number } = {
  ...{ trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 },
  off: Number.MAX_SAFE_INTEGER,
};
/** Nobody is told of an older error after a restart. */
const MAX_NEWS_MILLIS = 86_400_000;
const MAX_TAIL_BYTES = 16_777_216;
const DECIDE_INTERVAL_MILLIS = 250;
/** Of the time to stop, for the last sync. */
const RESERVED_MILLIS = 1_000;

/** When each group was seen, the earliest first: what the clocks of many senders disagree by must not add up. */
function inOrderOfTime(
  events: readonly EventSummary[],
  nowMillis: number,
): readonly { readonly event: EventSummary; readonly millis: number }[] {
  return events
    .map((event) => ({ event, millis: Math.min(event.timeUnixMillis, nowMillis) }))
    .sort((one, other) => one.millis - other.millis);
}

function openStore(
  { store, journal }: Config,
  telemetry: Telemetry,
  onAnswer: (question: string, millis: number) => void,
): DuckDbStore | undefined {
  if (!store.enabled) return undefined;
  return createDuckDbStore({
    path: store.path,
    journalPath: journal.path,
    retentionMillis: store.retentionHours * 3_600_000,
    maxBytes: store.maxBytes,
    memoryLimitBytes: store.memoryBytes,
    threads: store.threads,
    telemetry,
    onAnswer,
  });
}

function storeCounts(store: DuckDbStore): StoreCounts {
  const status = store.status();
  const { counts, starts, questions } = store.stats();
  return {
    isUp: status.status === "open",
    lagBytes: status.status === "open" ? status.lagBytes : 0,
    fileBytes: status.status === "open" ? status.fileBytes : 0,
    starts,
    written: { error: counts.errors, request: counts.requests, log: counts.logs },
    deleted: { age: counts.deletedByAge, size: counts.deletedBySize, duplicate: counts.deletedAsDuplicate },
    missedBytes: counts.missedBytes,
    questions,
  };
}

interface Forwarding {
  readonly forwarder: Forwarder;
  stop(graceMillis: number): Promise<void>;
}

/** Throws what is wrong with the endpoint, its headers or the folder of the queue. */
function openForwarding(
  config: Config,
  telemetry: Telemetry,
  originOf: Parameters<typeof createForwarder>[0]["originOf"],
): Forwarding | undefined {
  const { forward, origin } = config;
  if (forward.endpoint === undefined) return undefined;
  const queue = openDiskQueue({
    folder: forward.queuePath,
    maxBytes: forward.queueMaxBytes,
    nowMillis: Date.now,
    telemetry,
    signal: "spans",
  });
  try {
    const forwarder = createForwarder({
      queue,
      urls: otlpUrls({ endpoint: forward.endpoint }),
      headers: parseKeyPairsIntoRecord(forward.headers?.reveal()),
      gzip: forward.gzip,
      allowInsecure: forward.allowInsecure,
      allowPrivate: forward.allowPrivate,
      maxAgeMillis: forward.maxAgeHours * 3_600_000,
      holdMillis: origin.holdMillis + 2 * DECIDE_INTERVAL_MILLIS,
      originOf,
      addAttributes: (body, signal, encoding, tags) =>
        (encoding === "json" ? tagJson : tagProtobuf)(body, signal, tags),
      halve: (body, signal, encoding) => (encoding === "json" ? halveJson(body, signal) : halveProtobuf(body)),
      deadLetterPath: `${forward.queuePath}-dead-letter.jsonl`,
      telemetry,
      nowMillis: Date.now,
      random: Math.random,
    });
    return {
      forwarder,
      async stop(graceMillis) {
        await forwarder.stop(graceMillis);
        await queue.close();
      },
    };
  } catch (error) {
    void queue.close();
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`forward.endpoint: ${message}; see forward.allow_insecure and forward.allow_private`, {
      cause: error,
    });
  }
}

function queueOf(forwarder: Forwarder): { exporter: string; length: number; capacity: number } {
  const { queuedBytes, capacityBytes } = forwarder.stats();
  return { exporter: "otlp", length: queuedBytes, capacity: capacityBytes };
}

function refusedBy(doors: readonly OtlpServer[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const door of doors) {
    for (const [reason, count] of Object.entries(door.stats().refused)) counts[reason] = (counts[reason] ?? 0) + count;
  }
  return counts;
}

function readiness(ready: ReadonlySet<string>): readonly Readiness[] {
  return ["the API", "OTLP/HTTP"].map((name) => ({ name, ready: ready.has(name) }));
}

function authority(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

function publicUrl(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
