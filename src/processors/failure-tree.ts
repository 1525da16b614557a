/**
 * The failing spans of one trace, put into a tree. Healthy spans are not kept, so links are missing: a span whose
 * parent is unknown is put under the failing span that must stand above it, where that is certain enough.
 *
 *   ┌ A server ─────────────────────────┐
 *   │ ┌ A client ─────────────────────┐ │
 *   │ │   (proxy: healthy)            │ │    a server span: under the call of another span that waits for an answer
 *   │ │ ┌ B server ─────────────────┐ │ │    meanwhile, else under the only topmost span around it
 *   │ │ │   (middleware: healthy)   │ │ │
 *   │ │ │ ┌ B database ┐            │ │ │    any other: under the request, message or job of its own process that
 *   │ │ │ └────────────┘            │ │ │    runs meanwhile, or an internal span that tells of the same trouble
 *
 * Siblings never stand above one another, and what a client span has below it in its own process is linked to it. A
 * consumer stands under no producer: nobody waits for it.
 */
import type { OriginFailure } from "./origin-failure";
import { CLOCK_SKEW_MILLIS, isSameException, isSameProcess, PROCESS_DISORDER_MILLIS, passedOn } from "./passed-on";

export interface SpanNode {
  /** An earlier one may explain a later one: exceptions by time, bare logs, the bare status, what is told twice. */
  readonly failures: readonly OriginFailure[];
  /** The failure that says where the span stands; a log record when the span itself did not fail. */
  readonly shape: OriginFailure;
  parent: SpanNode | undefined;
  /** How many nodes after this one, in the order of the tree, stand below it. */
  descendants: number;
}

/**
 * Every node before those below it; among siblings the one that ended last comes first. The order in which the
 * failures are given does not matter. Takes n·log n for real traces, n² simple comparisons for the worst.
 */
export function failureTree(failures: readonly OriginFailure[]): readonly SpanNode[] {
  const { nodes, bySpan } = spanNodes([...failures].sort(byPlace));
  const gaps: SpanNode[] = [];
  for (const node of nodes) {
    const { parentSpanId, signal } = node.shape;
    const parent = bySpan.get(parentSpanId);
    if (parent !== undefined && parent !== node && isAwaited(node.shape, parent.shape)) node.parent = parent;
    if (parent === undefined && (parentSpanId !== "" || signal === "log")) gaps.push(node);
  }
  cutCycles(nodes);
  const answered = new Set(nodes.filter(({ shape }) => shape.kind === "server").map(({ parent }) => parent));
  for (const node of gaps) node.parent = standsAbove(node, nodes, answered);
  return inTreeOrder(nodes);
}

function spanNodes(failures: readonly OriginFailure[]): {
  readonly nodes: readonly SpanNode[];
  readonly bySpan: ReadonlyMap<string, SpanNode>;
} {
  const groups = new Map<string, OriginFailure[]>();
  const nodes: SpanNode[] = [];
  for (const failure of failures) {
    const group = groups.get(failure.spanId);
    if (group !== undefined) group.push(failure);
    else if (failure.spanId !== "") groups.set(failure.spanId, [failure]);
    else nodes.push(spanNode([failure], failure));
  }
  const bySpan = new Map<string, SpanNode>();
  for (const [spanId, [first, ...others]] of groups) {
    if (first === undefined) continue;
    const node = spanNode([first, ...others], first);
    nodes.push(node);
    bySpan.set(spanId, node);
  }
  return { nodes: nodes.sort((a, b) => byPlace(a.shape, b.shape)), bySpan };
}

function spanNode(failures: readonly OriginFailure[], first: OriginFailure): SpanNode {
  const node = { shape: first, parent: undefined, descendants: 0 };
  if (failures.length === 1) return { ...node, failures };
  const spans = failures.filter(({ signal }) => signal === "span");
  const rank = (failure: OriginFailure): number => {
    const isLog = failure.signal === "log";
    if (isLog && spans.some((span) => isSameException(span, failure))) return 3;
    return failure.hasOwnException ? 0 : isLog ? 1 : 2;
  };
  const ranked = failures.map((failure) => ({ failure, rank: rank(failure) }));
  ranked.sort((a, b) => a.rank - b.rank || a.failure.timeUnixMillis - b.failure.timeUnixMillis);
  return { ...node, failures: ranked.map(({ failure }) => failure), shape: spans[0] ?? first };
}

function isAwaited(child: OriginFailure, parent: OriginFailure): boolean {
  return child.kind !== "consumer" || (child.service === parent.service && parent.kind !== "producer");
}

/** No link of a cycle is better than the others: all of them go. */
function cutCycles(nodes: readonly SpanNode[]): void {
  const seenFrom = new Map<SpanNode, SpanNode>();
  for (const start of nodes) {
    let at: SpanNode | undefined = start;
    while (at !== undefined && !seenFrom.has(at)) {
      seenFrom.set(at, start);
      at = at.parent;
    }
    if (at === undefined || seenFrom.get(at) !== start) continue;
    while (at !== undefined) {
      const { parent }: SpanNode = at;
      at.parent = undefined;
      at = parent;
    }
  }
}

