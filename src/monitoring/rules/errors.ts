/** Errors: critical ones, more of them than usual, and groups that are new or back. */
import { alert, type RuleGround, type RuleGroup } from "../alert";
import { acrossJobs, gained, gainedOrFound, plainNumber } from "../promql";

const FIVE_MINUTES_A_DAY = 288;

export function errorRules({ thresholds, metric }: RuleGround): RuleGroup[] {
  const { critical_count, spike, trend, new_group } = thresholds.errors;
  const roots = (more = ""): string => `${metric("errors_total")}{origin="root"${more}}`;
  const gainedErrors = `service:${metric("errors")}:gained5m`;
  const seenGroups = `service_fingerprint:${metric("error_group_occurrences")}:max`;
  const info = metric("service_info");
  const deploy = `${new_group.after_deploy_minutes}m`;
  const beforeDeploy = `[1h] offset ${deploy}`;

  return [
    {
      name: "seismo-errors",
      rules: [
        {
          // The gauge is there from the start of a service on: none is 0, and not nothing.
          record: gainedErrors,
          expr:
            `${acrossJobs("service", gained(roots(), "5m"))}\n` +
            `or 0 * ${acrossJobs("service", metric("error_rate"))}`,
        },
        alert(
          {
            name: "SeismoCriticalErrors",
            severity: "critical",
            // The gauge decides; the counter names what it can, over a longer window, so that no name goes before the alarm does.
            expr: criticalErrors(
              `${acrossJobs("service", metric("critical_errors"))} >= ${critical_count}`,
              acrossJobs("service, worker, category, type", gainedOrFound(roots(', severity="critical"'), "10m")),
            ),
            summary:
              "{{ $labels.service }}: critical error{{ with $labels.type }} {{ . }}{{ end }}" +
              "{{ with $labels.worker }} on {{ . }}{{ end }}",
            description:
              "Service {{ $labels.service }} had a critical error within the last 5 minutes" +
              "{{ with $labels.type }}: type {{ . }}, category {{ $labels.category }}, worker {{ $labels.worker }}{{ end }}.",
            dashboard: "errors",
            variables: ["service"],
          },
          thresholds,
        ),
        alert(
          {
            name: "SeismoErrorSpike",
            severity: "warning",
            expr:
              `${gainedErrors} > ${plainNumber(spike.factor)} * avg_over_time(${gainedErrors}[1h] offset 5m)\n` +
              `and ${gainedErrors} >= ${spike.min_errors}`,
            summary: "{{ $labels.service }}: errors jumped",
            description:
              'Service {{ $labels.service }} had {{ $value | printf "%.0f" }} errors in 5 minutes, more than ' +
              `${plainNumber(spike.factor)} times the mean of the hour before.`,
            dashboard: "errors",
            variables: ["service"],
          },
          thresholds,
        ),
        alert(
          {
            name: "SeismoErrorGroupRegressed",
            severity: "warning",
            expr: acrossJobs("service, category", gained(metric("regressed_error_groups_total"), "10m")),
            summary: "{{ $labels.service }}: an error that was gone is back ({{ $labels.category }})",
            description:
              "An error group of service {{ $labels.service }}, category {{ $labels.category }}, occurred again after a long silence.",
            dashboard: "errors",
            variables: ["service", "category"],
          },
          thresholds,
        ),
      ],
    },
    {
      name: "seismo-error-groups",
      // Every minute is enough for a memory of hours.
      interval: "1m",
      rules: [
        {
          record: seenGroups,
          expr: `max by (service, category, fingerprint) (${metric("error_group_occurrences_total")}{fingerprint!="other"})`,
        },
        alert(
          {
            name: "SeismoNewErrorGroupAfterDeploy",
            severity: "warning",
            // Prometheus' memory decides what is new: a service that restarts has forgotten its groups. A release is new
            // when it was not there in the hour before, and only a service that was there can have a new one.
            expr:
              `(${seenGroups} unless on (service, fingerprint) last_over_time(${seenGroups}[${new_group.unseen_hours}h] offset ${deploy}))\n` +
              "* on (service) group_left (service_version) topk by (service) (1,\n" +
              `  max by (service, service_version) (${info})\n` +
              `  unless on (service, service_version) last_over_time(${info}${beforeDeploy})\n` +
              `  and on (service) last_over_time(${info}${beforeDeploy})\n` +
              ")",
            summary: "{{ $labels.service }} {{ $labels.service_version }}: new error group ({{ $labels.category }})",
            description:
              "Since release {{ $labels.service_version }} of service {{ $labels.service }} an error group occurs that " +
              `the ${new_group.unseen_hours} hours before it had not: fingerprint {{ $labels.fingerprint }}, ` +
              'category {{ $labels.category }}, {{ $value | printf "%.0f" }} times so far.',
            dashboard: "errors",
            variables: ["service", "category"],
            link: "/error-visualization?fingerprint={{ $labels.fingerprint | urlquery }}",
          },
          thresholds,
        ),
      ],
    },
    {
      name: "seismo-error-trend",
      // Thirty days are many samples, and the trend does not hurry.
      interval: "5m",
      rules: [
        alert(
          {
            name: "SeismoErrorTrend",
            severity: "warning",
            expr:
              `avg_over_time(${gainedErrors}[7d]) > ${plainNumber(trend.factor)} * avg_over_time(${gainedErrors}[30d])\n` +
              `and avg_over_time(${gainedErrors}[7d]) * ${FIVE_MINUTES_A_DAY} >= ${trend.min_errors_per_day}`,
            forMinutes: 60,
            summary: "{{ $labels.service }}: more errors week by week",
            description:
              "The errors of service {{ $labels.service }} over the last 7 days are more than " +
              `${plainNumber(trend.factor)} times the mean of the last 30 days: {{ $value | printf "%.1f" }} in 5 minutes.`,
            dashboard: "errors",
            variables: ["service"],
          },
          thresholds,
        ),
      ],
    },
  ];
}

function criticalErrors(gauge: string, named: string): string {
  return `(${named})\nand on (service) (${gauge})\nor on (service) (${gauge})`;
}
