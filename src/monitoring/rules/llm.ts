/** Language models: requests that grow. */
import { atLevels, type RuleGround, type RuleGroup } from "../alert";
import { acrossJobs, plainNumber } from "../promql";

const FIFTEEN_MINUTES_SECONDS = 900;

export function llmRules({ thresholds, metric }: RuleGround): RuleGroup[] {
  const { tokens_per_request, min_requests } = thresholds.llm;
  const tokens = acrossJobs("service, model", `rate(${metric("llm_tokens_total")}[15m])`);
  const requests = acrossJobs("service, model", `rate(${metric("llm_operation_duration_seconds_count")}[15m])`);
  return [
    {
      name: "seismo-llm",
      rules: atLevels(
        tokens_per_request,
        (limit) => ({
          name: "SeismoTokensPerRequest",
          expr: `${tokens}\n/ ${requests} > ${plainNumber(limit)}\nand ${requests} * ${FIFTEEN_MINUTES_SECONDS} >= ${min_requests}`,
          summary: '{{ $labels.service }}: {{ $value | printf "%.0f" }} tokens a request to {{ $labels.model }}',
          description:
            'Requests of service {{ $labels.service }} to {{ $labels.model }} took {{ $value | printf "%.0f" }} tokens on ' +
            `average in the last 15 minutes; the limit is ${plainNumber(limit)}.`,
          dashboard: "llm",
          variables: ["service"],
        }),
        thresholds,
      ),
    },
  ];
}