/** The failing span that takes the place of the unknown parent. */
function standsAbove(
  node: SpanNode,
  nodes: readonly SpanNode[],
  answered: ReadonlySet<SpanNode | undefined>,
): SpanNode | undefined {
  const { shape } = node;
  const { kind } = shape;
  const isSpan = shape.signal === "span"; // a log record belongs to its process, whatever kind its event is of
  if (isSpan && kind === "consumer") return undefined;
  if (isSpan && kind === "server") {
    const isWaiting = (upper: SpanNode): boolean =>
      isCall(upper.shape) && !isSameProcess(shape, upper.shape) && !answered.has(upper);
    return closest(node, nodes, CLOCK_SKEW_MILLIS, isWaiting) ?? onlyTop(node, nodes);
  }
  return closest(
    node,
    nodes,
    PROCESS_DISORDER_MILLIS,
    (upper) => isSameProcess(shape, upper.shape) && (isEntry(upper.shape) || isSameTrouble(upper, node)),
  );
}

/** The one in whose time the span lies with the least overhang; the innermost of several. */
function closest(
  node: SpanNode,
  nodes: readonly SpanNode[],
  slackMillis: number,
  isFit: (upper: SpanNode) => boolean,
): SpanNode | undefined {
  let best: SpanNode | undefined;
  let least = slackMillis;
  // From the last to begin: the innermost comes first, and those around it need no second look.
  for (let at = nodes.length - 1; at >= 0; at--) {
    const upper = nodes[at];
    if (upper === undefined) continue;
    const overhang = overhangOf(node.shape, upper.shape);
    if (overhang > least || (overhang === least && best !== undefined)) continue;
    if (!mayStandAbove(upper, node) || !isFit(upper)) continue;
    best = upper;
    least = overhang;
    if (least === 0) break;
  }
  return best;
}

/** Of another service; with two of them, there is no telling. */
function onlyTop(node: SpanNode, nodes: readonly SpanNode[]): SpanNode | undefined {
  const tops = nodes.filter(
    (upper) =>
      upper.parent === undefined &&
      upper.shape.kind !== "client" &&
      upper.shape.service !== node.shape.service &&
      overhangOf(node.shape, upper.shape) <= CLOCK_SKEW_MILLIS &&
      mayStandAbove(upper, node),
  );
  return tops.length === 1 ? tops[0] : undefined;
}

/** Milliseconds by which a span lies outside the time of another; infinite when it lies there altogether. */
function overhangOf(inner: OriginFailure, outer: OriginFailure): number {
  const overhang = Math.max(
    0,
    outer.startUnixMillis - inner.startUnixMillis,
    inner.endUnixMillis - outer.endUnixMillis,
  );
  return overhang > 0 && overhang >= durationOf(inner) ? Number.POSITIVE_INFINITY : overhang;
}

function mayStandAbove(upper: SpanNode, node: SpanNode): boolean {
  const { signal, kind, parentSpanId } = upper.shape;
  if (signal === "log" || kind === "producer") return false;
  // Clocks differ, but what waits for another takes no less time.
  if (durationOf(upper.shape) < durationOf(node.shape)) return false;
  if (parentSpanId !== "" && parentSpanId === node.shape.parentSpanId) return false;
  return !isAtOrAbove(node, upper);
}

function durationOf({ startUnixMillis, endUnixMillis }: OriginFailure): number {
  return endUnixMillis - startUnixMillis;
}

/** A call that a server of another process may answer. */
function isCall({ kind, category }: OriginFailure): boolean {
  return kind === "client" && !category.startsWith("database_");
}

/** Where work comes into a process: what it does in this trace meanwhile stands below. */
function isEntry({ kind, parentSpanId }: OriginFailure): boolean {
  return kind === "server" || kind === "consumer" || (kind === "internal" && parentSpanId === "");
}

function isSameTrouble(upper: SpanNode, lower: SpanNode): boolean {
  if (upper.shape.kind !== "internal") return false;
  return upper.failures.some(
    (failure) => failure.hasOwnException && lower.failures.some((inner) => passedOn(inner, failure)),
  );
}

function isAtOrAbove(node: SpanNode, lower: SpanNode): boolean {
  for (let at: SpanNode | undefined = lower; at !== undefined; at = at.parent) if (at === node) return true;
  return false;
}

function inTreeOrder(nodes: readonly SpanNode[]): readonly SpanNode[] {
  const children = new Map<SpanNode | undefined, SpanNode[]>();
  for (const node of nodes) {
    const siblings = children.get(node.parent);
    if (siblings === undefined) children.set(node.parent, [node]);
    else siblings.push(node);
  }
  for (const siblings of children.values()) {
    siblings.sort((a, b) => a.shape.endUnixMillis - b.shape.endUnixMillis);
  }
  const ordered: SpanNode[] = [];
  const stack = [...(children.get(undefined) ?? [])];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    ordered.push(node);
    for (const child of children.get(node) ?? []) stack.push(child);
  }
  for (let at = ordered.length - 1; at >= 0; at--) {
    const node = ordered[at];
    if (node?.parent !== undefined) node.parent.descendants += 1 + node.descendants;
  }
  return ordered;
}

/** A total order, so that arrival decides nothing; what contains another comes first. */
function byPlace(a: OriginFailure, b: OriginFailure): number {
  return (
    a.startUnixMillis - b.startUnixMillis ||
    b.endUnixMillis - a.endUnixMillis ||
    byText(a.spanId, b.spanId) ||
    byText(a.signal, b.signal) ||
    byText(a.occurrence, b.occurrence) ||
    byText(a.id, b.id)
  );
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
