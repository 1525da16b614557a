/**
 * What a PromQL expression names: its metrics, and each label that it asks of something which does not have it.
 *
 *   max by (service) (sum by (job, service) (rate(seismo_errors_total{origin="root"}[5m])))
 *                                                 └ service, worker, …, origin: is `origin` one of them?
 *                     └──────── job, service ◄── of what is inside; is each one of them?
 *           └ service ◄──────── is it one of job, service?
 *
 * Labels flow outwards as they do in Prometheus, so that a label which an inner aggregation took away is missed where
 * an outer one names it.
 */
import { parser } from "@prometheus-io/lezer-promql";

/** Undefined: nobody can tell, so nothing is missed. */
export type Labels = ReadonlySet<string> | undefined;

export interface KnownMetrics {
  readonly names: readonly string[];
  labelsOf(metric: string): Labels;
}

export type PromqlNames =
  /** `rest`: what cannot be read, empty when there is too little. */
  | { readonly status: "malformed"; readonly rest: string }
  | {
      readonly status: "read";
      /** As named; of a pattern (`{__name__=~"…"}`) those that match, or the pattern itself when none does. */
      readonly metrics: readonly string[];
      /** Of the result. */
      readonly labels: Labels;
      readonly missing: readonly MissingLabel[];
      readonly matchers: readonly Matcher[];
    };

export interface MissingLabel {
  readonly label: string;
  /** Where it is named: `matcher`, `by`, `on`… */
  readonly clause: string;
  /** What could have been named there. */
  readonly present: readonly string[];
}

export interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

export function promqlNames(expression: string, known: KnownMetrics): PromqlNames {
  const tree = parser.parse(expression);
  const fault = firstError(tree.topNode);
  if (fault !== undefined) return { status: "malformed", rest: expression.slice(fault, fault + MAX_SHOWN_CHARS) };
  const metrics = new Set<string>();
  const missing: MissingLabel[] = [];
  const matchers: Matcher[] = [];
  const text = (node: SyntaxNode): string => expression.slice(node.from, node.to);

  function read(node: SyntaxNode): Value {
    switch (node.name) {
      case "NumberDurationLiteral":
      case "StringLiteral":
        return SCALAR;
      case "VectorSelector":
        return vector(readSelector(node));
      case "AggregateExpr":
        return vector(readAggregation(node));
      case "BinaryExpr":
        return readBinary(node);
      case "FunctionCall":
        return readCall(node);
      default: {
        // Parentheses, ranges, offsets, subqueries, signs and @ stand around one expression and change no label.
        const [inner] = node.getChildren("Expr");
        return inner === undefined ? SCALAR : read(inner);
      }
    }
  }

  function readSelector(node: SyntaxNode): Labels {
    const identifier = node.getChild("Identifier");
    const given = matchersOf(node);
    matchers.push(...given);
    const named = [
      ...(identifier === null ? [] : [text(identifier)]),
      ...given.filter(({ label, operator }) => label === "__name__" && operator === "=").map(({ value }) => value),
      ...given.filter(({ label, operator }) => label === "__name__" && operator === "=~").flatMap(matching),
    ];
    for (const metric of named) metrics.add(metric);
    const labels = named.length === 0 ? undefined : union(named.map(known.labelsOf));
    for (const { label } of given) if (label !== "__name__") want(label, "matcher", labels);
    return labels;
  }

  function matchersOf(node: SyntaxNode): Matcher[] {
    const list = node.getChild("LabelMatchers");
    if (list === null) return [];
    const pairs = [...list.getChildren("UnquotedLabelMatcher"), ...list.getChildren("QuotedLabelMatcher")];
    // A quoted name by itself is the metric's, since Prometheus 3.
    const names = list.getChildren("QuotedLabelName");
    return [
      ...names.map((name) => ({ label: "__name__", operator: "=", value: unquote(text(name)) })),
      ...pairs.map((pair) => ({
        label: labelName(pair.firstChild),
        operator: textOf(pair.getChild("MatchOp")),
        value: unquote(textOf(pair.getChild("StringLiteral"))),
      })),
    ];
  }

  function matching({ value }: Matcher): string[] {
    const pattern = anchored(value);
    if (pattern === undefined) return [];
    const found = known.names.filter((name) => pattern.test(name));
    return found.length === 0 ? [`{__name__=~"${value}"}`] : found;
  }

  function readAggregation(node: SyntaxNode): Labels {
    const operation = textOf(node.getChild("AggregateOp")).toLowerCase();
    const args = node.getChild("FunctionCallBody")?.getChildren("Expr") ?? [];
    const inner = labelsOf(args.map(read).at(-1));
    const modifier = node.getChild("AggregateModifier");
    const names = groupingLabels(modifier)[0] ?? [];
    const isBy = modifier?.getChild("By") != null;
    for (const label of names) want(label, isBy ? "by" : "without", inner);
    if (KEEPS_LABELS.includes(operation)) return inner;
    const kept = isBy ? new Set(names) : modifier === null ? NONE : minus(inner, names);
    return operation === "count_values" && args[0] !== undefined ? plus(kept, [unquote(text(args[0]))]) : kept;
  }

  function readBinary(node: SyntaxNode): Value {
    const [left = SCALAR, right = SCALAR] = node.getChildren("Expr").map(read);
    if (left.kind === "scalar") return right;
    if (right.kind === "scalar") return left;
    const clause = node.getChild("MatchingModifierClause");
    const [names = [], included = []] = groupingLabels(clause);
    const isOn = clause?.getChild("On") != null;
    const groups =
      clause?.getChild("GroupLeft") != null ? "left" : clause?.getChild("GroupRight") != null ? "right" : "";
    const many = groups === "right" ? right : left;
    const one = groups === "right" ? left : right;
    for (const label of names) {
      if (isOn) for (const side of [left, right]) want(label, "on", side.labels);
      else want(label, "ignoring", union([left.labels, right.labels]));
    }
    for (const label of included) want(label, `group_${groups}`, one.labels);
    if (node.getChild("Or") !== null) return vector(union([left.labels, right.labels]));
    if (node.getChild("And") !== null || node.getChild("Unless") !== null) return left;
    if (groups !== "") return vector(plus(many.labels, included));
    return isOn ? vector(new Set(names)) : vector(minus(left.labels, names));
  }

  function readCall(node: SyntaxNode): Value {
    const name = textOf(node.getChild("FunctionIdentifier"));
    const args = node.getChild("FunctionCallBody")?.getChildren("Expr") ?? [];
    const values = args.map(read);
    const inner = labelsOf(values.find(({ kind }) => kind === "vector"));
    const word = (index: number): string => (args[index] === undefined ? "" : unquote(text(args[index])));
    switch (name) {
      case "time":
      case "pi":
      case "scalar":
        return SCALAR;
      case "vector":
        return vector(NONE);
      case "absent":
      case "absent_over_time":
        return vector(absentLabels(args[0]));
      case "info":
        return vector(undefined);
      case "histogram_quantile":
        want("le", name, inner);
        return vector(minus(inner, ["le"]));
      case "label_replace":
        if (word(3) !== "") want(word(3), name, inner);
        return vector(plus(inner, [word(1)]));
      case "label_join":
        for (let index = 3; index < args.length; index++) want(word(index), name, inner);
        return vector(plus(inner, [word(1)]));
      default:
        return vector(args.length === 0 ? NONE : inner);
    }
  }

  /** What is not there has the labels that it was asked to have. */
  function absentLabels(node: SyntaxNode | undefined): Labels {
    let selector: SyntaxNode | null | undefined = node;
    while (selector && selector.name !== "VectorSelector") selector = selector.getChild("Expr");
    if (!selector) return NONE;
    return new Set(matchersOf(selector).flatMap(({ label, operator }) => (operator === "=" ? [label] : [])));
  }

  function groupingLabels(clause: SyntaxNode | null | undefined): string[][] {
    const lists = clause?.getChildren("GroupingLabels") ?? [];
    return lists.map((list) =>
      [...list.getChildren("LabelName"), ...list.getChildren("QuotedLabelName")].map(labelName),
    );
  }

  function labelName(node: SyntaxNode | null): string {
    return node === null ? "" : node.name === "QuotedLabelName" ? unquote(text(node)) : text(node);
  }

  function textOf(node: SyntaxNode | null): string {
    return node === null ? "" : text(node);
  }

  function want(label: string, clause: string, present: Labels): void {
    if (present !== undefined && !present.has(label)) missing.push({ label, clause, present: [...present] });
  }

  const [top] = tree.topNode.getChildren("Expr");
  if (top === undefined) return { status: "malformed", rest: expression.slice(0, MAX_SHOWN_CHARS) };
  const labels = labelsOf(read(top));
  return { status: "read", metrics: [...metrics], labels, missing, matchers };
}

