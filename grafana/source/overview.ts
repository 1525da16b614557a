import type * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import { createDashboard, type DashboardOptions, linkTo } from "./frame";

import { bars, CRITICAL, coloured, GOOD, lines, NEUTRAL, numberPanel, tablePanel, WARNING } from "./panels";
import { countInRange, countPerStep, perSecond, quantile, share } from "./promql";
import { groupsTable, requestsByStatus, responseTimes } from "./shared-panels";
import { ERROR_SHARE_STEPS, LATENCY_STEPS } from "./thresholds";

/** Is anything wrong, where, and since when. */
export function overview(options: DashboardOptions): dashboard.Dashboard {
  const { promql } = options;
  const errors = promql.select("errors_total", ["service", "category", "severity"], 'origin="root"');
  const ofService = (name: string, ...matchers: string[]): string => promql.select(name, ["service"], ...matchers);
  const requests = ofService("http_request_duration_seconds_count");
  const failed = ofService("http_request_duration_seconds_count", 'status_class="5xx"');
  const buckets = ofService("http_request_duration_seconds_bucket");

  return createDashboard(
    {
      uid: "seismo-overview",
      title: "Seismo / Overview",
      description:
        "Is anything wrong, where, and since when: requests, errors by category, new and most frequent groups.",
      filters: ["service", "category", "severity"],
      linksToPage: true,
      rows: [
        {
          height: 4,
          panels: [
            [
              4,
              numberPanel(
                {
                  title: "Critical errors",
                  description: "Critical errors of the last 5 minutes. Anything but 0 wants somebody now.",
                  unit: "short",
                  noValue: "No service is scraped",
                },
                `sum(${ofService("critical_errors")})`,
                [GOOD, [1, CRITICAL]],
              ),
            ],
            [
              4,
              numberPanel(
                {
                  title: "Errors a minute",
                  description: "Errors of the last minute, failures of callers (echoes) included.",
                  unit: "short",
                  noValue: "No service is scraped",
                },
                `sum(${ofService("error_rate")})`,
                [NEUTRAL],
              ),
            ],
            [
              4,
              numberPanel(
                {
                  title: "New groups",
                  description: "Kinds of failure that were seen for the first time within the time range.",
                  unit: "short",
                  noValue: "None",
                },
                `sum(${countInRange(promql.select("new_error_groups_total", ["service", "category"]), ["service"])})`,
                [GOOD, [1, WARNING]],
              ),
            ],
            [
              4,
              numberPanel(
                {
                  title: "Groups that came back",
                  description:
                    "Known kinds of failure that happened again within the time range, after a day of silence.",
                  unit: "short",
                  noValue: "None",
                },
                `sum(${countInRange(promql.select("regressed_error_groups_total", ["service", "category"]), ["service"])})`,
                [GOOD, [1, WARNING]],
              ),
            ],
            [
              4,
              numberPanel(
                {
                  title: "Requests a second",
                  description: "HTTP server requests, over the last minute or a few scrapes.",
                  unit: "reqps",
                  noValue: "No requests",
                },
                `sum(${perSecond(requests, ["service"])})`,
                [NEUTRAL],
              ),
            ],
            [
              4,
              numberPanel(
                {
                  title: "Failed requests",
                  description: "Share of requests that were answered with 5xx, over the time range.",
                  unit: "percentunit",
                  noValue: "No requests",
                },
                share(failed, requests, [], "$__range"),
                ERROR_SHARE_STEPS,
              ),
            ],
          ],
        },
        {
          height: 8,
          panels: [
            [
              12,
              bars(
                {
                  title: "Errors by category",
                  description:
                    "Failures where they began (origin root), each counted once. The legend sums up the time range.",
                  unit: "short",
                  noValue: "No errors",
                },
                [{ expr: countPerStep(errors, ["category"]), legend: "{{category}}" }],
              ),
            ],
            [12, groupsTable(promql)],
          ],
        },
        {
          height: 8,
          panels: [
            [8, requestsByStatus(promql)],
            [
              8,
              lines(
                {
                  title: "Failed requests by service",
                  description:
                    "Share of requests that were answered with 5xx. Above 2 % is a warning, above 5 % critical.",
                  unit: "percentunit",
                  noValue: "No requests",
                },
                [{ expr: share(failed, requests, ["service"], "$__rate_interval"), legend: "{{service}}" }],
                ERROR_SHARE_STEPS,
              ),
            ],
            [8, responseTimes(promql)],
          ],
        },
        {
          height: 8,
          panels: [
            [
              16,
              tablePanel(
                {
                  title: "Services",
                  description: "Each service by itself, over the time range. A click on its name shows its errors.",
                  unit: "short",
                  noValue: "No service is scraped",
                },
                {
                  labels: [
                    {
                      name: "service",
                      width: 180,
                      link: { title: "Its errors", url: linkTo("seismo-errors", "service") },
                    },
                  ],
                  values: [
                    { title: "Errors", expr: countInRange(errors, ["service"]), unit: "short", decimals: 0 },
                    {
                      title: "Critical now",
                      expr: `sum by (service) (${ofService("critical_errors")})`,
                      unit: "short",
                      decimals: 0,
                      steps: [GOOD, [1, CRITICAL]],
                    },
                    {
                      title: "Groups, last hour",
                      expr: `sum by (service) (max by (service, severity) (${ofService("error_groups")}))`,
                      unit: "short",
                      decimals: 0,
                    },
                    {
                      title: "Requests/s",
                      expr: `sum by (service) (rate(${requests}[$__range]))`,
                      unit: "reqps",
                      decimals: 2,
                    },
                    {
                      title: "Failed",
                      expr: share(failed, requests, ["service"], "$__range"),
                      unit: "percentunit",
                      decimals: 1,
                      steps: ERROR_SHARE_STEPS,
                    },
                    {
                      title: "p95",
                      expr: `${quantile(0.95, buckets, ["service"], "$__range")} >= 0`,
                      unit: "s",
                      decimals: 2,
                      steps: LATENCY_STEPS,
                    },
                  ],
                  sortBy: "Errors",
                },
              ),
            ],
            [
              8,
              coloured(
                bars(
                  {
                    title: "New and returning groups",
                    description: "When kinds of failure were seen for the first time, or again after a day of silence.",
                    unit: "short",
                    noValue: "None",
                  },
                  [
                    {
                      expr: `sum(${countPerStep(promql.select("new_error_groups_total", ["service", "category"]), ["service"])})`,
                      legend: "new",
                    },
                    {
                      expr: `sum(${countPerStep(promql.select("regressed_error_groups_total", ["service", "category"]), ["service"])})`,
                      legend: "back",
                    },
                  ],
                ),
                [
                  ["new", WARNING],
                  ["back", "purple"],
                ],
              ),
            ],
          ],
        },
      ],
    },
    options,
  );
}
