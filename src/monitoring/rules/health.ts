/** What is scraped, and Seismo itself: alerts about what would make all others blind. */
import { type AlertOptions, alert, type RuleGround, type RuleGroup } from "../alert";
import { gained, share, withService } from "../promql";

/** Lost by nobody's fault: what a rule ignores, what came twice, and what the sender was told to be refused. */
const NO_LOSS = "ignored|duplicate|refused";
/** Of prometheus.yml. */
const JOBS = "seismo|seismo-collector";

export function healthRules({ thresholds, metric }: RuleGround): RuleGroup[] {
  const { down_minutes, queue_percent, dropped_count } = thresholds.health;
  const buildInfo = metric("build_info");
  /** Whoever told of Seismo within a day is a target, whatever its job is called. */
  const up = withService(`last_over_time(${buildInfo}[1d])`, "up");
  const ofTarget = (expression: string): string => withService(buildInfo, expression);
  const health = (options: Omit<AlertOptions, "severity" | "dashboard" | "variables">) =>
    alert({ ...options, severity: "warning", dashboard: "health", variables: ["job"] }, thresholds);

  return [
    {
      name: "seismo-health",
      rules: [
        alert(
          {
            name: "SeismoServiceDown",
            severity: "critical",
            expr: `max by (service) (${up}) == 0`,
            forMinutes: down_minutes,
            summary: "{{ $labels.service }}: no target answers",
            description: `None of the scrape targets of service {{ $labels.service }} has answered for ${down_minutes} minutes.`,
            dashboard: "overview",
            variables: ["service"],
          },
          thresholds,
        ),
        health({
          name: "SeismoTargetDown",
          expr:
            `max by (job, instance, service) (${up} == 0)\n` +
            `or on (job, instance) max by (job, instance) (up{job=~"${JOBS}"} == 0)`,
          forMinutes: down_minutes,
          summary: "{{ $labels.instance }} does not answer",
          description:
            "Scrape target {{ $labels.instance }} of job {{ $labels.job }}{{ with $labels.service }}, service {{ . }},{{ end }} " +
            `has not answered for ${down_minutes} minutes.`,
        }),
        health({
          name: "SeismoDropping",
          expr: ofTarget(
            `sum by (job, instance, signal, reason) (${gained(`${metric("dropped_total")}{reason!~"${NO_LOSS}"}`, "10m")}) >= ${dropped_count}`,
          ),
          summary: "{{ $labels.service }}: Seismo loses {{ $labels.signal }} ({{ $labels.reason }})",
          description:
            'Seismo at {{ $labels.instance }} lost {{ $value | printf "%.0f" }} {{ $labels.signal }} in 10 minutes, for the reason {{ $labels.reason }}.',
        }),
        health({
          name: "SeismoQueueFilling",
          expr: ofTarget(
            `sum by (job, instance, exporter) (${metric("queue_length")}) / sum by (job, instance, exporter) (${metric("queue_capacity")}) > ${share(queue_percent)}`,
          ),
          forMinutes: 5,
          summary: "{{ $labels.service }}: Seismo's queue {{ $labels.exporter }} fills up",
          description:
            "The queue {{ $labels.exporter }} of Seismo at {{ $labels.instance }} is {{ $value | humanizePercentage }} full for 5 minutes; when it is full, what comes is lost.",
        }),
        health({
          name: "SeismoSeriesOverflow",
          expr: ofTarget(`sum by (job, instance, metric) (${gained(metric("series_overflow_total"), "10m")})`),
          summary: "{{ $labels.service }}: too many series of {{ $labels.metric }}",
          description:
            "At {{ $labels.instance }} the metric {{ $labels.metric }} went over its bound on label values or series; what goes over is counted as other.",
        }),
        health({
          name: "SeismoJournalFallback",
          expr: ofTarget(`sum by (job, instance) (${gained(metric("journal_fallback_lines_total"), "10m")})`),
          summary: "{{ $labels.service }}: the journal takes no lines",
          description:
            'Seismo at {{ $labels.instance }} wrote {{ $value | printf "%.0f" }} lines to the fallback file in 10 minutes, since the journal took none.',
        }),
        health({
          name: "SeismoNotificationsFailing",
          expr: ofTarget(
            `sum by (job, instance, channel) (${gained(`${metric("notifications_total")}{outcome="failed"}`, "15m")})`,
          ),
          summary: "Notifications by {{ $labels.channel }} fail",
          description:
            'Seismo at {{ $labels.instance }} gave up {{ $value | printf "%.0f" }} notifications by {{ $labels.channel }} in 15 minutes.',
        }),
        health({
          name: "SeismoUnaccounted",
          expr: ofTarget(`sum by (job, instance, signal) (${metric("unaccounted")}) != 0`),
          forMinutes: 10,
          summary: "{{ $labels.service }}: Seismo's books do not balance",
          description:
            "At {{ $labels.instance }}, {{ $value }} {{ $labels.signal }} that were received are neither kept, forwarded, dropped nor waiting.",
        }),
        alert(
          {
            name: "SeismoDeadMansSwitch",
            severity: "none",
            expr: "vector(1)",
            summary: "Alerting works",
            description:
              "Fires always. Whoever receives it has to raise the alarm when it stays away: then Prometheus or Alertmanager is dead.",
            dashboard: "health",
          },
          thresholds,
        ),
      ],
    },
  ];
}
