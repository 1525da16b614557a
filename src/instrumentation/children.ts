/**
 * Workers that die: cluster workers, worker threads and child processes of this process. A worker that runs Seismo
 * reports its own uncaught error; here is seen what it can't report: a kill, a crash in native code, no memory.
 */
import type { ChildProcess } from "node:child_process";
import type { Cluster, Worker as ClusterWorker } from "node:cluster";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { errorMonitor } from "node:events";
import type { Worker } from "node:worker_threads";
import { isOwnThread } from "./own-thread";

export interface DeadWorker {
  readonly kind: "cluster worker" | "child process" | "worker thread";
  /** Process id of the worker, or of this process for a thread. */
  readonly pid: number;
  readonly threadId: number;
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  /** The error that a thread died of. */
  readonly error: unknown;
  /** What ran: a script or command, without its arguments (they may hold secrets). */
  readonly command: string;
}

/** Signals that nobody sends to stop a process in good order. */
const CRASH_SIGNALS: ReadonlySet<string> = new Set([
  "SIGKILL",
  "SIGSEGV",
  "SIGABRT",
  "SIGBUS",
  "SIGILL",
  "SIGFPE",
  "SIGTRAP",
  "SIGSYS",
]);

/** Calls `onDeath` for each worker that did not end in good order. Returns how to stop. */
export function watchChildren(onDeath: (worker: DeadWorker) => void): () => void {
  const onChild = (message: unknown): void => {
    const { process: child } = message as { readonly process: ChildProcess }; // the channel's documented message
    watchChild(child, onDeath);
  };
  const onThread = (message: unknown): void => {
    const { worker } = message as { readonly worker: Worker }; // the channel's documented message
    watchThread(worker, onDeath);
  };
  subscribe("child_process", onChild);
  subscribe("worker_threads", onThread);
  return () => {
    unsubscribe("child_process", onChild);
    unsubscribe("worker_threads", onThread);
  };
}

function watchChild(child: ChildProcess, onDeath: (worker: DeadWorker) => void): void {
  child.once("exit", (exitCode, signal) => {
    const clusterWorker = clusterWorkerOf(child);
    // A child that this process killed, or a command that answers with a code, did what it was asked to do.
    const isNode = wasForked.has(child);
    const crashed = signal !== null ? CRASH_SIGNALS.has(signal) && !child.killed : isNode && exitCode !== 0;
    if (!crashed || clusterWorker?.exitedAfterDisconnect === true) return;
    onDeath({
      kind: clusterWorker === undefined ? "child process" : "cluster worker",
      pid: child.pid ?? 0,
      threadId: 0,
      exitCode: exitCode ?? undefined,
      signal: signal ?? undefined,
      error: undefined,
      command: isNode
        ? (child.spawnargs.find((argument) => /\.[cm]?[jt]s$/.test(argument)) ?? child.spawnfile)
        : child.spawnfile,
    });
  });
  // The channel speaks before fork() has opened the IPC channel.
  setImmediate(() => {
    if (child.channel !== undefined && child.channel !== null) wasForked.add(child);
  });
}
const wasForked = new WeakSet<ChildProcess>();

function clusterWorkerOf(child: ChildProcess): ClusterWorker | undefined {
  if (!wasForked.has(child)) return undefined;
  // Loaded only in a process that forks: some application servers can't bear its loading.
  const cluster = require("node:cluster") as Cluster;
  return Object.values(cluster.workers ?? {}).find((worker) => worker?.process === child);
}

function watchThread(worker: Worker, onDeath: (worker: DeadWorker) => void): void {
  const { threadId, terminate } = worker;
  const die = (exitCode: number | undefined, error: unknown): void => {
    if (isOwnThread(worker)) return; // asked late: the channel speaks before who began the thread has it
    onDeath({ kind: "worker thread", pid: process.pid, threadId, exitCode, signal: undefined, error, command: "" });
  };
  let isExpected = false;
  // Who was told to stop ends with code 1 as well.
  Object.defineProperty(worker, "terminate", {
    configurable: true,
    writable: true,
    value(this: Worker): Promise<number> {
      isExpected = true;
      return terminate.call(this);
    },
  });
  // errorMonitor sees the error without being a listener for it: unheard, it must still throw in the application.
  worker.once(errorMonitor, (error: unknown) => {
    isExpected = true;
    die(undefined, error);
  });
  worker.once("exit", (exitCode) => {
    if (exitCode !== 0 && !isExpected) die(exitCode, undefined);
  });
}
