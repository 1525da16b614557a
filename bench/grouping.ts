/**
 * How well errors are grouped, on the labelled set of test/fixtures/grouping/, and what it costs.
 *
 *   GA     grouping accuracy (Zhu et al., "Tools and Benchmarks for Automated Log Parsing", ICSE-SEIP 2019): the share of
 *          errors whose group holds exactly the errors of their statement, not one more or less.
 *   FGA    F1 of grouping accuracy (Jiang et al., "A Large-Scale Evaluation for Log Parsing Techniques: How Far Are We?",
 *          ISSTA 2024): with Nc groups that hold exactly one statement, precision Nc / groups made, recall
 *          Nc / statements. A statement counts the same however often it was logged.
 *   merged the share of errors that share a group with an error of another statement (over-grouping).
 *   split  the share of errors of whose statement some are in another group (under-grouping).
 *
 * Two simple groupers stand beside Seismo: one takes type and in-app frames, without a stack type and message; the other
 * masks every token that holds a digit, of the message alone.
 */
import { parseArgs } from "node:util";
import { nameError } from "../src/fingerprint-command";
import { categorize } from "../src/processors/categorize";
import { fingerprint } from "../src/processors/fingerprint";
import { redact } from "../src/processors/redact";
import { compileRules } from "../src/processors/rules";
import { parseStack } from "../src/processors/stack";
import { rawFrom } from "../test/processors/raw-error";
import {
  type LabelledError,
  labelledMessages,
  labelledTraces,
  MESSAGE_SETS,
  type SetName,
  TRACE_SETS,
} from "./grouping-set";
import { markdownTable } from "./markdown-table";
import { median } from "./statistics";

const HELP = `npm run bench:grouping -- [options]
  --wrong      lists the statements that were split, and those that were merged
  --rounds N   measured rounds of the times (default 15; 0 measures none)`;

const RULES = compileRules({});

export type Grouper = (error: LabelledError) => string;

