import assert from "node:assert/strict";
import { test } from "node:test";
import { SpanStatusCode } from "@opentelemetry/api";
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { compileRedaction } from "../../src/processors/redact";
import { redactSpan } from "../../src/processors/redact-span";
import { CANARIES } from "./canaries";

const rules = compileRedaction({});

test("a span without secrets is passed on as it is", () => {
  const span = finished(() => {});
  assert.equal(redactSpan(span, rules), span);
});

for (const { name, text, secret } of CANARIES) {
  test(`no part of a span that leaves holds a secret: ${name}`, () => {
    const span = finished((open, link) => {
      open.updateName(text);
      open.setAttributes({ "shop.note": text, "shop.list": ["a", text] });
      open.setStatus({ code: SpanStatusCode.ERROR, message: text });
      open.recordException(new Error(text));
      open.addEvent(text, { text });
      open.addLink({ context: link, attributes: { text } });
    });
    const before = fieldsOf(span);
    const safe = redactSpan(span, rules);
    assert.ok(!fieldsOf(safe).includes(JSON.stringify(secret).slice(1, -1)), fieldsOf(safe));
    const sent = Buffer.from(JsonTraceSerializer.serializeRequest([safe]) ?? []).toString();
    assert.ok(!sent.includes(JSON.stringify(secret).slice(1, -1)));
    assert.match(sent, new RegExp(span.spanContext().spanId));
    // Other processors hold the same span.
    assert.equal(fieldsOf(span), before);
  });
}

test("a header that is captured is judged by its name, a database statement by what stands in it", () => {
  const span = finished((open) =>
    open.setAttributes({
      "http.request.header.x-api-key": ["0123"],
      "db.query.text": "SELECT 1 WHERE dsn = 'postgres://app:hunter22@db/shop'",
      "db.system.name": "postgresql",
    }),
  );
  const { attributes } = redactSpan(span, rules);
  assert.doesNotMatch(JSON.stringify(attributes), /0123|hunter22/);
  assert.equal(attributes["db.system.name"], "postgresql");
});

type Open = ReturnType<ReturnType<BasicTracerProvider["getTracer"]>["startSpan"]>;

function finished(fill: (span: Open, link: ReturnType<ReadableSpan["spanContext"]>) => void): ReadableSpan {
  const exporter = new InMemorySpanExporter();
  const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).getTracer("test");
  const span = tracer.startSpan("GET /orders/:id", {
    attributes: { "http.request.method": "GET", "http.route": "/orders/:id", "http.response.status_code": 200 },
  });
  fill(span, span.spanContext());
  span.end();
  const [ended] = exporter.getFinishedSpans();
  assert.ok(ended);
  return ended;
}

function fieldsOf({ name, attributes, status, events, links }: ReadableSpan): string {
  return JSON.stringify([name, attributes, status, events, links]);
}
