import assert from "node:assert/strict";
import { test } from "node:test";
import type { ErrorEvent } from "../../src/event";
import { summaryOf } from "../../src/event";
import type { GroupNotification } from "../../src/exporter/notification";
import type { Delivery } from "../../src/exporter/notification-delivery";
import { createNotifier, type Notifier, type NotifierOptions } from "../../src/exporter/notifier";
import { createTelemetry } from "../../src/telemetry";
import { errorEvent, NOW } from "./error-event";

const MINUTE = 60_000;
const SEEN_ONCE = errorEvent().recurrence;
const NEW = { ...SEEN_ONCE, isNew: true };
const CRITICAL = { severity: "critical", reasons: ["it dies"] } as const;

interface Bench {
  readonly notifier: Notifier;
  readonly offered: GroupNotification[];
  readonly recurred: string[];
  readonly clock: { now: number };
  /** As a collector does: prepared when it is written, counted when its origin is known. */
  see(event: ErrorEvent): void;
}

function bench(options: Partial<NotifierOptions> = {}, taken: ReturnType<Delivery["taken"]> = []): Bench {
  const clock = { now: NOW };
  const offered: GroupNotification[] = [];
  const recurred: string[] = [];
  let ids = 0;
  const delivery: Delivery = {
    channel: "slack",
    offer: (notification) => void offered.push(notification),
    recurred: (fingerprint) => void recurred.push(fingerprint),
    taken: () => taken,
    stats: () => ({ waiting: 1, capacity: 60, sent: 2, heldBack: 3, failed: 4 }),
    start() {},
    async stop() {},
  };
  const notifier = createNotifier({
    ...{ deliveries: [delivery], windowMillis: 5 * MINUTE, minSeverity: "warning", pageUrl: "http://seismo.example" },
    ...{ telemetry: createTelemetry(), newId: () => `n-${++ids}`, nowMillis: () => clock.now },
    ...options,
  });
  return {
    ...{ notifier, offered, recurred, clock },
    see(event) {
      notifier.prepare(event);
      notifier.counted(summaryOf(event));
    },
  };
}

let events = 0;
function event(fingerprint: string, extra: Partial<ErrorEvent> = {}): ErrorEvent {
  return errorEvent({
    id: `e-${++events}`,
    fingerprint: { id: fingerprint, version: 1, reason: "", template: "" },
    ...extra,
  });
}

test("a new group is told of once, with its message and its stack; what is ordinary is not", () => {
  const { see, offered } = bench();
  see(event("a", { recurrence: NEW, stack: "TypeError: x\n    at y (/z.js:1:1)" }));
  see(event("a"));
  see(event("b"));
  assert.equal(offered.length, 1);
  const [told] = offered;
  assert.deepEqual([told?.reasons, told?.group.fingerprint], [["new"], "a"]);
  assert.deepEqual([told?.error.message, told?.error.stack.split("\n").length], ["x is not a function", 2]);
});

test("a critical error is told of once in each window, whatever its group", () => {
  const { see, offered, clock } = bench();
  for (let minute = 0; minute < 10; minute++) {
    for (let i = 0; i < 100; i++) see(event("a", { rating: CRITICAL }));
    clock.now += MINUTE;
  }
  assert.deepEqual(
    offered.map(({ reasons, created }) => [reasons, Date.parse(created) - NOW]),
    [
      [["critical"], 0],
      [["critical"], 5 * MINUTE],
    ],
  );
});

test("a group that came back, and one that grows, are told of; one that grows once an hour", () => {
  const { see, offered, clock } = bench();
  const regressed = { ...SEEN_ONCE, isRegressed: true };
  see(event("a", { recurrence: regressed }));
  for (let minute = 0; minute < 90; minute++) {
    see(event("b", { recurrence: { ...SEEN_ONCE, lastHour: 100, last24Hours: 150 } }));
    clock.now += MINUTE;
  }
  assert.deepEqual(
    offered.map(({ group, reasons, created }) => [group.fingerprint, reasons, Date.parse(created) - NOW]),
    [
      ["a", ["regressed"], 0],
      ["b", ["spiking"], 0],
      ["b", ["spiking"], 60 * MINUTE],
    ],
  );
});

test("below the lowest severity nobody is told", () => {
  const info = { severity: "info", reasons: ["it was handled"] } as const;
  const quiet = bench();
  quiet.see(event("a", { recurrence: NEW, rating: info }));
  assert.equal(quiet.offered.length, 0);
  const chatty = bench({ minSeverity: "info" });
  chatty.see(event("a", { recurrence: NEW, rating: info }));
  assert.equal(chatty.offered.length, 1);
});

test("what is an echo or a duplicate is never counted as a root, and so not told of", () => {
  const { notifier, offered } = bench();
  notifier.prepare(event("a", { recurrence: NEW }));
  assert.equal(offered.length, 0);
});

test("when the first event of a group was a duplicate, the one that counts as first is told of with its message", () => {
  const { notifier, offered } = bench();
  notifier.prepare(event("a", { recurrence: NEW, message: "the log's" }));
  const second = event("a", { message: "the span's" });
  notifier.prepare(second);
  notifier.counted({ ...summaryOf(second), recurrence: NEW });
  assert.deepEqual(
    offered.map(({ error, reasons }) => [error.message, reasons]),
    [["the span's", ["new"]]],
  );
});

test("an event that nobody prepared, after a crash say, is told of by what is known", () => {
  const { notifier, offered } = bench();
  notifier.counted(summaryOf(event("a", { recurrence: NEW })));
  assert.deepEqual(
    offered.map(({ error, group }) => [error.type, error.message, group.occurrences]),
    [["TypeError", "", null]],
  );
});

test("what a predecessor told within the window is not told again", () => {
  const { see, offered, clock } = bench({}, [{ fingerprint: "a", millis: NOW - MINUTE }]);
  see(event("a", { rating: CRITICAL }));
  assert.equal(offered.length, 0);
  clock.now += 4 * MINUTE;
  see(event("a", { rating: CRITICAL }));
  assert.equal(offered.length, 1);
});

test("every root of a group is passed on to channels that are to be told again", () => {
  const { see, recurred } = bench();
  for (let i = 0; i < 3; i++) see(event("a"));
  assert.deepEqual(recurred, ["a", "a", "a"]);
});

test("ten thousand new groups in a row keep at most a thousand drafts, and cost each event little", () => {
  const { notifier, offered } = bench();
  const storm = Array.from({ length: 10_000 }, (_, index) =>
    event(`g${index}`, {
      recurrence: NEW,
      message: `m${index} ${"x".repeat(8_000)}`,
      stack: "    at x (/a.js:1:1)\n".repeat(50),
    }),
  );
  const begun = performance.now();
  for (const one of storm) notifier.prepare(one);
  for (const one of storm) notifier.counted(summaryOf(one));
  const perEventMillis = (performance.now() - begun) / storm.length;
  assert.equal(offered.length, 10_000);
  assert.equal(offered.filter(({ error }) => error.message !== "").length, 1_000, "the latest");
  assert.ok(perEventMillis < 0.5, `${perEventMillis} ms`);
});

test("its counts and queues have a name for each channel", () => {
  const { notifier } = bench();
  assert.deepEqual(notifier.counts(), [
    { channel: "slack", outcome: "sent", count: 2 },
    { channel: "slack", outcome: "held_back", count: 3 },
    { channel: "slack", outcome: "failed", count: 4 },
  ]);
  assert.deepEqual(notifier.queues(), [{ exporter: "slack", length: 1, capacity: 60 }]);
});
