import type * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import { createDashboard, type DashboardOptions } from "./frame";
import { bars, CRITICAL, coloured, GOOD, lines, numberPanel, tablePanel, WARNING } from "./panels";
import { countInRange, countPerStep, perSecond, quantile } from "./promql";
import { ANY_IS_CRITICAL, ANY_IS_WARNING, QUEUE_STEPS, TARGET_STATES } from "./thresholds";

/** Whether Seismo itself can be believed: nothing lost, nothing stuck, nothing cut. */
export function health(options: DashboardOptions): dashboard.Dashboard {
  const { promql } = options;
  const of = (name: string, ...matchers: string[]): string => promql.select(name, [], ...matchers);
  // A duplicate is the same failure told twice: nothing is lost with it.
  const lost = of("dropped_total", 'reason!="duplicate"');
  const fill = (by: string): string => `max by (${by}) (${of("queue_length")} / ${of("queue_capacity")})`;

  return createDashboard(
    {
      uid: "seismo-health",
      title: "Seismo / Own health",
      description: "Whether Seismo itself can be believed: nothing lost, nothing stuck, nothing cut.",
      filters: [],
      rows: [
        {
          height: 4,
          panels: [
            [
              4,
              numberPanel(
                {
                  title: "Unaccounted",
                  description:
                    "Received, less what was kept, forwarded, dropped or waits. Always 0; anything else is a fault of Seismo.",
                  unit: "short",
                  noValue: "Nothing is scraped",
                },
                `max(abs(${of("unaccounted")}))`,
                ANY_IS_CRITICAL,
              ),
            ],
            [
              4,
              numberPanel(
                {
                  title: "Dropped",
                  description: "Lost within the time range, for all reasons but being a duplicate.",
                  unit: "short",
                  noValue: "Nothing",
                },
                `sum(${countInRange(lost, ["signal"])})`,
                ANY_IS_WARNING,
              ),
            ],
            [
              4,
              numberPanel(
                {
                  title: "Fullest queue",
                  description:
                    "Share of the fullest queue's capacity. When it is full, what comes is dropped and counted. Above 80 % is a warning.",
                  unit: "percentunit",
                  noValue: "No queue",
                },
                `max(${fill("exporter")})`,
                QUEUE_STEPS,
              ),
            ],
            [
              4,
              numberPanel(
                {
                  title: "Series overflow",
                  description:
                    "Observations within the time range that were counted as other, because a label or a metric had reached its cap.",
                  unit: "short",
                  noValue: "None",
                },
                `sum(${countInRange(of("series_overflow_total"), ["metric"])})`,
                ANY_IS_WARNING,
              ),
            ],
            [
              4,
              numberPanel(
                {
                  title: "Journal on fallback",
                  description:
                    "Lines within the time range that went to the journal's fallback file, because the journal took none.",
                  unit: "short",
                  noValue: "None",
                },
                `sum(${countInRange(of("journal_fallback_lines_total"), ["instance"])})`,
                ANY_IS_CRITICAL,
              ),
            ],
            [
              4,
              numberPanel(
                {
                  title: "Failed notifications",
                  description: "Notifications within the time range that a collector could not deliver.",
                  unit: "short",
                  noValue: "None",
                },
                `sum(${countInRange(of("notifications_total", 'outcome="failed"'), ["channel"])})`,
                ANY_IS_CRITICAL,
              ),
            ],
          ],
        },
        {
          height: 8,
          panels: [
            [
              12,
              lines(
                {
                  title: "Received, kept, forwarded",
                  description:
                    "What comes in and what becomes of it, a second, by signal. Received without kept or forwarded: it waits or is dropped.",
                  unit: "cps",
                  noValue: "Nothing came in",
                },
                ["received", "kept", "forwarded"].map((what) => ({
                  expr: perSecond(of(`${what}_total`), ["signal"]),
                  legend: `{{signal}} ${what}`,
                })),
              ),
            ],
            [
              12,
              bars(
                {
                  title: "Dropped by reason",
                  description:
                    "What was lost, by signal and reason. Duplicates are not lost: the same failure was told twice.",
                  unit: "short",
                  noValue: "Nothing was dropped",
                },
                [{ expr: countPerStep(of("dropped_total"), ["signal", "reason"]), legend: "{{signal}} {{reason}}" }],
              ),
            ],
          ],
        },
        {
          height: 8,
          panels: [
            [
              8,
              lines(
                {
                  title: "Queues",
                  description: "How full the queue of each exporter is.",
                  unit: "percentunit",
                  noValue: "No queue",
                },
                [{ expr: fill("instance, exporter"), legend: "{{exporter}} {{instance}}" }],
                QUEUE_STEPS,
              ),
            ],
            [
              8,
              lines(
                {
                  title: "Export times",
                  description: "The time that 95 % of the exports stayed under.",
                  unit: "s",
                  noValue: "Nothing was exported",
                },
                [
                  {
                    expr: quantile(0.95, of("export_duration_seconds_bucket"), ["exporter"], "$__rate_interval"),
                    legend: "{{exporter}}",
                  },
                ],
              ),
            ],
            [
              8,
              bars(
                {
                  title: "Refused OTLP requests",
                  description:
                    "Requests that a collector refused, by reason. Nothing of them was received: senders come again or lose them.",
                  unit: "short",
                  noValue: "None was refused",
                },
                [{ expr: countPerStep(of("otlp_refused_requests_total"), ["reason"]), legend: "{{reason}}" }],
              ),
            ],
          ],
        },
        {
          height: 8,
          panels: [
            [
              8,
              coloured(
                bars(
                  {
                    title: "Notifications",
                    description: "What a collector sent, held back within its hourly budget, or could not deliver.",
                    unit: "short",
                    noValue: "None",
                  },
                  [{ expr: countPerStep(of("notifications_total"), ["outcome"]), legend: "{{outcome}}" }],
                ),
                [
                  ["sent", GOOD],
                  ["held_back", WARNING],
                  ["failed", CRITICAL],
                ],
              ),
            ],
            [
              8,
              bars(
                {
                  title: "Series overflow by metric",
                  description:
                    "Which metric reached a cap. Its sums stay right, but some of its values are called other.",
                  unit: "short",
                  noValue: "No metric reached a cap",
                },
                [{ expr: countPerStep(of("series_overflow_total"), ["metric"]), legend: "{{metric}}" }],
              ),
            ],
            [
              8,
              bars(
                {
                  title: "Undecided origins",
                  description:
                    "Failures that a collector took for a root because it had to decide early. Some may be echoes: roots are then counted too high.",
                  unit: "short",
                  noValue: "None",
                },
                [{ expr: countPerStep(of("undecided_origins_total"), ["instance"]), legend: "{{instance}}" }],
              ),
            ],
          ],
        },
        {
          height: 8,
          panels: [
            [
              12,
              tablePanel(
                {
                  title: "Targets",
                  description: "What Prometheus scrapes for this job, and whether it answers.",
                  unit: "short",
                  noValue: "Prometheus scrapes nothing for this job",
                },
                {
                  labels: [{ name: "instance" }],
                  values: [
                    {
                      title: "State",
                      expr: 'max by (instance) (up{job="$job"})',
                      unit: "short",
                      states: TARGET_STATES,
                    },
                  ],
                  sortBy: "instance",
                },
              ),
            ],
            [
              12,
              tablePanel(
                {
                  title: "Versions",
                  description: "Which version of Seismo runs where, and on which Node.",
                  unit: "short",
                  noValue: "Nothing is scraped",
                },
                {
                  labels: [{ name: "service" }, { name: "version" }, { name: "node_version" }],
                  values: [
                    {
                      title: "Instances",
                      expr: `count by (service, version, node_version) (${of("build_info")})`,
                      unit: "short",
                      decimals: 0,
                    },
                  ],
                  sortBy: "service",
                },
              ),
            ],
          ],
        },
      ],
    },
    options,
  );
}
