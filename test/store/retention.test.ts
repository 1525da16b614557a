import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { journalLine } from "../../src/exporter/journal-line";
import { openDatabase, ROW_GROUP_ROWS } from "../../src/store/database";
import { createErrorWriter } from "../../src/store/error-writer";
import { checkpoint, deleteToFit, usedBytesOf } from "../../src/store/retention";
import { freshFolder } from "../fresh-folder";
import { event, HOUR, writeLines } from "./opened-store";

test("what a question still reads of what was deleted has no more deleted for it", async (context) => {
  const path = join(freshFolder(), "seismo.duckdb");
  const limits = { retentionMillis: 720 * HOUR, maxBytes: 1e9, memoryLimitBytes: 268_435_456, threads: 1 };
  const database = await openDatabase({ path, journalPath: "", ...limits }, false, assert.fail);
  const [writing, reading] = [await database.connect(), await database.connect()];
  context.after(() => {
    writing.close();
    reading.close();
    database.close();
  });
  const writer = await createErrorWriter(writing, limits);
  const now = Date.now();
  for (let group = 0; group < 10; group++) {
    const lines = Array.from({ length: ROW_GROUP_ROWS }, (_, index) =>
      journalLine(
        event({ timeUnixMillis: now - HOUR + group * 60_000 + index, message: randomBytes(120).toString("hex") }),
      ),
    );
    await writeLines(writer, lines, now);
  }
  await checkpoint(writing);
  const rows = async (): Promise<number> => {
    const [row] = await writing.ask("SELECT count(*) AS count FROM errors");
    return Number(row?.["count"]);
  };
  const all = await rows();
  const used = await usedBytesOf(writing);
  const keepToLimit = () => deleteToFit(writing, used * 0.75);

  await reading.snapshot(async () => {
    await reading.ask("SELECT max(message) FROM errors");
    const { errors } = await keepToLimit();
    assert.ok(errors >= 0.2 * all && errors <= 0.45 * all, `${errors} of ${all}`);
    assert.deepEqual(await keepToLimit(), { errors: 0, other: 0 });
    assert.ok((await usedBytesOf(writing)) > used * 0.75, "nothing was given back");
  });
  assert.deepEqual(await keepToLimit(), { errors: 0, other: 0 });
  assert.ok((await usedBytesOf(writing)) <= used * 0.75);
  assert.ok((await rows()) >= 0.55 * all, `${await rows()} of ${all} are left`);
});
