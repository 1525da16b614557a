import type * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import { createDashboard, type DashboardOptions } from "./frame";
import { bars, heatmapPanel, lines, NEUTRAL, numberPanel, tablePanel } from "./panels";
import { countInRange, countPerStep, perSecond, quantile, share } from "./promql";
import { requestsByStatus, responseTimes } from "./shared-panels";
import { ANY_IS_WARNING, ERROR_SHARE_STEPS, LATENCY_STEPS } from "./thresholds";

/** How long requests take, which routes are slow, and what hangs. */
export function requests(options: DashboardOptions): dashboard.Dashboard {
  const { promql } = options;
  const of = (name: string, ...matchers: string[]): string => promql.select(name, ["service"], ...matchers);
  const count = of("http_request_duration_seconds_count");
  const failed = of("http_request_duration_seconds_count", 'status_class="5xx"');
  const buckets = of("http_request_duration_seconds_bucket");
  const route = ["service", "method", "route"];
  const inRange = (selector: string): string => `sum by (${route.join(", ")}) (increase(${selector}[$__range]))`;

  return createDashboard(
    {
      uid: "seismo-requests",
      title: "Seismo / Requests and slow routes",
      description: "How long requests take, which routes are slow, and what hangs.",
      filters: ["service"],
      rows: [
        {
          height: 4,
          panels: [
            [
              4,
              numberPanel(
                {
                  title: "Requests a second",
                  description: "HTTP server requests that ended, over the last minute or a few scrapes.",
                  unit: "reqps",
                  noValue: "No requests",
                },
                `sum(${perSecond(count, ["service"])})`,
                [NEUTRAL],
              ),
            ],
            [
              4,
              numberPanel(
                {
                  title: "p95",
                  description: "The time that 95 % of the requests of the time range stayed under.",
                  unit: "s",
                  noValue: "No requests",
                },
                quantile(0.95, buckets, [], "$__range"),
                LATENCY_STEPS,
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
                share(failed, count, [], "$__range"),
                ERROR_SHARE_STEPS,
              ),
            ],
            [
              4,
              numberPanel(
                {
                  title: "Slow requests",
                  description:
                    "Requests over the slow threshold of their route within the time range, first ones included.",
                  unit: "short",
                  noValue: "None",
                },
                `sum(${countInRange(of("slow_requests_total"), ["service"])})`,
                ANY_IS_WARNING,
              ),
            ],
            [
              4,
              numberPanel(
                {
                  title: "In flight",
                  description: "Requests that are open now. Only services themselves know, a collector does not.",
                  unit: "short",
                  noValue: "Not known here",
                },
                `sum(${of("requests_in_flight")})`,
                [NEUTRAL],
              ),
            ],
            [
              4,
              numberPanel(
                {
                  title: "Stuck",
                  description:
                    "Open requests that are over their slow threshold already: they may never end. Only services themselves know, a collector does not.",
                  unit: "short",
                  noValue: "Not known here",
                },
                `sum(${of("requests_stuck")})`,
                ANY_IS_WARNING,
              ),
            ],
          ],
        },
        {
          height: 9,
          panels: [
            [
              14,
              heatmapPanel(
                {
                  title: "Response times",
                  description:
                    "Each cell: how many requests a second took that long. Two bands mean two kinds of requests. Dots are single requests, and lead to their traces.",
                  unit: "reqps",
                  noValue: "No requests",
                },
                perSecond(buckets, ["le"]),
              ),
            ],
            [10, responseTimes(promql)],
          ],
        },
        {
          height: 9,
          panels: [
            [
              24,
              tablePanel(
                {
                  title: "Slowest routes",
                  description:
                    "Routes by p95 over the time range. A long mean with a short p95: a few requests hang. A route that was asked once has no p95 yet.",
                  unit: "short",
                  noValue: "No requests",
                },
                {
                  labels: [{ name: "route" }, { name: "method", width: 100 }, { name: "service", width: 180 }],
                  values: [
                    {
                      title: "p95",
                      expr: `${quantile(0.95, buckets, route, "$__range")} >= 0`,
                      unit: "s",
                      decimals: 2,
                      steps: LATENCY_STEPS,
                    },
                    {
                      title: "Mean",
                      expr: `${inRange(of("http_request_duration_seconds_sum"))} / (${inRange(count)} > 0)`,
                      unit: "s",
                      decimals: 2,
                    },
                    { title: "Requests", expr: countInRange(count, route), unit: "short", decimals: 0 },
                    {
                      title: "Failed",
                      expr: share(failed, count, route, "$__range"),
                      unit: "percentunit",
                      decimals: 1,
                      steps: ERROR_SHARE_STEPS,
                    },
                    {
                      title: "Slow",
                      expr: countInRange(of("slow_requests_total"), route),
                      unit: "short",
                      decimals: 0,
                      steps: ANY_IS_WARNING,
                    },
                  ],
                  sortBy: "p95",
                },
              ),
            ],
          ],
        },
        {
          height: 8,
          panels: [
            [8, requestsByStatus(promql)],
            [
              8,
              bars(
                {
                  title: "Slow requests by route",
                  description: "Requests over the slow threshold of their route. The legend sums up the time range.",
                  unit: "short",
                  noValue: "No slow requests",
                },
                [
                  {
                    expr: countPerStep(of("slow_requests_total"), ["method", "route"]),
                    legend: "{{method}} {{route}}",
                  },
                ],
              ),
            ],
            [
              8,
              lines(
                {
                  title: "In flight and stuck",
                  description:
                    "Open requests, and those of them that are over their slow threshold. Rising without falling: something blocks.",
                  unit: "short",
                  noValue: "Not known here",
                },
                [
                  { expr: `sum(${of("requests_in_flight")})`, legend: "in flight" },
                  { expr: `sum(${of("requests_stuck")})`, legend: "stuck" },
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
