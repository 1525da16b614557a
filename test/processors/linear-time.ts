import assert from "node:assert/strict";

const MAX_ROUNDS = 30;

/**
 * Ten times the text may take at most 15 times as long. The best of several rounds counts, and more rounds are run
 * while it does not look so: the machine has other work. What is not linear fails them all.
 */
export function assertLinear(run: (text: string) => unknown, unit: string, length: number): void {
  const shortText = unit.repeat(length / 10 / unit.length);
  const longText = unit.repeat(length / unit.length);
  let short = Number.POSITIVE_INFINITY;
  let long = Number.POSITIVE_INFINITY;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    short = Math.min(short, millisOf(run, shortText));
    long = Math.min(long, millisOf(run, longText));
    // Below a tenth of a millisecond the clock and the compiler are what is measured.
    if (round >= 3 && long < 15 * Math.max(short, 0.1)) return;
  }
  assert.fail(`${JSON.stringify(unit)}: ${short} ms, ten times as much ${long} ms`);
}

function millisOf(run: (text: string) => unknown, text: string): number {
  const start = performance.now();
  run(text);
  return performance.now() - start;
}
