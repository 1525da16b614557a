/**
 * What is kept beside the errors: counts of all requests, every slow and failed one, some of the others, and log lines.
 * It is for people who look, so it is bounded by what a second may bring, and handed to the store once a second.
 *
 *   batch ──acknowledged──► counts ─────────┐
 *     │  slow, failed, samples ─► rows ─────┼──once a second──► store
 *     └─ lines ─────────────────► rows ─────┤
 *   own log ────────────────────► rows ─────┴──at once──► those who watch
 */
import type { RequestGroup } from "../event";
import { type RedactionRules, redactWithin } from "../processors/redact";
import type { LogBatch, TraceBatch } from "../receiver/otlp-batch";
import type { LogReadOptions, TraceReadOptions } from "../receiver/otlp-selection";
import type { LiveFeed } from "../server/live-feed";
import type { LogLevelName, LogRow, RequestRow } from "../store/answers";
import type { KeptRecords } from "../store/store";
import type { LogLevel, Telemetry } from "../telemetry";
import { firstSeverity, LEVELS, logRow, MAX_LINE_CHARS, requestRow } from "./kept-rows";
import { createRequestTally } from "./request-tally";

export interface Keeper {
  /** How much of the next body is to be read for it. */
  readOptions(): Pick<TraceReadOptions, "maxSamples"> & Pick<LogReadOptions, "lineSeverity" | "maxLines">;
  /** Of an acknowledged body. `group` is safe to show. */
  countRequests(group: RequestGroup, slowMillis: number): void;
  takeTraces(batch: Pick<TraceBatch, "spans" | "samples">): void;
  takeLogs(batch: Pick<LogBatch, "lines" | "lineCount">): void;
  /** A line of the collector's own. Safe. */
  takeOwnLine(level: LogLevel, message: string): void;
  /** Hands over what there is; to be called about once a second. */
  tick(): void;
  /** Hands over all. */
  flush(): void;
}

export interface KeeperOptions {
  keep(records: KeptRecords): void;
  readonly live: LiveFeed;
  readonly rules: RedactionRules;
  slowMillisOf(method: string, route: string): number;
  /** Undefined: no lines are kept. */
  readonly minLevel: LogLevelName | undefined;
  /** Whose lines the collector's own are. */
  readonly own: { readonly service: string; readonly worker: string };
  readonly telemetry: Telemetry;
  readonly nowMillis: () => number;
  readonly monotonicMillis: () => number;
}

/** Of a second. */
export const MAX_SAMPLES = 10;
export const MAX_REQUESTS = 1_000;
export const MAX_LINES = 200;

export function createKeeper(options: KeeperOptions): Keeper {
  const { keep, live, rules, slowMillisOf, minLevel, own, telemetry, nowMillis, monotonicMillis } = options;
  const tally = createRequestTally();
  let requests: RequestRow[] = [];
  let logs: LogRow[] = [];
  let samplesLeft = MAX_SAMPLES;
  let countedMillis = Number.NEGATIVE_INFINITY;

  function addRequest(row: RequestRow): void {
    requests.push(row);
    live.request(row);
  }

  function addLog(row: LogRow): void {
    logs.push(row);
    live.log(row);
  }

  function over(count: number): void {
    if (count === 0) return;
    telemetry.received("store", count);
    telemetry.dropped("store", "limit", count);
  }

  function handOver(withCounts: boolean): void {
    const requestCounts = withCounts ? tally.take() : [];
    if (withCounts) countedMillis = monotonicMillis();
    const records = { requests, logs, requestCounts };
    samplesLeft = MAX_SAMPLES;
    if (requests.length + logs.length + requestCounts.length === 0) return;
    requests = [];
    logs = [];
    keep(records);
  }

  return {
    readOptions: () => ({
      maxSamples: samplesLeft,
      lineSeverity: minLevel === undefined ? Number.POSITIVE_INFINITY : firstSeverity(minLevel),
      maxLines: minLevel === undefined ? 0 : MAX_LINES - logs.length,
    }),
    countRequests: (group, slowMillis) => tally.add(group, slowMillis, nowMillis()),
    takeTraces({ spans, samples }) {
      const now = nowMillis();
      let tooMany = 0;
      for (const received of [spans, samples].flat()) {
        if (requests.length >= MAX_REQUESTS) {
          tooMany += received.span.kind === "server" ? 1 : 0;
          continue;
        }
        const row = requestRow(received, slowMillisOf, rules, now);
        if (row === undefined) continue;
        // One of 4xx is an object already, and no more than a sample.
        const isSample = !row.slow && !row.failed;
        if (isSample && samplesLeft === 0) continue;
        if (isSample) samplesLeft -= 1;
        addRequest(row);
      }
      over(tooMany);
    },
    takeLogs({ lines, lineCount }) {
      const now = nowMillis();
      const taken = lines.slice(0, Math.max(0, MAX_LINES - logs.length));
      for (const line of taken) addLog(logRow(line, rules, now));
      over(lineCount - taken.length);
    },
    takeOwnLine(level, message) {
      const name = OWN_LEVELS[level];
      if (minLevel === undefined || LEVELS.indexOf(name) < LEVELS.indexOf(minLevel)) return;
      if (logs.length >= MAX_LINES) return over(1);
      addLog({
        timestamp: new Date(nowMillis()).toISOString(),
        level: name,
        service: own.service,
        worker_id: own.worker,
        message: redactWithin(message, MAX_LINE_CHARS, rules),
        logger: null,
        request_id: null,
        trace_id: null,
      });
    },
    tick: () => handOver(monotonicMillis() - countedMillis >= COUNT_INTERVAL_MILLIS),
    flush: () => handOver(true),
  };
}

/** Each time makes rows of its own for the same minute. */
const COUNT_INTERVAL_MILLIS = 5_000;

const OWN_LEVELS: { readonly [level in LogLevel]: LogLevelName } = {
  debug: "DEBUG",
  info: "INFO",
  warning: "WARN",
  error: "ERROR",
};
