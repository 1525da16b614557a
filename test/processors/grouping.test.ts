/** The labelled set of test/fixtures/grouping/. Its scores are printed by `npm run bench:grouping`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { GROUPERS, score } from "../../bench/grouping";
import { type Half, labelledMessages, labelledTraces } from "../../bench/grouping-set";

const HALVES: readonly Half[] = ["a", "b"];

test("the labelled set holds a thousand messages and two hundred traces at least", () => {
  const messages = HALVES.flatMap((half) => [...labelledMessages(half)]);
  const traces = HALVES.flatMap((half) => [...labelledTraces(half)]);
  assert.ok(messages.length >= 1_000 && traces.length >= 200, `${messages.length} messages, ${traces.length} traces`);
  assert.ok(
    [...messages, ...traces].every(
      ({ message, stack }) => !`${message}${stack}`.includes("{{") || stack.includes("run::{{closure}}"),
    ),
    "every slot is filled",
  );
});

for (const half of HALVES) {
  for (const [name, load] of [
    ["messages", labelledMessages],
    ["traces", labelledTraces],
  ] as const) {
    test(`the ${name} of half ${half} are grouped better than by simpler means, and hardly any are merged`, () => {
      const errors = load(half);
      const [seismo, ...simpler] = Object.values(GROUPERS).map((group) => score(errors, group));
      assert.ok(seismo);
      for (const other of simpler)
        assert.ok(seismo.ga > other.ga && seismo.fga > other.fga, JSON.stringify([seismo, other]));
      if (name === "messages")
        assert.ok(seismo.ga >= 0.94 && seismo.fga >= 0.9 && seismo.merged <= 0.01, JSON.stringify(seismo));
    });
  }
}
