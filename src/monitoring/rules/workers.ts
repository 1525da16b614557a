/** Workers: failing, silent, growing. */
import { alert, atLevels, type RuleGround, type RuleGroup } from "../alert";
import { plainNumber } from "../promql";

const BYTES_A_GIGABYTE = 1_000_000_000;

export function workerRules({ thresholds, metric }: RuleGround): RuleGroup[] {
  const { critical_minutes, silent_minutes, process_memory_gb } = thresholds.workers;
  const silence = `time() - max by (service, worker) (${metric("worker_last_seen_timestamp_seconds")})`;
  const silentSeconds = silent_minutes * 60;
  const live = `service:${metric("workers_live")}:count`;

  return [
    {
      name: "seismo-workers",
      rules: [
        {
          record: live,
          expr:
            `count by (service) (${silence} <= ${silentSeconds})\n` +
            `or 0 * count by (service) (${metric("worker_last_seen_timestamp_seconds")})`,
        },
        alert(
          {
            name: "SeismoWorkerCritical",
            severity: "critical",
            expr: `max by (service, worker) (${metric("worker_status")}) == 2`,
            forMinutes: critical_minutes,
            summary: "{{ $labels.service }}: worker {{ $labels.worker }} keeps failing critically",
            description: `Worker {{ $labels.worker }} of service {{ $labels.service }} had critical errors again and again for ${critical_minutes} minutes.`,
            dashboard: "workers",
            variables: ["service", "worker"],
          },
          thresholds,
        ),
        alert(
          {
            name: "SeismoWorkerSilent",
            severity: "warning",
            // A deploy that replaces workers leaves silent ones behind, and as many live ones as before.
            expr: `${silence} > ${silentSeconds}\nand on (service) ${live} < ${live} offset 1h`,
            forMinutes: 1,
            summary: "{{ $labels.service }}: worker {{ $labels.worker }} is silent",
            description:
              "Worker {{ $labels.worker }} of service {{ $labels.service }} gave its last sign of life " +
              "{{ $value | humanizeDuration }} ago, and fewer workers of the service are alive than an hour ago.",
            dashboard: "workers",
            variables: ["service", "worker"],
          },
          thresholds,
        ),
        ...atLevels(
          process_memory_gb,
          (gigabytes) => ({
            name: "SeismoProcessMemory",
            expr: `max by (service, worker) (${metric("process_resident_memory_bytes")}) > ${plainNumber(gigabytes * BYTES_A_GIGABYTE)}`,
            forMinutes: 5,
            summary: "{{ $labels.service }}: worker {{ $labels.worker }} uses {{ $value | humanize }}B of memory",
            description:
              "A process of service {{ $labels.service }}, worker {{ $labels.worker }}, has {{ $value | humanize }}B of resident " +
              `memory for 5 minutes; the limit is ${plainNumber(gigabytes)} GB.`,
            dashboard: "workers",
            variables: ["service", "worker"],
          }),
          thresholds,
        ),
      ],
    },
  ];
}
