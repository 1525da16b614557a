/** What an endpoint serves, read from Prometheus' text format: each family's type, and the labels of its series. */

export interface ServedFamily {
  readonly name: string;
  /** `untyped` where nothing says so. */
  readonly type: string;
  /** Of all series, `le` and `quantile` aside; undefined while there is no series. */
  readonly labels: ReadonlySet<string> | undefined;
}

export type ServedMetrics =
  | { readonly status: "read"; readonly families: ReadonlyMap<string, ServedFamily> }
  | { readonly status: "malformed"; readonly line: number; readonly text: string };

/** Format: Prometheus text 0.0.4 and, where counters are named without `_total`, OpenMetrics 1.0.0. */
export function readServedMetrics(text: string): ServedMetrics {
  const isOpenMetrics = text.endsWith("# EOF\n");
  const types = new Map<string, string>();
  const labels = new Map<string, Set<string>>();
  let number = 0;
  for (const line of text.split("\n")) {
    number += 1;
    const [, declared, type = "untyped"] = TYPE.exec(line) ?? [];
    if (declared !== undefined) types.set(isOpenMetrics && type === "counter" ? `${declared}_total` : declared, type);
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [, name, pairs = ""] = SAMPLE.exec(line) ?? [];
    if (name === undefined) return { status: "malformed", line: number, text: line };
    const family = familyOf(name, types);
    if (!types.has(family)) types.set(family, "untyped");
    const known = labels.get(family) ?? new Set();
    for (const [, label = ""] of pairs.matchAll(PAIR)) if (!OF_THE_TYPE.includes(label)) known.add(label);
    labels.set(family, known);
  }
  const families = [...types].map(([name, type]): [string, ServedFamily] => [
    name,
    { name, type, labels: labels.get(name) },
  ]);
  return { status: "read", families: new Map(families) };
}

/** The names that queries can ask for, each with the label that its kind of line has besides. */
export function sampleNames({
  name,
  type,
}: Pick<ServedFamily, "name" | "type">): readonly (readonly [string, readonly string[]])[] {
  if (type !== "histogram" && type !== "summary") return [[name, []]];
  const parts = [`${name}_sum`, `${name}_count`].map((part) => [part, []] as const);
  return [type === "histogram" ? [`${name}_bucket`, ["le"]] : [name, ["quantile"]], ...parts];
}

const TYPE = /^# TYPE (\S+) (\w+)\s*$/;
const LABELS = String.raw`(?:[a-zA-Z_]\w*="(?:[^"\\]|\\.)*",? *)*`;
const SAMPLE = new RegExp(String.raw`^([a-zA-Z_:][\w:]*)(?:\{(${LABELS})\})? +(?:[-+]?[\d.]\S*|[-+]?Inf|NaN)(?: .*)?$`);
const PAIR = /([a-zA-Z_]\w*)="(?:[^"\\]|\\.)*"/g;
const OF_THE_TYPE = ["le", "quantile"];

function familyOf(sample: string, types: ReadonlyMap<string, string>): string {
  const base = sample.replace(/_(?:bucket|sum|count)$/, "");
  return ["histogram", "summary"].includes(types.get(base) ?? "") ? base : sample.replace(/_created$/, "_total");
}