type SyntaxNode = ReturnType<typeof parser.parse>["topNode"];
type Value =
  | { readonly kind: "scalar"; readonly labels: Labels }
  | { readonly kind: "vector"; readonly labels: Labels };

const MAX_SHOWN_CHARS = 40;
const NONE: ReadonlySet<string> = new Set();
const SCALAR: Value = { kind: "scalar", labels: NONE };
const KEEPS_LABELS = ["topk", "bottomk", "limitk", "limit_ratio"];

function vector(labels: Labels): Value {
  return { kind: "vector", labels };
}

function labelsOf(value: Value | undefined): Labels {
  return value === undefined ? NONE : value.labels;
}

function union(sets: readonly Labels[]): Labels {
  const all = new Set<string>();
  for (const labels of sets) {
    if (labels === undefined) return undefined;
    for (const label of labels) all.add(label);
  }
  return all;
}

function plus(labels: Labels, more: readonly string[]): Labels {
  return labels && new Set([...labels, ...more]);
}

function minus(labels: Labels, less: readonly string[]): Labels {
  return labels && new Set([...labels].filter((label) => !less.includes(label)));
}

/** Prometheus anchors at both ends. Undefined for what only its own kind of pattern can say. */
function anchored(pattern: string): RegExp | undefined {
  try {
    return new RegExp(`^(?:${pattern})$`, "s");
  } catch {
    return undefined; // such as an inline flag: what it matches nobody can tell here
  }
}

function unquote(literal: string): string {
  const inner = literal.slice(1, -1);
  return literal.startsWith("`") ? inner : inner.replace(/\\(.)/gs, (_, char: string) => ESCAPES[char] ?? char);
}

const ESCAPES: { readonly [char: string]: string } = { n: "\n", t: "\t", r: "\r" };

function firstError(top: SyntaxNode): number | undefined {
  let at: number | undefined;
  top.cursor().iterate(({ type, from }) => {
    if (type.isError) at ??= from;
  });
  return at;
}
