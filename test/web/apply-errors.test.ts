/** What an error that came in changes of the answer that the page has. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ErrorRow } from "../../src/store/answers";
import { MAX_RECENT, withErrors, withJudgements } from "../../web/state/apply-errors";
import { createSampleQueries, sampleError } from "./sample-queries";

const NOW = Date.UTC(2026, 10, 25, 12);
const data = () => createSampleQueries({ nowMillis: () => NOW }).errors({ timeRange: 24, limit: 500 });

function row(patch: Partial<ErrorRow> = {}): ErrorRow {
  const fixed = {
    origin: "root",
    severity: "critical",
    group: "network_error",
    service: "shop",
    worker_id: "web-1",
  } as const;
  return { ...sampleError(10_000, NOW - 1_000, () => 0), ...fixed, ...patch };
}

test("an error counts once, in every count that it belongs to", async () => {
  const before = await data();
  const after = withErrors(before, [row(), row()]);
  assert.equal(after.summary.total_errors, before.summary.total_errors + 1);
  assert.equal(after.summary.critical_errors, before.summary.critical_errors + 1);
  assert.equal(after.summary.network_errors, before.summary.network_errors + 1);
  assert.equal(after.error_distribution.by_service["shop"], (before.error_distribution.by_service["shop"] ?? 0) + 1);
  assert.equal(after.worker_errors["web-1"]?.status, "critical");
  assert.equal(after.timeline.at(-1)?.critical, (before.timeline.at(-1)?.critical ?? 0) + 1);
  assert.equal(after.recent_errors[0]?.id, row().id);
  assert.equal(withErrors(after, [row()]), after, "again: nothing changes");
});

test("an echo is listed, and counted as an echo alone", async () => {
  const before = await data();
  const after = withErrors(before, [row({ origin: "echo" })]);
  assert.equal(after.summary.total_errors, before.summary.total_errors);
  assert.equal(after.summary.echo_errors, before.summary.echo_errors + 1);
});

test("a judgement takes back what was counted as a root", async () => {
  const before = await data();
  const counted = withErrors(before, [row(), row({ id: "twice" })]);
  const judged = withJudgements(counted, [
    { id: row().id, origin: "echo" },
    { id: "twice", origin: "duplicate" },
  ]);
  assert.equal(judged.summary.total_errors, before.summary.total_errors);
  assert.equal(judged.summary.echo_errors, before.summary.echo_errors + 1);
  assert.equal(judged.recent_errors.find(({ id }) => id === row().id)?.origin, "echo");
  assert.equal(
    judged.recent_errors.some(({ id }) => id === "twice"),
    false,
  );
});

test("the list is bounded, and the timeline moves on with the time", async () => {
  const before = await data();
  const later = Array.from({ length: 700 }, (_, index) =>
    row({ id: `later-${index}`, timestamp: new Date(NOW + 3_600_000 + index).toISOString() }),
  );
  const after = withErrors(before, later);
  assert.equal(after.recent_errors.length, MAX_RECENT);
  assert.equal(after.timeline.length, before.timeline.length);
  assert.equal(after.timeline.at(-1)?.critical, 700);
});

test("names that objects have by birth are counted like others", async () => {
  const after = withErrors(await data(), [
    row({ type: "__proto__", service: "constructor", worker_id: "toString", error_category: "hasOwnProperty" }),
  ]);
  const { by_type, by_service, by_category } = after.error_distribution;
  assert.equal(Object.entries(by_type).find(([name]) => name === "__proto__")?.[1], 1);
  assert.equal(by_service["constructor"], 1);
  assert.equal(by_category["hasOwnProperty"], 1);
  assert.equal(after.worker_errors["toString"]?.total, 1);
});
