/** A store over a journal of its own, in a folder that goes with the test. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { ErrorEvent } from "../../src/event";
import { createJournal, type Journal } from "../../src/exporter/journal";
import { createDuckDbStore, type DuckDbStore, type DuckDbStoreOptions } from "../../src/store/duckdb-store";
import type { ErrorWriter } from "../../src/store/error-writer";
import type { Store } from "../../src/store/store";
import { createTelemetry, type Telemetry } from "../../src/telemetry";
import { errorEvent } from "../exporter/error-event";
import { freshFolder } from "../fresh-folder";
import { eventually } from "../instrumentation/fixture-app";

export const HOUR = 3_600_000;

/** An event of now, with an id of its own. */
export function event(extra: Partial<ErrorEvent> = {}): ErrorEvent {
  return errorEvent({ id: randomUUID(), timeUnixMillis: Date.now(), ...extra });
}

export interface OpenedStore<S extends Store = Store> {
  readonly store: S;
  readonly journal: Journal;
  readonly folder: string;
  readonly telemetry: Telemetry;
  readonly logged: readonly string[];
  /** Writes to the journal, tells the store, and waits until it answers with the last one. */
  write(...events: readonly ErrorEvent[]): Promise<void>;
}

export type OpenStore = (context: TestContext, folder?: string) => OpenedStore;

export interface DuckDbSetup extends Partial<DuckDbStoreOptions> {
  readonly folder?: string;
  readonly journalMaxBytes?: number;
  readonly backupCount?: number;
}

export function openDuckDbStore(context: TestContext, setup: DuckDbSetup = {}): OpenedStore<DuckDbStore> {
  const { folder = freshFolder(), journalMaxBytes = 10_000_000, backupCount = 5, ...overrides } = setup;
  const logged: string[] = [];
  const telemetry = createTelemetry({ log: { write: (level, message) => void logged.push(`${level} ${message}`) } });
  const journalPath = join(folder, "logs", "error_log.jsonl");
  const store = createDuckDbStore({
    path: join(folder, "seismo.duckdb"),
    journalPath,
    retentionMillis: 720 * HOUR,
    maxBytes: 10_000_000_000,
    memoryLimitBytes: 268_435_456,
    threads: 1,
    telemetry,
    ...overrides,
  });
  const journal = createJournal({
    path: journalPath,
    maxBytes: journalMaxBytes,
    backupCount,
    telemetry,
    onGrowth: store.journalGrew,
  });
  store.start();
  context.after(async () => {
    await store.stop(5_000);
    await journal.shutdown();
  });
  return {
    ...{ store, journal, folder, telemetry, logged },
    async write(...events) {
      journal.export(events);
      const last = events.at(-1);
      if (last !== undefined) await kept(store, last.id);
    },
  };
}

export async function kept(store: Store, id: string): Promise<void> {
  await isOpen(store);
  await eventually(`the error ${id}`, () => store.error(id));
}

export async function isOpen(store: Store): Promise<void> {
  await eventually(
    "an open store",
    () => (store.status().status === "open" ? true : undefined),
    () => JSON.stringify(store.status()),
  );
}

/** Past the journal, in one transaction. */
export async function writeLines(writer: ErrorWriter, lines: readonly string[], nowMillis: number): Promise<void> {
  const parts = [{ lines, bytes: 1, corrupt: 0, continues: true }];
  const batch = await writer.read(() => parts.shift(), nowMillis);
  assert.ok(batch);
  await writer.write(batch);
}

/** All errors that are kept, by id; the newest first. */
export async function idsIn(store: Store): Promise<readonly string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.errors({ timeRange: 168, limit: 500, cursor });
    ids.push(...page.recent_errors.map(({ id }) => id));
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return ids;
}
