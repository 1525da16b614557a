/**
 * The store in a DuckDB file, seen from the collector: starts the process that has the database, asks it, and starts it again
 * when it ends. What it does is in store-process.ts.
 *
 *   questions ──4 at work, 32 wait──► process ──► answers        records ──bounded──► process
 *                 └─ 5 s ─► timeout      └─ ended: unavailable, again after a back-off
 */
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { backOffMillis } from "../exporter/back-off";
import type { Telemetry } from "../telemetry";
import type { ErrorDetail, ErrorsData, GroupDetail, GroupsData, JourneyData, LogsData, RequestsData } from "./answers";
import { type KeptRecords, type Store, type StoreStatus, StoreUnavailableError } from "./store";
import {
  type FromStoreProcess,
  type Question,
  STORE_COUNTS,
  type StoreCounts,
  type StoreFault,
  type StoreProcessOptions,
  type ToStoreProcess,
} from "./store-messages";

export interface DuckDbStoreOptions extends StoreProcessOptions {
  readonly telemetry: Telemetry;
  readonly nowMillis?: () => number;
  /** A question was answered, after so long. */
  readonly onAnswer?: (question: Question["name"], millis: number) => void;
}

export interface DuckDbStore extends Store {
  /** Since the start. */
  stats(): StoreStats;
}

export interface StoreStats {
  readonly counts: StoreCounts;
  /** How often the process was started. */
  readonly starts: number;
  /** Questions by what became of them. */
  readonly questions: { readonly [outcome in QuestionOutcome]: number };
}

export type QuestionOutcome = "answered" | StoreUnavailableError["reason"];

