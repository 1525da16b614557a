/**
 * Keeps the local variables of the application's calls when an error is thrown, without opening a port: a thread speaks
 * the inspector protocol with this one, and lets it go on as soon as they are copied.
 *
 *   throw ─► V8 stops ─► thread: which scopes? ─► here, while stopped: readVariables() ─► kept with the error ─► goes on
 *
 * A throw that stops costs 0.7 ms, one that does not nothing. The thread measures that, and leaves off for a while when the
 * budget is spent; for good when somebody debugs. `novel` stops only for a while after something new happened: what is known costs
 * nothing then.
 */
import { url } from "node:inspector";
import { isMainThread, type Worker } from "node:worker_threads";
import type { CallVariables } from "../event";
import { MAX_CHARACTERS, MAX_VALUES, readVariables } from "../processors/read-variables";
import { scriptFile } from "../processors/stack/script-file";
import type { Telemetry } from "../telemetry";
import { startOwnThread } from "./own-thread";

/**
 * Which throws stop: those that nothing will catch, as far as V8 can tell, all, or all for LOOK_MILLIS after the start and after
 * each look(). The first error of a group is over when it is known to be new, so its next ones have variables.
 */
export type LocalVariablesMode = "uncaught" | "all" | "novel";

export interface LocalVariables {
  /** Of a thrown object. */
  of(thrown: object): readonly CallVariables[] | undefined;
  /** A group is new, came back or grows. Means nothing to other modes than `novel`. */
  look(): void;
  counts(): LocalVariablesCounts;
  /** Keeps nothing any more when it returns: for a process that is about to die as well. */
  stop(): void;
}

export interface LocalVariablesCounts {
  readonly stops: number;
  readonly stoppedSeconds: number;
  /** How often it was switched off, by why. */
  readonly off: { readonly [why in WhyOff]: number };
}

export type WhyOff = "budget" | "debugger" | "failed";

export interface LocalVariablesOptions {
  readonly mode: LocalVariablesMode;
  /** Default LOOK_MILLIS. */
  readonly lookMillis?: number;
  /** Node maps stacks itself: their files are not those that V8 runs. */
  readonly isMapped: boolean;
  readonly telemetry: Telemetry;
  readonly nowMillis: () => number;
}

/** What the thread is given. */
export interface LocalVariablesSetup {
  readonly mode: LocalVariablesMode;
  readonly lookMillis: number;
  /** The counters below: shared memory. */
  readonly counters: Int32Array;
  /** The global function by which the thread reaches this one. */
  readonly hook: string;
}

export type Message = "look" | "stop";

export const LOOK_MILLIS = 30_000;
/** A storm of new groups need not say so each time. */
const LOOK_AGAIN_MILLIS = 1_000;

export const COUNTERS = {
  state: 0,
  stops: 1,
  stoppedMicros: 2,
  stoppedSeconds: 3,
  budget: 4,
  debugger: 5,
  failed: 6,
} as const;
/** `counters[COUNTERS.state]`. */
export const STATES = { starting: 0, on: 1, off: 2 } as const;

/** A call as the thread names it: the next `scopes` of the arguments are its own, innermost first. */
export interface StoppedCall {
  readonly function: string;
  readonly url: string;
  readonly scopes: number;
}

/** Until the thread listens nothing is kept, and what dies at once would go without. */
const MAX_START_MILLIS = 1_000;
const MAX_STOP_MILLIS = 100;
const HOOK = "seismo.localVariables";

