/**
 * A strict reader of both text formats: throws at the first line that a scraper might refuse, and at what the formats
 * forbid across lines (families apart, series twice, buckets that fall, an exemplar out of its bucket).
 */
import type { ExpositionFormat } from "../../src/exporter/exposition";

export interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly exemplar?: { readonly labels: Readonly<Record<string, string>>; readonly value: number };
}
export interface ParsedFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: ParsedSample[];
}

export function parseExposition(text: string, format: ExpositionFormat): Map<string, ParsedFamily> {
  check(text.endsWith("\n"), "the last line has no end");
  const lines = text.slice(0, -1).split("\n");
  if (format === "openmetrics") check(lines.pop() === "# EOF", "no # EOF at the end");
  const families = new Map<string, ParsedFamily>();
  const seen = new Set<string>();
  let current: ParsedFamily | undefined;
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const help = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line);
    if (help !== null) {
      const type = new RegExp(`^# TYPE ${help[1]} (counter|gauge|histogram)$`).exec(lines[++i] ?? "");
      check(type !== null, `no type after: ${line}`);
      const name = help[1] ?? "";
      check(!families.has(name), `family twice: ${name}`);
      current = { name, type: type?.[1] ?? "", help: help[2] ?? "", samples: [] };
      families.set(name, current);
      continue;
    }
    check(current !== undefined, `sample without a family: ${line}`);
    if (current === undefined) continue;
    const sample = parseSample(line, format);
    check(sampleNames(current, format).includes(sample.name), `${sample.name} under ${current.type} ${current.name}`);
    const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
    check(!seen.has(key), `series twice: ${line}`);
    seen.add(key);
    if (current.type !== "gauge") check(sample.value >= 0, `negative count: ${line}`);
    current.samples.push(sample);
  }
  for (const family of families.values()) if (family.type === "histogram") checkHistogram(family, format);
  return families;
}

function parseSample(line: string, format: ExpositionFormat): ParsedSample {
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(line)?.[0] ?? "";
  check(name !== "", `no name: ${line}`);
  const [labels, afterLabels] = parseLabels(line, name.length);
  const rest = line.slice(afterLabels);
  const plain = /^ (\S+)$/.exec(rest);
  if (plain !== null) return { name, labels, value: parseNumber(plain[1] ?? "", line) };
  const marked = /^ (\S+) # (?=\{)/.exec(rest);
  check(marked !== null && format === "openmetrics", `neither sample nor exemplar: ${line}`);
  check(/_(total|bucket)$/.test(name), `exemplar of ${name}`);
  const [exemplarLabels, end] = parseLabels(line, afterLabels + (marked?.[0].length ?? 0));
  const length = Object.entries(exemplarLabels).reduce((sum, pair) => sum + [...pair.join("")].length, 0);
  check(length <= 128, `exemplar of ${length} characters`);
  const tail = /^ (\S+) (\d+\.\d{3})$/.exec(line.slice(end));
  check(tail !== null, `exemplar without value and time: ${line}`);
  const exemplar = { labels: exemplarLabels, value: parseNumber(tail?.[1] ?? "", line) };
  return { name, labels, value: parseNumber(marked?.[1] ?? "", line), exemplar };
}

function parseLabels(line: string, start: number): [Record<string, string>, number] {
  const labels: Record<string, string> = {};
  if (line[start] !== "{") return [labels, start];
  let at = start + 1;
  while (line[at] !== "}") {
    const name = /^[a-zA-Z_][a-zA-Z0-9_]*(?==")/.exec(line.slice(at))?.[0];
    check(name !== undefined, `bad label at ${at}: ${line}`);
    check(!Object.hasOwn(labels, name ?? ""), `label twice: ${line}`);
    at += (name?.length ?? 0) + 2;
    let value = "";
    for (; line[at] !== '"'; at++) {
      check(at < line.length, `label without end: ${line}`);
      if (line[at] !== "\\") value += line[at];
      else {
        const escaped = { "\\": "\\", '"': '"', n: "\n" }[line[++at] ?? ""];
        check(escaped !== undefined, `bad escape: ${line}`);
        value += escaped ?? "";
      }
    }
    check(!/\p{Surrogate}/u.test(value), `half a surrogate pair: ${line}`);
    labels[name ?? ""] = value;
    at += 1;
    if (line[at] === ",") at += 1;
    else check(line[at] === "}", `neither comma nor end of labels: ${line}`);
  }
  return [labels, at + 1];
}

function parseNumber(text: string, line: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  if (text === "NaN") return Number.NaN;
  check(/^-?\d+(\.\d+)?(e[+-]\d+)?$/.test(text), `not a number, ${text}: ${line}`);
  return Number(text);
}

function sampleNames({ name, type }: ParsedFamily, format: ExpositionFormat): string[] {
  if (type === "histogram") return [`${name}_bucket`, `${name}_sum`, `${name}_count`];
  if (type === "counter" && format === "openmetrics") {
    check(!name.endsWith("_total"), `OpenMetrics family ${name}`);
    return [`${name}_total`];
  }
  return [name];
}

function checkHistogram(family: ParsedFamily, format: ExpositionFormat): void {
  const series = new Map<string, ParsedSample[]>();
  for (const sample of family.samples) {
    const { le: _, ...labels } = sample.labels;
    const key = JSON.stringify(labels);
    series.set(key, [...(series.get(key) ?? []), sample]);
  }
  for (const samples of series.values()) {
    const buckets = samples.filter((sample) => sample.name.endsWith("_bucket"));
    let bound = Number.NEGATIVE_INFINITY;
    let count = 0;
    for (const { labels, value, exemplar } of buckets) {
      const le = labels["le"] ?? "";
      if (format === "openmetrics") check(/\.|Inf/.test(le), `bound ${le} is not canonical`);
      const next = parseNumber(le, le);
      check(next > bound && value >= count, `buckets of ${family.name} do not rise`);
      check(
        exemplar === undefined || (exemplar.value <= next && exemplar.value > bound),
        "exemplar in the wrong bucket",
      );
      bound = next;
      count = value;
    }
    check(bound === Number.POSITIVE_INFINITY, `${family.name} has no +Inf`);
    check(samples.find((sample) => sample.name.endsWith("_count"))?.value === count, "count is not the last bucket");
    check(samples.filter((sample) => sample.name.endsWith("_sum")).length === 1, "no sum");
  }
}

function check(holds: boolean, fault: string): void {
  if (!holds) throw new Error(fault);
}
