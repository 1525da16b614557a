import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import type { Recurrence } from "../../src/event";
import { createFrequency } from "../../src/processors/frequency";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 1);

/** What `recurrence` says of the fields of `expected`. */
function expect(recurrence: Recurrence, expected: Partial<Recurrence>): void {
  const fields = Object.keys(expected);
  assert.deepEqual(
    Object.fromEntries(Object.entries(recurrence).filter(([field]) => fields.includes(field))),
    expected,
  );
}

test("a fingerprint is new once", () => {
  const frequency = createFrequency();
  expect(frequency.record("a", START), {
    isNew: true,
    isRegressed: false,
    lastHour: 1,
    last6Hours: 1,
    last24Hours: 1,
  });
  expect(frequency.record("a", START), {
    isNew: false,
    isRegressed: false,
    lastHour: 2,
    last6Hours: 2,
    last24Hours: 2,
  });
  assert.equal(frequency.record("b", START).isNew, true);
  assert.equal(frequency.size, 2);
});

test("occurrences leave each window when it has passed over them", () => {
  const frequency = createFrequency();
  frequency.record("a", START);
  assert.deepEqual(frequency.record("a", START + 59 * MINUTE).lastHour, 2);
  expect(frequency.record("a", START + 61 * MINUTE), {
    isNew: false,
    isRegressed: false,
    lastHour: 2,
    last6Hours: 3,
    last24Hours: 3,
  });
  expect(frequency.record("a", START + 8 * HOUR), {
    isNew: false,
    isRegressed: false,
    lastHour: 1,
    last6Hours: 1,
    last24Hours: 4,
  });
  expect(frequency.record("a", START + 40 * HOUR), {
    isNew: false,
    isRegressed: true,
    lastHour: 1,
    last6Hours: 1,
    last24Hours: 1,
    last7Days: 5,
  });
  expect(frequency.record("a", START + 207 * HOUR), { lastHour: 1, last6Hours: 1, last24Hours: 1, last7Days: 2 });
});

test("a group has regressed when it comes again after a day of silence, once", () => {
  const frequency = createFrequency();
  const regressed = (millis: number): boolean => frequency.record("a", START + millis).isRegressed;
  assert.equal(regressed(0), false, "it is new");
  assert.equal(regressed(24 * HOUR - MINUTE), false);
  assert.equal(regressed(48 * HOUR - MINUTE), true);
  assert.equal(regressed(48 * HOUR), false, "it is back");
  assert.equal(frequency.record("b", START + 96 * HOUR).isRegressed, false, "that others were silent says nothing");
});

test("how long the silence must be can be set", () => {
  const frequency = createFrequency({ regressedAfterHours: 1 });
  frequency.record("a", START);
  assert.equal(frequency.record("a", START + 59 * MINUTE).isRegressed, false);
  assert.equal(frequency.record("a", START + 119 * MINUTE).isRegressed, true);
});

test("a clock that is set back makes no regression", () => {
  const frequency = createFrequency();
  frequency.record("a", START);
  assert.equal(frequency.record("a", START - 48 * HOUR).isRegressed, false);
  assert.equal(frequency.record("a", START - 47 * HOUR).isRegressed, false);
});

test("counts are those of a list of all times, but for the oldest bucket", () => {
  const gap = fc.oneof(
    fc.integer({ min: 0, max: 10 * MINUTE }),
    fc.integer({ min: 0, max: 3 * HOUR }),
    fc.integer({ min: 0, max: 9 * DAY }),
  );
  const gaps = fc.array(gap, { maxLength: 60 });
  fc.assert(
    fc.property(gaps, (steps) => {
      const frequency = createFrequency();
      const times: number[] = [];
      let now = START;
      for (const step of steps) {
        now += step;
        times.push(now);
        const { lastHour, last6Hours, last24Hours, last7Days } = frequency.record("a", now);
        const within = (window: number): number => times.filter((time) => time > now - window).length;
        assert.ok(within(HOUR - MINUTE) <= lastHour && lastHour <= within(HOUR));
        assert.ok(within(6 * HOUR - 15 * MINUTE) <= last6Hours && last6Hours <= within(6 * HOUR));
        assert.ok(within(24 * HOUR - 15 * MINUTE) <= last24Hours && last24Hours <= within(24 * HOUR));
        assert.ok(within(7 * DAY - HOUR) <= last7Days && last7Days <= within(7 * DAY));
      }
    }),
  );
});

