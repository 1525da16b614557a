/** The tables of docs/metrics.md as data: each metric's type and labels. What is written `name_*` stands for all such. */

export interface DocumentedMetric {
  readonly name: string;
  readonly type: string;
  readonly labels: ReadonlySet<string>;
}

export interface DocumentedMetrics {
  readonly metrics: ReadonlyMap<string, DocumentedMetric>;
  /** Beginnings of names, such as `process_`. */
  readonly prefixes: readonly string[];
}

/** Throws when there is no such table. `prefix`: what the metrics begin with instead of `seismo_`. */
export function readDocumentedMetrics(text: string, prefix: string): DocumentedMetrics {
  const rows = text.split("\n").map(cellsOf);
  const metrics = new Map<string, DocumentedMetric>();
  let columns: readonly string[] = [];
  for (const cells of rows) {
    if (cells[0] === "metric") columns = cells;
    const name = NAME.exec(cells[0] ?? "")?.[1]?.replace(DEFAULT_PREFIX, prefix);
    if (name === undefined) continue;
    const cell = (column: string): string => cells[columns.indexOf(column)] ?? "";
    const labels = [...cell("labels").matchAll(WORD)].map(([, label = ""]) => label);
    metrics.set(name, { name, type: cell("type"), labels: new Set(labels) });
  }
  if (metrics.size === 0) throw new Error("there is no table with a column `metric`");
  return { metrics, prefixes: [...text.matchAll(PREFIX)].map(([, start = ""]) => start) };
}

const DEFAULT_PREFIX = /^seismo_/;
const NAME = /^`([a-zA-Z_:][\w:]*)`$/;
const WORD = /`(\w+)`/g;
const PREFIX = /`(\w+_)\*`/g;

function cellsOf(line: string): string[] {
  if (!line.startsWith("|")) return [];
  return line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
}
