/**
 * Says of each failure that a collector receives whether it began there. The failures of one trace come in any order, in
 * many requests, from many services, within seconds: each waits for what may explain it, then it is decided.
 *
 *   A client      502     echo ◄──────┐
 *     B server    502     echo ◄──────┤       root       nothing that failed below brought it about
 *       B client  500     echo ◄──────┤       echo       failed only because something below did: it has no exception of
 *         C server   E    duplicate ◄─┤                  its own, or one that quotes the other, or one that merely tells
 *           C database E  root ───────┘                  that a call failed
 *                                             duplicate  the same exception once more: on a span above in its service,
 *                                                        as a log record on its span, or in a batch that came twice
 *
 * A bug with an exception of its own stays a root, whatever else failed below it. Siblings that fail alike, a hundred
 * retries, are as many roots; what fails above because of them is one echo. What a service has said of its own failures
 * (`error.origin`) stands: its echo is no root, its root may still be the echo of another service's failure.
 *
 *   add ──► trace ──hold──► due: decided, with all that is known of the trace by then
 *             └── kept a while longer, for what comes late and what comes twice
 *
 * Who stands above whom: `failure-tree.ts`. What counts as because of: `passed-on.ts`.
 */
import { failureTree, type SpanNode } from "./failure-tree";
import { detached } from "./memoized";
import type { OriginFailure } from "./origin-failure";
import { isErrorOf, isNamedAlike, isSameException, isTooLate, passedOn, wraps } from "./passed-on";

export interface Decision {
  /** Of the event. */
  readonly id: string;
  readonly origin: "root" | "echo" | "duplicate";
  /** The root that it comes from, or what it repeats; undefined for a root, and for an echo whose root is not known. */
  readonly of: string | undefined;
  /** False for a root that did not wait out its time: a bound was hit, or the judge was flushed. */
  readonly decided: boolean;
}

export interface OriginJudge {
  /** Takes a failure; its one decision comes with due() or flush(). Ids are unique among those that wait. */
  add(failure: OriginFailure, nowMillis: number): void;
  /** What is decided by now, oldest first; call it a few times a second. */
  due(nowMillis: number): readonly Decision[];
  /** Decides all that waits, with what is known. */
  flush(): readonly Decision[];
  /** When the next decision is due, undefined when nothing waits. */
  nextDueMillis(): number | undefined;
  /** Failures without a decision. */
  readonly waiting: number;
  /** Failures remembered, those that wait among them. */
  readonly size: number;
  readonly traces: number;
  /** Roots that did not wait out their time. */
  readonly undecided: number;
  /** Failures forgotten before their time, to make room for others. */
  readonly evicted: number;
}

export interface OriginJudgeOptions {
  /** How long a failure waits for what may explain it. Default 2,000. */
  readonly holdMillis?: number | undefined;
  /** How long a trace is remembered after that, from its last failure on. Default 30,000. */
  readonly memoryMillis?: number | undefined;
  /** Default 10,000. */
  readonly maxTraces?: number | undefined;
  /** Default 256; of a trace that has more, the older half is decided at once and forgotten. */
  readonly maxFailuresPerTrace?: number | undefined;
  /** Of all traces together; default 20,000, some 40 MB when full. */
  readonly maxFailures?: number | undefined;
}