export const GROUPERS: { readonly [name: string]: Grouper } = {
  Seismo: (error) => nameError(error, RULES).fingerprint,
  "type, in-app frames": ({ type, message, stack }) => {
    const frames = parseStack(stack).filter(({ inApp }) => inApp);
    const places = frames.map((frame) => [frame.function, frame.module]);
    return JSON.stringify([type, places.length > 0 ? places : message]);
  },
  "type, tokens masked": ({ type, message }) =>
    JSON.stringify([type, message.replace(/[^\s"'()[\]{},;=]*\d[^\s"'()[\]{},;=]*/g, "<*>")]),
};

export interface Score {
  readonly statements: number;
  readonly groups: number;
  readonly ga: number;
  readonly fga: number;
  readonly merged: number;
  readonly split: number;
}

function main(): void {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "15" },
      wrong: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void console.log(HELP);
  for (const set of MESSAGE_SETS) report("messages", set, labelledMessages(set), values.wrong);
  for (const set of TRACE_SETS) report("traces", set, labelledTraces(set), values.wrong);
  reportCounts();
  if (Number(values.rounds) > 0) reportTimes(Number(values.rounds));
}

/** No rule was learnt from it. */
const HELD_OUT: SetName = "f";

/** The least that a set must have for its scores to mean anything. */
const LEAST = { messages: 1_000, traces: 200 } as const;

function reportCounts(): void {
  const messages = MESSAGE_SETS.flatMap((set) => [...labelledMessages(set)]);
  const traces = TRACE_SETS.flatMap((set) => [...labelledTraces(set)]);
  const rows = [["messages", messages, LEAST.messages] as const, ["traces", traces, LEAST.traces] as const].map(
    ([name, errors, least]) => {
      const { statements } = score(errors, ({ label }) => label);
      return [
        name,
        String(errors.length),
        String(statements),
        `≥ ${least} ${errors.length >= least ? "met" : "missed"}`,
      ];
    },
  );
  console.log("\nLabelled errors in all:\n");
  console.log(markdownTable(["", "errors", "problems", "target"], rows));
}

function report(name: string, set: SetName, errors: readonly LabelledError[], showsWrong: boolean): void {
  const rows = Object.entries(GROUPERS).map(([grouper, group]) => {
    const { groups, ga, fga, merged, split } = score(errors, group);
    return [grouper, String(groups), ...[ga, fga, merged, split].map((share) => share.toFixed(3))];
  });
  const { statements } = score(errors, ({ label }) => label);
  console.log(
    `\nSet ${set}${set === HELD_OUT ? ", held out" : ""}: ${errors.length} ${name} of ${statements} problems\n`,
  );
  console.log(markdownTable(["", "groups", "GA", "FGA", "merged", "split"], rows));
  if (showsWrong) listWrong(errors);
}

export function score(errors: readonly LabelledError[], group: Grouper): Score {
  const labels = countsBy(errors, ({ label }) => label);
  const groups = countsBy(errors, group);
  const pairs = countsBy(errors, (error) => JSON.stringify([error.label, group(error)]));
  let right = 0;
  let merged = 0;
  let split = 0;
  const rightGroups = new Set<string>();
  for (const error of errors) {
    const id = group(error);
    const together = pairs.get(JSON.stringify([error.label, id])) ?? 0;
    const isMerged = together < (groups.get(id) ?? 0);
    const isSplit = together < (labels.get(error.label) ?? 0);
    if (isMerged) merged++;
    if (isSplit) split++;
    if (isMerged || isSplit) continue;
    right++;
    rightGroups.add(id);
  }
  const precision = rightGroups.size / groups.size;
  const recall = rightGroups.size / labels.size;
  return {
    statements: labels.size,
    groups: groups.size,
    ga: right / errors.length,
    fga: rightGroups.size === 0 ? 0 : (2 * precision * recall) / (precision + recall),
    merged: merged / errors.length,
    split: split / errors.length,
  };
}

function countsBy<T>(list: readonly T[], key: (item: T) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const item of list) counts.set(key(item), 1 + (counts.get(key(item)) ?? 0));
  return counts;
}

function listWrong(errors: readonly LabelledError[]): void {
  const labelsOf = new Map<string, Set<string>>();
  const namesOf = new Map<string, Map<string, string>>();
  for (const error of errors) {
    const { fingerprint: id, reason, template, category } = nameError(error, RULES);
    labelsOf.set(id, (labelsOf.get(id) ?? new Set()).add(error.label));
    const names = namesOf.get(error.label) ?? new Map<string, string>();
    namesOf.set(error.label, names.set(id, `${template}   [${category}; ${reason}]`));
  }
  for (const [label, names] of namesOf) {
    if (names.size > 1) console.log(`split ${label}:\n  ${[...names.values()].join("\n  ")}`);
  }
  for (const [id, labels] of labelsOf) {
    if (labels.size < 2) continue;
    console.log(
      `merged ${[...labels].join(", ")}:\n  ${[...labels].map((label) => namesOf.get(label)?.get(id)).join("\n  ")}`,
    );
  }
}

// Times

const ERRORS_A_ROUND = 2_000;
const DISTINCT_MESSAGES = 1_000_000;
const TARGET_STACK_MICROS = 40;
const TARGET_MESSAGE_MICROS = 5;

function reportTimes(rounds: number): void {
  const stacks = Array.from({ length: ERRORS_A_ROUND }, (_, index) => stackOf(index));
  const messages = [...labelledMessages("a"), ...labelledMessages("b")];
  const prepared = (texts: readonly { readonly type: string; readonly message: string; readonly stack: string }[]) =>
    texts.map(({ type, message, stack }) => {
      const safe = redact(rawFrom(undefined, { type, message, stack }), RULES.redaction);
      return { safe, classification: categorize(safe, RULES) };
    });
  const cases = [
    {
      name: "parse, template, fingerprint of a stack of 20 frames",
      items: prepared(stacks),
      target: TARGET_STACK_MICROS,
    },
    { name: "template, fingerprint of a message", items: prepared(messages), target: TARGET_MESSAGE_MICROS },
  ];
  const rows = cases.map(({ name, items, target }) => {
    const micros: number[] = [];
    for (let round = -3; round < rounds; round++) {
      for (const { safe, classification } of items) {
        const started = performance.now();
        fingerprint(safe, parseStack(safe.stack), classification, RULES);
        if (round >= 0) micros.push((performance.now() - started) * 1_000);
      }
    }
    const time = median(micros);
    return [name, time.toFixed(2), `< ${target} ${time < target ? "met" : "missed"}`];
  });
  console.log("\nTimes, each error by itself, µs:\n");
  console.log(markdownTable(["", "median", "target"], rows));

  const before = heapMegabytes();
  const started = performance.now();
  for (let index = 0; index < DISTINCT_MESSAGES; index++) {
    nameError(
      { type: "Error", message: `${index.toString(36)} is no ${index % 7} of ours`, stack: "", language: "" },
      RULES,
    );
  }
  const seconds = (performance.now() - started) / 1_000;
  const after = heapMegabytes();
  console.log(
    `\n${DISTINCT_MESSAGES.toLocaleString("en")} distinct messages, redacted and named: ${seconds.toFixed(1)} s; heap ` +
      `${before.toFixed(1)} MB before, ${after.toFixed(1)} MB after`,
  );
}

/** Each of its own: other lines, so that nothing is known from the one before. */
function stackOf(index: number): { readonly type: string; readonly message: string; readonly stack: string } {
  const frames = Array.from({ length: 20 }, (_, depth) =>
    depth < 12
      ? `    at step${depth} (/srv/shop/dist/orders/step-${depth}.js:${index + depth}:${depth + 1})`
      : `    at Layer.handle${depth} (/srv/shop/node_modules/express/lib/router/layer.js:${index + depth}:5)`,
  );
  const message = `order ${index} of ann@example.com is locked`;
  return { type: "Error", message, stack: [`Error: ${message}`, ...frames].join("\n") };
}

function heapMegabytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1_048_576;
}

if (require.main === module) main();
