import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { loadConfig } from "../../src/config";
import { CATEGORIES } from "../../src/event";
import { ADVICE } from "../../src/processors/advice";
import { createFrequency } from "../../src/processors/frequency";
import { processError } from "../../src/processors/process-error";
import { compileRules, type RuleOptions } from "../../src/processors/rules";
import { freshFolder } from "../fresh-folder";
import { rawFrom } from "./raw-error";
import { shaped } from "./real-errors";

const DOCS = "docs/categories.md";

function adviceOn(error: unknown, category?: string, rules: RuleOptions = {}): string {
  const raw = rawFrom(error, category === undefined ? {} : { given: { category } });
  return processError(raw, compileRules(rules), createFrequency(), 0).advice;
}

test("every group and category has an advice of its own, of one line that no channel cuts", () => {
  const names = [...new Set(Object.entries(CATEGORIES).flat(2))];
  assert.deepEqual(Object.keys(ADVICE).sort(), [...names].sort());
  assert.equal(new Set(Object.values(ADVICE)).size, names.length);
  for (const [name, advice] of Object.entries(ADVICE)) {
    assert.match(advice, /^[A-Z][^\p{Cc}]{20,299}\.$/u, name);
    assert.ok(advice.length <= 300, name);
  }
});

test("an event has the advice on its category", () => {
  assert.equal(adviceOn(shaped("Error", "no", { code: "ECONNREFUSED" })), ADVICE.network_connection);
  assert.equal(adviceOn(shaped("Error", "no", { code: "ENOSPC" })), ADVICE.resource_exhausted);
});

test("a category of somebody's own has the advice of its group", () => {
  assert.equal(adviceOn(new Error("no"), "NETWORK_ERROR"), ADVICE.network_error);
  assert.equal(adviceOn(new Error("no"), "network_proxy"), ADVICE.network_error);
  assert.equal(adviceOn(new Error("no"), "constructor"), ADVICE.application_error);
  const categories = [{ match: { type: "*" }, category: "payment_declined", group: "quota_error" }] as const;
  assert.equal(adviceOn(new Error("no"), undefined, { categories }), ADVICE.quota_error);
});

test("the user's advice comes before, and of several that match the first", () => {
  const advice = [
    { match: { category: "network_*", service: "other" }, advice: "Not this service." },
    { match: { category: "network_*" }, advice: "Ask the network team." },
    { match: { type: "*" }, advice: "Never." },
  ];
  assert.equal(
    adviceOn(shaped("Error", "no", { code: "ECONNREFUSED" }), undefined, { advice }),
    "Ask the network team.",
  );
  assert.equal(adviceOn(new Error("no"), undefined, { advice: advice.slice(0, 2) }), ADVICE.application_error);
});

test("an advice in the configuration that is no line, or too long to be shown, is refused by name", () => {
  const advice = ["a\nb", "x".repeat(301), "", 7, "Good."].map((text) => ({ match: { type: "A" }, advice: text }));
  const { config, problems } = configured({ errors: { advice } });
  assert.deepEqual(config.errors.advice, [{ match: { type: "A" }, advice: "Good." }]);
  assert.deepEqual(
    problems.map(({ key }) => key),
    [0, 1, 2, 2, 3].map((index) => `errors.advice[${index}].advice`),
  );
});

test("docs/categories.md lists every group and category with its advice, and its example is a valid configuration", () => {
  const page = readFileSync(DOCS, "utf8");
  const expected = Object.entries(CATEGORIES).flatMap(([group, categories]) => {
    const names = [group, ...categories.filter((category) => category !== group)];
    // Object.entries forgets that the keys are names; the first test holds them against the table.
    const rows = names.map((name) => [name, (ADVICE as { readonly [name: string]: string })[name]] as const);
    return rows.map(([name, advice]) => `| ${name === group ? `**\`${name}\`**` : `\`${name}\``} | ${advice} |`);
  });
  const listed = page.split("\n").filter((line) => /^\| (?:\*\*)?`/.test(line));
  assert.deepEqual(listed, expected, `the rows to write:\n${expected.join("\n")}`);

  const [, example = ""] = page.split(/```(?:yaml)?\n/);
  const { config, problems } = configured(parse(example));
  assert.deepEqual(problems, []);
  assert.equal(config.errors.advice.length, 2);
});

function configured(file: unknown): ReturnType<typeof loadConfig> {
  const cwd = freshFolder();
  writeFileSync(join(cwd, "seismo.config.json"), JSON.stringify(file));
  return loadConfig({ env: {}, cwd, hostname: "box" });
}
