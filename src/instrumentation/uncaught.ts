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

/** Calls `onUncaught` synchronously, before Node acts. Returns how to stop. */
export function watchUncaught(onUncaught: (uncaught: Uncaught) => void): () => void {
  const monitor = (error: unknown, origin: string): void => {
    const fatal = process.listenerCount("uncaughtException") === 0 && !process.hasUncaughtExceptionCaptureCallback();
    onUncaught({ error, kind: origin === "unhandledRejection" ? "rejection" : "exception", fatal });
  };
  process.on("uncaughtExceptionMonitor", monitor);

  // A listener for `unhandledRejection` would itself change what Node does. Without one the rejection becomes an
  // uncaught exception, which the monitor sees.
  const stopLooking = onEmit((event, [reason]) => {
    if (event !== "unhandledRejection" || process.listenerCount(event) === 0) return;
    onUncaught({ error: reason, kind: "rejection", fatal: false });
  });

  return () => {
    process.off("uncaughtExceptionMonitor", monitor);
    stopLooking();
  };
}

/** The longest that a process that has nothing left to do waits for its last spans. */
export const EXIT_FLUSH_MILLIS = 1_500;

export interface ExitFlush {
  async(): Promise<void>;
  /** Synchronous, and the last. `late`: async() was tried and took too long. */
  now(why: "exit" | "late" | "signal"): void;
}

/**
 * Flushes when the process ends: asynchronously when it runs out of work, synchronously when it is told to stop.
 * A signal that the application does not handle still ends the process, by that signal.
 */
export function watchExit(flush: ExitFlush): () => void {
  let isFlushed = false;
  let isLate = false;
  const onBeforeExit = (): void => {
    if (isFlushed) return;
    isFlushed = true; // flushing makes work, and beforeExit would come again and again
    const timer = setTimeout(() => {
      isLate = true;
      // A connection that hangs would keep the process alive. Who else listens may have begun work of its own.
      if (process.listenerCount("beforeExit") === 1) process.exit();
    }, EXIT_FLUSH_MILLIS);
    // One more turn of the loop: a signal that the process sent to itself may wait there.
    void flush.async().finally(() => setImmediate(() => clearTimeout(timer)));
  };
  const onExit = (): void => flush.now(isLate ? "late" : "exit");
  process.on("beforeExit", onBeforeExit);
  process.on("exit", onExit);
  const stopSignals = threadId === 0 ? watchSignals(flush) : () => {};

  return () => {
    process.off("beforeExit", onBeforeExit);
    process.off("exit", onExit);
    stopSignals();
  };
}

const SIGNALS: ReadonlySet<string | symbol> = new Set(["SIGTERM", "SIGINT", "SIGHUP"] satisfies NodeJS.Signals[]);

/**
 * Listens for a signal only as long as the application does not: libraries count the listeners to learn whether
 * anybody but they will end the process.
 */
function watchSignals(flush: ExitFlush): () => void {
  const host: NodeJS.EventEmitter = process; // its own type knows fewer events than it has
  const onSignal = (signal: NodeJS.Signals): void => {
    // The kernel spares the first process of a container the signals that it does not handle: it lives on.
    if (process.pid === 1) return void flush.async();
    flush.now("signal");
    stop();
    process.kill(process.pid, signal);
  };
  const onNew = (event: string | symbol, listener: unknown): void => {
    if (SIGNALS.has(event) && listener !== onSignal) host.off(event, onSignal);
  };
  const onRemoved = (event: string | symbol, listener: unknown): void => {
    if (SIGNALS.has(event) && listener !== onSignal && host.listenerCount(event) === 0) host.on(event, onSignal);
  };
  const stopLooking = onEmit((event) => {
    // The application stops in its own way, and may do so by process.exit().
    if (SIGNALS.has(event) && host.listenerCount(event, onSignal) === 0) void flush.async();
  });
  // Before Node's own: it listens to the system as long as there is a listener.
  host.prependListener("newListener", onNew);
  host.on("removeListener", onRemoved);
  for (const signal of SIGNALS) if (host.listenerCount(signal) === 0) host.on(signal, onSignal);

  function stop(): void {
    host.off("newListener", onNew);
    host.off("removeListener", onRemoved);
    stopLooking();
    for (const signal of SIGNALS) host.off(signal, onSignal);
  }
  return stop;
}

type Emit = (this: NodeJS.Process, event: string | symbol, ...args: readonly unknown[]) => boolean;

/** Node speaks to the application by process.emit(): who looks on there is no listener, and changes nothing. */
function onEmit(look: (event: string | symbol, args: readonly unknown[]) => void): () => void {
  const emit = process.emit as Emit; // one signature for its many overloads
  const watched: Emit = function watched(event, ...args) {
    look(event, args);
    return emit.call(this, event, ...args);
  };
  Object.assign(process, { emit: watched });
  return () => {
    if ((process.emit as Emit) === watched) Object.assign(process, { emit });
  };
}
