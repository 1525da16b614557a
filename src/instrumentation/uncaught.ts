/**
 * Errors that nothing caught. Seismo only watches: what Node does next, its exit code and what it prints
 * stay as they are without Seismo.
 */
import { threadId } from "node:worker_threads";

export interface Uncaught {
  readonly error: unknown;
  readonly kind: "exception" | "rejection";
  /** Nothing in the application will keep the process (or worker thread) alive. */
  readonly fatal: boolean;
}

type Emit = (this: NodeJS.Process, event: string | symbol, ...args: readonly unknown[]) => boolean;

/** Calls `onUncaught` synchronously, before Node acts. Returns how to stop. */
export function watchUncaught(onUncaught: (uncaught: Uncaught) => void): () => void {
  const monitor = (error: unknown, origin: string): void => {
    const fatal = process.listenerCount("uncaughtException") === 0 && !process.hasUncaughtExceptionCaptureCallback();
    onUncaught({ error, kind: origin === "unhandledRejection" ? "rejection" : "exception", fatal });
  };
  process.on("uncaughtExceptionMonitor", monitor);

  // A listener for `unhandledRejection` would itself change what Node does. Node asks by emit(), so that is watched:
  // without a listener the rejection becomes an uncaught exception, which the monitor sees.
  const emit = process.emit as Emit; // one signature for its many overloads
  const watched: Emit = function watched(event, ...args) {
    if (event === "unhandledRejection" && process.listenerCount("unhandledRejection") > 0) {
      onUncaught({ error: args[0], kind: "rejection", fatal: false });
    }
    return emit.call(this, event, ...args);
  };
  Object.assign(process, { emit: watched });

  return () => {
    process.off("uncaughtExceptionMonitor", monitor);
    if ((process.emit as Emit) === watched) Object.assign(process, { emit });
  };
}

/**
 * Flushes when the process ends: asynchronously when it runs out of work, synchronously when it is told to stop.
 * A signal that the application does not handle still ends the process, by that signal.
 */
export function watchExit(flush: { readonly async: () => Promise<void>; readonly now: () => void }): () => void {
  let isFlushed = false;
  const onBeforeExit = (): void => {
    if (isFlushed) return;
    isFlushed = true; // flushing makes work, and beforeExit would come again and again
    void flush.async();
  };
  const onExit = (): void => flush.now();
  process.on("beforeExit", onBeforeExit);
  process.on("exit", onExit);

  const signals = threadId === 0 ? (["SIGTERM", "SIGINT", "SIGHUP"] as const) : [];
  const onSignal = (signal: NodeJS.Signals): void => {
    if (process.listenerCount(signal) > 1) {
      void flush.async(); // the application stops in its own way
      return;
    }
    flush.now();
    process.off(signal, onSignal);
    process.kill(process.pid, signal);
  };
  for (const signal of signals) process.on(signal, onSignal);

  return () => {
    process.off("beforeExit", onBeforeExit);
    process.off("exit", onExit);
    for (const signal of signals) process.off(signal, onSignal);
  };
}
