import assert from "node:assert/strict";

/** Ten times the text may take at most 15 times as long. The best of several runs counts: the machine has other work. */
export function assertLinear(run: (text: string) => unknown, unit: string, length: number): void {
  const short = fastest(run, unit.repeat(length / 10 / unit.length));
  const long = fastest(run, unit.repeat(length / unit.length));
  // Below a fifth of a millisecond the clock and the compiler are what is measured.
  assert.ok(long < 15 * Math.max(short, 0.2), `${JSON.stringify(unit)}: ${short} ms, ten times as much ${long} ms`);
}

function fastest(run: (text: string) => unknown, text: string): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 9; round++) {
    const start = performance.now();
    run(text);
    best = Math.min(best, performance.now() - start);
  }
  return best;
}
