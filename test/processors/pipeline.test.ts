import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ErrorEvent, ErrorExporter, ExportResult, RawError } from "../../src/event";
import { createFrequency } from "../../src/processors/frequency";
import { createPipeline, type Pipeline } from "../../src/processors/pipeline";
import { compileRules } from "../../src/processors/rules";
import { createTelemetry, type Telemetry } from "../../src/telemetry";
import { rawFrom } from "./raw-error";

const ACCEPTED: ExportResult = { status: "accepted" };

interface Bench {
  readonly pipeline: Pipeline;
  readonly telemetry: Telemetry;
  /** Runs what the pipeline put off. */
  readonly tick: () => void;
  readonly exported: ErrorEvent[];
}

function bench(answer: (event: ErrorEvent) => ExportResult = () => ACCEPTED, maxWaiting = 1_000): Bench {
  const telemetry = createTelemetry();
  const exported: ErrorEvent[] = [];
  const deferred: (() => void)[] = [];
  const exporter: ErrorExporter = {
    name: "test",
    export(events) {
      exported.push(...events);
      return events.map(answer);
    },
    flushNow: () => {},
    forceFlush: async () => {},
    shutdown: async () => {},
  };
  const pipeline = createPipeline({
    rules: compileRules({ ignore: [{ message: "ignored*" }] }),
    frequency: createFrequency(),
    exporters: [exporter],
    telemetry,
    nowMillis: () => 0,
    defer: (deliver) => deferred.push(deliver),
    maxWaiting,
  });
  const tick = (): void => {
    for (const deliver of deferred.splice(0)) deliver();
  };
  return { pipeline, telemetry, exported, tick };
}

test("what was received is kept or dropped with a reason, whatever the exporter says", () => {
  const answers: readonly (() => ExportResult)[] = [
    () => ACCEPTED,
    () => ({ status: "rejected", reason: "journal_failed" }),
    () => ({ status: "rejected", reason: "a text of the exporter's own" }),
    () => ({ status: "retryable", retryAfterMillis: 5 }),
    () => {
      throw new Error("a bug in the exporter");
    },
  ];
  const step = fc.record({ message: fc.constantFrom("failed", "ignored 1"), answer: fc.nat(4), ticks: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.integer({ min: 1, max: 5 }), (steps, maxWaiting) => {
      let answer = 0;
      const { pipeline, telemetry, tick } = bench(() => answers[answer]?.() ?? ACCEPTED, maxWaiting);
      for (const next of steps) {
        answer = next.answer;
        pipeline.record(failure(next.message));
        if (next.ticks) tick();
      }
      pipeline.flushNow();
      assert.equal(total(telemetry, "received"), steps.length);
      assert.equal(total(telemetry, "kept") + total(telemetry, "dropped"), steps.length);
    }),
  );
});

test("a rejection is counted under its own reason when that is a known one", () => {
  for (const [reason, counted] of [
    ["journal_failed", "journal_failed"],
    ["shutdown", "shutdown"],
    ["disk on fire", "export_failed"],
  ] as const) {
    const { pipeline, telemetry } = bench(() => ({ status: "rejected", reason }));
    pipeline.record(failure("failed"));
    pipeline.deliver();
    assert.deepEqual(telemetry.snapshot().dropped, [{ signal: "errors", reason: counted, value: 1 }]);
  }
});

test("an event that rules ignore reaches no exporter", () => {
  const { pipeline, telemetry, exported } = bench();
  assert.equal(pipeline.record(failure("ignored for good")), undefined);
  pipeline.flushNow();
  assert.deepEqual(exported, []);
  assert.deepEqual(telemetry.snapshot().dropped, [{ signal: "errors", reason: "ignored", value: 1 }]);
});

test("events leave when the caller's work is done, and at once when too many wait", () => {
  const { pipeline, exported, tick } = bench(() => ACCEPTED, 3);
  pipeline.record(failure("one"));
  pipeline.record(failure("two"));
  assert.equal(exported.length, 0);
  tick();
  assert.equal(exported.length, 2);
  for (const message of ["three", "four", "five"]) pipeline.record(failure(message));
  assert.equal(exported.length, 5);
});