export function createDuckDbStore(options: DuckDbStoreOptions): DuckDbStore {
  const {
    telemetry,
    nowMillis = Date.now,
    path,
    journalPath,
    retentionMillis,
    maxBytes,
    memoryLimitBytes,
    threads,
  } = options;
  const processOptions = { path, journalPath, retentionMillis, maxBytes, memoryLimitBytes, threads };
  const counts = Object.fromEntries(STORE_COUNTS.map((count) => [count, 0])) as Record<keyof StoreCounts, number>;
  const outcomes: Record<QuestionOutcome, number> = { answered: 0, unavailable: 0, busy: 0, timeout: 0 };
  const waiting: Asked[] = [];
  const atWork = new Map<number, Asked>();
  let lastId = 0;
  let starts = 0;
  let failures = 0;
  /** Ends of the process in a row before the file was open, without a word. */
  let silentEnds = 0;
  let setAside = false;
  let status: StoreStatus = { status: "opening" };
  let wasOpen = false;
  let child: ChildProcess | undefined;
  let retryTimer: NodeJS.Timeout | undefined;
  let grewTimer: NodeJS.Timeout | undefined;
  /** Handed over and not written yet. */
  let keptBytes = 0;
  /** Came before it was known whether the file can be opened. */
  const early: { readonly records: KeptRecords; readonly bytes: number }[] = [];
  let stopped: (() => void) | undefined;
  let isStopping = false;

  function send(message: ToStoreProcess): boolean {
    if (child?.connected !== true) return false;
    child.send(message, () => undefined); // one that has ended is noticed by its exit
    return true;
  }

  function startProcess(): void {
    retryTimer = undefined;
    starts += 1;
    // A clean environment: neither the secrets of the collector's nor options that are meant for it. The
    // threads are those that DuckDB's calls wait on.
    const started = fork(join(__dirname, "store-process.js"), [], {
      env: { UV_THREADPOOL_SIZE: "8" },
      execArgv: [],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    child = started;
    let said = "";
    let isOpen = false;
    let hasFailed = false;
    started.stderr?.on("data", (text) => {
      said = `${said}${text}`.slice(-MAX_SAID_CHARS);
    });
    started.on("error", (error) => ended(`the process of the store cannot be started: ${error.message}`));
    started.on("exit", (code, signal) => ended(endOf(code, signal, said)));
    started.on("message", (message: FromStoreProcess) => {
      isOpen ||= message.type === "opened";
      hasFailed ||= message.type === "failed";
      take(message);
    });
    unref(started);
    send({ type: "open", options: processOptions, setAside });
    setAside = false;

    function ended(how: string): void {
      if (child !== started) return;
      child = undefined;
      silentEnds = isOpen || hasFailed ? 0 : silentEnds + 1;
      // A file that ends the process whenever it is opened is as bad as one that says that it is damaged.
      if (silentEnds >= MAX_SILENT_ENDS) setAside = true;
      if (!hasFailed && !isStopping) goAway(`${path}: ${how}`);
      for (const asked of atWork.values()) asked.fail(unavailable());
      atWork.clear();
      settleEarly();
      keptBytes = 0;
      if (isStopping) stopped?.();
      else if (lastFault !== "missing") scheduleStart();
    }
  }

  let lastFault: StoreFault | undefined;

  function scheduleStart(): void {
    failures += 1;
    retryTimer = setTimeout(startProcess, backOffMillis(failures, undefined, Math.random)).unref();
  }

  function take(message: FromStoreProcess): void {
    switch (message.type) {
      case "opened":
        failures = 0;
        silentEnds = 0;
        lastFault = undefined;
        if (wasOpen || status.status === "unavailable") telemetry.log("info", `the store is open: ${path}`);
        wasOpen = true;
        status = { status: "open", lagBytes: 0, fileBytes: 0 };
        settleEarly();
        return;
      case "failed":
        lastFault = message.fault;
        setAside = message.fault === "damaged";
        goAway(message.message);
        return;
      case "progress": {
        const { lagBytes, fileBytes } = message;
        if (status.status === "open") status = { status: "open", lagBytes, fileBytes };
        count(message.counts);
        return;
      }
      case "answer":
        settle(message.id, (asked) => asked.answer(message.data));
        return;
      case "refused":
        settle(message.id, (asked) => {
          if (message.isBusy)
            return asked.fail(new StoreUnavailableError("the store has too little memory now", "busy"));
          // One that nobody waits for was interrupted.
          if (!asked.isOver()) telemetry.internalError(`store ${asked.question.name}`, message.message);
          asked.fail(new StoreUnavailableError("the store cannot answer this", "unavailable"));
        });
        return;
      case "note":
        telemetry.log("warning", message.message);
        return;
      case "stopped":
        return; // its exit follows
    }
  }

  function sendKept(records: KeptRecords, bytes: number): void {
    const process = child;
    if (status.status !== "open" || process?.connected !== true) {
      drop(records, "store_unavailable");
      return;
    }
    keptBytes += bytes;
    process.send({ type: "keep", records } satisfies ToStoreProcess, () => {
      if (child === process) keptBytes -= bytes;
    });
  }

  /** To the file when it is open by now, else they are lost. */
  function settleEarly(): void {
    for (const { records, bytes } of early.splice(0)) {
      keptBytes -= bytes;
      sendKept(records, bytes);
    }
  }

  function drop({ requests = [], logs = [] }: KeptRecords, reason: "queue_full" | "store_unavailable"): void {
    telemetry.received("store", requests.length + logs.length);
    telemetry.dropped("store", reason, requests.length + logs.length);
  }

  function goAway(message: string): void {
    if (status.status !== "unavailable" || status.message !== message) {
      telemetry.log("warning", `the store is away: ${message}; errors are counted and journaled all the same`);
    }
    status = { status: "unavailable", message };
    settleEarly();
    for (const asked of waiting.splice(0)) asked.fail(unavailable());
  }

  function unavailable(): StoreUnavailableError {
    const why = status.status === "unavailable" ? status.message : "the store is being opened";
    return new StoreUnavailableError(why, "unavailable");
  }

  function count(added: StoreCounts): void {
    for (const name of STORE_COUNTS) counts[name] += added[name];
    telemetry.received("store", added.errors + added.requests + added.logs);
    telemetry.kept("store", added.errors + added.requests + added.logs);
    for (const reason of ["duplicate", "corrupt", "ignored"] as const) {
      if (added[reason] === 0) continue;
      telemetry.received("store", added[reason]);
      telemetry.dropped("store", reason, added[reason]);
    }
    if (added.missedBytes > 0) {
      telemetry.log(
        "warning",
        `the journal was rotated faster than the store reads: ${added.missedBytes} bytes are not in it`,
      );
    }
  }

  function settle(id: number, how: (asked: Asked) => void): void {
    const asked = atWork.get(id);
    atWork.delete(id);
    if (asked !== undefined) how(asked);
    askNext();
    if (atWork.size === 0 && !isStopping && child !== undefined) unref(child);
  }

  function askNext(): void {
    while (atWork.size < MAX_AT_WORK) {
      const next = waiting.shift();
      if (next === undefined) return;
      if (next.isOver()) continue;
      lastId += 1;
      atWork.set(lastId, next);
      next.id = lastId;
      if (child !== undefined) ref(child); // who waits for an answer does not end without it
      send({ type: "ask", id: lastId, question: next.question, nowMillis: nowMillis() });
    }
  }

  function ask(question: Question): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (status.status !== "open" || isStopping) return refuse(unavailable());
      if (waiting.length >= MAX_WAITING) {
        return refuse(new StoreUnavailableError(`more than ${MAX_AT_WORK + MAX_WAITING} questions are open`, "busy"));
      }
      const begun = performance.now();
      let isOver = false;
      const timer = setTimeout(() => {
        const seconds = QUESTION_MILLIS / 1000;
        asked.fail(new StoreUnavailableError(`no answer within ${seconds} seconds`, "timeout"));
        if (asked.id === undefined) return;
        send({ type: "cancel", id: asked.id });
        watch(asked.id);
      }, QUESTION_MILLIS).unref();
      const asked: Asked = {
        question,
        id: undefined,
        isOver: () => isOver,
        answer(data) {
          if (isOver) return;
          end();
          outcomes.answered += 1;
          options.onAnswer?.(question.name, performance.now() - begun);
          resolve(data);
        },
        fail(error) {
          if (isOver) return;
          end();
          refuse(error);
        },
      };
      const end = (): void => {
        isOver = true;
        clearTimeout(timer);
      };
      waiting.push(asked);
      askNext();

      function refuse(error: StoreUnavailableError): void {
        outcomes[error.reason] += 1;
        reject(error);
      }
    });
  }

  /** What was cancelled ends soon, or the process is stuck. */
  function watch(id: number): void {
    const stuck = child;
    setTimeout(() => {
      if (!atWork.has(id) || child !== stuck) return;
      telemetry.log("warning", "the process of the store is stuck; it is ended and started anew");
      stuck?.kill("SIGKILL");
    }, STUCK_MILLIS).unref();
  }

  return {
    start() {
      startProcess();
    },
    status: () => status,
    stats: () => ({ counts: { ...counts }, starts, questions: { ...outcomes } }),
    keep(records) {
      const bytes = JSON.stringify(records).length;
      if (keptBytes + bytes > MAX_KEPT_BYTES)
        drop(records, status.status === "open" ? "queue_full" : "store_unavailable");
      else if (status.status !== "opening") sendKept(records, bytes);
      else {
        keptBytes += bytes;
        early.push({ records, bytes });
      }
    },
    journalGrew() {
      if (grewTimer !== undefined) return;
      grewTimer = setTimeout(() => {
        grewTimer = undefined;
        if (status.status === "open") send({ type: "grew" });
      }, GREW_MILLIS).unref();
    },
    async stop(graceMillis) {
      isStopping = true;
      clearTimeout(retryTimer);
      const process = child;
      if (process === undefined) return;
      await new Promise<void>((resolve) => {
        stopped = resolve;
        ref(process);
        if (!send({ type: "stop" })) process.kill("SIGKILL");
        setTimeout(() => process.kill("SIGKILL"), Math.max(graceMillis, MIN_GRACE_MILLIS)).unref();
      });
      status = { status: "unavailable", message: "the store is stopped" };
    },
    // What an answer is follows from its question.
    errors: (query) => ask({ name: "errors", query }) as Promise<ErrorsData>,
    error: (id) => ask({ name: "error", id }) as Promise<ErrorDetail | undefined>,
    groups: (query) => ask({ name: "groups", query }) as Promise<GroupsData>,
    group: (fingerprint, timeRange) =>
      ask({ name: "group", fingerprint, timeRange }) as Promise<GroupDetail | undefined>,
    requests: (query) => ask({ name: "requests", query }) as Promise<RequestsData>,
    journey: (query) => ask({ name: "journey", query }) as Promise<JourneyData>,
    logs: (query) => ask({ name: "logs", query }) as Promise<LogsData>,
    reset: () => ask({ name: "reset" }) as Promise<string>,
  };
}

