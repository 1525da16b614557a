/**
 * `seismo replay --compare`: which groups a change of rules splits, and which it merges, on the errors of a journal.
 *
 *   journal line ─┬─► id before: the other configuration's, or the one that the line has ─┐
 *                 └─► id after: this configuration's ─────────────────────────────────────┴─► pairs ─► splits, merges
 *
 * Kept are pairs of ids, with a count and one error to look at; not the errors. So memory follows the number of groups, and
 * that has a bound: what comes beyond it is counted, and the report says so.
 */
import { linesOf } from "./lines";
import type { Rules } from "./processors/rules";
import { headerOf, nameAnew, type RecordedError, readRecordedError } from "./replay-compare/recorded-error";

export interface CompareOptions {
  /** Undefined: the ids that the journal recorded. */
  readonly before: Rules | undefined;
  readonly after: Rules;
  /** Default MAX_PAIRS. */
  readonly maxPairs?: number;
}

export interface Comparison {
  readonly splits: readonly Change[];
  readonly merges: readonly Change[];
  readonly summary: Summary;
}

/** A group of one side that is several on the other. The most errors first, in both lists. */
export interface Change {
  readonly fingerprint: string;
  readonly errors: number;
  readonly parts: readonly Part[];
}

export interface Part {
  readonly fingerprint: string;
  readonly errors: number;
  readonly sample: { readonly id: string; readonly type: string; readonly message: string };
}

export interface Summary {
  readonly errors: number;
  readonly groupsBefore: number;
  readonly groupsAfter: number;
  readonly splits: number;
  readonly merges: number;
  /** Groups that hold the same errors under another id. */
  readonly renamed: number;
  /** Errors that rules drop on one side or on both. */
  readonly ignoredBefore: number;
  readonly ignoredAfter: number;
  /** Errors whose line was too long for all that their name is made of. */
  readonly cutLines: number;
  /** Lines that are torn, damaged or of no journal. */
  readonly badLines: number;
  /** Errors of groups beyond the bound: they are not compared. */
  readonly beyondBound: number;
}

/** Some 30 MB. */
export const MAX_PAIRS = 100_000;
/** Characters of a line; the journal writes no longer ones than 64 kB. */
const MAX_LINE_CHARS = 1_048_576;
const MAX_SAMPLE_CHARS = 160;

export interface Comparing {
  /** Takes in one file's text, in pieces. */
  read(input: AsyncIterable<string>): Promise<void>;
  result(): Comparison;
}

export function createComparison({ before, after, maxPairs = MAX_PAIRS }: CompareOptions): Comparing {
  const pairs = new Map<string, Map<string, { errors: number; readonly sample: Part["sample"] }>>();
  const counts = { errors: 0, ignoredBefore: 0, ignoredAfter: 0, cutLines: 0, badLines: 0, beyondBound: 0 };
  const rules = before === undefined ? [after] : [before, after];
  let pairCount = 0;

  function add(error: RecordedError): void {
    const header = headerOf(error, rules);
    const one = before === undefined ? RECORDED(error) : nameAnew(error, before, header);
    const other = nameAnew(error, after, header);
    counts.errors++;
    if (one.status === "ignored") counts.ignoredBefore++;
    if (other.status === "ignored") counts.ignoredAfter++;
    if (one.status === "ignored" || other.status === "ignored") return;
    const known = pairs.get(one.fingerprint)?.get(other.fingerprint);
    if (known !== undefined) known.errors++;
    else if (pairCount >= maxPairs) counts.beyondBound++;
    else {
      const into = pairs.get(one.fingerprint) ?? new Map();
      pairs.set(one.fingerprint, into.set(other.fingerprint, { errors: 1, sample: sampleOf(error) }));
      pairCount++;
    }
  }

  return {
    async read(input) {
      for await (const line of linesOf(input, MAX_LINE_CHARS)) {
        if (line === "") continue;
        const found = line === undefined ? NO_ERROR : readRecordedError(line);
        if (found.status === "error") add(found.error);
        else if (found.status === "cut") counts.cutLines++;
        else if (found.status === "none") counts.badLines++;
      }
    },
    result() {
      const reversed: typeof pairs = new Map();
      for (const [from, into] of pairs) {
        for (const [to, pair] of into) reversed.set(to, (reversed.get(to) ?? new Map()).set(from, pair));
      }
      const splits = changesOf(pairs);
      const merges = changesOf(reversed);
      let renamed = 0;
      for (const [from, into] of pairs) {
        const [only] = into.size === 1 ? into.keys() : [];
        if (only !== undefined && only !== from && reversed.get(only)?.size === 1) renamed++;
      }
      const groups = { groupsBefore: pairs.size, groupsAfter: reversed.size };
      return {
        splits,
        merges,
        summary: { ...counts, ...groups, splits: splits.length, merges: merges.length, renamed },
      };
    },
  };
}

