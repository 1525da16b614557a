import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { appendFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { type LabelledError, labelledMessages, labelledTraces } from "../bench/grouping-set";
import type { RawError } from "../src/event";
import { journalLine } from "../src/exporter/journal-line";
import { extractErrors } from "../src/processors/extract";
import { createFrequency } from "../src/processors/frequency";
import { processError } from "../src/processors/process-error";
import { compileRules, type RuleOptions } from "../src/processors/rules";
import { createComparison } from "../src/replay-compare";
import { freshFolder } from "./fresh-folder";
import { rawFrom } from "./processors/raw-error";
import { DATABASES } from "./processors/real-database-errors";
import { REAL_ERRORS } from "./processors/real-errors";

const CLI = resolve("dist", "cli.js");
const folder = freshFolder();

/** The lines that a journal has of these errors, named by these rules. */
function journalOf(errors: readonly RawError[], rules: RuleOptions = {}): string {
  const compiled = compileRules(rules);
  const frequency = createFrequency();
  return errors.map((error) => `${journalLine(processError(error, compiled, frequency, 1))}\n`).join("");
}

/** As a span with this exception comes to a collector. */
function received({ type, message, stack, language }: LabelledError): RawError {
  const [raw] = extractErrors(
    {
      ...{ traceId: "", spanId: "", name: "GET /", kind: "server", status: "error", statusMessage: "" },
      ...{ endUnixMillis: 1, durationMillis: 1, attributes: { "telemetry.sdk.language": language } },
      exceptions: [{ timeUnixMillis: 1, type, message, stack }],
    },
    { resource: { service: "shop", worker: "w-1" }, newId: randomUUID },
    { httpClientErrors: false },
  );
  assert.ok(raw);
  return raw;
}

async function* pieces(...texts: readonly string[]): AsyncGenerator<string> {
  yield* texts;
}

test("nothing changes where the rules are those that the journal was written by, whatever the errors are", async () => {
  const labelled = (["a", "b"] as const).flatMap((half) => [...labelledMessages(half), ...labelledTraces(half)]);
  const errors = labelled.map(received);
  for (const { make, extra } of REAL_ERRORS) errors.push(rawFrom(await make(), { ...extra, id: randomUUID() }));
  for (const { start } of DATABASES) {
    const database = await start();
    if (database.status === "missing") continue;
    for (const { make, extra } of database.errors) errors.push(rawFrom(await make(), extra));
    await database.stop();
  }
  const comparing = createComparison({ before: undefined, after: compileRules({}) });
  await comparing.read(pieces(journalOf(errors)));
  const { splits, merges, summary } = comparing.result();
  assert.deepEqual([splits, merges, summary.renamed], [[], [], 0]);
  assert.ok(summary.errors > 1_400 && summary.groupsBefore === summary.groupsAfter, JSON.stringify(summary));
  assert.deepEqual([summary.cutLines, summary.badLines, summary.ignoredAfter], [0, 0, 0]);
});

class Gone extends Error {
  override readonly name = "Gone";
}
const orders = Array.from({ length: 6 }, (_, n) => rawFrom(new Gone(`order ${n} is gone`)));
const stocks = Array.from({ length: 3 }, () => rawFrom(new Gone("the stock is gone")));
const byCode = rawFrom(new Error("given"), { given: { fingerprint: ["mine", "{{ default }}"] } });
const errors = [...orders, ...stocks, byCode];

function write(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

function replay(...args: readonly string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [CLI, "replay", ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"] },
    encoding: "utf8",
  });
}

const journal = write("journal.jsonl", journalOf(errors));
const joined = write("joined.json", {
  errors: { fingerprints: [{ match: { type: "Gone" }, fingerprint: ["gone"] }] },
});

test("groups that a rule joins are told of with their counts, and an error of each to look at", () => {
  const { status, stdout } = replay(journal, "--compare", "--config", joined);
  assert.equal(status, 0);
  const [merge, most, least, summary] = stdout.trimEnd().split("\n");
  assert.match(merge ?? "", /^merge {2}[0-9a-f]{16} {2}9 errors of 2 groups become one$/);
  assert.match(most ?? "", /^ {8}6 {2}[0-9a-f]{16} {2}Gone: order 0 is gone {2}\([0-9a-f-]{36}\)$/);
  assert.match(least ?? "", /^ {8}3 {2}[0-9a-f]{16} {2}Gone: the stock is gone/);
  assert.equal(summary, "10 errors: 3 groups before, 2 after; 0 splits, 1 merge, 0 renamed");
});

test("against another configuration, groups that it joined are told of as split", () => {
  const { stdout } = replay(journal, "--compare", "--against", joined, "--json");
  const [split, summary] = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly [key: string]: unknown }); // the command's own format
  assert.deepEqual([split?.["kind"], split?.["errors"]], ["split", 9]);
  const parts = split?.["parts"] as { errors: number; sample: { message: string } }[]; // as above
  assert.deepEqual(
    parts.map((part) => [part.errors, part.sample.message]),
    [
      [6, "order 0 is gone"],
      [3, "the stock is gone"],
    ],
  );
  assert.deepEqual(
    [summary?.["kind"], summary?.["groups_before"], summary?.["groups_after"], summary?.["splits"]],
    ["summary", 2, 3, 1],
  );
});