/** `nowMillis` comes from a clock that is never set back, such as `performance.now()`. */
export function createOriginJudge(options: OriginJudgeOptions = {}): OriginJudge {
  const holdMillis = options.holdMillis ?? 2_000;
  const memoryMillis = options.memoryMillis ?? 30_000;
  const maxTraces = Math.max(1, options.maxTraces ?? 10_000);
  const maxPerTrace = Math.max(2, options.maxFailuresPerTrace ?? 256);
  const maxFailures = Math.max(maxPerTrace, options.maxFailures ?? 20_000);
  /** The one that got its last failure longest ago comes first. */
  const traces = new Map<string, Trace>();
  /** The one that is due first comes first. */
  const waiting = new Set<Held>();
  let ready: Decision[] = [];
  let readyMillis = 0;
  let size = 0;
  let undecided = 0;
  let evicted = 0;

  function decide(held: Held, verdict: Verdict, waitedOut: boolean): void {
    const { id } = held.failure;
    const decided = waitedOut || verdict.origin !== "root";
    if (!decided) undecided += 1;
    held.verdict = verdict;
    waiting.delete(held);
    ready.push({ id, origin: verdict.origin, of: verdict.of?.id, decided });
  }

  /** Decides those of a trace that are due; without a time, all of it. */
  function conclude(trace: Trace, nowMillis?: number): void {
    const verdicts = judge(trace.held);
    for (const held of trace.held) {
      const verdict = held.verdict === undefined ? verdicts.get(held.failure) : undefined;
      if (verdict === undefined || (nowMillis !== undefined && held.dueMillis > nowMillis)) continue;
      decide(held, verdict, nowMillis !== undefined);
    }
  }

  function forget(traceId: string, trace: Trace): void {
    traces.delete(traceId);
    size -= trace.held.length;
  }

  function makeRoom(): void {
    while (traces.size > maxTraces || size > maxFailures) {
      const oldest = traces.entries().next().value;
      if (oldest === undefined) return;
      const [traceId, trace] = oldest;
      conclude(trace);
      evicted += trace.held.length;
      forget(traceId, trace);
    }
  }

  function halve(trace: Trace): void {
    conclude(trace);
    const gone = trace.held.splice(0, Math.ceil(maxPerTrace / 2));
    for (const { failure } of gone) trace.seen.delete(occurrenceKey(failure));
    size -= gone.length;
    evicted += gone.length;
  }

  return {
    add(given, nowMillis) {
      const failure = compact(given);
      const { id, traceId } = failure;
      readyMillis = nowMillis;
      if (traceId === "") {
        ready.push({ id, origin: failure.given?.origin ?? "root", of: undefined, decided: true });
        return;
      }
      const trace: Trace = traces.get(traceId) ?? { held: [], seen: new Map(), touchedMillis: nowMillis };
      trace.touchedMillis = nowMillis;
      traces.delete(traceId);
      traces.set(traceId, trace);
      const key = occurrenceKey(failure);
      const first = trace.seen.get(key);
      if (first !== undefined) {
        ready.push({ id, origin: "duplicate", of: first.verdict?.of?.id ?? first.failure.id, decided: true });
        return;
      }
      if (trace.held.length >= maxPerTrace) halve(trace);
      const held: Held = { failure, trace, dueMillis: nowMillis + holdMillis, verdict: undefined };
      trace.held.push(held);
      trace.seen.set(key, held);
      waiting.add(held);
      size += 1;
      makeRoom();
    },
    due(nowMillis) {
      const concerned = new Set<Trace>();
      for (const held of waiting) {
        if (held.dueMillis > nowMillis) break;
        concerned.add(held.trace);
      }
      for (const trace of concerned) conclude(trace, nowMillis);
      for (const [traceId, trace] of traces) {
        if (trace.touchedMillis + holdMillis + memoryMillis > nowMillis) break;
        forget(traceId, trace);
      }
      return taken();
    },
    flush() {
      for (const trace of new Set([...waiting].map((held) => held.trace))) conclude(trace);
      return taken();
    },
    nextDueMillis() {
      if (ready.length > 0) return readyMillis;
      return waiting.values().next().value?.dueMillis;
    },
    get waiting() {
      return waiting.size;
    },
    get size() {
      return size;
    },
    get traces() {
      return traces.size;
    },
    get undecided() {
      return undecided;
    },
    get evicted() {
      return evicted;
    },
  };

  function taken(): readonly Decision[] {
    const decisions = ready;
    ready = [];
    return decisions;
  }
}

interface Trace {
  /** In the order of arrival. */
  readonly held: Held[];
  /** By what tells an occurrence from all others: a second one is the same, sent twice. */
  readonly seen: Map<string, Held>;
  touchedMillis: number;
}

interface Held {
  readonly failure: OriginFailure;
  readonly trace: Trace;
  readonly dueMillis: number;
  verdict: Verdict | undefined;
}

interface Verdict {
  readonly origin: Decision["origin"];
  /** The root at the end of the chain. */
  readonly of: OriginFailure | undefined;
}

const ROOT: Verdict = { origin: "root", of: undefined };

/** All failures of a trace, from the innermost out; what is decided already stays so. */
function judge(held: readonly Held[]): ReadonlyMap<OriginFailure, Verdict> {
  const verdicts = new Map<OriginFailure, Verdict>();
  for (const { failure, verdict } of held) if (verdict !== undefined) verdicts.set(failure, verdict);
  const nodes = failureTree(held.map(({ failure }) => failure));
  for (let at = nodes.length - 1; at >= 0; at--) {
    for (const [index, failure] of nodes[at]?.failures.entries() ?? []) {
      if (verdicts.has(failure)) continue;
      const found = besides(failure, nodes[at], index) ?? below(failure, nodes, at);
      verdicts.set(failure, verdictOf(failure, found, verdicts));
    }
  }
  return verdicts;
}

