/** Counts the tokens and times the operations of LLM calls made in this process. */
import type { Context } from "@opentelemetry/api";
import { hrTimeToMilliseconds } from "@opentelemetry/core";
import type { ReadableSpan, Span, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { LlmUsage } from "../event";
import { llmUsage } from "../processors/llm-usage";
import type { RedactionRules } from "../processors/redact";

export class LlmSpanProcessor implements SpanProcessor {
  readonly #service: string;
  readonly #redaction: RedactionRules;
  readonly #onUsage: (usage: LlmUsage) => void;

  constructor(service: string, redaction: RedactionRules, onUsage: (usage: LlmUsage) => void) {
    this.#service = service;
    this.#redaction = redaction;
    this.#onUsage = onUsage;
  }

  onStart(_span: Span, _parentContext: Context): void {}

  onEnd(span: ReadableSpan): void {
    if (span.attributes["gen_ai.operation.name"] === undefined) return;
    const usage = llmUsage(span.attributes, this.#service, hrTimeToMilliseconds(span.duration), this.#redaction);
    if (usage !== undefined) this.#onUsage(usage);
  }

  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}
