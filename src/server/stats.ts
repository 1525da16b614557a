/** `GET /api/stats`: how the collector itself is. Asked often, so it is made of numbers that are there anyway. */
import type { Express } from "express";
import type { TelemetryCount, TelemetrySnapshot } from "../telemetry";
import { answerJson, onlyMethods, refuse } from "./answer";
import { NONE, readParameters } from "./query-parameters";

/** `data` of `GET /api/stats`. */
export interface StatsData {
  readonly timestamp: string;
  readonly version: string;
  readonly started_at: string;
  readonly uptime_seconds: number;
  readonly memory: {
    readonly rss_bytes: number;
    readonly heap_used_bytes: number;
    readonly heap_limit_bytes: number;
  };
  /** By signal: errors, spans, logs, reports, requests … */
  readonly signals: { readonly [signal: string]: SignalStats };
  /** Received a second, mean of the last ten seconds. */
  readonly rates: { readonly [signal: string]: number };
  /** Acknowledged errors that wait for the judgement of their origin. */
  readonly waiting_errors: number;
  readonly queues: readonly { readonly name: string; readonly length: number; readonly capacity: number }[];
  readonly store: {
    readonly status: "off" | "opening" | "open" | "unavailable";
    /** Why it is unavailable, for people. */
    readonly message: string | null;
    /** Of the journal, not taken in yet. */
    readonly lag_bytes: number | null;
    readonly file_bytes: number | null;
  };
  readonly live: { readonly clients: number; readonly max_clients: number };
  /** What the page begins with. */
  readonly theme: "system" | "dark" | "light";
}

export interface SignalStats {
  readonly received: number;
  readonly kept: number;
  readonly forwarded: number;
  readonly dropped: number;
  readonly dropped_by_reason: { readonly [reason: string]: number };
}

export function addStats(app: Express, stats: () => StatsData): void {
  app
    .route("/api/stats")
    .get((request, response) => {
      const given = readParameters(NONE, request.url);
      if (given.status === "refused") refuse(request, response, given.refusal);
      else answerJson(request, response, 200, { status: "success", data: stats() });
    })
    .all(onlyMethods("GET, HEAD"));
}

/** What telemetry has counted, by signal. */
export function signalStats({ received, kept, forwarded, dropped }: TelemetrySnapshot): StatsData["signals"] {
  const signals = new Set([received, kept, forwarded, dropped].flatMap((counts) => counts.map(({ signal }) => signal)));
  return Object.fromEntries(
    [...signals].map((signal) => [
      signal,
      {
        received: sumOf(received, signal),
        kept: sumOf(kept, signal),
        forwarded: sumOf(forwarded, signal),
        dropped: sumOf(dropped, signal),
        dropped_by_reason: Object.fromEntries(
          dropped.filter((count) => count.signal === signal).map(({ reason, value }) => [reason, value]),
        ),
      },
    ]),
  );
}

function sumOf(counts: readonly TelemetryCount[], signal: string): number {
  return counts.reduce((sum, count) => (count.signal === signal ? sum + count.value : sum), 0);
}
