/** `seismo rules`, as it is run. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { freshFolder } from "../fresh-folder";

function rules(cwd: string, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [resolve("dist", "cli.js"), "rules", ...args], {
    cwd,
    env: { PATH: process.env["PATH"] },
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

/** A folder with the thresholds that ship. */
function copied(): string {
  const folder = freshFolder();
  mkdirSync(join(folder, "alerting"));
  copyFileSync("alerting/thresholds.yaml", join(folder, "alerting", "thresholds.yaml"));
  return folder;
}

test("the rules that ship are those of the thresholds that ship", () => {
  const said = rules(".", "--check");
  assert.deepEqual([said.status, said.stderr], [0, ""]);
  assert.match(said.stdout, /^alerting\/rules\.yml: \d+ rules as they shall be\n$/);
});

test("rules are written where they belong, say how they were made, and are fresh until a threshold changes", () => {
  const folder = copied();
  assert.match(rules(folder).stdout, /^alerting\/rules\.yml: \d+ rules written\n$/);
  const written = readFileSync(join(folder, "alerting", "rules.yml"), "utf8");
  assert.equal(written, readFileSync("alerting/rules.yml", "utf8"));
  assert.match(written, /^# Made from thresholds\.yaml by `seismo rules`\. /);
  assert.equal(rules(folder, "--check").status, 0);

  const path = join(folder, "alerting", "thresholds.yaml");
  writeFileSync(path, readFileSync(path, "utf8").replace("queue_percent: 80", "queue_percent: 70"));
  const stale = rules(folder, "--check");
  assert.deepEqual([stale.status, stale.stdout], [1, ""]);
  assert.match(
    stale.stderr,
    /^alerting\/rules\.yml: expected what follows from alerting\/thresholds\.yaml; write it with: seismo rules$/m,
  );
  assert.equal(readFileSync(join(folder, "alerting", "rules.yml"), "utf8"), written, "a check writes nothing");
});

test("rules of another prefix can be printed, and name the command that made them", () => {
  const { status, stdout } = rules(copied(), "--prefix", "lab_", "--out", "-");
  assert.equal(status, 0);
  assert.match(stdout, /^# Made from thresholds\.yaml by `seismo rules --out - --prefix lab_`/);
  assert.match(stdout, /lab_errors_total/);
});

test("bad thresholds write nothing", () => {
  const folder = copied();
  writeFileSync(join(folder, "alerting", "thresholds.yaml"), "links: 1\n");
  const { status, stderr } = rules(folder);
  assert.equal(status, 1);
  assert.match(stderr, /^alerting\/thresholds\.yaml: links="1": expected a section/m);
  assert.throws(() => readFileSync(join(folder, "alerting", "rules.yml")));
});

for (const [args, says] of [
  [["--thresholds", "none.yaml"], /^none\.yaml: expected a file that can be read: ENOENT/],
  [["--out", "none/rules.yml"], /^none\/rules\.yml: expected a file that can be written: ENOENT/],
  [["--check"], /^alerting\/rules\.yml: expected a file that can be read: ENOENT/],
  [["--prefix", "9 lives"], /^command line: --prefix="9 lives": expected the beginning of a metric's name/],
] as const) {
  test(`${args.join(" ")} is refused with a reason`, () => {
    const { status, stdout, stderr } = rules(copied(), ...args);
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(stderr, says);
  });
}

for (const [args, says] of [
  [["--threshold", "x"], /--threshold/],
  [["now"], /unexpected "now"/],
] as const) {
  test(`${args.join(" ")} is a misuse, and shows how rules is used`, () => {
    const { status, stderr } = rules(copied(), ...args);
    assert.equal(status, 2);
    assert.match(stderr, says);
    assert.match(stderr, /Usage: seismo rules/);
  });
}

test("rules --help shows its options", () => {
  const { status, stdout } = rules(".", "--help");
  assert.equal(status, 0);
  for (const option of ["--thresholds", "--out", "--prefix", "--check"])
    assert.ok(stdout.includes(`  ${option}`), option);
});
