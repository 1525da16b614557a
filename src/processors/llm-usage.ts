/** Reads what a call of a language model used, from the `gen_ai.*` semantic conventions, old token names included. */
import type { Attributes, LlmUsage } from "../event";
import { type RedactionRules, redactLabel } from "./redact";

/** Undefined for spans of anything else. */
export function llmUsage(
  attributes: Attributes,
  service: string,
  durationMillis: number,
  rules: RedactionRules,
): LlmUsage | undefined {
  const operation = attributes["gen_ai.operation.name"];
  if (operation === undefined) return undefined;
  const model = attributes["gen_ai.response.model"] ?? attributes["gen_ai.request.model"] ?? "unknown";
  return {
    service,
    model: redactLabel(String(model), rules),
    operation: redactLabel(String(operation), rules),
    inputTokens: count(attributes["gen_ai.usage.input_tokens"] ?? attributes["gen_ai.usage.prompt_tokens"]),
    outputTokens: count(attributes["gen_ai.usage.output_tokens"] ?? attributes["gen_ai.usage.completion_tokens"]),
    durationMillis,
  };
}

function count(value: unknown): number {
  return typeof value === "number" && value > 0 ? value : 0;
}
