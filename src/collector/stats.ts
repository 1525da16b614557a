/** How the collector is, for `GET /api/stats`: read from what counts already, and what came in the last seconds. */
import { getHeapStatistics } from "node:v8";
import type { StatsData } from "../server/stats";
import { signalStats } from "../server/stats";
import type { StoreStatus } from "../store/store";
import type { Telemetry } from "../telemetry";
import { VERSION } from "../version";

export interface StatsSources {
  readonly telemetry: Telemetry;
  readonly theme: StatsData["theme"];
  queues(): readonly { readonly exporter: string; readonly length: number; readonly capacity: number }[];
  /** Undefined: there is no store. */
  store(): StoreStatus | undefined;
  live(): StatsData["live"];
  waitingErrors(): number;
  readonly nowMillis: () => number;
  /** A clock that is never set back. */
  readonly monotonicMillis: () => number;
}

export interface CollectorStats {
  read(): StatsData;
  /** To be called about once a second. */
  tick(): void;
}

export function createStats(sources: StatsSources): CollectorStats {
  const { telemetry, theme, nowMillis, monotonicMillis } = sources;
  const startedAt = new Date(nowMillis()).toISOString();
  const startedMillis = monotonicMillis();
  let samples: readonly Sample[] = [];

  return {
    read() {
      const { rss } = process.memoryUsage();
      const { used_heap_size, heap_size_limit } = getHeapStatistics();
      const signals = signalStats(telemetry.snapshot());
      return {
        timestamp: new Date(nowMillis()).toISOString(),
        version: VERSION,
        started_at: startedAt,
        uptime_seconds: Math.floor((monotonicMillis() - startedMillis) / 1_000),
        memory: { rss_bytes: rss, heap_used_bytes: used_heap_size, heap_limit_bytes: heap_size_limit },
        signals,
        rates: ratesOf(signals, samples[0], monotonicMillis()),
        waiting_errors: sources.waitingErrors(),
        queues: sources.queues().map(({ exporter, length, capacity }) => ({ name: exporter, length, capacity })),
        store: storeStats(sources.store()),
        live: sources.live(),
        theme,
      };
    },
    tick() {
      const received = new Map<string, number>();
      for (const { signal, value } of telemetry.snapshot().received) received.set(signal, value);
      samples = [...samples.slice(1 - RATE_SECONDS), { millis: monotonicMillis(), received }];
    },
  };
}

const RATE_SECONDS = 10;

interface Sample {
  readonly millis: number;
  readonly received: ReadonlyMap<string, number>;
}

function ratesOf(signals: StatsData["signals"], since: Sample | undefined, nowMillis: number): StatsData["rates"] {
  const seconds = since === undefined ? 0 : (nowMillis - since.millis) / 1_000;
  return Object.fromEntries(
    Object.entries(signals).map(([signal, { received }]) => {
      const count = received - (since?.received.get(signal) ?? 0);
      return [signal, since === undefined || seconds <= 0 ? 0 : Math.round((count / seconds) * 100) / 100];
    }),
  );
}

function storeStats(status: StoreStatus | undefined): StatsData["store"] {
  const none = { message: null, lag_bytes: null, file_bytes: null };
  switch (status?.status) {
    case undefined:
      return { ...none, status: "off" };
    case "opening":
      return { ...none, status: "opening" };
    case "open":
      return { ...none, status: "open", lag_bytes: status.lagBytes, file_bytes: status.fileBytes };
    case "unavailable":
      return { ...none, status: "unavailable", message: status.message };
  }
}
