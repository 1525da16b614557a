import assert from "node:assert/strict";
import { processorMillis } from "../processor-time";

const MAX_ROUNDS = 30;

/**
 * Ten times the text may take at most 15 times as long of the processor: by the clock, a long run is interrupted more often
 * than a short one. The best of several rounds counts, and more rounds are run while it does not look so. What is not
 * linear fails them all.
 */
export function assertLinear(run: (text: string) => unknown, unit: string, length: number): void {
  const shortText = unit.repeat(length / 10 / unit.length);
  const longText = unit.repeat(length / unit.length);
  let short = Number.POSITIVE_INFINITY;
  let long = Number.POSITIVE_INFINITY;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    short = Math.min(
      short,
      processorMillis(() => run(shortText)),
    );
    long = Math.min(
      long,
      processorMillis(() => run(longText)),
    );
    // Below a millisecond the compiler and the collector are what is measured.
    if (round >= 3 && long < 15 * Math.max(short, 1)) return;
  }
  assert.fail(`${JSON.stringify(unit)}: ${short} ms, ten times as much ${long} ms`);
}
