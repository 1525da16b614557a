/** HTTP requests: failing, slow, stuck, and the error budget of the service level objective. */
import { type AlertRule, alert, atLevels, type RecordingRule, type RuleGround, type RuleGroup } from "../alert";
import { acrossJobs, gained, plainNumber, share } from "../promql";

const FIVE_MINUTES_SECONDS = 300;
/** Of the group: so far apart are the samples of what it records, and so much each of them stands for. */
const INTERVAL_SECONDS = 30;
const WINDOWS = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"] as const;
type Window = (typeof WINDOWS)[number];

/**
 * Windows and factors of chapter 5, "Alerting on SLOs", of Google's Site Reliability Workbook, for a budget of 30 days:
 * over the long window that much is spent to matter, and over the short one it is still being spent.
 */
const BURN_RATES: {
  readonly [severity in "critical" | "warning"]: readonly (readonly [long: Window, short: Window, factor: number])[];
} = {
  critical: [
    ["1h", "5m", 14.4],
    ["6h", "30m", 6],
  ],
  warning: [
    ["1d", "2h", 3],
    ["3d", "6h", 1],
  ],
};

export function requestRules({ thresholds, metric }: RuleGround): RuleGroup[] {
  const { min_requests, for_minutes, failing_percent, p95_seconds, slow, stuck } = thresholds.requests;
  const { slo } = thresholds;
  const duration = metric("http_request_duration_seconds");
  const requests = `service:${metric("http_requests")}:rate5m`;
  const failures = `service:${metric("http_request_failures")}:rate5m`;
  const failing = (window: Window): string => `service:${metric("http_request_failures")}:ratio_rate${window}`;
  const p95 = `service:${duration}:p95_5m`;
  const gainedSlow = `service:${metric("slow_requests")}:gained15m`;
  const enough = `and ${requests} * ${FIVE_MINUTES_SECONDS} >= ${min_requests}`;

  const recorded: RecordingRule[] = [
    { record: requests, expr: acrossJobs("service", `rate(${duration}_count[5m])`) },
    { record: failures, expr: acrossJobs("service", `rate(${duration}_count{status_class="5xx"}[5m])`) },
    // Of sums, so that an hour with few requests weighs little; without a failure in the window there is no series.
    ...WINDOWS.map((window) => ({
      record: failing(window),
      expr:
        window === "5m"
          ? `${failures} / ${requests}`
          : `sum_over_time(${failures}[${window}]) / sum_over_time(${requests}[${window}])`,
    })),
    { record: p95, expr: `histogram_quantile(0.95, ${acrossJobs("service, le", `rate(${duration}_bucket[5m])`)})` },
    {
      record: gainedSlow,
      expr: `${acrossJobs("service", gained(metric("slow_requests_total"), "15m"))}\nor 0 * ${requests}`,
    },
  ];

  const burning = (severity: "critical" | "warning"): AlertRule => {
    const budget = 100 - slo.objective_percent;
    const pairs = BURN_RATES[severity].map(([long, short, factor]) => {
      const limit = share(budget * factor);
      return (
        `(${failing(long)} > ${limit} and ${failing(short)} > ${limit}\n` +
        `  and sum_over_time(${requests}[${long}]) * ${INTERVAL_SECONDS} >= ${slo.min_requests})`
      );
    });
    const paces = BURN_RATES[severity].map(([long, , factor]) => `${factor} times (over ${long})`).join(" or ");
    return alert(
      {
        name: "SeismoErrorBudgetBurn",
        severity,
        expr: pairs.join("\nor "),
        summary: "{{ $labels.service }}: the error budget is burning",
        description:
          `{{ $value | humanizePercentage }} of the requests to service {{ $labels.service }} fail; ${slo.objective_percent} % ` +
          `shall succeed over 30 days. What may fail is being spent at more than ${paces} the pace that would last so long.`,
        dashboard: "requests",
        variables: ["service"],
      },
      thresholds,
    );
  };

  return [
    {
      name: "seismo-requests",
      interval: `${INTERVAL_SECONDS}s`,
      rules: [
        ...recorded,
        ...atLevels(
          failing_percent,
          (percent) => ({
            name: "SeismoRequestsFailing",
            expr: `${failing("5m")} > ${share(percent)}\n${enough}`,
            forMinutes: for_minutes,
            summary: "{{ $labels.service }}: {{ $value | humanizePercentage }} of requests fail",
            description:
              "{{ $value | humanizePercentage }} of the requests to service {{ $labels.service }} were answered with 5xx " +
              `in the last 5 minutes; the limit is ${percent} %.`,
            dashboard: "requests",
            variables: ["service"],
          }),
          thresholds,
        ),
        burning("warning"),
        burning("critical"),
        ...atLevels(
          p95_seconds,
          (seconds) => ({
            name: "SeismoResponsesSlow",
            expr: `${p95} > ${plainNumber(seconds)}\n${enough}`,
            forMinutes: for_minutes,
            summary: '{{ $labels.service }}: responses take {{ $value | printf "%.1f" }} s',
            description:
              'Of the requests to service {{ $labels.service }}, 5 % took longer than {{ $value | printf "%.1f" }} s ' +
              `in the last 5 minutes; the limit is ${plainNumber(seconds)} s.`,
            dashboard: "requests",
            variables: ["service"],
          }),
          thresholds,
        ),
        alert(
          {
            name: "SeismoSlowRequestsRising",
            severity: "warning",
            expr:
              `${gainedSlow} > ${plainNumber(slow.factor)} * avg_over_time(${gainedSlow}[1h] offset 15m)\n` +
              `and ${gainedSlow} >= ${slow.min_requests}`,
            summary: "{{ $labels.service }}: more slow requests",
            description:
              'Service {{ $labels.service }} had {{ $value | printf "%.0f" }} slow requests in 15 minutes, more than ' +
              `${plainNumber(slow.factor)} times the mean of the hour before.`,
            dashboard: "requests",
            variables: ["service"],
          },
          thresholds,
        ),
        alert(
          {
            name: "SeismoRequestsStuck",
            severity: "warning",
            expr: `${acrossJobs("service", metric("requests_stuck"))} >= ${stuck.count}`,
            forMinutes: stuck.minutes,
            summary: "{{ $labels.service }}: {{ $value }} requests hang",
            description:
              "{{ $value }} requests to service {{ $labels.service }} are open for longer than their slow threshold, " +
              `for ${stuck.minutes} minutes now.`,
            dashboard: "requests",
            variables: ["service"],
          },
          thresholds,
        ),
      ],
    },
  ];
}
