/** The machines under the workers, as errors report them. */
import { alert, atLevels, type RuleGround, type RuleGroup } from "../alert";
import { acrossJobs, gained, plainNumber } from "../promql";

export function hardwareRules({ thresholds, metric }: RuleGround): RuleGroup[] {
  const { memory_used_percent, disk_free_percent, gpu_celsius } = thresholds.hardware;
  /**
   * A gauge keeps what the last error reported, for as long as no other comes; it tells of now for ten minutes after an
   * error of that worker. The error tells the service, too.
   */
  const fresh = (gauge: string, by: string): string =>
    `max by (${by}) (\n  ${metric(gauge)} + on (job, instance, worker) group_left (service)\n` +
    `  0 * topk by (job, instance, worker) (1, ${metric("worker_last_error_timestamp_seconds")} > time() - 600)\n)`;

  return [
    {
      name: "seismo-hardware",
      rules: [
        alert(
          {
            name: "SeismoHardwareOverheating",
            severity: "critical",
            expr: acrossJobs(
              "hardware_type",
              gained(`${metric("hardware_errors_total")}{status="overheating"}`, "10m"),
            ),
            category: "hardware_overheating",
            summary: "{{ $labels.hardware_type }} is overheating",
            description:
              "Errors of the last 10 minutes report that hardware of type {{ $labels.hardware_type }} overheats.",
            dashboard: "hardware",
          },
          thresholds,
        ),
        ...atLevels(
          gpu_celsius,
          (celsius) => ({
            name: "SeismoGpuHot",
            expr: `${fresh("gpu_temperature_celsius", "service, worker, device")} > ${plainNumber(celsius)}`,
            category: "hardware_overheating",
            summary: "{{ $labels.service }}: GPU {{ $labels.device }} of {{ $labels.worker }} is at {{ $value }} °C",
            description:
              "An error of worker {{ $labels.worker }}, service {{ $labels.service }}, reports {{ $value }} °C of GPU " +
              `{{ $labels.device }}; the limit is ${plainNumber(celsius)} °C.`,
            dashboard: "hardware",
            variables: ["service", "worker"],
          }),
          thresholds,
        ),
        alert(
          {
            name: "SeismoMemoryNearlyFull",
            severity: "critical",
            expr: `${fresh("worker_memory_percent", "service, worker")} > ${plainNumber(memory_used_percent)}`,
            category: "resource_memory_pressure",
            summary: '{{ $labels.service }}: memory of {{ $labels.worker }} is {{ $value | printf "%.1f" }} % full',
            description:
              "An error of worker {{ $labels.worker }}, service {{ $labels.service }}, reports that " +
              `{{ $value | printf "%.1f" }} % of the machine's memory is used; the limit is ${plainNumber(memory_used_percent)} %.`,
            dashboard: "hardware",
            variables: ["service", "worker"],
          },
          thresholds,
        ),
        alert(
          {
            name: "SeismoDiskNearlyFull",
            severity: "critical",
            expr: `100 - ${fresh("worker_disk_percent", "service, worker")} < ${plainNumber(disk_free_percent)}`,
            category: "resource_exhausted",
            summary:
              '{{ $labels.service }}: {{ $value | printf "%.1f" }} % of the disk of {{ $labels.worker }} is free',
            description:
              "An error of worker {{ $labels.worker }}, service {{ $labels.service }}, reports that " +
              `{{ $value | printf "%.1f" }} % of the machine's disk is free; the limit is ${plainNumber(disk_free_percent)} %.`,
            dashboard: "hardware",
            variables: ["service", "worker"],
          },
          thresholds,
        ),
      ],
    },
  ];
}