test("lines that cannot be compared are counted, each kind by itself", () => {
  const path = write("mixed.jsonl", journalOf([...orders, rawFrom(new Error("noise"))]));
  appendFileSync(path, journalOf([rawFrom(new Error("long"), { details: { text: "x".repeat(1_000) } })]));
  appendFileSync(path, `${JSON.stringify({ action: "error", stack: null, causes: [], attributes: {} })}\n`);
  appendFileSync(path, '{"action":"origin","through":"1","changed":[]}\n\nnonsense\n{"action":"error","id":"torn');
  const config = write("ignore.json", { errors: { ignore: [{ message: "noise" }] } });
  const { stdout } = replay(path, "--compare", "--config", config);
  assert.deepEqual(stdout.trimEnd().split("\n"), [
    "8 errors: 2 groups before, 2 after; 0 splits, 0 merges, 0 renamed",
    "1 ignored after",
    "1 not compared: their lines were cut",
    "2 lines that are no journal's",
  ]);
});

test("a journal of more groups than are kept is compared as far as they reach, and the report says so", async () => {
  const comparing = createComparison({ before: undefined, after: compileRules({}), maxPairs: 2 });
  const many = ["one", "two", "three"].flatMap((word) => Array.from({ length: 4 }, () => rawFrom(new Error(word))));
  await comparing.read(pieces(journalOf(many)));
  const { summary } = comparing.result();
  assert.deepEqual([summary.errors, summary.groupsBefore, summary.beyondBound], [12, 2, 4]);
});

test("a message cannot command the terminal that it is printed on", () => {
  const evil = [1, 2].map((n) => rawFrom(new Error(`\u001b[2J\nsplit  fake ${n === 1 ? "left" : "right"} \u009b1m`)));
  const path = write("evil.jsonl", journalOf(evil));
  const config = write("evil.json", { errors: { fingerprints: [{ match: { type: "*" }, fingerprint: ["one"] }] } });
  const { stdout } = replay(path, "--compare", "--config", config);
  assert.match(stdout, /merge {2}[0-9a-f]{16} {2}2 errors of 2 groups become one/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what must not be there
  assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]|^split/m);
});

test("wrong options and files that are not there end with a reason", () => {
  assert.match(replay(journal, "--json").stderr, /--json needs --compare/);
  assert.match(replay("--compare").stderr, /replay needs a journal file/);
  const missing = replay("nowhere.jsonl", "--compare");
  assert.deepEqual([missing.status, /cannot read nowhere\.jsonl: ENOENT/.test(missing.stderr)], [1, true]);
  const bad = replay(journal, "--compare", "--against", write("bad.json", { errors: { fingerprints: 7 } }));
  assert.equal(bad.status, 1);
  assert.match(bad.stderr, /errors\.fingerprints/);
});
