// Runs all compiled tests with Node's runner, which does not expand globs on every version that is supported.
// `node test/run.mjs processors/redact receiver` runs the files whose path contains one of these texts.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

/** It waits for scrapes and alerts for most of its time: begun first, it leaves no other file to run alone at the end. */
const FIRST = join("build/test", "prometheus.test.js");

const wanted = process.argv.slice(2);
const files = readdirSync("build/test", { recursive: true })
  .map((file) => join("build/test", file))
  .filter((file) => file.endsWith(".test.js") && (wanted.length === 0 || wanted.some((text) => file.includes(text))))
  .sort((a, b) => Number(b === FIRST) - Number(a === FIRST) || (a < b ? -1 : 1));
if (files.length === 0) {
  console.error(`no test file contains ${wanted.join(" or ")}`);
  process.exit(1);
}
// Two at once: the machine has two cores at least, and the tests start servers and browsers of their own.
const options = ["--test", "--test-concurrency=2", "--test-timeout=480000", "--test-reporter=./test/reporter.mjs"];
const { status } = spawnSync(process.execPath, [...options, ...files], { stdio: "inherit" });
process.exit(status ?? 1);
