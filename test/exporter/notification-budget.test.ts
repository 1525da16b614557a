import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  digestGapMillis,
  HOUR_MILLIS,
  MINUTE_MILLIS,
  mayTake,
  pauseMillis,
} from "../../src/exporter/notification-budget";

const NOW = 1_700_000_000_000;
const BUDGET = { perMinute: 20, perHour: 60 };

/** Offers one at each time, sends at once what is taken, and gives the times of what was taken. */
function flood(times: readonly number[], isCritical: boolean): number[] {
  const taken: number[] = [];
  for (const now of times) if (mayTake(BUDGET, { taken, sent: taken, waiting: 0 }, isCritical, now)) taken.push(now);
  return taken;
}

const storm = Array.from({ length: 36_000 }, (_, index) => NOW + index * 100);

test("a storm takes 19 of a minute's 20 and 36 of an hour's 60: the rest is for digests and critical errors", () => {
  const taken = flood(storm, false);
  assert.equal(taken.filter((time) => time < NOW + MINUTE_MILLIS).length, 19);
  assert.equal(taken.length, 36);
});

test("critical errors take twelve more of an hour", () => {
  assert.equal(flood(storm, true).length, 48);
  assert.equal(digestGapMillis(BUDGET), 5 * MINUTE_MILLIS, "twelve digests are the rest of the hour");
});

test("what waits for a channel that is away counts as sent, so that it may be sent when the channel is back", () => {
  assert.equal(mayTake(BUDGET, { taken: [], sent: [], waiting: 36 }, false, NOW), false);
  assert.equal(mayTake(BUDGET, { taken: [], sent: [], waiting: 35 }, false, NOW), true);
});

test("the smallest budget still tells of something", () => {
  const smallest = { perMinute: 2, perHour: 5 };
  assert.equal(mayTake(smallest, { taken: [], sent: [], waiting: 0 }, false, NOW), true);
  assert.equal(digestGapMillis(smallest), HOUR_MILLIS);
});

test("the pause lasts until the oldest of the minute's messages is a minute old, and none is longer", () => {
  const sent = Array.from({ length: 20 }, (_, index) => NOW - 30_000 + index);
  assert.equal(pauseMillis(BUDGET, sent, NOW), 30_000);
  assert.equal(pauseMillis(BUDGET, sent.slice(1), NOW), 0);
  const ahead = sent.map((time) => time + HOUR_MILLIS);
  assert.equal(pauseMillis(BUDGET, ahead, NOW), 0, "a clock that was set back stops nothing");
});

test("whatever is offered when, no minute and no hour has more than its budget", () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 200_000 }), fc.boolean()), { maxLength: 300 });
  fc.assert(
    fc.property(steps, (offers) => {
      const sent: number[] = [];
      let now = NOW;
      for (const [step, isCritical] of offers) {
        now += step;
        if (mayTake(BUDGET, { taken: sent, sent, waiting: 0 }, isCritical, now)) sent.push(now);
        assert.ok(sent.filter((time) => time > now - MINUTE_MILLIS).length < BUDGET.perMinute);
        assert.ok(sent.filter((time) => time > now - HOUR_MILLIS).length <= 48);
      }
    }),
    { numRuns: 50 },
  );
});
