/** Counts by the hour say what the rows say, whatever happens to the rows. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { ErrorEvent } from "../../src/event";
import { journalLine, judgementLine } from "../../src/exporter/journal-line";
import { answerErrors } from "../../src/store/answer-errors";
import { answerGroup, answerGroups } from "../../src/store/answer-groups";
import { openDatabase } from "../../src/store/database";
import { createErrorWriter } from "../../src/store/error-writer";
import { deleteOlderThan } from "../../src/store/retention";
import type { Statements } from "../../src/store/statements";
import { freshFolder } from "../fresh-folder";
import { event, HOUR, writeLines } from "./opened-store";

const NOW = Date.UTC(2030, 5, 15, 12, 34, 56, 789);
/** In the message of every error here: a search for it counts by rows. */
const TEXT = "the cart";
const FILTERS = [{}, { service: "service-1", severity: "critical" }, { origin: "echo" }] as const;

test("an hour that has passed is counted, and answers are what its rows say", async (context) => {
  const { write, count, statements } = await open(context);
  await write(...manyErrors());
  await agree(statements);
  assert.equal(await hoursCounted(statements), 0);
  await count();
  assert.ok((await hoursCounted(statements)) > 100);
  await agree(statements);
});

test("an hour of which something comes late is counted anew", async (context) => {
  const { write, count, statements } = await open(context);
  await write(...manyErrors());
  await count();
  const counted = await hoursCounted(statements);
  await write(at(50.2), at(50.4), at(3));
  assert.equal(await hoursCounted(statements), counted - 3 + 1, "two of one hour; one hour had been counted as well");
  await agree(statements);
  await count();
  assert.ok((await hoursCounted(statements)) >= counted);
  await agree(statements);
});

test("judgements of what was counted change the counts", async (context) => {
  const { write, judge, count, statements } = await open(context);
  const given = manyErrors();
  await write(...given);
  await count();
  const changed = given.flatMap(({ id, origin }, index) =>
    origin === "root" && index % 7 < 2 ? [{ id, origin: index % 7 === 0 ? "echo" : "duplicate" } as const] : [],
  );
  await judge(changed);
  await agree(statements);
  await count();
  await agree(statements);
});

test("what is deleted by age is not counted any more, to the error", async (context) => {
  const { write, count, statements, writer } = await open(context);
  await write(...manyErrors());
  await count();
  assert.ok((await deleteOlderThan(statements, NOW - 60.5 * HOUR)).errors > 0);
  await writer.reload();
  await agree(statements);
  await count();
  await agree(statements);
});

test("a writer that begins anew goes on with what is counted", async (context) => {
  const { write, count, statements } = await open(context);
  await write(...manyErrors());
  await count();
  const counted = await hoursCounted(statements);
  await statements.run("DROP TABLE seen");
  await statements.run("DROP TABLE told");
  const next = await createErrorWriter(statements, { retentionMillis: 720 * HOUR });
  await writeLines(next, [journalLine(at(70))], NOW);
  assert.equal(await hoursCounted(statements), counted - 1);
  await agree(statements);
});

test("what is taken back leaves rows and counts as they were", async (context) => {
  const { write, count, statements } = await open(context);
  await write(...manyErrors());
  await count();
  const work = async (): Promise<void> => {
    await statements.run("DELETE FROM errors WHERE seq % 2 = 0");
    await statements.run("DELETE FROM hour_counts WHERE hour % 2 = 0");
    throw new Error("no");
  };
  await assert.rejects(statements.transaction(work), /^Error: no$/);
  await agree(statements);
});

async function open(context: TestContext) {
  const path = join(freshFolder(), "seismo.duckdb");
  const limits = { retentionMillis: 720 * HOUR, maxBytes: 1e9, memoryLimitBytes: 268_435_456, threads: 1 };
  const database = await openDatabase({ path, journalPath: "", ...limits }, false, assert.fail);
  const statements = await database.connect();
  const writer = await createErrorWriter(statements, limits);
  let clock = NOW;
  context.after(() => {
    statements.close();
    database.close();
  });
  return {
    ...{ statements, writer },
    write: (...events: readonly ErrorEvent[]) => writeLines(writer, events.map(journalLine), NOW),
    judge: (changed: Parameters<typeof judgementLine>[0]["changed"]) =>
      writeLines(writer, [judgementLine({ through: "", changed }, NOW)], NOW),
    /** All that can be counted, when nothing was written for a minute. */
    async count(): Promise<void> {
      clock += 60_000;
      for (let before = -1; before !== (await hoursCounted(statements)); ) {
        before = await hoursCounted(statements);
        await writer.countHours(clock);
      }
    },
  };
}