const MAX_AT_WORK = 4;
const MAX_WAITING = 32;
const QUESTION_MILLIS = 5_000;
const STUCK_MILLIS = 10_000;
/** Of records on their way to the process. */
const MAX_KEPT_BYTES = 16_777_216;
const GREW_MILLIS = 50;
/** For the last lines of the journal, when nothing is left of the time to stop. */
const MIN_GRACE_MILLIS = 500;
const MAX_SAID_CHARS = 1_000;
const MAX_SILENT_ENDS = 3;

interface Asked {
  readonly question: Question;
  id: number | undefined;
  isOver(): boolean;
  answer(data: unknown): void;
  fail(error: StoreUnavailableError): void;
}

function endOf(code: number | null, signal: NodeJS.Signals | null, said: string): string {
  const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
  const last = said.trim().split("\n").at(-1) ?? "";
  return `the process of the store ended ${how}${last === "" ? "" : ` (${last.slice(0, 200)})`}`;
}

/** It does not keep whoever started it from ending. */
function unref(process: ChildProcess): void {
  process.unref();
  process.channel?.unref();
  if (process.stderr !== null && "unref" in process.stderr && typeof process.stderr.unref === "function") {
    process.stderr.unref();
  }
}

function ref(process: ChildProcess): void {
  process.ref();
  process.channel?.ref();
}
