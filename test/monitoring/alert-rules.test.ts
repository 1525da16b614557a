/** The rules that ship, by Prometheus' own tools: they load, each alert fires when it shall, and only then. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parse } from "yaml";
import { freshFolder } from "../fresh-folder";
import { promtool } from "./promtool";

interface Rule {
  readonly alert?: string;
  readonly expr: string;
  readonly labels?: { readonly [label: string]: string };
  readonly annotations?: { readonly [annotation: string]: string };
}
interface Case {
  readonly alertname: string;
  readonly exp_alerts: readonly { readonly exp_labels: { readonly [label: string]: string } }[];
}

const TESTS = ["alerting/rules.test.yml", "alerting/rules.long.test.yml"];
/** It has no case in which it is quiet. */
const ALWAYS_FIRES = "SeismoDeadMansSwitch";
const SEVERITIES = ["critical", "warning", "info", "none"];

// Decoding edges: what promtool accepts has these shapes.
const { groups } = parse(readFileSync("alerting/rules.yml", "utf8")) as {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
};
const alerts = groups.flatMap(({ rules }) => rules).filter((rule) => rule.alert !== undefined);
const levels = alerts.map(({ alert, labels }) => `${alert} ${labels?.["severity"]}`);
const cases = TESTS.flatMap((file) => {
  const { tests } = parse(readFileSync(file, "utf8")) as {
    readonly tests: readonly { readonly alert_rule_test: readonly Case[] }[];
  };
  return tests.flatMap((each) => each.alert_rule_test);
});

test("Prometheus takes the rules", (t) => {
  const said = promtool(t, "check", "rules", "alerting/rules.yml");
  if (said !== undefined) assert.equal(said.status, 0, said.stderr);
});

test("every alert fires and stays quiet as its tests say", (t) => {
  const said = promtool(t, "test", "rules", ...TESTS);
  if (said !== undefined) assert.equal(said.status, 0, said.stdout + said.stderr);
});

test("every alert has, at each severity, a test that fires it and one that does not", () => {
  const fired = new Set<string>();
  const quiet = new Set<string>();
  for (const { alertname, exp_alerts } of cases) {
    const severities = exp_alerts.map(({ exp_labels }) => exp_labels["severity"]);
    for (const severity of SEVERITIES) (severities.includes(severity) ? fired : quiet).add(`${alertname} ${severity}`);
  }
  assert.ok(levels.length > 25, "there are alerts");
  assert.deepEqual(
    levels.filter((level) => !fired.has(level)),
    [],
  );
  assert.deepEqual(
    levels.filter((level) => !quiet.has(level) && !level.startsWith(ALWAYS_FIRES)),
    [],
  );
});

test("every alert has a severity, texts, a dashboard and a runbook of its own name", () => {
  for (const { alert = "", labels = {}, annotations = {} } of alerts) {
    assert.match(alert, /^Seismo[A-Z][A-Za-z]+$/);
    assert.ok(SEVERITIES.includes(labels["severity"] ?? ""), alert);
    for (const text of ["summary", "description"]) assert.match(annotations[text] ?? "", /\S/, `${alert} ${text}`);
    assert.match(annotations["dashboard"] ?? "", /^http:\/\/localhost:3000\/d\/seismo-[a-z]+(\?|$)/, alert);
    assert.ok(annotations["runbook_url"]?.endsWith(`/${alert}.md`), alert);
  }
});

test("there is a runbook for every alert, and none besides, with meaning, impact and first steps", () => {
  const names = [...new Set(alerts.map(({ alert = "" }) => alert))].sort();
  assert.deepEqual(
    readdirSync("docs/runbooks").sort(),
    names.map((name) => `${name}.md`),
  );
  for (const name of names) {
    const text = readFileSync(`docs/runbooks/${name}.md`, "utf8");
    assert.match(
      text,
      new RegExp(
        `^# ${name}\n\n\\w.+\n\\*\\*Impact\\.\\*\\* .+\n\\*\\*First steps\\*\\*\n\n1\\. .+\`\`\`promql\n`,
        "s",
      ),
      name,
    );
  }
});

test("docs/alerting.md lists every alert with its severities", () => {
  const rows = readFileSync("docs/alerting.md", "utf8").matchAll(
    /^\| \[(Seismo\w+)\]\(runbooks\/(\w+)\.md\) *\| ([wc, none]+) *\|/gm,
  );
  const listed = [...rows].flatMap(([, name, book, severities = ""]) => {
    assert.equal(name, book);
    return severities
      .trim()
      .split(", ")
      .map((letter) => `${name} ${{ w: "warning", c: "critical" }[letter] ?? letter}`);
  });
  assert.deepEqual(listed.sort(), [...levels].sort());
});

test("the queries of the runbooks are PromQL", (t) => {
  const queries = readdirSync("docs/runbooks").flatMap((file) => {
    const [, block = ""] = readFileSync(`docs/runbooks/${file}`, "utf8").match(/```promql\n([\s\S]*?)```/) ?? [];
    return block
      .trim()
      .split("\n")
      .map((expr) => ({ record: `runbook:${file.replace(/\W/g, "_")}`, expr }));
  });
  assert.ok(queries.length > 40);
  const file = join(freshFolder(), "queries.yml");
  writeFileSync(file, JSON.stringify({ groups: queries.map((rule, index) => ({ name: `${index}`, rules: [rule] })) }));
  const said = promtool(t, "check", "rules", file);
  if (said !== undefined) assert.equal(said.status, 0, said.stderr);
});

for (const file of [
  "prometheus.yml",
  ...readdirSync("examples/prometheus")
    .filter((name) => name.endsWith(".yml"))
    .map((name) => `examples/prometheus/${name}`),
]) {
  test(`Prometheus takes ${file}`, (t) => {
    // Tokens that an example names are on other machines: there only what the file itself says is checked.
    const said = promtool(t, "check", "config", ...(file === "prometheus.yml" ? [] : ["--syntax-only"]), file);
    if (said === undefined) return;
    if (/kubernetes_sd_configs not found/.test(said.stderr)) return withoutKubernetes(t, file);
    assert.equal(said.status, 0, said.stderr);
  });
}

/** Debian builds Prometheus without Kubernetes: all but the discovery itself is checked. */
function withoutKubernetes(t: TestContext, file: string): void {
  const text = readFileSync(file, "utf8").replaceAll(
    "kubernetes_sd_configs:\n      - role: pod",
    "file_sd_configs:\n      - files: [pods.json]",
  );
  assert.doesNotMatch(text, /kubernetes_sd_configs/);
  const path = join(freshFolder(), "prometheus.yml");
  writeFileSync(path, text);
  const said = promtool(t, "check", "config", "--syntax-only", path);
  if (said !== undefined) assert.equal(said.status, 0, said.stderr);
}
