/** Traces that real programs printed (test/fixtures/traces): what is read from them, and what must not change it. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createFrequency } from "../../../src/processors/frequency";
import { processError } from "../../../src/processors/process-error";
import { compileRules } from "../../../src/processors/rules";
import { parseStack, toldErrors } from "../../../src/processors/stack";
import { rawFrom, redactedFrom } from "../raw-error";
import { calls, errors, stableCalls } from "./told-calls";

const FOLDER = join(__dirname, "../../../../test/fixtures/traces");

interface Trace {
  readonly name: string;
  readonly text: string;
}

const TRACES: readonly Trace[] = readdirSync(FOLDER, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".txt"))
  .sort()
  .map((name) => ({ name, text: readFileSync(join(FOLDER, name), "utf8") }));

// The shape is that of the file beside the traces.
const EXPECTED = JSON.parse(readFileSync(join(FOLDER, "expected.json"), "utf8")) as Record<
  string,
  { readonly calls: readonly string[]; readonly errors: readonly (readonly string[])[] }
>;

/** Of a long stack the number of calls and the first of the application's. */
function told(stack: string): readonly string[] {
  const all = calls(stack);
  return all.length <= 14 ? all : [`${all.length} calls`, ...all.filter((call) => call.startsWith("*")).slice(0, 6)];
}

test("every real trace gives its calls, its error and the causes", () => {
  assert.deepEqual(
    TRACES.map(({ name }) => name),
    Object.keys(EXPECTED),
  );
  for (const { name, text } of TRACES) {
    assert.deepEqual([name, told(text)], [name, EXPECTED[name]?.calls]);
    assert.deepEqual([name, errors(text)], [name, EXPECTED[name]?.errors]);
  }
});

const DAMAGE: readonly (readonly [what: string, change: (text: string) => string])[] = [
  ["the line ends of Windows", (text) => text.replaceAll("\n", "\r\n")],
  ["colours", (text) => text.replace(/^.+$/gm, (line) => `\u001b[31m${line}\u001b[0m`)],
  ["blanks at the end", (text) => `${text.trimEnd()}\n\n  \n`],
  ["no line feed at the end", (text) => text.trimEnd()],
];

for (const [what, change] of DAMAGE) {
  test(`a trace is the same with ${what}`, () => {
    for (const { name, text } of TRACES) assert.deepEqual([name, calls(change(text))], [name, calls(text)]);
  });
}

test("redaction leaves the calls of a trace", () => {
  for (const { name, text } of TRACES) {
    const error = redactedFrom({ name: "Error", message: "x", stack: text }, { stack: text });
    assert.deepEqual([name, stableCalls(error.stack)], [name, stableCalls(text)]);
  }
});

/** What differs from run to run, host to host, build to build and release to release. */
const CHANGES: readonly (readonly [what: string, change: (text: string) => string])[] = [
  [
    "line numbers",
    (text) =>
      text.replace(
        /(\.(?:py|java|kt|go|rb|php|rs|exs?|erl|cs)(?:"?, line |:|\())(\d+)/g,
        (_, at, n) => at + (Number(n) + 7),
      ),
  ],
  ["the place of the application", (text) => text.replaceAll("/srv/shop/", "/home/ann/shop/")],
  ["addresses", (text) => text.replace(/0x[\da-f]+/g, (hex) => `0x1${hex.slice(2).replaceAll("4", "5")}`)],
  ["hashes", (text) => text.replace(/[\da-f]{16,40}/g, (hash) => hash.replace(/\d/g, "7"))],
  [
    "the numbers of lambdas, proxies and closures",
    (text) => text.replace(/(lambda\$(?:\w+\$)?|\$Proxy|\.func)\d+/g, "$142"),
  ],
  [
    "versions",
    (text) => text.replace(/\((elixir|stdlib) [\d.]+\)/g, "($1 2.0.1-rc.3)").replaceAll("python3.11", "python3.14"),
  ],
  [
    "goroutines and threads",
    (text) => text.replace(/goroutine \d+/g, "goroutine 4711").replace(/' \(\d+\)/g, "' (4711)"),
  ],
];

for (const [what, change] of CHANGES) {
  test(`${what} change neither the calls of a trace nor its fingerprint`, () => {
    let changed = 0;
    for (const { name, text } of TRACES) {
      const other = change(text);
      if (other === text) continue;
      changed++;
      assert.deepEqual([name, stableCalls(other)], [name, stableCalls(text)]);
      assert.deepEqual([name, fingerprintOf(other)], [name, fingerprintOf(text)]);
    }
    assert.ok(changed > 0);
  });
}

test("a trace has one fingerprint in every version of Python, with or without full backtraces, and whichever way it was reached", () => {
  const same = [
    ["python/chained.txt", "python/chained-3.8.18.txt", "python/chained-3.13.0.txt"],
    ["python/nested.txt", "python/nested-3.8.18.txt", "python/nested-3.13.0.txt"],
    ["python/asynchronous.txt", "python/asynchronous-3.8.18.txt", "python/asynchronous-3.13.0.txt"],
    ["python/endless.txt", "python/endless-3.8.18.txt", "python/endless-3.13.0.txt"],
    ["rust/index.txt", "rust/index-full.txt", "rust/index-release.txt"],
    ["rust/trait.txt", "rust/trait-full.txt"],
    ["go/repanic.txt", "go/repanic-trimpath.txt"],
    ["go/wrapped.txt", "go/wrapped-trimpath.txt"],
    ["java/lambda.txt", "java/lambda-hidden.txt"],
    ["ruby/chained.txt", "ruby/bottom.txt"],
    ["lambda", "inline", "lazy", "suspend", "async", "launched"].map((scenario) => `kotlin/${scenario}.txt`),
    ["kotlin/extension.txt", "kotlin/thread.txt"],
  ];
  for (const names of same) {
    const ids = names.map((name) => fingerprintOf(TRACES.find((trace) => trace.name === name)?.text ?? ""));
    assert.deepEqual(
      ids.map((id) => [names, id]),
      ids.map(() => [names, ids[0]]),
    );
  }
});

test("the causes of a trace have calls of their own", () => {
  for (const { name, text } of TRACES.filter(({ name }) => /chained|group|aggregate|suppressed/.test(name))) {
    const causes = toldErrors(text).slice(1);
    assert.ok(causes.length > 0, name);
    assert.ok(
      causes.some(({ stack }) => parseStack(stack).some(({ function: call }) => /^take$/i.test(call))),
      name,
    );
  }
});

function fingerprintOf(stack: string): string {
  const [own, ...causes] = toldErrors(stack);
  const raw = rawFrom(
    {},
    {
      type: own?.type || "Error",
      message: own?.message ?? "",
      stack,
      causes: causes.map((cause) => ({ ...cause, properties: {} })),
    },
  );
  return processError(raw, compileRules({}), createFrequency(), 1_700_000_000_000).fingerprint.id;
}
