/** The labelled set of test/fixtures/grouping/. Its scores are printed by `npm run bench:grouping`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { GROUPERS, score } from "../../bench/grouping";
import { labelledMessages, labelledTraces, MESSAGE_SETS, TRACE_SETS } from "../../bench/grouping-set";

test("the labelled set holds a thousand messages and two hundred traces at least", () => {
  const messages = MESSAGE_SETS.flatMap((set) => [...labelledMessages(set)]);
  const traces = TRACE_SETS.flatMap((set) => [...labelledTraces(set)]);
  assert.ok(messages.length >= 1_000 && traces.length >= 200, `${messages.length} messages, ${traces.length} traces`);
  assert.ok(
    [...messages, ...traces].every(
      // Rust calls closures so.
      ({ message, stack }) => !`${message}${stack}`.replaceAll("{{closure}}", "").includes("{{"),
    ),
    "every slot is filled",
  );
});

/** What the sets before scored is not to be lost; set f is held out, and nothing is asked of it. */
const FLOORS = {
  a: { messages: { ga: 1, fga: 1 }, traces: { ga: 1, fga: 1 } },
  b: { messages: { ga: 0.98, fga: 0.96 }, traces: { ga: 1, fga: 1 } },
  c: { messages: { ga: 0.82, fga: 0.72 }, traces: { ga: 1, fga: 1 } },
  d: { messages: { ga: 0.3, fga: 0.17 }, traces: { ga: 0.92, fga: 0.86 } },
} as const;
/** Two answers of a bank that differ in their number alone. */
const MOST_MERGED = { a: 0, b: 0, c: 0.029, d: 0 } as const;

for (const set of ["a", "b", "c", "d"] as const) {
  for (const [name, load] of [
    ["messages", labelledMessages],
    ["traces", labelledTraces],
  ] as const) {
    test(`the ${name} of set ${set} are grouped better than by simpler means, and hardly any are merged`, () => {
      const errors = load(set);
      const [seismo, ...simpler] = Object.values(GROUPERS).map((group) => score(errors, group));
      assert.ok(seismo);
      for (const other of simpler)
        assert.ok(seismo.ga > other.ga && seismo.fga > other.fga, JSON.stringify([seismo, other]));
      const floor = FLOORS[set][name];
      const mostMerged = name === "messages" ? MOST_MERGED[set] : 0;
      assert.ok(seismo.ga >= floor.ga && seismo.fga >= floor.fga, JSON.stringify(seismo));
      assert.ok(seismo.merged <= mostMerged, JSON.stringify(seismo));
    });
  }
}
