import assert from "node:assert/strict";
import { test } from "node:test";
import type { Recurrence } from "../../src/event";
import { createFrequency } from "../../src/processors/frequency";

const START = Date.UTC(2026, 0, 1);
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

interface Place {
  readonly traceId?: string;
  readonly requestId?: string;
  readonly sessionId?: string;
  readonly worker?: string;
  /** Arrives now, and happened so long ago. */
  readonly agoMillis?: number;
}

function bench() {
  const frequency = createFrequency();
  let now = START;
  return {
    wait(millis: number): void {
      now += millis;
    },
    /** What the last of these groups usually comes after. */
    see(groups: string, { worker = "w-1", agoMillis = 0, ...place }: Place = {}): Recurrence["usuallyAfter"] {
      let last: Recurrence["usuallyAfter"];
      for (const group of groups) {
        now += 1;
        const where = { timeUnixMillis: now - agoMillis, resource: { service: "s", worker } };
        last = frequency.record(group, now, { ...where, ...place }).usuallyAfter;
      }
      return last;
    },
  };
}

const AFTER_A = { fingerprint: "A", within: "request" } as const;

test("a group that comes after another in three requests usually does", () => {
  const { see } = bench();
  assert.equal(see("AB", { traceId: "t-1" }), undefined);
  assert.equal(see("AB", { traceId: "t-2" }), undefined, "twice is chance");
  assert.deepEqual(see("AB", { traceId: "t-3" }), AFTER_A);
  assert.deepEqual(see("B", { traceId: "t-4" }), AFTER_A, "three of four");
  assert.equal(see("A", { traceId: "t-5" }), undefined, "nothing comes before it");
});

test("what comes before a group less than half of the time is not usual", () => {
  const { see } = bench();
  for (let n = 0; n < 3; n++) see("AB", { traceId: `t-${n}` });
  for (let n = 0; n < 3; n++) see("B", { traceId: `u-${n}` });
  assert.equal(see("B", { traceId: "u-3" }), undefined);
});

test("a request is known by its trace, else by its id, and comes before the session, which comes before the worker", () => {
  const within = (place: (n: number) => Place): string | undefined => {
    const { see } = bench();
    for (let n = 0; n < 10; n++) {
      see("AB", place(n));
      see("CD", { worker: "another" });
    }
    return see("AB", place(10))?.within;
  };
  assert.equal(
    within((n) => ({ traceId: `t-${n}`, requestId: "same", sessionId: "same" })),
    "request",
  );
  assert.equal(
    within((n) => ({ requestId: `r-${n}`, sessionId: "same" })),
    "request",
  );
  assert.equal(
    within((n) => ({ traceId: "", requestId: "", sessionId: `s-${n}` })),
    "session",
  );
  assert.equal(
    within((n) => ({ worker: `w-${n}` })),
    "worker",
  );
});

test("errors of different requests do not come after each other, however close they are", () => {
  const { see } = bench();
  for (let n = 0; n < 20; n++) {
    see("A", { traceId: `a-${n}` });
    assert.equal(see("B", { traceId: `b-${n}` }), undefined);
  }
});

test("a group that repeats is one step", () => {
  const { see } = bench();
  for (let n = 0; n < 3; n++) see("AABBBBBB", { traceId: `t-${n}` });
  assert.deepEqual(see("B", { traceId: "t-9" }), AFTER_A);
  const other = bench();
  assert.equal(other.see("ABBBBBB", { traceId: "t-1" }), undefined, "it began after A once");
});

test("after more than ten minutes a group comes after nothing", () => {
  const after = (millis: number): Recurrence["usuallyAfter"] => {
    const { see, wait } = bench();
    for (let n = 0; n < 5; n++) {
      see("A", { sessionId: `s-${n}` });
      wait(millis);
      see("B", { sessionId: `s-${n}` });
    }
    return see("B", { sessionId: "s-9" });
  };
  assert.deepEqual(after(9 * MINUTE), { fingerprint: "A", within: "session" });
  assert.equal(after(11 * MINUTE), undefined);
});

test("what happened counts, not what arrived first", () => {
  const { see } = bench();
  for (let n = 0; n < 5; n++) {
    see("B", { traceId: `t-${n}` });
    assert.equal(see("A", { traceId: `t-${n}`, agoMillis: SECOND }), undefined, "A was before B");
  }
});

test("a sender whose clock is ahead is followed all the same, and one without a time costs nothing", () => {
  const { see } = bench();
  for (let n = 0; n < 3; n++) {
    see("A", { traceId: `t-${n}`, agoMillis: -60 * MINUTE });
    see("X", { traceId: `t-${n}`, agoMillis: Number.NaN });
    see("B", { traceId: `t-${n}` });
  }
  assert.deepEqual(see("B", { traceId: "t-9" }), AFTER_A);
});

test("in a worker, what is seen all the time comes before a group by chance", () => {
  const busy = bench();
  for (let n = 0; n < 100; n++) assert.equal(busy.see("AAAB"), undefined, "three of four errors are A");
  const alone = bench();
  for (let n = 0; n < 100; n++)
    assert.equal(alone.see("AB"), undefined, "there is nothing else that B could come after");
  const pair = bench();
  for (let n = 0; n < 100; n++) pair.see("CDABEF");
  assert.deepEqual(pair.see("AB"), { fingerprint: "A", within: "worker" });
  const random = bench();
  let seed = 1;
  let said = 0;
  for (let n = 0; n < 20_000; n++) {
    seed = (seed * 48_271) % 2_147_483_647;
    if (random.see("ABCDE".charAt(Math.floor(seed / 65_536) % 5)) !== undefined) said += 1;
  }
  assert.ok(said < 20, `${said} of 20,000`);
});

test("old habits fade", () => {
  const { see } = bench();
  for (let n = 0; n < 1_000; n++) see("AB", { traceId: `t-${n}` });
  let steps = 0;
  while (see("CB", { traceId: `u-${++steps}` })?.fingerprint !== "C") assert.ok(steps < 300);
  assert.ok(steps > 50, "nor do they at once");
});

test("the group that comes before most is found among any number of others", () => {
  const { see } = bench();
  for (let n = 0; n < 1_000; n++) {
    see("AB", { traceId: `t-${n}` });
    if (n % 3 === 0) see(`${String.fromCharCode(0x4e00 + n)}B`, { traceId: `u-${n}` });
  }
  assert.deepEqual(see("AB", { traceId: "t" }), AFTER_A);
});

test("requests without number, and ids without end, are forgotten in time", () => {
  const { see } = bench();
  see("A", { traceId: "first" });
  for (let n = 0; n < 5_000; n++) see("A", { traceId: `t-${n}` });
  for (let n = 0; n < 5; n++) assert.equal(see("B", { traceId: n === 0 ? "first" : `t-${n}` }), undefined);
  const long = bench();
  for (let n = 0; n < 5; n++) assert.equal(long.see("AB", { requestId: `${n}`.repeat(257) }), undefined);
});
