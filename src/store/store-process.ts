/**
 * The process that has the database: follows the journal, writes what it is given, answers. Started by duckdb-store.ts; lives no
 * longer than whoever started it, and prints nothing.
 *
 *   journal ──follower──► error writer ─┐
 *   keep ───────────────► kept writer ──┴─► one connection ─► DuckDB ◄─ a connection for each question at work ◄── ask
 */
import { setTimeout as sleep } from "node:timers/promises";
import { toError } from "../node-error";
import { answerError } from "./answer-error";
import { answerErrors, resetCounts } from "./answer-errors";
import { answerGroup, answerGroups } from "./answer-groups";
import { answerJourney } from "./answer-journey";
import { answerLogs } from "./answer-logs";
import { answerRequests } from "./answer-requests";
import { type Database, explain, openDatabase } from "./database";
import { createErrorWriter, type ErrorBatch, type NextLines } from "./error-writer";
import { createJournalFollower } from "./journal-follower";
import { createKeptWriter } from "./kept-writer";
import {
  checkpoint,
  deleteOlderThan,
  deleteToFit,
  fileBytesOf,
  giveBack,
  keptShare,
  usedBytesOf,
  walBytesOf,
} from "./retention";
import type { Statements } from "./statements";
import type { KeptRecords } from "./store";
import {
  type FromStoreProcess,
  type Question,
  STORE_COUNTS,
  type StoreCounts,
  type StoreProcessOptions,
  type ToStoreProcess,
} from "./store-messages";

interface Work {
  ask(id: number, question: Question, nowMillis: number): Promise<void>;
  cancel(id: number): void;
  keep(records: KeptRecords): void;
  grew(): void;
  /** Ends when all that is there by now is written. */
  stop(): void;
}

let path = "";
let work: Work | undefined;

// IPC is the life line: without it there is nobody to work for.
process.on("disconnect", () => process.exit(0));
process.on("SIGINT", () => undefined); // for the whole terminal; whoever started this process says when it ends
process.on("SIGTERM", () => undefined);
process.on("message", (message: ToStoreProcess) => void take(message).catch(fail));
process.on("unhandledRejection", fail);
process.on("uncaughtException", fail);

async function take(message: ToStoreProcess): Promise<void> {
  switch (message.type) {
    case "open": {
      path = message.options.path;
      const database = await openDatabase(message.options, message.setAside, (note) =>
        say({ type: "note", message: note }),
      );
      work = await startWork(database, message.options);
      say({ type: "opened" });
      return;
    }
    case "ask":
      return work?.ask(message.id, message.question, message.nowMillis);
    case "cancel":
      return work?.cancel(message.id);
    case "keep":
      return work?.keep(message.records);
    case "grew":
      return work?.grew();
    case "stop":
      if (work === undefined) process.exit(0);
      return work.stop();
  }
}

function say(message: FromStoreProcess, then?: () => void): void {
  process.send?.(message, undefined, undefined, () => then?.());
}

/** Nothing is repaired in place: a new process opens the file anew, and says what is wrong with it if it is still. */
function fail(error: unknown): void {
  const { fault, message } = explain(error, path);
  say({ type: "failed", fault, message }, () => process.exit(1));
}