/** Counts are those of the rows of their hours; and whatever is asked, counts and rows give the same answer. */
async function agree(statements: Statements): Promise<void> {
  const byRows = `SELECT time // ${HOUR} AS hour, series, is_echo, count(*) AS n, max(time) AS latest FROM errors
    WHERE time // ${HOUR} IN (SELECT hour FROM hour_counts) GROUP BY ALL`;
  const byHours = "SELECT hour, series, is_echo, n, latest FROM hour_counts";
  assert.deepEqual(await statements.ask(`(${byRows}) EXCEPT ALL (${byHours})`), []);
  assert.deepEqual(await statements.ask(`(${byHours}) EXCEPT ALL (${byRows})`), []);
  const [kept] = await statements.ask("SELECT count(*) AS n FROM errors");
  const [counted] = await statements.ask(
    `SELECT (SELECT coalesce(sum(n), 0) FROM hour_counts)
       + (SELECT count(*) FROM errors WHERE time // ${HOUR} NOT IN (SELECT hour FROM hour_counts)) AS n`,
  );
  assert.equal(counted?.["n"], kept?.["n"]);
  for (const timeRange of [1, 6, 24, 168] as const) {
    for (const filter of timeRange === 24 ? FILTERS : [{}]) {
      const query = { timeRange, limit: 20, ...filter };
      const byCounts = await answerErrors(statements, query, NOW);
      assert.deepEqual(byCounts, await answerErrors(statements, { ...query, q: TEXT }, NOW), JSON.stringify(query));
      const groups = { ...query, sort: "occurrences" } as const;
      assert.deepEqual(
        await answerGroups(statements, groups, NOW),
        await answerGroups(statements, { ...groups, q: TEXT }, NOW),
      );
    }
    const group = await answerGroup(statements, "1".repeat(16), timeRange, NOW);
    const [row] = await statements.ask(
      `SELECT count(*) AS n FROM errors e JOIN series s ON s.id = e.series
       WHERE NOT is_echo AND fingerprint = '1111111111111111' AND time >= ${NOW - timeRange * HOUR}`,
    );
    assert.equal(group?.occurrences, row?.["n"]);
  }
}

async function hoursCounted(statements: Statements): Promise<number> {
  const [row] = await statements.ask("SELECT count(DISTINCT hour) AS hours FROM hour_counts");
  return Number(row?.["hours"]);
}

/** Over two hundred hours, two alike an hour; a tenth of them echoes. Some at the very ends of hours and ranges. */
function manyErrors(): readonly ErrorEvent[] {
  const ends = [1, 6, 24, 168].flatMap((hours) => [hours, hours + 1 / HOUR, hours - 1 / HOUR]);
  const hourEnd = (NOW % HOUR) / HOUR;
  const hourEnds = [1, 30, 100].flatMap((hours) => [hours + hourEnd, hours + hourEnd + 1 / HOUR]);
  const steps = Array.from({ length: 400 }, (_, index) => index / 2);
  return [...steps, ...ends, ...hourEnds].map((hoursAgo, index) => at(hoursAgo, Math.floor(index / 4)));
}

function at(hoursAgo: number, index = 0): ErrorEvent {
  const number = String(index % 5);
  return event({
    timeUnixMillis: Math.round(NOW - hoursAgo * HOUR),
    type: `Type${index % 12}`,
    message: `${TEXT} ${index}`,
    resource: { service: `service-${index % 2}`, worker: `worker-${index % 3}` },
    fingerprint: { id: number.repeat(16), version: 1, reason: "", template: "" },
    rating: { severity: (["critical", "warning", "info"] as const)[index % 3] ?? "info", reasons: ["x"] },
    origin: index % 10 === 9 ? "echo" : "root",
  });
}
