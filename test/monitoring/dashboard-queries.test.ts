import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { dashboardQueries, readDashboardQueries } from "../../src/monitoring/dashboard-queries";
import { freshFolder } from "../fresh-folder";

const DASHBOARD = {
  title: "Orders",
  templating: {
    list: [
      { type: "datasource", name: "datasource", query: "prometheus" },
      { type: "query", name: "job", query: "label_values(seismo_build_info, job)" },
      {
        type: "query",
        name: "service",
        query: { query: 'label_values(seismo_service_info{job="$job"}, service)', refId: "S" },
      },
    ],
  },
  annotations: { list: [{ name: "Deploys", expr: 'up{job="$job"} > 0', target: { refId: "Anno" } }, { builtIn: 1 }] },
  panels: [
    {
      title: "Errors",
      targets: [
        {
          refId: "A",
          // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana puts the value in
          expr: 'sum(rate(seismo_errors_total{job="$job", service=~"${service:regex}"}[$__rate_interval]))',
        },
        { refId: "B", expr: "" },
      ],
    },
    {
      type: "row",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana puts the value in
      panels: [{ title: "Inside", targets: [{ refId: "A", expr: "increase(x[$__range] offset ${__interval})" }] }],
    },
    { title: "Text" },
  ],
};

test("all queries of a dashboard are found, as PromQL", () => {
  const found = dashboardQueries(DASHBOARD, "orders.json").map(({ raw, file, dashboard, ...rest }) => {
    assert.deepEqual([file, dashboard], ["orders.json", "Orders"]);
    return rest;
  });
  assert.deepEqual(found, [
    {
      kind: "panel",
      panel: "Errors",
      refId: "A",
      expr: 'sum(rate(seismo_errors_total{job=~".+", service=~".*"}[1m]))',
    },
    { kind: "panel", panel: "Inside", refId: "A", expr: "increase(x[1h] offset 1m)" },
    { kind: "annotation", panel: "Deploys", refId: "Anno", expr: 'up{job=~".+"} > 0' },
    { kind: "variable", panel: "job", refId: "", expr: "group by (job) (seismo_build_info)" },
    { kind: "variable", panel: "service", refId: "S", expr: 'group by (service) (seismo_service_info{job=~".+"})' },
  ]);
});

test("a variable that the dashboard does not have stays in the query", () => {
  const panels = [{ title: "Typo", targets: [{ refId: "A", expr: 'up{job="$jbo"}[$__range]' }] }];
  assert.equal(dashboardQueries({ panels }, "typo.json")[0]?.expr, 'up{job="$jbo"}[1h]');
});

test("what is no dashboard has no queries", () => {
  for (const json of [undefined, null, 7, "panels", [], {}, { panels: "none" }, { panels: [null, { targets: {} }] }]) {
    assert.deepEqual(dashboardQueries(json, "x.json"), []);
  }
});

test("a file that cannot be a dashboard is named", () => {
  const folder = freshFolder();
  writeFileSync(join(folder, "notes.txt"), "not looked at");
  writeFileSync(join(folder, "torn.json"), '{"panels": [');
  assert.throws(() => readDashboardQueries(folder), /torn\.json: not JSON: /);
  writeFileSync(join(folder, "torn.json"), '{"title": "Orders"}');
  assert.throws(() => readDashboardQueries(folder), /torn\.json: panels: expected a list of panels/);
  writeFileSync(join(folder, "torn.json"), JSON.stringify(DASHBOARD));
  assert.equal(readDashboardQueries(folder).length, 5);
});
