import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { freshFolder } from "../fresh-folder";
import { event, HOUR, idsIn, isOpen, kept, openDuckDbStore } from "./opened-store";

async function replay(cwd: string, ...args: readonly string[]) {
  const child = spawn(process.execPath, [resolve("dist", "cli.js"), "replay", ...args], {
    cwd,
    env: { PATH: process.env["PATH"] },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (text) => (stdout += text));
  child.stderr.on("data", (text) => (stderr += text));
  const [code] = await once(child, "close");
  return { code, stdout, stderr };
}

test("a journal that is replayed twice is in the store once, with what was judged", async (context) => {
  const first = openDuckDbStore(context, { journalMaxBytes: 30_000, backupCount: 20 });
  const old = event({ timeUnixMillis: Date.now() - 20 * 24 * HOUR });
  const given = [old, ...Array.from({ length: 60 }, () => event())];
  for (const one of given) first.journal.export([one]);
  const [, echo, duplicate] = given;
  assert.ok(echo && duplicate);
  first.journal.judge({
    through: given.at(-1)?.id ?? "",
    changed: [
      { id: echo.id, origin: "echo" },
      { id: duplicate.id, origin: "duplicate" },
    ],
  });
  await first.store.stop(5_000);
  const logs = join(first.folder, "logs");
  const files = readdirSync(logs)
    .filter((name) => name.startsWith("error_log.jsonl"))
    .map((name) => join(logs, name));
  assert.ok(files.length > 2, "it was rotated");
  const folder = freshFolder();
  const once = await replay(folder, ...files, "--db-path", "copy.duckdb");
  assert.deepEqual([once.code, once.stderr], [0, ""]);
  assert.match(once.stdout, /copy\.duckdb: 60 errors taken in, 1 were there, 0 are too old, 0 lines cannot be read\n$/);
  const again = await replay(folder, ...files, "--db-path", "copy.duckdb");
  assert.match(again.stdout, /: 0 errors taken in, 61 were there/);
  const { store } = openDuckDbStore(context, { folder, path: join(folder, "copy.duckdb") });
  await isOpen(store);
  const ids = given.map(({ id }) => id).filter((id) => id !== duplicate.id && id !== old.id);
  assert.deepEqual([...(await idsIn(store))].sort(), ids.sort(), "the old one is put at its own time");
  assert.equal((await store.error(echo.id))?.["origin"], "echo");
  assert.ok(await store.error(old.id));
});

test("a store that a collector has open is named, and left alone", async (context) => {
  const { folder, write } = openDuckDbStore(context);
  await write(event());
  const result = await replay(folder, "logs/error_log.jsonl");
  assert.equal(result.code, 1);
  assert.match(result.stderr, /^seismo: .*seismo\.duckdb is locked by another process \(process \d+\)\n$/);
});

test("what follows a journal goes on where it was, after a replay into its store", async (context) => {
  const folder = freshFolder();
  const first = openDuckDbStore(context, { folder });
  await first.write(event());
  await first.store.stop(5_000);
  copyFileSync(join(folder, "logs", "error_log.jsonl"), join(folder, "other.jsonl"));
  assert.equal((await replay(folder, "other.jsonl")).code, 0);
  const { store, journal } = openDuckDbStore(context, { folder });
  const next = event();
  journal.export([next]);
  await kept(store, next.id);
  assert.equal(store.stats().counts.duplicate, 0);
});

test("what cannot be read is told: a file that is not there, damaged lines, wrong options", async () => {
  const folder = freshFolder();
  const missing = await replay(folder, "none.jsonl");
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /none\.jsonl/);
  assert.ok(!existsSync(join(folder, "seismo.duckdb")));
  writeFileSync(join(folder, "damaged.jsonl"), '{"action":"error"');
  appendFileSync(join(folder, "damaged.jsonl"), `\nnonsense\n${"x".repeat(100_000)}\n`);
  assert.match((await replay(folder, "damaged.jsonl")).stdout, /0 errors taken in, .* 3 lines cannot be read/);
  mkdirSync(join(folder, "folder"));
  assert.equal((await replay(folder, "folder")).code, 1);
  assert.equal((await replay(folder)).code, 2);
  assert.equal((await replay(folder, "a", "--json")).code, 2);
  assert.equal((await replay(folder, "a", "--compare", "--db-path", "b")).code, 2);
});