async function startWork(database: Database, options: StoreProcessOptions): Promise<Work> {
  const writing = await database.connect();
  const errors = await createErrorWriter(writing, options);
  const kept = await createKeptWriter(writing);
  const follower = createJournalFollower(options.journalPath, errors.position);
  const counts = createCounts();
  const waitingRecords: KeptRecords[] = [];
  const idle: Statements[] = [];
  const active = new Map<number, Statements>();
  const checkpointBytes = Math.min(MAX_WAL_BYTES, options.maxBytes / 8);
  /** The next of the journal: read while what came before it is written. */
  let ahead: Promise<ErrorBatch | undefined> | undefined;
  /** Of the journal, read and not written yet. */
  let bytesInHand = 0;
  /** Questions wait for its end. */
  let pause: Promise<void> | undefined;
  let isStopping = false;
  let isAwake = new AbortController();

  function readJournal(): Promise<ErrorBatch | undefined> {
    const next: NextLines = (maxLines) => {
      const lines = follower.next(maxLines);
      counts.add("missedBytes", follower.takeMissedBytes());
      bytesInHand += lines?.bytes ?? 0;
      return lines;
    };
    return errors.read(next, Date.now());
  }

  /** Undefined: there was nothing. */
  async function writeJournal(): Promise<"few" | "many" | undefined> {
    const batch = (await ahead) ?? (await readJournal());
    ahead = undefined;
    if (batch === undefined) return undefined;
    const amount = batch.bytes < FEW_BYTES ? "few" : "many";
    if (amount === "many") ahead = readJournal();
    const written = await errors.write(batch);
    bytesInHand -= batch.bytes;
    for (const [count, number] of Object.entries(written)) if (isCount(count)) counts.add(count, number);
    return amount;
  }

  function lagBytes(): number {
    return follower.lagBytes() + bytesInHand;
  }

  async function writeKept(): Promise<void> {
    if (waitingRecords.length === 0) return;
    const { requests, logs } = await kept.write(waitingRecords.splice(0));
    counts.add("requests", requests);
    counts.add("logs", logs);
  }

  async function deleteByAge(): Promise<void> {
    const { errors: count } = await deleteOlderThan(writing, Date.now() - options.retentionMillis);
    counts.add("deletedByAge", count);
    await reload();
  }

  async function deleteBySize(): Promise<void> {
    const limit = options.maxBytes - checkpointBytes;
    if ((await usedBytesOf(writing)) <= limit) return;
    const deleted = await deleteToFit(writing, limit);
    counts.add("deletedBySize", deleted.errors);
    if (deleted.errors + deleted.other > 0) await reload();
    if ((await usedBytesOf(writing)) > limit && (await keptShare(writing)) < 1) await giveBackAlone();
  }

  /** While there is always a question at work, the file only grows: new ones wait for those at work to end. */
  async function giveBackAlone(): Promise<void> {
    let end = (): void => undefined;
    pause = new Promise((resolve) => {
      end = resolve;
    });
    while (active.size > 0) await sleep(PAUSE_POLL_MILLIS);
    await giveBack(writing);
    pause = undefined;
    end();
  }

  async function reload(): Promise<void> {
    await errors.reload();
    await kept.reload();
  }

  const look = createTimetable([
    { everyMillis: RETENTION_MILLIS, run: deleteByAge },
    { everyMillis: COUNT_MILLIS, run: () => errors.countHours(Date.now()) },
    {
      everyMillis: CHECKPOINT_LOOK_MILLIS,
      async run() {
        if (walBytesOf(path) > checkpointBytes) await checkpoint(writing);
        await deleteBySize();
      },
    },
    {
      everyMillis: PROGRESS_MILLIS,
      async run() {
        say({ type: "progress", lagBytes: lagBytes(), fileBytes: fileBytesOf(path), counts: counts.take() });
      },
    },
  ]);

  async function run(): Promise<void> {
    await checkpoint(writing); // else a log that grew before a kill is read again at each start
    while (!isStopping) {
      const amount = await writeJournal();
      await writeKept();
      await look();
      if (amount === "many" || waitingRecords.length > 0) continue;
      if (amount === "few") await sleep(GATHER_MILLIS);
      else await sleep(POLL_MILLIS, undefined, { signal: isAwake.signal }).catch(() => undefined); // woken
      isAwake = new AbortController();
    }
    while (await writeJournal());
    await writeKept();
    await checkpoint(writing);
    say({ type: "progress", lagBytes: lagBytes(), fileBytes: fileBytesOf(path), counts: counts.take() });
    for (const statements of active.values()) statements.interrupt();
    follower.close();
    writing.close();
    for (const statements of idle) statements.close();
    database.close();
    say({ type: "stopped" }, () => process.exit(0));
  }
  void run().catch(fail);

  return {
    async ask(id, question, nowMillis) {
      while (pause !== undefined) await pause;
      const statements = idle.pop() ?? (await database.connect());
      active.set(id, statements);
      try {
        const data = await answer(statements, question, nowMillis);
        say({ type: "answer", id, data });
      } catch (error) {
        const reason = explain(error, path);
        if (reason.fault === "damaged") throw reason;
        const { message } = toError(error);
        say({ type: "refused", id, message, isBusy: /out of memory/i.test(message) });
      } finally {
        active.delete(id);
        idle.push(statements);
      }
    },
    cancel: (id) => active.get(id)?.interrupt(),
    keep(records) {
      waitingRecords.push(records);
      isAwake.abort();
    },
    grew: () => isAwake.abort(),
    stop() {
      isStopping = true;
      isAwake.abort();
    },
  };
}

const POLL_MILLIS = 500;
/** A transaction takes longer than the few errors of a moment that are in it: so they are gathered, behind the first. */
const GATHER_MILLIS = 100;
const FEW_BYTES = 1_048_576;
const PROGRESS_MILLIS = 250;
const CHECKPOINT_LOOK_MILLIS = 1_000;
const RETENTION_MILLIS = 600_000;
const PAUSE_POLL_MILLIS = 5;
/** Some hours each time: a file of thirty days that has no counts yet has all of them within a minute. */
const COUNT_MILLIS = 300;
/** Reading it again at a start takes memory and time. */
const MAX_WAL_BYTES = 67_108_864;

function answer(statements: Statements, question: Question, nowMillis: number): Promise<unknown> {
  if (question.name === "reset") return resetCounts(statements, nowMillis);
  return statements.snapshot((): Promise<unknown> => {
    switch (question.name) {
      case "errors":
        return answerErrors(statements, question.query, nowMillis);
      case "error":
        return answerError(statements, question.id);
      case "groups":
        return answerGroups(statements, question.query, nowMillis);
      case "group":
        return answerGroup(statements, question.fingerprint, question.timeRange, nowMillis);
      case "requests":
        return answerRequests(statements, question.query, nowMillis);
      case "journey":
        return answerJourney(statements, question.query);
      case "logs":
        return answerLogs(statements, question.query, nowMillis);
    }
  });
}

function createCounts(): { add(count: keyof StoreCounts, number: number): void; take(): StoreCounts } {
  const zero = (): Record<keyof StoreCounts, number> => ({
    ...{ errors: 0, requests: 0, logs: 0, duplicate: 0, corrupt: 0, ignored: 0, missedBytes: 0 },
    ...{ deletedByAge: 0, deletedBySize: 0, deletedAsDuplicate: 0 },
  });
  let counts = zero();
  return {
    add(count, number) {
      counts[count] += number;
    },
    take() {
      const taken = counts;
      counts = zero();
      return taken;
    },
  };
}

function isCount(name: string): name is keyof StoreCounts {
  return STORE_COUNTS.some((count) => count === name);
}

interface Duty {
  readonly everyMillis: number;
  run(): Promise<void>;
}

/** Does what is due; each for the first time at once. */
function createTimetable(duties: readonly Duty[]): () => Promise<void> {
  const due = new Map<Duty, number>();
  return async () => {
    for (const duty of duties) {
      const now = performance.now();
      if (now < (due.get(duty) ?? 0)) continue;
      due.set(duty, now + duty.everyMillis);
      await duty.run();
    }
  };
}