/** Waits for the thread: about a tenth of a second. Undefined where it cannot be had; the log says why. */
export function startLocalVariables(options: LocalVariablesOptions): LocalVariables | undefined {
  const { mode, isMapped, telemetry, nowMillis } = options;
  const refuse = (why: string): undefined => {
    telemetry.logOnce("warning", "local-variables", `errors go without local variables: ${why}`);
    return undefined;
  };
  if (!isMainThread) {
    telemetry.log(
      "info",
      "errors of this thread go without local variables: those of the main thread alone can be had",
    );
    return undefined;
  }
  if (url() !== undefined) return refuse("a debugger may attach to this process");

  const counters = new Int32Array(new SharedArrayBuffer(Object.keys(COUNTERS).length * Int32Array.BYTES_PER_ELEMENT));
  const kept = new WeakMap<object, readonly CallVariables[]>();
  const key = Symbol.for(HOOK);

  /** Runs while the application stands still. The answer says whether to go on listening. */
  const onStop = (thrown: unknown, calls: readonly StoppedCall[], scopes: readonly object[]): boolean => {
    if (url() !== undefined) return false;
    if (typeof thrown !== "object" || thrown === null) return true;
    // Of an error that is thrown again, the first time tells.
    if (!kept.has(thrown)) kept.set(thrown, read(calls, scopes, isMapped));
    return true;
  };
  Object.defineProperty(globalThis, key, { value: onStop, configurable: true });

  /** Not by Atomics.wait(): the protocol needs this thread to run. */
  const waitWhile = (state: number, maxMillis: number): void => {
    const deadline = nowMillis() + maxMillis;
    while (Atomics.load(counters, COUNTERS.state) === state && nowMillis() < deadline);
  };

  let thread: Worker;
  try {
    const setup: LocalVariablesSetup = { mode, lookMillis: options.lookMillis ?? LOOK_MILLIS, counters, hook: HOOK };
    thread = startOwnThread("local-variables-thread", setup);
  } catch (error) {
    return refuse(String(error));
  }
  thread.on("error", (error) => {
    Atomics.add(counters, COUNTERS.failed, 1);
    Atomics.store(counters, COUNTERS.state, STATES.off);
    refuse(error.message);
  });
  thread.on("message", (why: WhyOff) => {
    if (why === "budget") return telemetry.logOnce("warning", "local-variables:budget", BUDGET_SPENT);
    refuse(why === "debugger" ? "a debugger is attached" : "the inspector protocol failed");
    void thread.terminate();
  });
  thread.unref(); // a listener holds the process again
  waitWhile(STATES.starting, MAX_START_MILLIS);
  let nextLookMillis = 0;

  return {
    of: (thrown) => kept.get(thrown),
    look() {
      const now = nowMillis();
      if (mode !== "novel" || now < nextLookMillis) return;
      nextLookMillis = now + LOOK_AGAIN_MILLIS;
      thread.postMessage("look" satisfies Message);
    },
    counts: () => ({
      stops: Atomics.load(counters, COUNTERS.stops),
      stoppedSeconds:
        Atomics.load(counters, COUNTERS.stoppedSeconds) + Atomics.load(counters, COUNTERS.stoppedMicros) / 1_000_000,
      off: {
        budget: Atomics.load(counters, COUNTERS.budget),
        debugger: Atomics.load(counters, COUNTERS.debugger),
        failed: Atomics.load(counters, COUNTERS.failed),
      },
    }),
    stop() {
      if (Atomics.load(counters, COUNTERS.state) !== STATES.on) return;
      thread.postMessage("stop" satisfies Message);
      waitWhile(STATES.on, MAX_STOP_MILLIS);
      void thread.terminate();
    },
  };
}

const BUDGET_SPENT =
  "local variables: more errors were thrown than there is time to look at; off for a minute whenever that happens";

function read(calls: readonly StoppedCall[], scopes: readonly object[], isMapped: boolean): readonly CallVariables[] {
  const budget = { values: MAX_VALUES, characters: MAX_CHARACTERS };
  let from = 0;
  return calls.map(({ function: name, url: script, scopes: count }) => {
    const own = scopes.slice(from, from + count);
    from += count;
    return { function: name, file: isMapped ? "" : scriptFile(script).file, values: readVariables(own, budget) };
  });
}
