/** Counts the tokens and times the operations of LLM calls made in this process. */
import type { Context } from "@opentelemetry/api";
import { hrTimeToMilliseconds } from "@opentelemetry/core";
import type { ReadableSpan, Span, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { LlmUsage } from "../event";
import { llmUsage } from "../processors/llm-usage";

export class LlmSpanProcessor implements SpanProcessor {
  readonly #service: string;
  readonly #onUsage: (usage: LlmUsage) => void;

  constructor(service: string, onUsage: (usage: LlmUsage) => void) {
    this.#service = service;
    this.#onUsage = onUsage;
  }

  onStart(_span: Span, _parentContext: Context): void {}

  onEnd(span: ReadableSpan): void {
    if (span.attributes["gen_ai.operation.name"] === undefined) return;
    const usage = llmUsage(span.attributes, this.#service, hrTimeToMilliseconds(span.duration));
    if (usage !== undefined) this.#onUsage(usage);
  }

  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}
