/**
 * Which group tends to come before which, in one request, session or worker:
 *
 *   request 7f3…   A ──► B          step into B: after A, in a request
 *   request 80c…   A ──► B ──► B    the same; one that repeats makes no step
 *   request 91d…   B                step into B: after nothing
 *
 * An occurrence belongs to its narrowest place alone: its request, else its session, else its worker. Errors of one
 * request have to do with each other; those of one worker may follow each other by chance, so that there a group must
 * come before another clearly more often than its share of all the others that workers see.
 */
import type { RawError, UsualPredecessor } from "../event";

/** Where an occurrence belongs. `timeUnixMillis` is when it happened: others may arrive in another order. */
export type Whereabouts = Pick<RawError, "timeUnixMillis" | "resource"> &
  Partial<Pick<RawError, "traceId" | "requestId" | "sessionId">>;

export interface Step {
  readonly within: UsualPredecessor["within"];
  /** The group before; undefined when there was none within ten minutes. */
  readonly after: string | undefined;
}

export interface Sequence {
  /** The step that leads to this occurrence, if it makes one; constant time. */
  step(fingerprint: string, where: Whereabouts, nowMillis: number): Step | undefined;
  /** How often, 0 to 1, one group would come before another if those that workers see were in no order. */
  chanceInWorkers(before: string, fingerprint: string): number;
}

export function createSequence(): Sequence {
  const places = { request: createPlaces(), session: createPlaces(), worker: createPlaces() };
  const inWorkers = createRecentCounts();

  return {
    step(fingerprint, where, nowMillis) {
      const [within, key] = narrowest(where);
      // A clock that is ahead must not make all that follows look late.
      const millis = Math.min(where.timeUnixMillis, nowMillis);
      if (key.length > MAX_KEY_CHARS || !Number.isFinite(millis)) return undefined;
      const last = places[within].get(key);
      const gap = last === undefined ? 0 : millis - last.millis;
      if (gap < 0) return undefined; // it came late: what was before it is not known
      const after = gap <= MAX_GAP_MILLIS ? last?.fingerprint : undefined;
      if (last === undefined) places[within].set(key, { fingerprint, millis });
      else {
        last.fingerprint = fingerprint;
        last.millis = millis;
      }
      if (within === "worker") inWorkers.add(fingerprint);
      return after === fingerprint ? undefined : { within, after };
    },
    chanceInWorkers(before, fingerprint) {
      const others = inWorkers.total() - inWorkers.count(fingerprint);
      return inWorkers.count(before) / Math.max(1, others);
    },
  };
}

/**
 * The steps into one group: how many, and after which groups most of them. Counts are never above the true ones
 * (Misra and Gries, "Finding repeated elements", 1982), so that what is said to be usual is.
 */
export interface Predecessors {
  steps: number;
  most: Predecessor[];
}

export function createPredecessors(): Predecessors {
  return { steps: 0, most: [] };
}

export function addStep(predecessors: Predecessors, { within, after }: Step): void {
  if (predecessors.steps >= MAX_STEPS) halve(predecessors);
  predecessors.steps += 1;
  if (after === undefined) return;
  const { most } = predecessors;
  const known = most.find(({ group }) => group.fingerprint === after && group.within === within);
  if (known !== undefined) known.count += 1;
  else if (most.length < MAX_PREDECESSORS) most.push({ group: { fingerprint: after, within }, count: 1 });
  else predecessors.most = less(most, (count) => count - 1);
}

/** The group that came before `fingerprint` at least half of the time, and often enough to say so. */
export function usualPredecessor(
  fingerprint: string,
  { steps, most }: Predecessors,
  { chanceInWorkers }: Sequence,
): UsualPredecessor | undefined {
  for (const { group, count } of most) {
    if (count < MIN_TIMES[group.within] || count < MIN_SHARE * steps) continue;
    const isChance =
      group.within === "worker" &&
      count < BEYOND_CHANCE_FACTOR * chanceInWorkers(group.fingerprint, fingerprint) * steps;
    if (!isChance) return group;
  }
  return undefined;
}

const MAX_GAP_MILLIS = 600_000;
const MAX_KEY_CHARS = 256;
/** Of each kind, in two halves: when the younger is full, what of the older was not used since goes. */
const MAX_PLACES = 4_096;
const RECENT = 256;
const MAX_PREDECESSORS = 4;
/** More are halved, so that old habits fade. */
const MAX_STEPS = 128;
const MIN_TIMES = { request: 3, session: 3, worker: 10 } as const;
const MIN_SHARE = 0.5;
const BEYOND_CHANCE_FACTOR = 1.5;

/** The last occurrence in a place. */
interface Last {
  fingerprint: string;
  millis: number;
}

interface Predecessor {
  readonly group: UsualPredecessor;
  count: number;
}

function narrowest({ traceId, requestId, sessionId, resource }: Whereabouts): readonly [Step["within"], string] {
  const request = traceId || requestId;
  if (request) return ["request", request];
  if (sessionId) return ["session", sessionId];
  return ["worker", JSON.stringify([resource.service, resource.worker])];
}

function createPlaces(): { get(key: string): Last | undefined; set(key: string, last: Last): void } {
  let younger = new Map<string, Last>();
  let older = new Map<string, Last>();
  const set = (key: string, last: Last): void => {
    if (younger.size >= MAX_PLACES / 2) {
      older = younger;
      younger = new Map();
    }
    younger.set(key, last);
  };
  return {
    get(key) {
      const last = younger.get(key);
      if (last !== undefined) return last;
      const aged = older.get(key);
      if (aged !== undefined) set(key, aged);
      return aged;
    },
    set,
  };
}

/** How often each was among the latest. */
function createRecentCounts(): {
  add(fingerprint: string): void;
  count(fingerprint: string): number;
  total(): number;
} {
  const latest: string[] = [];
  const counts = new Map<string, number>();
  let next = 0;
  return {
    add(fingerprint) {
      const gone = latest[next];
      if (gone !== undefined) {
        const left = (counts.get(gone) ?? 0) - 1;
        if (left > 0) counts.set(gone, left);
        else counts.delete(gone);
      }
      latest[next] = fingerprint;
      next = (next + 1) % RECENT;
      counts.set(fingerprint, (counts.get(fingerprint) ?? 0) + 1);
    },
    count: (fingerprint) => counts.get(fingerprint) ?? 0,
    total: () => latest.length,
  };
}

function halve(predecessors: Predecessors): void {
  predecessors.steps /= 2;
  predecessors.most = less(predecessors.most, (count) => count / 2);
}

function less(most: readonly Predecessor[], by: (count: number) => number): Predecessor[] {
  return most.map(({ group, count }) => ({ group, count: by(count) })).filter(({ count }) => count >= 1);
}
