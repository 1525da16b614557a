import assert from "node:assert/strict";
import { test } from "node:test";
import { continueBurst, startBurst } from "../../src/processors/bursts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const QUIET = 10 * MINUTE;

/** The recovery time after occurrences at so many milliseconds. */
function recoveryAfter([first = 0, ...later]: readonly number[]): number | undefined {
  const bursts = startBurst(first);
  for (const millis of later) continueBurst(bursts, millis);
  return bursts.recoveryMillis;
}

test("a burst is over when the next one begins after ten minutes of quiet", () => {
  const burst = [0, MINUTE, 10 * MINUTE];
  assert.equal(recoveryAfter(burst), undefined, "it may go on");
  assert.equal(recoveryAfter([...burst, 10 * MINUTE + QUIET - 1]), undefined, "it went on");
  assert.equal(recoveryAfter([...burst, 10 * MINUTE + QUIET]), 10 * MINUTE);
});

test("an occurrence alone says nothing about how long trouble lasts", () => {
  assert.equal(recoveryAfter([0, QUIET, 2 * QUIET, 3 * QUIET]), undefined);
  assert.equal(recoveryAfter([0, QUIET, QUIET + MINUTE, 3 * QUIET, 5 * QUIET]), MINUTE);
});

test("of many bursts the median counts, and of those the latest nine", () => {
  const lasting = (minutes: readonly number[]): readonly number[] =>
    minutes.flatMap((length, index) => [index * DAY, index * DAY + length * MINUTE]);
  assert.equal(recoveryAfter([...lasting([5, 3, 4]), 1e12]), 4 * MINUTE);
  assert.equal(recoveryAfter([...lasting([5, 3, 4, 9]), 1e12]), 4 * MINUTE, "the lower one of the middle");
  assert.equal(recoveryAfter([...lasting([1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2]), 1e12]), 2 * MINUTE);
});