const NO_ERROR = { status: "none" } as const;
const RECORDED = ({ fingerprint }: RecordedError) => ({ status: "named", fingerprint }) as const;

function sampleOf({ id, type, message }: RecordedError): Part["sample"] {
  const short = (text: string): string => Buffer.from(text.slice(0, MAX_SAMPLE_CHARS)).toString(); // not the whole line
  return { id: short(id), type: short(type), message: short(message) };
}

function changesOf(
  groups: ReadonlyMap<string, ReadonlyMap<string, { readonly errors: number; readonly sample: Part["sample"] }>>,
): readonly Change[] {
  const changes: Change[] = [];
  for (const [fingerprint, into] of groups) {
    if (into.size < 2) continue;
    const parts = [...into].map(([id, pair]) => ({ fingerprint: id, ...pair })).sort(byErrors);
    changes.push({ fingerprint, errors: parts.reduce((sum, { errors }) => sum + errors, 0), parts });
  }
  return changes.sort(byErrors);
}

function byErrors(
  a: { readonly errors: number; readonly fingerprint: string },
  b: { readonly errors: number; readonly fingerprint: string },
): number {
  return b.errors - a.errors || (a.fingerprint < b.fingerprint ? -1 : 1);
}

/** Changes and parts of each that are shown; the rest are counted. */
const MAX_SHOWN_CHANGES = 100;
const MAX_SHOWN_PARTS = 20;

/** A JSON object a line: each split, each merge, the summary. */
export function comparisonJson({ splits, merges, summary }: Comparison): string {
  const lines = [
    ...splits.map((split) => ({ kind: "split", ...split })),
    ...merges.map((merge) => ({ kind: "merge", ...merge })),
    { kind: "summary", ...inSnakeCase(summary) },
  ];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

function inSnakeCase(summary: Summary): object {
  const entries = Object.entries(summary).map(([key, value]) => [
    key.replace(/[A-Z]/g, (letter) => `_${letter}`).toLowerCase(),
    value,
  ]);
  return Object.fromEntries(entries);
}

export function comparisonText({ splits, merges, summary }: Comparison): string {
  const lines = [
    ...shown(splits, ({ fingerprint, errors, parts }) => [
      `split  ${fingerprint}  ${plural(errors, "error")} become ${plural(parts.length, "group")}`,
      ...partLines(parts),
    ]),
    ...shown(merges, ({ fingerprint, errors, parts }) => [
      `merge  ${fingerprint}  ${plural(errors, "error")} of ${plural(parts.length, "group")} become one`,
      ...partLines(parts),
    ]),
    ...summaryLines(summary),
  ];
  return `${lines.join("\n")}\n`;
}

function shown(changes: readonly Change[], print: (change: Change) => readonly string[]): readonly string[] {
  const lines = changes.slice(0, MAX_SHOWN_CHANGES).flatMap(print);
  const rest = changes.length - MAX_SHOWN_CHANGES;
  return rest > 0 ? [...lines, `and ${rest} more: --json lists all`] : lines;
}

function partLines(parts: readonly Part[]): readonly string[] {
  const lines = parts
    .slice(0, MAX_SHOWN_PARTS)
    .map(({ fingerprint, errors, sample }) => `${String(errors).padStart(9)}  ${fingerprint}  ${titleOf(sample)}`);
  const rest = parts.length - MAX_SHOWN_PARTS;
  return rest > 0 ? [...lines, `${"".padStart(9)}  and ${plural(rest, "more group")}`] : lines;
}

/** One line, whatever the message holds. */
function titleOf({ id, type, message }: Part["sample"]): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal must not obey them
  const title = `${type}: ${message}`.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ");
  return `${title}  (${id})`;
}

function summaryLines(summary: Summary): readonly string[] {
  const { errors, groupsBefore, groupsAfter, splits, merges, renamed } = summary;
  const notes = [
    [summary.ignoredBefore, "ignored before"],
    [summary.ignoredAfter, "ignored after"],
    [summary.cutLines, "not compared: their lines were cut"],
    [summary.beyondBound, `not compared: more than ${MAX_PAIRS} groups`],
    [summary.badLines, "lines that are no journal's"],
  ] as const;
  return [
    `${plural(errors, "error")}: ${plural(groupsBefore, "group")} before, ${groupsAfter} after; ` +
      `${plural(splits, "split")}, ${plural(merges, "merge")}, ${renamed} renamed`,
    ...notes.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`),
  ];
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
