/**
 * What sends until it is stopped, in two steps: at once it waits no longer for a receiver that is away, and when the time
 * is over whatever is under way ends.
 */
export interface SendingLoop {
  /** Ends pauses. */
  readonly stopping: AbortSignal;
  /** Ends what is under way. */
  readonly stopped: AbortSignal;
  /** Once, however often it is called. `run` returns when it sees that it is to stop, and never rejects. */
  start(run: () => Promise<void>): void;
  /** Resolves when `run` has returned. What sleeps without a signal is for the caller to wake. */
  stop(graceMillis: number): Promise<void>;
}

export function createSendingLoop(): SendingLoop {
  const stopping = new AbortController();
  const stopped = new AbortController();
  let running: Promise<void> | undefined;
  return {
    stopping: stopping.signal,
    stopped: stopped.signal,
    start(run) {
      running ??= run();
    },
    async stop(graceMillis) {
      stopping.abort();
      const deadline = setTimeout(() => stopped.abort(), graceMillis);
      await running;
      clearTimeout(deadline);
      stopped.abort();
    },
  };
}
