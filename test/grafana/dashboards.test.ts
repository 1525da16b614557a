import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse, stringify } from "yaml";
import { dashboardFiles, SHIPPED } from "../../grafana/source/dashboards";
import { readDashboardQueries } from "../../src/monitoring/dashboard-queries";
import { cannotRunHere } from "../cannot-run-here";
import { freshFolder } from "../fresh-folder";

/** What these tests look at; the files are JSON that Grafana reads. */
interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly schemaVersion: number;
  readonly tags: readonly string[];
  readonly links: readonly { readonly type: string; readonly tags: readonly string[] }[];
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: { readonly list: readonly Annotation[] };
}
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description: string;
  readonly datasource: unknown;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig: { readonly defaults: { readonly unit: string; readonly noValue: string } };
  readonly targets: readonly Target[];
}
interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly format?: string;
  readonly datasource: unknown;
  readonly instant: boolean;
  readonly range: boolean;
}
interface Variable {
  readonly name: string;
  readonly type: string;
  readonly datasource?: unknown;
  readonly multi: boolean;
}
interface Annotation {
  readonly name: string;
  readonly expr: string;
  readonly target: { readonly expr: string };
}

const FOLDER = join("grafana", "dashboards");
// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana puts the value in
const DATASOURCE = { type: "prometheus", uid: "${datasource}" };
const UIDS = ["errors", "hardware", "health", "llm", "overview", "requests", "workers"].map((name) => `seismo-${name}`);

// Written by the builders of Grafana's SDK, whose types they have.
const dashboards: readonly Dashboard[] = [...dashboardFiles(SHIPPED).values()].map((text) => JSON.parse(text));
const panels = dashboards.flatMap(({ uid, panels: own }) =>
  own.map((panel) => ({ at: `${uid} "${panel.title}"`, panel })),
);

test("the committed dashboards are what their source makes", () => {
  const made = dashboardFiles(SHIPPED);
  assert.deepEqual(readdirSync(FOLDER).sort(), [...made.keys()].sort());
  for (const [name, text] of made) {
    assert.equal(readFileSync(join(FOLDER, name), "utf8"), text, `${name} is not fresh: npm run dashboards`);
  }
});

test("dashboards have their own uids, find each other by tag, and are of a schema that Grafana 11 knows", () => {
  assert.deepEqual(dashboards.map(({ uid }) => uid).sort(), UIDS);
  assert.equal(new Set(dashboards.map(({ title }) => title)).size, dashboards.length);
  for (const { uid, schemaVersion, tags, links, description } of dashboards) {
    assert.equal(schemaVersion, 39, uid);
    assert.ok(description.length > 20, uid);
    assert.deepEqual(tags, ["seismo"], uid);
    assert.deepEqual(
      links.map(({ type, tags: to }) => [type, to]),
      [["dashboards", ["seismo"]]],
      uid,
    );
  }
});

test("a person who sees a panel for the first time is told what it counts, in which unit, and what no data means", () => {
  assert.ok(panels.length > 50);
  for (const { at, panel } of panels) {
    const { unit, noValue } = panel.fieldConfig.defaults;
    assert.match(panel.title, /^[A-Zp].{1,40}$/, at);
    assert.match(panel.description, /^.{25,300}[.]$/s, at);
    assert.ok(UNITS.includes(unit), `${at}: unit ${unit}`);
    assert.match(noValue, /^[A-Z].{3,45}$/, at);
    assert.ok(PANEL_TYPES.includes(panel.type), `${at}: type ${panel.type}`);
  }
});

