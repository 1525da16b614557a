import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { freshFolder } from "./fresh-folder";

const START = 'const { test } = require("node:test"); const assert = require("node:assert/strict");';

test("a run that is green says what was skipped and counts, and keeps quiet about what was printed", () => {
  const run = runOf({
    "green.test.js": `${START} console.log("noise"); test("works", () => {}); test("lacks", (context) => context.skip("no Go"));`,
  });

  assert.equal(run.status, 0);
  assert.match(run.stdout, /^skipped: lacks \(green\.test\.js\): no Go$/m);
  assert.match(run.stdout, /^ +\d+\.\d s {2}green\.test\.js$/m);
  assert.match(run.stdout, /\n# tests 2\n(# .*\n)*# pass 1\n# fail 0\n(# .*\n)*# skipped 1\n(# .*\n)*$/);
  assert.doesNotMatch(run.stdout, /noise|FAILED/);
});

test("a run that is red ends with what failed: file, name, difference, and what the file printed", () => {
  const run = runOf({
    "green.test.js": `${START} test("works", () => {});`,
    "red.test.js": `${START} console.error("port taken");
      test("outer", (context) => context.test("inner", () => assert.deepEqual({ counted: 1 }, { counted: 2 })));
      test("caused", () => { throw new Error("no answer", { cause: new Error("reset") }); });`,
  });

  assert.equal(run.status, 1);
  const said = run.stdout.slice(run.stdout.indexOf("2 FAILED"));
  assert.match(said, /^2 FAILED\n\nred\.test\.js:2: outer > inner\n {2}AssertionError.*:\n/);
  assert.match(said, /^ {2}\+ {3}counted: 1\n {2}- {3}counted: 2$/m);
  assert.match(said, /^red\.test\.js:3: caused\n {2}Error: no answer\n(?:.*\n)*.*\[cause\]: Error: reset$/m);
  assert.match(said, /\nred\.test\.js printed:\n {2}port taken\n$/);
});

test("a file that ends before its tests is told of with the tests that were not done", () => {
  const run = runOf({
    "gone.test.js": `${START} test("waits", () => new Promise(() => setTimeout(process.exit, 100, 3)));`,
  });

  assert.equal(run.status, 1);
  assert.match(run.stdout, /\n1 FAILED\n\ngone\.test\.js: ended with code 3\n {2}not done: waits\n$/);
});

function runOf(files: Readonly<Record<string, string>>): { readonly status: number | null; readonly stdout: string } {
  const folder = freshFolder();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const { NODE_TEST_CONTEXT: _, ...env } = process.env; // a run of its own, not a part of this one
  const reporter = `--test-reporter=${resolve("test/reporter.mjs")}`;
  return spawnSync(process.execPath, ["--test", reporter, ...Object.keys(files)], {
    cwd: folder,
    env,
    encoding: "utf8",
  });
}
