/**
 * Acts at a given rate, in an order that a seed decides, and keeps account of the failures that this makes.
 * A round is every action as often as its weight says, shuffled: after one round every category was made.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Action, Surroundings } from "./actions";
import { keyOf, type MadeFailures } from "./comparison";

export interface Traffic {
  /** Resolves when the time is over, or the signal says so, and all answers are in. */
  run(forMillis: number, signal?: AbortSignal): Promise<void>;
  /** Of acts that are over. */
  made(): MadeFailures[];
  /** What did not go as it should; at most 20. */
  problems(): readonly string[];
}

export interface TrafficOptions {
  readonly actions: readonly Action[];
  readonly around: Surroundings;
  /** Web requests started in a second. Acts of the pool come one after the other, with a pause. */
  readonly rate: number;
  readonly seed: number;
}

const MAX_OPEN = 64;
/** Per run of the demo and lane. */
const MAX_ACTS = 1_000_000;
const MAX_PROBLEMS = 20;
const POOL_PAUSE_MILLIS = 150;

export function createTraffic({ actions, around, rate, seed }: TrafficOptions): Traffic {
  const counts = new Map<string, MadeFailures>();
  const problems: string[] = [];

  const act = async (action: Action): Promise<void> => {
    try {
      await action.run(around);
      for (const { isRoot, isReported = false, service, category } of action.makes) {
        const key = keyOf({ service, category });
        const { made, roots } = counts.get(key) ?? { made: 0, roots: 0 };
        counts.set(key, { service, category, made: made + (isReported ? 0 : 1), roots: roots + (isRoot ? 1 : 0) });
      }
    } catch (error) {
      if (problems.length < MAX_PROBLEMS) problems.push(`${action.name}: ${describe(error)}`);
    }
  };
  const web = rounds(
    actions.filter(({ lane }) => lane === "web"),
    seed,
  );
  const pool = rounds(
    actions.filter(({ lane }) => lane === "pool"),
    seed,
  );

  const runWeb = async (isOver: () => boolean, signal: AbortSignal): Promise<void> => {
    const open = new Set<Promise<void>>();
    let due = performance.now();
    for (const action of web) {
      if (isOver()) break;
      const running = act(action).finally(() => open.delete(running));
      open.add(running);
      if (open.size >= MAX_OPEN) await Promise.race(open);
      due = Math.max(due + 1_000 / rate, performance.now() - 1_000); // who is late catches up on a second at most
      await pause(due - performance.now(), signal);
    }
    await Promise.all(open);
  };
  const runPool = async (isOver: () => boolean, signal: AbortSignal): Promise<void> => {
    for (const action of pool) {
      if (isOver()) break;
      await act(action);
      await pause(POOL_PAUSE_MILLIS, signal);
    }
  };

  return {
    async run(forMillis, signal = new AbortController().signal) {
      const end = performance.now() + forMillis;
      const isOver = (): boolean => signal.aborted || performance.now() >= end;
      await Promise.all([runWeb(isOver, signal), runPool(isOver, signal)]);
    },
    made: () => [...counts.values()],
    problems: () => problems,
  };
}

function* rounds(actions: readonly Action[], seed: number): Generator<Action> {
  const deck = actions.flatMap((action) => Array.from({ length: action.weight }, () => action));
  const random = randomNumbers(seed);
  for (let acts = 0; acts < MAX_ACTS && deck.length > 0; ) {
    for (let last = deck.length - 1; last > 0; last--) {
      const other = Math.floor(random() * (last + 1));
      const [a, b] = [deck[last], deck[other]];
      if (a !== undefined && b !== undefined) [deck[last], deck[other]] = [b, a];
    }
    acts += deck.length;
    yield* deck;
  }
}

/** From 0 to 1, the same for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function pause(millis: number, signal: AbortSignal): Promise<void> {
  if (millis > 0) await delay(millis, undefined, { signal }).catch(() => {}); // woken early: the traffic is over
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