test("panels and queries ask the data source that the person chose", () => {
  for (const { at, panel } of panels) {
    assert.deepEqual(panel.datasource, DATASOURCE, at);
    assert.ok(panel.targets.length > 0, at);
    assert.equal(new Set(panel.targets.map(({ refId }) => refId)).size, panel.targets.length, at);
    for (const target of panel.targets) {
      assert.deepEqual(target.datasource, DATASOURCE, at);
      assert.notEqual(target.instant, target.range, at);
      // What is asked for once has no steps.
      assert.ok(!target.instant || !/\$__(rate_)?interval.*offset|offset \$__interval/.test(target.expr), at);
      assert.equal(target.format === "heatmap", panel.type === "heatmap", at);
    }
  }
});

test("each variable is used, and each that is used is there", () => {
  for (const { uid, templating, panels: own, annotations } of dashboards) {
    const names = templating.list.map(({ name }) => name);
    assert.deepEqual(names.slice(0, 2), ["datasource", "job"], uid);
    assert.equal(templating.list.find(({ name }) => name === "job")?.multi, false, uid);
    const text = JSON.stringify([own, annotations, templating.list.map(({ datasource }) => datasource)]);
    const used = [...text.matchAll(/\$(?:\{(\w+)(?::\w+)?\}|(\w+))/g)].map(
      ([, braced, plain]) => braced ?? plain ?? "",
    );
    const chosen = used.filter((name) => !name.startsWith("__"));
    assert.deepEqual([...new Set(chosen)].sort(), [...names].sort(), uid);
  }
});

test("all queries look at one job: the same error may be counted by its service and by a collector", () => {
  for (const { raw, file, panel, kind } of readDashboardQueries(FOLDER)) {
    if (kind === "variable" && panel === "job") continue;
    for (const [selector] of raw.matchAll(/\b\w+\{[^}]*\}/g)) {
      assert.match(selector, /\{job="\$job"/, `${file} ${panel}: ${selector}`);
    }
  }
});

test("promtool can parse every query", (context) => {
  if (spawnSync("promtool", ["--version"]).error !== undefined) {
    return cannotRunHere(context, "no promtool found (Debian: prometheus)");
  }
  const queries = readDashboardQueries(FOLDER);
  assert.ok(queries.length > 100);
  assert.deepEqual(
    queries.filter(({ expr }) => expr.includes("$")).map(({ raw }) => raw),
    [],
  );
  const rules = queries.map(({ expr, panel }, index) => ({ record: `query_${index}`, expr, labels: { panel } }));
  const file = join(freshFolder(), "rules.yml");
  writeFileSync(file, stringify({ groups: [{ name: "dashboards", rules }] }));
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "rules", "--lint=none", file], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, new RegExp(`${queries.length} rules found`));
});

test("panels have their own ids and titles, and fill the grid without overlaps, wide enough to be read at 1,280 pixels", () => {
  for (const { uid, panels: own } of dashboards) {
    assert.equal(new Set(own.map(({ id }) => id)).size, own.length, uid);
    assert.equal(new Set(own.map(({ title }) => title)).size, own.length, uid);
    const taken = new Map<string, string>();
    for (const { title, gridPos } of own) {
      assert.ok(gridPos.w >= 4 && gridPos.x + gridPos.w <= 24 && gridPos.h >= 4, `${uid} "${title}"`);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          assert.equal(taken.get(`${x},${y}`), undefined, `${uid} "${title}" lies over another panel`);
          taken.set(`${x},${y}`, title);
        }
      }
    }
    const height = Math.max(...own.map(({ gridPos }) => gridPos.y + gridPos.h));
    assert.equal(taken.size, 24 * height, `${uid} has a hole`);
  }
});

test("links lead to dashboards that are there, and to the live page by fingerprint", () => {
  const links = [...dashboardFiles(SHIPPED).values()].flatMap((text) =>
    [...text.matchAll(/"url": "([^"]*)"/g)].map(([, url = ""]) => url),
  );
  const [toDashboards, others] = [
    links.filter((url) => url.startsWith("/d/")),
    links.filter((url) => !url.startsWith("/d/")),
  ];
  assert.ok(toDashboards.length > 0);
  for (const url of toDashboards) {
    assert.ok(UIDS.includes(/^\/d\/([\w-]+)\?/.exec(url)?.[1] ?? ""), url);
    assert.match(url, /\$\{datasource:queryparam\}&\$\{job:queryparam\}.*\$\{__url_time_range\}$/);
  }
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana puts the values in
  assert.deepEqual([...new Set(others)], ["${seismo_url:raw}/error-visualization?fingerprint=${__value.raw}"]);
});

