import assert from "node:assert/strict";
import { test } from "node:test";
import { ExportResultCode } from "@opentelemetry/core";
import { resourceFromAttributes } from "@opentelemetry/resources";
import type { ErrorEvent } from "../../src/event";
import { MAX_JSON_LENGTH } from "../../src/exporter/carried-attributes";
import { eventLogRecord } from "../../src/exporter/event-log-record";
import { createOtlpLogs, MAX_BATCH, type OtlpLogs } from "../../src/exporter/otlp-logs";
import { createTelemetry, type Telemetry } from "../../src/telemetry";
import { errorEvent } from "./error-event";

interface Line {
  readonly logs: OtlpLogs;
  readonly telemetry: Telemetry;
  /** Ids that left, a list for each request. */
  readonly sent: string[][];
  /** Ends the oldest request under way. */
  answer(): Promise<void>;
  /** The time that a record waits for others is over. */
  passDelay(): void;
}

function line(maxWaiting = 1_000): Line {
  const sent: string[][] = [];
  const answers: (() => void)[] = [];
  const timers: (() => void)[] = [];
  const telemetry = createTelemetry();
  const logs = createOtlpLogs<string>({
    toRecord: ({ id }) => id,
    outgoing: {
      export(records, done) {
        sent.push(records);
        answers.push(() => done({ code: ExportResultCode.SUCCESS }));
      },
      flushNow: (_which, drain) => drain(),
      shutdown: async () => {},
    },
    telemetry,
    delayMillis: 1_000,
    maxWaiting,
    later: (callback) => void timers.push(callback),
  });
  return {
    logs,
    telemetry,
    sent,
    async answer() {
      answers.shift()?.();
      await new Promise((next) => setImmediate(next));
    },
    passDelay() {
      for (const timer of timers.splice(0)) timer();
    },
  };
}

function events(count: number, extra: Partial<ErrorEvent> = {}): readonly ErrorEvent[] {
  return Array.from({ length: count }, (_, n) => errorEvent({ id: String(n), source: "capture", ...extra }));
}

test("what a span tells of is not sent, all else is, and nothing counts as lost to the pipeline", () => {
  const { logs, sent, passDelay } = line();
  const all = (["span", "capture", "uncaught", "process"] as const).map((source) => errorEvent({ id: source, source }));
  assert.deepEqual(new Set(logs.export(all).map(({ status }) => status)), new Set(["accepted"]));
  assert.deepEqual(sent, []);
  passDelay();
  assert.deepEqual(sent, [["capture", "uncaught", "process"]]);
});

test("a full batch leaves at once, and the next when the one before it has arrived", async () => {
  const { logs, sent, answer } = line();
  logs.export(events(2 * MAX_BATCH + 1));
  assert.deepEqual(
    sent.map((batch) => batch.length),
    [MAX_BATCH],
  );
  await answer();
  assert.deepEqual(
    sent.map((batch) => batch.length),
    [MAX_BATCH, MAX_BATCH],
  );
  await answer();
  assert.deepEqual([sent.length, logs.waiting()], [2, 1]);
});

test("what goes over the bound is dropped and counted", () => {
  const { logs, telemetry } = line(10);
  logs.export(events(25));
  assert.equal(logs.waiting(), 10);
  const { received, dropped } = telemetry.snapshot();
  assert.deepEqual(received, [{ signal: "logs", reason: "", value: 15 }]);
  assert.deepEqual(dropped, [{ signal: "logs", reason: "queue_full", value: 15 }]);
});

test("a flush and a shutdown wait for all that was given before, and what comes later is counted as lost", async () => {
  const { logs, sent, telemetry, answer } = line();
  logs.export(events(MAX_BATCH + 5));
  const flushed = logs.forceFlush();
  await answer();
  await answer();
  await flushed;
  assert.deepEqual(
    sent.map((batch) => batch.length),
    [MAX_BATCH, 5],
  );
  await logs.shutdown();
  logs.export(events(1));
  assert.deepEqual(telemetry.snapshot().dropped, [{ signal: "logs", reason: "shutdown", value: 1 }]);
});

test("a dying process hands over all that waits, however much, before the call returns", () => {
  const { logs, sent } = line();
  logs.export(events(MAX_BATCH - 1));
  logs.flushNow();
  assert.deepEqual([sent.map((batch) => batch.length), logs.waiting()], [[MAX_BATCH - 1], 0]);
});

test("a record keeps the severity, the names and the place of its event", () => {
  const resource = resourceFromAttributes({ "service.name": "shop" });
  for (const [severity, severityNumber, severityText] of [
    ["critical", 21, "FATAL"],
    ["warning", 17, "ERROR"],
    ["info", 13, "WARN"],
  ] as const) {
    const event = errorEvent({ spanId: "b7ad6b7169203331", rating: { severity, reasons: [] } });
    const record = eventLogRecord(event, resource);
    assert.deepEqual([record.severityNumber, record.severityText], [severityNumber, severityText]);
    assert.deepEqual([record.eventName, record.body, record.resource], ["exception", event.message, resource]);
    assert.deepEqual([record.spanContext?.traceId, record.spanContext?.spanId], [event.traceId, event.spanId]);
    assert.equal(record.attributes["error.fingerprint"], event.fingerprint.id);
    assert.equal(record.attributes["error.severity"], severity);
  }
});

test("of details that are too long the first fields leave, as JSON, and the rest is counted in the record", () => {
  const text = "x".repeat(1_000);
  const details = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`part ${n}`, text]));
  const causes = Array.from({ length: 40 }, () => ({
    relation: "cause" as const,
    type: "Error",
    message: text,
    stack: "",
    properties: {},
  }));
  const record = eventLogRecord(errorEvent({ details, causes }), resourceFromAttributes({}));
  let kept = 0;
  for (const key of ["seismo.details", "seismo.causes"]) {
    const json = String(record.attributes[key]);
    assert.ok(json.length <= MAX_JSON_LENGTH && json.length > MAX_JSON_LENGTH - 2 * text.length, `${json.length}`);
    kept += Object.keys(JSON.parse(json)).length;
  }
  assert.equal(record.droppedAttributesCount, 80 - kept);
});
