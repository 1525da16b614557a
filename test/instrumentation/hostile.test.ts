import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { type Answer, eventually, type FixtureApp, runFixture, sum } from "./fixture-app";

const { values } = require(resolve("test/fixtures/hostile-values.js")) as { readonly values: object };

for (const [setting, paths] of [
  ["plain", ["throw", "next", "reject", "capture"]],
  ["frozen", ["throw", "capture"]],
  ["prepare-throws", ["throw", "capture"]],
  ["prepare-objects", ["throw", "capture"]],
] as const) {
  test(`${setting}: whatever is thrown, the answers are those without Seismo, and each failure is one event`, async (t) => {
    const bare = runFixture("hostile-app.js", { register: "none", args: [setting], env: { BARE: "1" } });
    const watched = runFixture("hostile-app.js", { args: [setting] });
    t.after(() => {
      for (const app of [bare, watched]) app.process.kill("SIGKILL"); // ended already, unless the test failed
    });
    const expected = await answers(bare, paths);
    const actual = await answers(watched, paths);
    for (const [id, answer] of actual) assert.equal(answer, expected.get(id), id);
    const dropped = await eventually("the counts", () => watched.samples("dropped"));
    const log = readLog(watched);
    await bare.stop();
    const { events, stderr } = await watched.stop();
    const ids = events.map((event) => event.request_id);
    assert.deepEqual(
      [...actual.keys()].filter((id) => ids.filter((found) => found === requestId(id)).length !== 1),
      [],
    );
    assert.equal(sum(dropped), 0);
    assert.doesNotMatch(stderr + log, /internal error/);
    for (const event of events) assert.ok(JSON.stringify(event).length < 65_536);
  });
}

/** What came for each way of failing with each value. */
async function answers(app: FixtureApp, paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const path of paths) {
    for (const name of Object.keys(values)) {
      const id = `${path}/${name}`;
      const headers = { "x-request-id": requestId(id) };
      const answer = await app.fetch(`/${encodeURI(id)}`, { headers }).catch(String);
      found.set(id, typeof answer === "string" ? answer : shown(answer));
    }
  }
  return found;
}

function shown({ status, body }: Answer): string {
  return `${status} ${status === 404 ? "" : body}`.trim();
}

function requestId(id: string): string {
  return id.replace(/[^a-z/]/gi, "-");
}

function readLog(app: FixtureApp): string {
  return readFileSync(join(app.folder, "seismo.log"), "utf8");
}
