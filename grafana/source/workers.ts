import type * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import { createDashboard, type DashboardOptions, linkTo } from "./frame";
import { bars, CRITICAL, GOOD, numberPanel, stateLanes, tablePanel, WARNING } from "./panels";
import { countInRange, countPerStep } from "./promql";
import { processMemory } from "./shared-panels";
import { PROCESS_MEMORY_STEPS, SILENCE_STEPS, WORKER_STATES } from "./thresholds";

/** Which processes are well, which are not, and which have gone silent. */
export function workers(options: DashboardOptions): dashboard.Dashboard {
  const { promql } = options;
  const ofWorker = (name: string, ...matchers: string[]): string =>
    promql.select(name, ["service", "worker"], ...matchers);
  const of = (name: string): string => `max by (service, worker) (${ofWorker(name)})`;
  const inState = (value: number): string => `sum(${of("worker_status")} == bool ${value})`;
  const roots = ofWorker("errors_total", 'origin="root"');

  return createDashboard(
    {
      uid: "seismo-workers",
      title: "Seismo / Workers",
      description: "Which processes are well, which are not, and which have gone silent.",
      filters: ["service", "worker"],
      rows: [
        {
          height: 4,
          panels: [
            [
              6,
              numberPanel(
                {
                  title: "Stable",
                  description: "Workers without a warning or a critical error in the last 5 minutes.",
                  unit: "short",
                  noValue: "No worker is known",
                },
                inState(0),
                [GOOD],
              ),
            ],
            [
              6,
              numberPanel(
                {
                  title: "With warnings",
                  description: "Workers with a warning, and no critical error, in the last 5 minutes.",
                  unit: "short",
                  noValue: "No worker is known",
                },
                inState(1),
                [GOOD, [1, WARNING]],
              ),
            ],
            [
              6,
              numberPanel(
                {
                  title: "Critical",
                  description:
                    "Workers with a critical error in the last 5 minutes; one that died stays for that long.",
                  unit: "short",
                  noValue: "No worker is known",
                },
                inState(2),
                [GOOD, [1, CRITICAL]],
              ),
            ],
            [
              6,
              numberPanel(
                {
                  title: "Longest silence",
                  description:
                    "Time since the quietest worker gave a sign of life. One that is gone is forgotten after an hour.",
                  unit: "s",
                  noValue: "No worker is known",
                },
                `time() - min(${of("worker_last_seen_timestamp_seconds")})`,
                SILENCE_STEPS,
              ),
            ],
          ],
        },
        {
          height: 9,
          panels: [
            [
              24,
              stateLanes(
                {
                  title: "Status",
                  description:
                    "A lane for each worker. Red: a critical error in the last 5 minutes, orange: a warning, green: neither, empty: not there.",
                  unit: "short",
                  noValue: "No worker is known",
                },
                { expr: of("worker_status"), legend: "{{service}} {{worker}}" },
                WORKER_STATES,
              ),
            ],
          ],
        },
        {
          height: 9,
          panels: [
            [
              24,
              tablePanel(
                {
                  title: "Workers",
                  description:
                    "Status now, errors within the time range, the last error, the last sign of life, memory. No last error: none since it started.",
                  unit: "short",
                  noValue: "No worker is known",
                },
                {
                  labels: [
                    { name: "service", width: 180 },
                    { name: "worker", link: { title: "Its errors", url: linkTo("seismo-errors", "worker") } },
                  ],
                  values: [
                    { title: "Status", expr: of("worker_status"), unit: "short", states: WORKER_STATES },
                    { title: "Errors", expr: countInRange(roots, ["service", "worker"]), unit: "short", decimals: 0 },
                    {
                      title: "Last error",
                      expr: `${of("worker_last_error_timestamp_seconds")} * 1000`,
                      unit: "dateTimeFromNow",
                    },
                    {
                      title: "Silent for",
                      expr: `time() - ${of("worker_last_seen_timestamp_seconds")}`,
                      unit: "s",
                      decimals: 0,
                      steps: SILENCE_STEPS,
                    },
                    {
                      title: "Memory",
                      expr: of("process_resident_memory_bytes"),
                      unit: "decbytes",
                      decimals: 1,
                      steps: PROCESS_MEMORY_STEPS,
                    },
                  ],
                  sortBy: "Status",
                },
              ),
            ],
          ],
        },
        {
          height: 8,
          panels: [
            [12, processMemory(promql)],
            [
              12,
              bars(
                {
                  title: "Errors by worker",
                  description: "Failures where they began (origin root). The legend sums up the time range.",
                  unit: "short",
                  noValue: "No errors",
                },
                [{ expr: countPerStep(roots, ["service", "worker"]), legend: "{{service}} {{worker}}" }],
              ),
            ],
          ],
        },
      ],
    },
    options,
  );
}
