/**
 * What it costs to read the stack traces of other runtimes: the frames, and the errors that are told beside them. Real
 * traces, one of each language, and texts that are made to be slow. Figures are medians of rounds, of the processor.
 */
import { readFileSync } from "node:fs";
import type { RawError } from "../src/event";
import { createFrequency } from "../src/processors/frequency";
import { processError } from "../src/processors/process-error";
import { compileRules } from "../src/processors/rules";
import { parseStack, toldErrors } from "../src/processors/stack";
import { markdownTable } from "./markdown-table";
import { median } from "./statistics";

const FOLDER = "test/fixtures/traces";
const ROUNDS = 15;
const RUNS = 200;

const REAL = [
  ...["python/asynchronous", "python/group", "java/reflection", "java/endless", "go/repanic", "ruby/blocks"],
  ...["php/closure", "rust/trait", "rust/trait-full", "elixir/lambda", "dotnet/mono-aggregate"],
];

const HOSTILE: readonly (readonly [what: string, text: string])[] = [
  ["100,000 frames of JavaScript", `Error: x\n${"    at f (/srv/a.js:1:2)\n".repeat(100_000)}`],
  ["100,000 frames of Java", `a.B: x\n${"\tat com.shop.Cart.total(Cart.java:12)\n".repeat(100_000)}`],
  [
    "100,000 frames of Python",
    `Traceback (most recent call last):\n${'  File "/a.py", line 1, in f\n'.repeat(100_000)}E: x`,
  ],
  ["one line of 5 MB", "a".repeat(5_000_000)],
  ["one line of 5 MB, all brackets", `x\n    at ${"a(".repeat(2_500_000)}`],
  ["a million empty lines", "\n".repeat(1_000_000)],
  ["half a million beginnings of PHP's frames", "#0 a(1): ".repeat(500_000)],
  ["half a million causes", "\nCaused by: a.B: c".repeat(500_000)],
];

function micros(run: () => unknown, runs: number): number {
  const samples: number[] = [];
  for (let round = -3; round < ROUNDS; round++) {
    const start = process.cpuUsage();
    for (let at = 0; at < runs; at++) run();
    const { user, system } = process.cpuUsage(start);
    if (round >= 0) samples.push((user + system) / runs);
  }
  return median(samples);
}

console.log("A real trace, µs:\n");
console.log(
  markdownTable(
    ["", "frames", "parseStack", "toldErrors"],
    REAL.map((name) => {
      const text = readFileSync(`${FOLDER}/${name}.txt`, "utf8");
      const frames = String(parseStack(text).length);
      return [
        name,
        frames,
        micros(() => parseStack(text), RUNS).toFixed(1),
        micros(() => toldErrors(text), RUNS).toFixed(1),
      ];
    }),
  ),
);

console.log("\nA text that nothing has cut, ms:\n");
console.log(
  markdownTable(
    ["", "parseStack", "toldErrors"],
    HOSTILE.map(([what, text]) => {
      const millis = (run: () => unknown): string => (micros(run, 1) / 1_000).toFixed(2);
      return [what, millis(() => parseStack(text)), millis(() => toldErrors(text))];
    }),
  ),
);

const rules = compileRules({});
const frequency = createFrequency({});
function whole(message: string, stack: string): () => unknown {
  const raw: RawError = {
    ...{ id: "1", source: "capture", origin: "root", timeUnixMillis: 0, type: "Error", message, stack },
    ...{ causes: [], properties: {}, handled: true, fatal: false, resource: { service: "bench", worker: "bench-1" } },
    ...{ attributes: {}, details: {}, given: {} },
  };
  return () => processError({ ...raw }, rules, frequency, 0);
}

console.log("\nThe whole path of an error, ms:\n");
console.log(
  markdownTable(
    ["", "as its stack", "as its message"],
    HOSTILE.map(([what, text]) => {
      const millis = (run: () => unknown): string => (micros(run, 1) / 1_000).toFixed(2);
      return [what, millis(whole("x", text)), millis(whole(text, ""))];
    }),
  ),
);