interface Explanation {
  readonly origin: "echo" | "duplicate";
  readonly by: OriginFailure;
}

function verdictOf(
  failure: OriginFailure,
  found: Explanation | undefined,
  verdicts: ReadonlyMap<OriginFailure, Verdict>,
): Verdict {
  if (found === undefined) return failure.given?.origin === "echo" ? { origin: "echo", of: undefined } : ROOT;
  let root = found.by;
  for (let next: OriginFailure | undefined = root; next !== undefined; next = verdicts.get(root)?.of) root = next;
  // What came late may turn the tree around: of two failures that explain each other, one is the root.
  return root === failure ? ROOT : { origin: found.origin, of: root };
}

/** What explains a failure on its own span: an earlier one of the node. */
function besides(failure: OriginFailure, node: SpanNode | undefined, index: number): Explanation | undefined {
  for (let at = 0; at < index; at++) {
    const by = node?.failures[at];
    if (by === undefined) continue;
    if (by.signal !== failure.signal && isSameException(by, failure)) return { origin: "duplicate", by };
    if (failure.given?.origin === "root") continue;
    if (!failure.hasOwnException) {
      // A call that failed and the log record of it are one; the answer that a server gave is not what was thrown.
      const isTwice = failure.signal === "span" && by.signal === "log" && failure.kind !== "server";
      return { origin: isTwice ? "duplicate" : "echo", by };
    }
    if (wraps(failure, by)) return { origin: "echo", by };
  }
  return undefined;
}

/** What explains a failure on the spans below its own; the nearest on the way that ended last comes first. */
function below(failure: OriginFailure, nodes: readonly SpanNode[], at: number): Explanation | undefined {
  const node = nodes[at];
  let echo: Explanation | undefined;
  const end = at + (node?.descendants ?? 0);
  for (let next = at + 1; next <= end; next++) {
    const lower = nodes[next];
    if (lower === undefined) break;
    if (lower.failures.every((by) => isTooLate(by, failure))) {
      next += lower.descendants; // nor can what failed further down have come this way
      continue;
    }
    for (const by of lower.failures) {
      const isTwice = isSameException(by, failure) || isNamedAlike(by, failure) || isErrorOf(failure, by);
      if (isTwice && isWithinService(lower, node)) return { origin: "duplicate", by };
      // Of its own service's failures the service itself has judged.
      const isJudged = failure.given?.origin === "root" && by.service === failure.service;
      if (echo === undefined && !isJudged && passedOn(by, failure)) echo = { origin: "echo", by };
    }
    if (echo !== undefined && !failure.hasOwnException) break;
  }
  return echo;
}

function isWithinService(lower: SpanNode | undefined, upper: SpanNode | undefined): boolean {
  for (let at = lower; at !== undefined; at = at.parent) {
    if (at.shape.service !== upper?.shape.service) return false;
    if (at === upper) return true;
  }
  return false;
}

function occurrenceKey(failure: OriginFailure): string {
  const { spanId, signal, occurrence, startUnixMillis, type, message } = failure;
  return JSON.stringify([spanId, signal, occurrence, startUnixMillis, type, message]);
}

/** Only as much text as is compared is kept; ids of zeros are none, and times that are no numbers are 0. */
function compact(failure: OriginFailure): OriginFailure {
  return {
    id: failure.id,
    signal: failure.signal,
    occurrence: failure.occurrence,
    traceId: realId(failure.traceId),
    spanId: realId(failure.spanId),
    parentSpanId: realId(failure.parentSpanId),
    service: failure.service,
    worker: failure.worker,
    kind: failure.kind,
    startUnixMillis: finite(failure.startUnixMillis),
    endUnixMillis: finite(failure.endUnixMillis),
    timeUnixMillis: finite(failure.timeUnixMillis),
    type: shortened(failure.type),
    message: shortened(failure.message),
    frame: shortened(failure.frame),
    causes: failure.causes.map(({ type, message }) => ({ type: shortened(type), message: shortened(message) })),
    hasOwnException: failure.hasOwnException,
    category: failure.category,
    statusCode: failure.statusCode,
    given: failure.given,
  };
}

function realId(id: string): string {
  return /^0*$/.test(id) ? "" : id;
}

const MAX_TEXT = 512;

function shortened(text: string): string {
  return text.length <= MAX_TEXT ? text : detached(text.slice(0, MAX_TEXT));
}

function finite(millis: number): number {
  return Number.isFinite(millis) ? millis : 0;
}