test("deploys and new groups are marked on every dashboard, for old and new Grafana alike", () => {
  for (const { uid, annotations } of dashboards) {
    assert.deepEqual(
      annotations.list.map(({ name }) => name),
      ["Deploys", "New error groups"],
      uid,
    );
    for (const { expr, target } of annotations.list) assert.equal(target.expr, expr, uid);
  }
});

test("exemplars are asked for where a data source links them to traces", () => {
  const asked = dashboards.filter(({ panels: own }) => JSON.stringify(own).includes('"exemplar":true'));
  assert.deepEqual(asked.map(({ uid }) => uid).sort(), ["seismo-errors", "seismo-overview", "seismo-requests"]);
  const { datasources } = parse(readFileSync("grafana/provisioning/datasources/seismo.yaml", "utf8"));
  const names = datasources[0].jsonData.exemplarTraceIdDestinations.map(({ name }: { name: string }) => name);
  assert.deepEqual(names, ["trace_id", "fingerprint"]);
});

test("the provisioning has what Grafana asks for", () => {
  const [datasource] = parse(readFileSync("grafana/provisioning/datasources/seismo.yaml", "utf8")).datasources;
  assert.deepEqual([datasource.type, datasource.uid, datasource.access], ["prometheus", "seismo-prometheus", "proxy"]);
  const scrape = parse(readFileSync("prometheus.yml", "utf8")).global.scrape_interval;
  assert.equal(datasource.jsonData.timeInterval, scrape);
  const [provider] = parse(readFileSync("grafana/provisioning/dashboards/seismo.yaml", "utf8")).providers;
  assert.deepEqual([provider.type, provider.options.path], ["file", "/var/lib/grafana/dashboards/seismo"]);
});

test("the dashboards of other metric names and another live page can be written", () => {
  const out = join(freshFolder(), "lab");
  const flags = ["--prefix", "distributed_testing_", "--seismo-url", "https://seismo.example/base/", "--out", out];
  execFileSync(process.execPath, [WRITER, ...flags]);
  const text = readFileSync(join(out, "seismo-overview.json"), "utf8");
  assert.match(text, /distributed_testing_errors_total\{/);
  assert.doesNotMatch(text, /[^\w]seismo_(?!url)\w/);
  assert.match(text, /"query": "https:\/\/seismo\.example\/base"/);
});

test("a setting that cannot be one is named, and nothing is written", () => {
  const out = join(freshFolder(), "none");
  for (const [flags, message] of [
    [["--prefix", "lab-"], '--prefix "lab-": expected letters, digits and underscores'],
    [["--seismo-url", "seismo.example"], '--seismo-url "seismo.example": expected http:// or https:// and a host'],
    [["--perfix", "lab_"], "Unknown option '--perfix'"],
  ] as const) {
    const { status, stderr } = spawnSync(process.execPath, [WRITER, "--out", out, ...flags], { encoding: "utf8" });
    assert.equal(status, 1);
    assert.ok(stderr.startsWith(message), stderr);
    assert.ok(!stderr.includes("    at "), stderr);
  }
  assert.throws(() => readdirSync(out), { code: "ENOENT" });
});

const WRITER = join(__dirname, "..", "..", "grafana", "source", "write-dashboards.js");
const UNITS = ["short", "s", "reqps", "cps", "percent", "percentunit", "decbytes", "celsius"];
const PANEL_TYPES = ["stat", "timeseries", "barchart", "table", "state-timeline", "heatmap"];