test("the least recently seen group makes room, is counted, and is new when it comes again", () => {
  const frequency = createFrequency({ maxGroups: 2 });
  frequency.record("a", START);
  frequency.record("b", START);
  frequency.record("a", START);
  frequency.record("c", START);
  assert.deepEqual([frequency.size, frequency.evicted], [2, 1]);
  expect(frequency.record("a", START), {
    isNew: false,
    isRegressed: false,
    lastHour: 3,
    last6Hours: 3,
    last24Hours: 3,
  });
  expect(frequency.record("b", START), {
    isNew: true,
    isRegressed: false,
    lastHour: 1,
    last6Hours: 1,
    last24Hours: 1,
  });
});

test("a million fingerprints stay within the bound", () => {
  const frequency = createFrequency({ maxGroups: 1_000 });
  const memory = (): number => process.memoryUsage().arrayBuffers;
  for (let n = 0; n < 2_000; n++) frequency.record(`g${n}`, START);
  const before = memory();
  for (let n = 0; n < 1_000_000; n++) frequency.record(`g${n}`, START + n);
  assert.equal(frequency.size, 1_000);
  assert.ok(memory() - before < 1_000_000, `${memory() - before} bytes more`);
});

test("a clock that is set back goes on counting", () => {
  const frequency = createFrequency();
  frequency.record("a", START);
  assert.equal(frequency.record("a", START - HOUR).lastHour, 2);
  assert.equal(frequency.record("a", START - HOUR + 30 * MINUTE).lastHour, 3);
  assert.equal(frequency.record("a", START - HOUR + 65 * MINUTE).lastHour, 2);
});

test("a clock that is set ahead a day and back again does not keep old counts alive", () => {
  const frequency = createFrequency();
  frequency.record("a", START);
  assert.equal(frequency.record("a", START + 25 * HOUR).last24Hours, 1);
  assert.equal(frequency.record("a", START + MINUTE).lastHour, 2);
  assert.equal(frequency.record("a", START + 2 * HOUR).lastHour, 1);
  assert.equal(frequency.record("a", START + 27 * HOUR).last24Hours, 1);
});

test("a clock that stands still, jitters or says nonsense does not break", () => {
  const frequency = createFrequency();
  for (const now of [START, START, START - 5, START + 5, Number.NaN, Number.POSITIVE_INFINITY, -1, 0, START])
    frequency.record("a", now);
  assert.equal(frequency.record("a", START).isNew, false);
  const jitter = createFrequency();
  // Back and forth within a second for a thousand times is still one second.
  for (let n = 0; n < 1_000; n++) jitter.record("a", START + (n % 2) * SECOND);
  assert.equal(jitter.record("a", START + 30 * MINUTE).lastHour, 1_001);
});

test("first and previous sight of a group are told, and what is known from elsewhere counts", () => {
  const frequency = createFrequency();
  expect(frequency.record("a", START), { firstSeenUnixMillis: START, previousSeenUnixMillis: undefined });
  frequency.record("a", START + HOUR);
  expect(frequency.record("a", START + DAY), {
    firstSeenUnixMillis: START,
    previousSeenUnixMillis: START + HOUR,
  });
  frequency.seenSince("a", START - 30 * DAY);
  frequency.seenSince("a", START - DAY);
  frequency.seenSince("unknown", START);
  expect(frequency.record("a", START + DAY), {
    firstSeenUnixMillis: START - 30 * DAY,
    previousSeenUnixMillis: START + DAY,
  });
  assert.equal(frequency.size, 1);
});

test("a group recurs when it is seen so often within an hour", () => {
  const frequency = createFrequency({ recurringAfter: 3 });
  const recurring = (millis: number): boolean => frequency.record("a", START + millis).isRecurring;
  assert.deepEqual(
    [recurring(0), recurring(0), recurring(50 * MINUTE), recurring(90 * MINUTE)],
    [...[false, false, true, false]],
  );
});

