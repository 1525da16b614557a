/** Counts the tokens and times the operations of LLM calls, from the `gen_ai.*` semantic conventions. */
import type { Context } from "@opentelemetry/api";
import { hrTimeToMilliseconds } from "@opentelemetry/core";
import type { ReadableSpan, Span, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { LlmUsage } from "../exporter/prometheus";

export class LlmSpanProcessor implements SpanProcessor {
  readonly #metrics: { recordLlm(usage: LlmUsage): void };

  constructor(metrics: { recordLlm(usage: LlmUsage): void }) {
    this.#metrics = metrics;
  }

  onStart(_span: Span, _parentContext: Context): void {}

  onEnd(span: ReadableSpan): void {
    const operation = span.attributes["gen_ai.operation.name"];
    if (operation === undefined) return;
    const { attributes } = span;
    const model = attributes["gen_ai.response.model"] ?? attributes["gen_ai.request.model"] ?? "unknown";
    this.#metrics.recordLlm({
      model: String(model),
      operation: String(operation),
      inputTokens: count(attributes["gen_ai.usage.input_tokens"] ?? attributes["gen_ai.usage.prompt_tokens"]),
      outputTokens: count(attributes["gen_ai.usage.output_tokens"] ?? attributes["gen_ai.usage.completion_tokens"]),
      durationMillis: hrTimeToMilliseconds(span.duration),
    });
  }

  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}

function count(value: unknown): number {
  return typeof value === "number" && value > 0 ? value : 0;
}
