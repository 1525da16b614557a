import type * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import { createDashboard, type DashboardOptions } from "./frame";
import { bars, lines, NEUTRAL, numberPanel, tablePanel } from "./panels";
import { countInRange, countPerStep, quantile } from "./promql";
import { ANY_IS_WARNING, TOKENS_STEPS } from "./thresholds";

/** What language models are asked, what it costs, and how long they take. */
export function llm(options: DashboardOptions): dashboard.Dashboard {
  const { promql } = options;
  const of = (name: string, ...matchers: string[]): string => promql.select(name, ["service"], ...matchers);
  const tokens = of("llm_tokens_total");
  const calls = of("llm_operation_duration_seconds_count");
  const buckets = of("llm_operation_duration_seconds_bucket");
  const refusals = of("errors_total", 'category=~"content_filter|quota_.*"', 'origin="root"');
  const tokensPerCall = (by: readonly string[]): string =>
    `${countInRange(tokens, by)} / (${countInRange(calls, by)} > 0)`;

  return createDashboard(
    {
      uid: "seismo-llm",
      title: "Seismo / LLM usage",
      description:
        "What language models are asked, how many tokens that takes, how long they take, and what they refuse.",
      filters: ["service"],
      rows: [
        {
          height: 4,
          panels: [
            [
              6,
              numberPanel(
                {
                  title: "Calls",
                  description: "Calls of language models within the time range.",
                  unit: "short",
                  noValue: "No calls",
                },
                `sum(${countInRange(calls, ["model"])})`,
                [NEUTRAL],
              ),
            ],
            [
              6,
              numberPanel(
                {
                  title: "Tokens",
                  description: "Tokens within the time range, those sent and those received.",
                  unit: "short",
                  noValue: "No calls",
                },
                `sum(${countInRange(tokens, ["model"])})`,
                [NEUTRAL],
              ),
            ],
            [
              6,
              numberPanel(
                {
                  title: "Tokens per call",
                  description: "Mean over the time range. Above 3,500 is a warning, above 5,000 critical.",
                  unit: "short",
                  noValue: "No calls",
                },
                tokensPerCall([]),
                TOKENS_STEPS,
              ),
            ],
            [
              6,
              numberPanel(
                {
                  title: "Refused",
                  description: "Errors of the categories content_filter and quota_*, within the time range.",
                  unit: "short",
                  noValue: "None",
                },
                `sum(${countInRange(refusals, ["category"])})`,
                ANY_IS_WARNING,
              ),
            ],
          ],
        },
        {
          height: 8,
          panels: [
            [
              12,
              bars(
                {
                  title: "Tokens by model",
                  description:
                    "By model and direction: input is what was sent, output what came back. The legend sums up the time range.",
                  unit: "short",
                  noValue: "No calls",
                },
                [{ expr: countPerStep(tokens, ["model", "direction"]), legend: "{{model}} {{direction}}" }],
              ),
            ],
            [
              12,
              lines(
                {
                  title: "Tokens per call by model",
                  description: "Mean of each model. Above 3,500 is a warning, above 5,000 critical.",
                  unit: "short",
                  noValue: "No calls",
                },
                [
                  {
                    expr: `${countPerStep(tokens, ["model"])} / (${countPerStep(calls, ["model"])} > 0)`,
                    legend: "{{model}}",
                  },
                ],
                TOKENS_STEPS,
              ).interval("1m"),
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
                  title: "Response times",
                  description: "The time that half and 95 % of the calls of each model stayed under.",
                  unit: "s",
                  noValue: "No calls",
                },
                [
                  { expr: quantile(0.5, buckets, ["model"], "$__rate_interval"), legend: "{{model}} p50" },
                  { expr: quantile(0.95, buckets, ["model"], "$__rate_interval"), legend: "{{model}} p95" },
                ],
              ),
            ],
            [
              12,
              bars(
                {
                  title: "Calls and refusals",
                  description: "Calls by model and operation, and errors of the categories content_filter and quota_*.",
                  unit: "short",
                  noValue: "No calls",
                },
                [
                  { expr: countPerStep(calls, ["model", "operation"]), legend: "{{model}} {{operation}}" },
                  { expr: countPerStep(refusals, ["category"]), legend: "refused: {{category}}" },
                ],
              ),
            ],
          ],
        },
        {
          height: 8,
          panels: [
            [
              24,
              tablePanel(
                {
                  title: "Models",
                  description: "Each model of each service, over the time range.",
                  unit: "short",
                  noValue: "No calls",
                },
                {
                  labels: [{ name: "model" }, { name: "service" }],
                  values: [
                    { title: "Calls", expr: countInRange(calls, ["model", "service"]), unit: "short", decimals: 0 },
                    {
                      title: "Tokens in",
                      expr: countInRange(of("llm_tokens_total", 'direction="input"'), ["model", "service"]),
                      unit: "short",
                      decimals: 1,
                    },
                    {
                      title: "Tokens out",
                      expr: countInRange(of("llm_tokens_total", 'direction="output"'), ["model", "service"]),
                      unit: "short",
                      decimals: 1,
                    },
                    {
                      title: "Tokens per call",
                      expr: tokensPerCall(["model", "service"]),
                      unit: "short",
                      decimals: 0,
                      steps: TOKENS_STEPS,
                    },
                    {
                      title: "p95",
                      expr: `${quantile(0.95, buckets, ["model", "service"], "$__range")} >= 0`,
                      unit: "s",
                      decimals: 2,
                    },
                  ],
                  sortBy: "Tokens in",
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
