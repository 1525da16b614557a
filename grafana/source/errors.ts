import type * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import { createDashboard, type DashboardOptions } from "./frame";
import { bars, coloured, SEVERITY_COLOURS, severityBars } from "./panels";
import { countInRange, countPerStep, type Filter } from "./promql";
import { groupsTable } from "./shared-panels";

/** What kinds of errors there are, and where they come from. */
export function errors(options: DashboardOptions): dashboard.Dashboard {
  const { promql } = options;
  const filters: readonly Filter[] = ["service", "worker", "category", "severity"];
  const roots = promql.select("errors_total", filters, 'origin="root"');
  const all = promql.select("errors_total", filters);
  const ranked = (selector: string, label: string, most: number): string =>
    `sort_desc(topk(${most}, ${countInRange(selector, [label, "severity"])} > 0))`;

  return createDashboard(
    {
      uid: "seismo-errors",
      title: "Seismo / Errors by category",
      description: "What kinds of errors there are within the time range, and where they come from.",
      filters,
      linksToPage: true,
      rows: [
        {
          height: 10,
          panels: [
            [
              12,
              severityBars(
                {
                  title: "By category",
                  description:
                    "Failures where they began (origin root) within the time range, first occurrences included. Colours are severities.",
                  unit: "short",
                  noValue: "No errors",
                },
                "category",
                ranked(roots, "category", 30),
              ),
            ],
            [
              12,
              severityBars(
                {
                  title: "By type",
                  description:
                    "The same failures by the type of the error: the name of its class, or a code such as ECONNREFUSED. The most frequent ones.",
                  unit: "short",
                  noValue: "No errors",
                },
                "type",
                ranked(roots, "type", 20),
              ),
            ],
          ],
        },
        {
          height: 8,
          panels: [
            [
              16,
              coloured(
                bars(
                  {
                    title: "Over time",
                    description: "When these failures happened. The legend sums up the time range.",
                    unit: "short",
                    noValue: "No errors",
                  },
                  [{ expr: countPerStep(roots, ["severity"]), legend: "{{severity}}", exemplar: true }],
                ),
                SEVERITY_COLOURS,
              ),
            ],
            [
              8,
              severityBars(
                {
                  title: "By origin",
                  description:
                    "root: where a failure began. echo: who failed only because of it. Many echoes for each root: a failure that reaches far.",
                  unit: "short",
                  noValue: "No errors",
                },
                "origin",
                ranked(all, "origin", 10),
              ),
            ],
          ],
        },
        {
          height: 10,
          panels: [
            [
              8,
              severityBars(
                {
                  title: "By worker",
                  description:
                    "Which process failed. One among many alike points to its machine, all of them to the code.",
                  unit: "short",
                  noValue: "No errors",
                },
                "worker",
                ranked(roots, "worker", 20),
              ),
            ],
            [16, groupsTable(promql)],
          ],
        },
      ],
    },
    options,
  );
}
