import type * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import { createDashboard, type DashboardOptions } from "./frame";
import { bars, lines, numberPanel, type Panel, type Steps, tablePanel } from "./panels";
import { countInRange, countPerStep } from "./promql";
import { processMemory } from "./shared-panels";
import { ANY_IS_CRITICAL, CPU_STEPS, DISK_STEPS, GPU_STEPS, MEMORY_STEPS } from "./thresholds";

/** The machines under the errors: processor, memory, disk, GPUs. */
export function hardware(options: DashboardOptions): dashboard.Dashboard {
  const { promql } = options;
  const of = (name: string): string => promql.select(name, ["worker"]);
  const faults = promql.select("hardware_errors_total", []);
  const errors = promql.select(
    "errors_total",
    ["service", "worker"],
    'group=~"hardware_error|resource_error"',
    'origin="root"',
  );
  const highest = (title: string, what: string, name: string, steps: Steps): Panel =>
    numberPanel(
      {
        title,
        description: `The highest ${what} among the last reports of the workers. Errors report it, so it stands still while there are none.`,
        unit: "percent",
        noValue: "Not reported",
      },
      `max(${of(name)})`,
      steps,
    );
  const ofWorker = (name: string): string => `max by (worker) (${of(name)})`;

  return createDashboard(
    {
      uid: "seismo-hardware",
      title: "Seismo / Hardware",
      description:
        "The machines under the errors: processor, memory, disk and GPUs as the errors report them, and the memory of each process.",
      filters: ["service", "worker"],
      rows: [
        {
          height: 4,
          panels: [
            [
              6,
              numberPanel(
                {
                  title: "Hardware faults",
                  description:
                    "Overheating, throttling, memory pressure or missing devices that errors reported within the time range.",
                  unit: "short",
                  noValue: "None",
                },
                `sum(${countInRange(faults, ["status"])})`,
                ANY_IS_CRITICAL,
              ),
            ],
            [6, highest("Processor", "use of a processor", "worker_cpu_percent", CPU_STEPS)],
            [6, highest("Memory", "use of memory", "worker_memory_percent", MEMORY_STEPS)],
            [6, highest("Disk", "use of a disk", "worker_disk_percent", DISK_STEPS)],
          ],
        },
        {
          height: 8,
          panels: [
            [
              12,
              bars(
                {
                  title: "Hardware faults by kind",
                  description:
                    "What errors reported of hardware that is not well, by its kind and status. The legend sums up the time range.",
                  unit: "short",
                  noValue: "No faults",
                },
                [{ expr: countPerStep(faults, ["hardware_type", "status"]), legend: "{{hardware_type}} {{status}}" }],
              ),
            ],
            [
              12,
              bars(
                {
                  title: "Errors of hardware and resources",
                  description:
                    "Failures of the groups hardware_error and resource_error, by category: what the faults lead to.",
                  unit: "short",
                  noValue: "No errors",
                },
                [{ expr: countPerStep(errors, ["category"]), legend: "{{category}}" }],
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
                  title: "Machines",
                  description: "What the last error of each worker reported of the machine under it.",
                  unit: "percent",
                  noValue: "No error has reported a machine",
                },
                {
                  labels: [{ name: "worker" }],
                  values: [
                    {
                      title: "Processor",
                      expr: ofWorker("worker_cpu_percent"),
                      unit: "percent",
                      decimals: 0,
                      steps: CPU_STEPS,
                    },
                    {
                      title: "Memory",
                      expr: ofWorker("worker_memory_percent"),
                      unit: "percent",
                      decimals: 0,
                      steps: MEMORY_STEPS,
                    },
                    {
                      title: "Disk",
                      expr: ofWorker("worker_disk_percent"),
                      unit: "percent",
                      decimals: 0,
                      steps: DISK_STEPS,
                    },
                    {
                      title: "GPU memory",
                      expr: ofWorker("gpu_memory_percent"),
                      unit: "percent",
                      decimals: 0,
                      steps: MEMORY_STEPS,
                    },
                    { title: "Hottest GPU", expr: ofWorker("gpu_temperature_celsius"), unit: "celsius", decimals: 0 },
                  ],
                  sortBy: "Memory",
                },
              ),
            ],
            [12, processMemory(promql)],
          ],
        },
        {
          height: 8,
          panels: [
            [
              12,
              lines(
                {
                  title: "GPU temperature",
                  description:
                    "Of each device, as the last error of its worker reported it. Above 85 °C is a warning, above 90 °C critical.",
                  unit: "celsius",
                  noValue: "No error has reported a GPU",
                },
                [
                  {
                    expr: `max by (worker, device) (${of("gpu_temperature_celsius")})`,
                    legend: "{{worker}} {{device}}",
                  },
                ],
                GPU_STEPS,
              ),
            ],
            [
              12,
              lines(
                {
                  title: "GPU memory",
                  description:
                    "Of each device, as the last error of its worker reported it. Above 80 % is a warning, above 95 % critical.",
                  unit: "percent",
                  noValue: "No error has reported a GPU",
                },
                [{ expr: `max by (worker, device) (${of("gpu_memory_percent")})`, legend: "{{worker}} {{device}}" }],
                MEMORY_STEPS,
              ),
            ],
          ],
        },
      ],
    },
    options,
  );
}