test("an event that waits can be amended: named and rated anew, counted once", () => {
  const { pipeline, telemetry, exported } = bench();
  const event = pipeline.record(failure("failed"));
  assert.ok(event);
  assert.equal(event.rating.severity, "info");
  const amended = pipeline.amend(event, { fatal: true, handled: false });
  pipeline.deliver();
  assert.deepEqual(exported, [amended]);
  assert.equal(amended?.id, event.id);
  assert.equal(amended?.rating.severity, "critical");
  assert.equal(amended?.recurrence.lastHour, 1);
  assert.equal(pipeline.record(failure("failed"))?.recurrence.lastHour, 2);
  assert.equal(total(telemetry, "received"), 2);
  assert.equal(total(telemetry, "kept"), 1);
});

test("an event that has left is not amended", () => {
  const { pipeline, exported } = bench();
  const event = pipeline.record(failure("failed"));
  assert.ok(event);
  pipeline.deliver();
  assert.equal(pipeline.amend(event, { fatal: true }), undefined);
  assert.deepEqual(exported, [event]);
});

function failure(message: string): RawError {
  return rawFrom(new Error(message));
}

function total(telemetry: Telemetry, what: "received" | "kept" | "dropped"): number {
  return telemetry
    .snapshot()
    [what].filter(({ signal }) => signal === "errors")
    .reduce((sum, { value }) => sum + value, 0);
}

test("who shows frames waits for their explanation, who counts does not, and nothing is lost or told twice", async () => {
  const telemetry = createTelemetry();
  const told: Record<string, ErrorEvent[]> = { counting: [], showing: [] };
  const exporterOf = (name: "counting" | "showing", readsFrames: boolean): ErrorExporter => ({
    name,
    readsFrames,
    export(events) {
      told[name]?.push(...events);
      return events.map(() => ACCEPTED);
    },
    flushNow: () => {},
    forceFlush: async () => {},
    shutdown: async () => {},
  });
  const context = { pre: [], line: "throw error;", post: [] };
  const answers: (() => void)[] = [];
  const deferred: (() => void)[] = [];
  const pipeline = createPipeline({
    rules: compileRules({}),
    frequency: createFrequency(),
    exporters: [exporterOf("showing", true), exporterOf("counting", false)],
    telemetry,
    nowMillis: () => 0,
    defer: (deliver) => deferred.push(deliver),
    explainer: {
      prepare: () => new Promise((settle) => answers.push(settle)),
      prepareNow: () => {},
      explained: (frames) => frames.map((frame) => ({ ...frame, context })),
    },
  });
  const stack = "Error: failed\n    at pay (/srv/shop/src/pay.js:1:2)";
  const event = pipeline.record(rawFrom(new Error("failed"), { stack }));
  const { fingerprint } = event ?? {};
  for (const deliver of deferred.splice(0)) deliver();
  assert.deepEqual([told["counting"]?.length, told["showing"]?.length, pipeline.waiting()], [1, 0, 1]);
  assert.equal(event && pipeline.amend(event, { fatal: true }), undefined, "it is counted already");

  answers[0]?.();
  await new Promise((turn) => setImmediate(turn));
  assert.deepEqual(told["showing"]?.[0]?.frames[0]?.context, context);
  assert.equal(told["showing"][0].fingerprint, fingerprint);
  assert.equal(pipeline.waiting(), 0);

  pipeline.record(rawFrom(new Error("failed again"), { stack }));
  for (const deliver of deferred.splice(0)) deliver();
  pipeline.flushNow();
  answers[1]?.();
  await new Promise((turn) => setImmediate(turn));
  assert.deepEqual([told["counting"]?.length, told["showing"].length, pipeline.waiting()], [2, 2, 0]);
  assert.equal(telemetry.snapshot().kept.find(({ signal }) => signal === "errors")?.value, 2);
});