test("a group that was known to a predecessor has no trend before it was counted for long enough", () => {
  const frequency = createFrequency();
  for (let n = 0; n < 100; n++) frequency.record("a", START);
  frequency.seenSince("a", START - 30 * DAY);
  assert.equal(frequency.record("a", START + HOUR).trend, undefined);
  assert.equal(frequency.record("a", START + 3 * HOUR).trend, "falling");
});

test("ten thousand groups of which all is known that can be take less than 30 MB", () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage: () => void = runInNewContext("gc");
  const memory = (): number => {
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = memory();
  const frequency = createFrequency();
  let now = START;
  for (let round = 0; round < 20; round++) {
    now += (round % 2) * 20 * MINUTE;
    for (let group = 0; group < 10_000; group++) {
      const where = {
        resource: { service: "shop", worker: "w" },
        traceId: `trace-${round}-${group}`.padStart(32, "0"),
      };
      for (const step of [1 + (round % 5), 0]) {
        frequency.record(`g${(group + step) % 10_000}`, ++now, { ...where, timeUnixMillis: now });
      }
    }
  }
  const bytes = memory() - before;
  assert.deepEqual([frequency.size, frequency.evicted], [10_000, 0]);
  assert.ok(bytes < 30_000_000, `${bytes} bytes`);
});

test("a group whose id changed goes on with its counts, first seen and silence under the new one", () => {
  const frequency = createFrequency();
  frequency.record("old", START);
  frequency.record("old", START + MINUTE);
  expect(frequency.record("new", START + 2 * MINUTE, undefined, "old"), {
    isNew: false,
    lastHour: 3,
    firstSeenUnixMillis: START,
    previousSeenUnixMillis: START + MINUTE,
  });
  assert.equal(frequency.size, 1);
  frequency.record("late", START + 3 * MINUTE);
  expect(frequency.record("later", START + 3 * DAY, undefined, "late"), { isNew: false, isRegressed: true });
});

test("of several groups that follow one, the first gets its counts, and none is new", () => {
  const frequency = createFrequency();
  for (let n = 0; n < 3; n++) frequency.record("old", START);
  expect(frequency.record("left", START + MINUTE, undefined, "old"), { isNew: false, lastHour: 4 });
  expect(frequency.record("right", START + MINUTE, undefined, "old"), {
    isNew: false,
    lastHour: 1,
    firstSeenUnixMillis: START,
  });
});

test("a group that follows several was first seen when the first of them was", () => {
  const frequency = createFrequency();
  frequency.record("one", START);
  frequency.record("two", START - 20 * SECOND);
  frequency.seenSince("two", START - DAY);
  frequency.record("both", START + MINUTE, undefined, "one");
  expect(frequency.record("both", START + MINUTE, undefined, "two"), {
    isNew: false,
    firstSeenUnixMillis: START - DAY,
    lastHour: 3,
  });
});

test("an id that comes again after it was changed, or by turns with its successor, is not new", () => {
  const frequency = createFrequency();
  frequency.record("old", START);
  for (let turn = 1; turn <= 5; turn++) {
    const now = START + turn * MINUTE;
    expect(frequency.record("new", now, undefined, "old"), { isNew: false, lastHour: turn + 1 });
    expect(frequency.record("old", now), { isNew: false, lastHour: turn });
  }
  assert.equal(frequency.size, 2);
});

test("an id before that nobody knows makes no group known, and what is remembered of them is bounded", () => {
  const frequency = createFrequency({ maxGroups: 10 });
  assert.equal(frequency.record("a", START, undefined, "nobody").isNew, true);
  for (let n = 0; n < 1_000; n++) {
    frequency.record(`old ${n}`, START);
    assert.equal(frequency.record(`new ${n}`, START, undefined, `old ${n}`).isNew, false);
  }
  assert.equal(frequency.size, 10);
  assert.equal(frequency.record("old 1", START).isNew, true);
  assert.equal(frequency.record("old 999", START).isNew, false);
});
