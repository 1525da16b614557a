/** What the store does when its file, its process or the journal is not as it should be. Its errors are counted on. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import type { ErrorEvent } from "../../src/event";
import { journalLine, judgementLine } from "../../src/exporter/journal-line";
import type { DuckDbStore } from "../../src/store/duckdb-store";
import { cannotRunHere } from "../cannot-run-here";
import { freshFolder } from "../fresh-folder";
import { eventually } from "../instrumentation/fixture-app";
import { type DuckDbSetup, event, HOUR, idsIn, isOpen, kept, openDuckDbStore } from "./opened-store";

test("a file that is locked by another process is waited for, and the message names both", async (context) => {
  const folder = freshFolder();
  const holder = openDuckDbStore(context, { folder });
  await holder.write(event());
  const { store, journal } = openDuckDbStore(context, { folder });
  const message = await unavailable(store);
  assert.match(message, /seismo\.duckdb is locked by another process \(process \d+\)/);
  const meanwhile = event();
  journal.export([meanwhile]);
  await holder.store.stop(5_000);
  await kept(store, meanwhile.id);
});

test("a directory, a file of others' and one that cannot be written stay as they are", async (context) => {
  const folder = freshFolder();
  mkdirSync(join(folder, "seismo.duckdb"));
  const { store } = openDuckDbStore(context, { folder });
  assert.match(await unavailable(store), /seismo\.duckdb is a directory/);
  assert.deepEqual(readdirSync(folder), ["seismo.duckdb"]);
});

test("a folder that cannot be written is told by its path", async (context) => {
  const folder = freshFolder();
  const disk = join(folder, "disk");
  mkdirSync(disk);
  if (isRoot()) {
    if (!mountsDisk(context, disk, "ro")) return;
  } else chmodSync(disk, 0o500);
  const { store } = openDuckDbStore(context, { folder, path: join(disk, "seismo.duckdb") });
  assert.match(
    await unavailable(store),
    /disk\/seismo\.duckdb (is on a file system that cannot be|cannot be opened: no rights)/,
  );
  if (!isRoot()) chmodSync(disk, 0o700);
  else execFileSync("mount", ["-o", "remount,rw", disk]);
  await isOpen(store);
});

test("a file of a newer version is left alone", async (context) => {
  const folder = freshFolder();
  const first = openDuckDbStore(context, { folder });
  await first.write(event());
  await first.store.stop(5_000);
  await runSql(join(folder, "seismo.duckdb"), "UPDATE schema_version SET version = 99");
  const before = readFileSync(join(folder, "seismo.duckdb"));
  const { store } = openDuckDbStore(context, { folder });
  assert.match(await unavailable(store), /seismo\.duckdb was written by a newer version of Seismo/);
  assert.ok(before.equals(readFileSync(join(folder, "seismo.duckdb"))));
});

for (const [what, damage] of [
  ["whose begin was written over", (path: string) => overwrite(path, 0)],
  ["that is other text", (path: string) => writeFileSync(path, "this is no database")],
  ["that was cut", (path: string) => truncateSync(path, 12_288)],
  ["that was written over in its midst", (path: string) => overwrite(path, 12_288)],
] as const) {
  test(`a file ${what} is set aside and made anew from the journal`, async (context) => {
    const folder = freshFolder();
    const first = openDuckDbStore(context, { folder });
    const given = Array.from({ length: 20 }, () => event());
    await first.write(...given);
    await first.store.stop(5_000);
    damage(join(folder, "seismo.duckdb"));
    const { store, logged } = openDuckDbStore(context, { folder });
    const ids = await eventually(
      "the errors",
      async () => {
        if (store.status().status !== "open") return undefined;
        const found = await idsIn(store).catch(() => []);
        return found.length === given.length ? found : undefined;
      },
      () => `${JSON.stringify(store.status())} ${logged.join("\n")}`,
    );
    assert.deepEqual([...ids].sort(), given.map(({ id }) => id).sort());
    assert.ok(readdirSync(folder).some((name) => /^seismo\.duckdb\.corrupt-\d{8}T\d{6}Z$/.test(name)));
    assert.ok(logged.some((line) => line.includes("is set aside as")));
  });
}

test("a log that cannot be read is set aside by itself: the file keeps what it has", async (context) => {
  const folder = freshFolder();
  const first = openDuckDbStore(context, { folder });
  const old = event();
  await first.write(old);
  await first.store.stop(5_000);
  const path = join(folder, "seismo.duckdb");
  copyFileSync(path, join(folder, "copy"));
  const second = openDuckDbStore(context, { folder });
  const late = event();
  await second.write(late);
  rmSync(join(folder, "logs"), { recursive: true }); // what is found again is in the file
  await killed(second.store, folder);
  await second.store.stop(1_000);
  if (!existsSync(`${path}.wal`)) copyFileSync(join(folder, "copy"), path);
  writeFileSync(`${path}.wal`, Buffer.alloc(5_000, 0x5a));
  const { store } = openDuckDbStore(context, { folder });
  await kept(store, old.id);
  assert.ok(!readdirSync(folder).some((name) => /^seismo\.duckdb\.corrupt/.test(name)));
});

test("a process that is killed is started again, and nothing is lost or twice", async (context) => {
  const { store, journal, folder } = openDuckDbStore(context);
  const given: ErrorEvent[] = [];
  await isOpen(store);
  for (let round = 0; round < 4; round++) {
    for (let batch = 0; batch < 20; batch++) {
      const events = Array.from({ length: 20 }, () => event());
      given.push(...events);
      journal.export(events);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await killed(store, folder);
    const [last] = given.slice(-1);
    if (last !== undefined) await kept(store, last.id);
  }
  assert.deepEqual([...(await idsIn(store))].sort(), given.map(({ id }) => id).sort());
  assert.equal(store.stats().starts, 5);
});

const TEMPLATE_ID = randomUUID();

test("kills in the midst of catching up lose nothing, and nothing is twice", async (context) => {
  const folder = freshFolder();
  mkdirSync(join(folder, "logs"));
  const template = journalLine(event({ id: TEMPLATE_ID }));
  const ids = Array.from({ length: 40_000 }, () => randomUUID());
  const judged = new Map<string, "echo" | "duplicate">();
  const lines = ids.flatMap((id, index) => {
    const line = template.replace(TEMPLATE_ID, id);
    if (index % 1_000 !== 999) return [line];
    // Some of them of a group of rows that is written before.
    const [echo = "", duplicate = ""] = [ids[index - 7], ids[Math.max(index - 5_000, 11)]];
    const changed = [
      { id: echo, origin: "echo" },
      { id: duplicate, origin: "duplicate" },
    ] as const;
    for (const { id: of, origin } of changed) judged.set(of, origin);
    return [line, judgementLine({ through: id, changed }, Date.now()), line];
  });
  writeFileSync(join(folder, "logs", "error_log.jsonl"), `${lines.join("\n")}\n`);
  const { store } = openDuckDbStore(context, { folder });
  for (let round = 0; round < 3; round++) {
    await isOpen(store);
    await new Promise((resolve) => setTimeout(resolve, 150 * round));
    await killed(store, folder);
  }
  await kept(store, ids.at(-1) ?? "");
  await store.stop(10_000);
  const [sums] = await runSql(
    join(folder, "seismo.duckdb"),
    "SELECT count(*) AS kept, count(DISTINCT id) AS ids, count(*) FILTER (is_echo) AS echoes FROM errors",
  );
  const origins = [...judged.values()];
  const duplicates = origins.filter((origin) => origin === "duplicate").length;
  assert.deepEqual([sums?.["kept"], sums?.["ids"], sums?.["echoes"]].map(Number), [
    ids.length - duplicates,
    ids.length - duplicates,
    origins.length - duplicates,
  ]);
});

test("kills in the midst of counting leave what is counted by the hour as its rows are", async (context) => {
  const { store, journal, folder } = openDuckDbStore(context);
  await isOpen(store);
  const aged = (): ErrorEvent => event({ timeUnixMillis: Date.now() - Math.random() * 40 * HOUR });
  const given: ErrorEvent[] = [];
  for (let round = 0; round < 4; round++) {
    for (let batch = 0; batch < 10; batch++) {
      const events = Array.from({ length: 20 }, aged);
      given.push(...events);
      journal.export(events);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    if (round < 3) await killed(store, folder);
  }
  await kept(store, given.at(-1)?.id ?? "");
  await store.stop(5_000);
  const second = openDuckDbStore(context, { folder });
  given.push(event());
  await second.write(...given.slice(-1));
  await second.store.stop(5_000); // a turn of its work counts some hours
  const path = join(folder, "seismo.duckdb");
  const [sums] = await runSql(
    path,
    `SELECT (SELECT sum(n) FROM hour_counts) AS counted, (SELECT count(*) FROM errors) AS kept,
       (SELECT count(*) FROM errors WHERE time // ${HOUR} IN (SELECT hour FROM hour_counts)) AS kept_of_these`,
  );
  assert.equal(Number(sums?.["kept"]), given.length);
  assert.ok(Number(sums?.["counted"]) > 0);
  assert.equal(Number(sums?.["counted"]), Number(sums?.["kept_of_these"]));
});

test("a file of the first version is taken over, and its hours are counted", async (context) => {
  const folder = freshFolder();
  const path = join(folder, "seismo.duckdb");
  const first = openDuckDbStore(context, { folder });
  const given = Array.from({ length: 50 }, (_, index) => event({ timeUnixMillis: Date.now() - index * HOUR }));
  await first.write(...given);
  await first.store.stop(5_000);
  await runSql(path, "DROP TABLE hour_counts");
  await runSql(path, "DELETE FROM schema_version WHERE version > 1; INSERT INTO schema_version VALUES (1)");
  const second = openDuckDbStore(context, { folder });
  await isOpen(second.store);
  assert.equal((await second.store.errors({ timeRange: 168, limit: 1 })).summary.total_errors, given.length);
  await second.write(event());
  await second.store.stop(5_000);
  const [counts] = await runSql(path, "SELECT sum(n) AS n FROM hour_counts");
  assert.ok(Number(counts?.["n"]) > 0);
});

test("a question that is open when the process is killed is refused, not left", async (context) => {
  const { store, write, folder } = openDuckDbStore(context);
  await write(event());
  const asked = Array.from({ length: 8 }, () => store.errors({ timeRange: 168, limit: 10 }));
  const settled = Promise.allSettled(asked);
  process.kill(pidOf(folder), "SIGKILL");
  for (const result of await settled) {
    if (result.status === "rejected") assert.equal(result.reason.name, "StoreUnavailableError");
  }
});

test("the process ends with whoever started it", async () => {
  const folder = freshFolder();
  const script = `
    const { createDuckDbStore } = require(${JSON.stringify(join(process.cwd(), "build/src/store/duckdb-store.js"))});
    const { createTelemetry } = require(${JSON.stringify(join(process.cwd(), "build/src/telemetry.js"))});
    const store = createDuckDbStore({ path: ${JSON.stringify(join(folder, "seismo.duckdb"))}, journalPath: "none", retentionMillis: 1e9,
      maxBytes: 1e9, memoryLimitBytes: 1e8, threads: 1, telemetry: createTelemetry() });
    store.start();
    setInterval(() => store.status().status === "open" && console.log("open"), 20);`;
  const parent = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(parent.stdout, "data");
  const child = pidOf(folder);
  parent.kill("SIGKILL");
  await eventually("the end of the process", () => (isAlive(child) ? undefined : true));
});

test("a store does not keep whoever started it from ending", async () => {
  const folder = freshFolder();
  const script = `
    const { createDuckDbStore } = require(${JSON.stringify(join(process.cwd(), "build/src/store/duckdb-store.js"))});
    const { createTelemetry } = require(${JSON.stringify(join(process.cwd(), "build/src/telemetry.js"))});
    createDuckDbStore({ path: ${JSON.stringify(join(folder, "seismo.duckdb"))}, journalPath: "none", retentionMillis: 1e9,
      maxBytes: 1e9, memoryLimitBytes: 1e8, threads: 1, telemetry: createTelemetry() }).start();`;
  assert.equal(execFileSync(process.execPath, ["-e", script], { timeout: 60_000, encoding: "utf8" }), "");
});

test("without DuckDB it says how to install it, and tries no more", () => {
  const folder = freshFolder();
  cpSync("build/src", join(folder, "src"), { recursive: true }); // where no package is found
  const script = `
    const { createDuckDbStore } = require("./src/store/duckdb-store.js");
    const { createTelemetry } = require("./src/telemetry.js");
    const store = createDuckDbStore({ path: "seismo.duckdb", journalPath: "none", retentionMillis: 1e9,
      maxBytes: 1e9, memoryLimitBytes: 1e8, threads: 1, telemetry: createTelemetry() });
    process.on("exit", () => console.log(store.stats().starts, store.status().message));
    store.start();
    const timer = setInterval(() => store.status().status === "unavailable" && clearInterval(timer), 20);`;
  const said = execFileSync(process.execPath, ["-e", script], { cwd: folder, timeout: 60_000, encoding: "utf8" });
  assert.match(said, /^1 .*@duckdb\/node-api cannot be loaded .*npm install @duckdb\/node-api@\S+ installs it/);
  assert.ok(!existsSync(join(folder, "seismo.duckdb")));
});

test("the file and its log are for their owner alone", async (context) => {
  const { write, folder } = openDuckDbStore(context);
  await write(event());
  for (const file of ["seismo.duckdb", "seismo.duckdb.wal"]) {
    assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file);
  }
});

test("a disk that is full is told, waited for, and costs nothing that is in the journal", async (context) => {
  const folder = freshFolder();
  const disk = join(folder, "disk");
  mkdirSync(disk);
  if (!mountsDisk(context, disk, "size=4m")) return;
  const { store, journal } = openDuckDbStore(context, { folder, path: join(disk, "seismo.duckdb") });
  const given = Array.from({ length: 3_000 }, (_, index) => event({ message: `${index}`.repeat(1_000) }));
  await isOpen(store);
  journal.export(given);
  assert.match(await unavailable(store), /seismo\.duckdb cannot be written: no space is left on the disk/);
  execFileSync("mount", ["-o", "remount,size=200m", disk]);
  await kept(store, given.at(-1)?.id ?? "");
  assert.equal((await idsIn(store)).length, given.length);
});

test("rotation while the store is away loses nothing that is still there", async (context) => {
  const setup: DuckDbSetup = { folder: freshFolder(), journalMaxBytes: 100_000, backupCount: 20 };
  const first = openDuckDbStore(context, setup);
  const given = Array.from({ length: 50 }, () => event());
  await first.write(...given);
  await first.store.stop(5_000);
  for (let index = 0; index < 500; index++) {
    const one = event();
    given.push(one);
    first.journal.export([one]);
  }
  assert.ok(readdirSync(join(setup.folder ?? "", "logs")).length > 5, "it was rotated");
  const { store } = openDuckDbStore(context, setup);
  await kept(store, given.at(-1)?.id ?? "");
  assert.deepEqual([...(await idsIn(store))].sort(), given.map(({ id }) => id).sort());
  assert.equal(store.stats().counts.duplicate, 0, "nothing was read twice");
});

test("rotation under load loses nothing and reads nothing twice", async (context) => {
  const { store, journal } = openDuckDbStore(context, { journalMaxBytes: 100_000, backupCount: 50 });
  await isOpen(store);
  const given: ErrorEvent[] = [];
  for (let round = 0; round < 60; round++) {
    const events = Array.from({ length: 20 }, () => event());
    given.push(...events);
    journal.export(events);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await kept(store, given.at(-1)?.id ?? "");
  assert.deepEqual([...(await idsIn(store))].sort(), given.map(({ id }) => id).sort());
  assert.equal(store.stats().counts.duplicate, 0);
});

test("a journal that is cut, copied and cut, removed or replaced is followed on", async (context) => {
  const { store, folder } = openDuckDbStore(context);
  const path = join(folder, "logs", "error_log.jsonl");
  mkdirSync(dirname(path), { recursive: true });
  await isOpen(store);
  const given: ErrorEvent[] = [];
  const add = async (isWaitedFor: boolean): Promise<void> => {
    const one = event();
    given.push(one);
    appendFileSync(path, `${journalLine(one)}\n`);
    if (isWaitedFor) await kept(store, one.id);
  };
  await add(true); // it was not there at first
  await add(true);
  truncateSync(path, 0);
  await add(true);
  await add(false);
  copyFileSync(path, `${path}.1`);
  truncateSync(path, 0);
  await add(true);
  rmSync(path);
  await add(true);
  renameSync(path, `${path}.old`);
  await add(true);
  await add(true);
  writeFileSync(`${path}.new`, `${journalLine(event())}\n`.repeat(3));
  renameSync(`${path}.new`, path);
  await add(true);
  const ids = await idsIn(store);
  for (const { id } of given) assert.equal(ids.filter((found) => found === id).length, 1);
});

test("lines that cannot be read are counted, and a line waits for its end", async (context) => {
  const { store, folder, telemetry } = openDuckDbStore(context);
  const path = join(folder, "logs", "error_log.jsonl");
  mkdirSync(dirname(path), { recursive: true });
  const frame = { function: "f", module: "m", file: "m.js", line: 1, column: 2, inApp: true };
  const [one, two, three, torn, damaged] = [event(), event(), event(), event(), event({ frames: [frame] })];
  const bad = [
    journalLine(torn).slice(0, -1),
    "{",
    "null",
    "[]",
    "7",
    '{"action":"error"}',
    '{"action":"error","id":"x","timestamp":"yesterday"}',
  ];
  const unknown = '{"action":"heartbeat","timestamp":"2026-01-01T00:00:00Z"}';
  const long = `{"action":"error","id":"${"x".repeat(9_000_000)}"}`;
  const withDamagedStack = journalLine(damaged).replace('"line":1', '"line":');
  writeFileSync(
    path,
    `${[journalLine(one), "", ...bad, unknown, long, withDamagedStack, journalLine(two)].join("\n")}\n`,
  );
  await kept(store, two.id);
  const { stack, error_message } = (await store.error(damaged.id)) ?? {};
  assert.deepEqual([stack, error_message], [[], damaged.message], "all but its stack");
  const line = journalLine(three);
  appendFileSync(path, line.slice(0, 100));
  await eventually("the count", () => (store.stats().counts.corrupt === bad.length + 1 ? true : undefined));
  assert.equal(await store.error(three.id), undefined);
  appendFileSync(path, `${line.slice(100)}\n`);
  await kept(store, three.id);
  assert.equal(store.stats().counts.corrupt, bad.length + 1);
  assert.equal(store.stats().counts.ignored, 1);
  const dropped = telemetry.snapshot().dropped.filter(({ signal }) => signal === "store");
  assert.deepEqual(Object.fromEntries(dropped.map(({ reason, value }) => [reason, value])), {
    corrupt: bad.length + 1,
    ignored: 1,
  });
});

test("a line that was never ended is given up when the file is set aside", async (context) => {
  const { store, folder } = openDuckDbStore(context);
  const path = join(folder, "logs", "error_log.jsonl");
  mkdirSync(dirname(path), { recursive: true });
  const [one, two] = [event(), event()];
  writeFileSync(path, `${journalLine(one)}\n${journalLine(event()).slice(0, 500)}`);
  await kept(store, one.id);
  renameSync(path, `${path}.1`);
  writeFileSync(path, `${journalLine(two)}\n`);
  await kept(store, two.id);
  await eventually("the count", () => (store.stats().counts.corrupt === 1 ? true : undefined));
});

test("a short file that was never ended is given up once", async (context) => {
  const folder = freshFolder();
  const path = join(folder, "logs", "error_log.jsonl");
  mkdirSync(dirname(path));
  const judgement = judgementLine({ through: "", changed: [] }, Date.now());
  writeFileSync(`${path}.1`, `${judgement}\n${journalLine(event()).slice(0, 400)}`);
  const one = event();
  writeFileSync(path, `${journalLine(one)}\n`);
  const { store } = openDuckDbStore(context, { folder });
  await kept(store, one.id);
  await store.stop(5_000);
  assert.deepEqual([store.stats().counts.corrupt, store.stats().counts.errors], [1, 1]);
});

test("what says that it is long past, after a judgement, is put at the time of its arrival", async (context) => {
  const { store, write, journal } = openDuckDbStore(context);
  const first = event();
  await write(first);
  journal.judge({ through: first.id, changed: [] });
  await write(event()); // behind the judgement
  const past = event({ timeUnixMillis: Date.now() - 40 * 24 * HOUR });
  await write(past);
  assert.ok((await idsIn(store)).includes(past.id), "it is among those of the last week");
});

test("what is older than the limit is deleted, and not taken in", async (context) => {
  const folder = freshFolder();
  const first = openDuckDbStore(context, { folder });
  const aged = (hours: number): ErrorEvent => event({ timeUnixMillis: Date.now() - hours * HOUR });
  await first.write(aged(30), aged(20), aged(10));
  await first.store.stop(5_000);
  const { store, write } = openDuckDbStore(context, { folder, retentionMillis: 24 * HOUR });
  await write(aged(40), aged(1));
  await eventually("the count", () => (store.stats().counts.deletedByAge === 2 ? true : undefined));
  assert.equal((await store.errors({ timeRange: 168, limit: 10 })).summary.total_errors, 3);
});

test("a file that is too large loses its oldest errors, also while there is always a question at work", async (context) => {
  const { store, journal } = openDuckDbStore(context, { maxBytes: 25_000_000, journalMaxBytes: 500_000_000 });
  await isOpen(store);
  let isAsking = true;
  context.after(() => {
    isAsking = false;
  });
  // A slow machine may refuse one: it is asked again.
  const askAlways = async (): Promise<void> => {
    while (isAsking) {
      const asked = store.errors({ timeRange: 168, limit: 10 });
      await asked.catch(() => new Promise((resolve) => setTimeout(resolve, 20)));
    }
  };
  const asking = [askAlways(), askAlways()];
  const now = Date.now();
  let last = "";
  for (let index = 0; index < 3_000; index++) {
    const events = Array.from({ length: 64 }, () =>
      event({ timeUnixMillis: now - (3_000 - index) * 1_000, message: randomText(256) }),
    );
    last = events.at(-1)?.id ?? "";
    journal.export(events);
    if (index % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await kept(store, last);
  await eventually("room", () => (store.stats().counts.deletedBySize > 0 ? true : undefined));
  await eventually(
    "a small file",
    () => {
      const status = store.status();
      return status.status === "open" && status.lagBytes === 0 && status.fileBytes < 60_000_000 ? true : undefined;
    },
    () => JSON.stringify([store.status(), store.stats()]),
  );
  isAsking = false;
  await Promise.all(asking);
  const { recent_errors, summary } = await store.errors({ timeRange: 168, limit: 1 });
  assert.equal(recent_errors[0]?.id, last, "the newest is kept");
  assert.ok(summary.total_errors > 15_000, `no more went than had to: ${summary.total_errors} are kept`);
});

test("records that come while the store is away are dropped and counted", async (context) => {
  const folder = freshFolder();
  mkdirSync(join(folder, "seismo.duckdb"));
  const { store, telemetry } = openDuckDbStore(context, { folder });
  const row = { level: "INFO", service: "a", worker_id: "b", message: "c", logger: null } as const;
  const logs = [{ ...row, timestamp: new Date().toISOString(), request_id: null, trace_id: null }];
  store.keep({ logs });
  await unavailable(store);
  store.keep({ logs });
  const dropped = telemetry.snapshot().dropped.filter(({ signal }) => signal === "store");
  assert.deepEqual(dropped, [{ signal: "store", reason: "store_unavailable", value: 2 }]);
});

async function unavailable(store: DuckDbStore): Promise<string> {
  return eventually("an unavailable store", () => {
    const status = store.status();
    return status.status === "unavailable" ? status.message : undefined;
  });
}

/** Of the process that has the file open. */
function pidOf(folder: string): number {
  return holderOf(folder) ?? assert.fail("no process has the file open");
}

function holderOf(folder: string): number | undefined {
  const path = join(folder, "seismo.duckdb");
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const holder = pids.find((pid) => {
    try {
      return readdirSync(`/proc/${pid}/fd`).some((fd) => {
        try {
          const [open, file] = [statSync(`/proc/${pid}/fd/${fd}`), statSync(path)];
          return open.ino === file.ino && open.dev === file.dev;
        } catch {
          return false; // closed meanwhile
        }
      });
    } catch {
      return false; // it has ended
    }
  });
  return holder === undefined ? undefined : Number(holder);
}

async function killed(store: DuckDbStore, folder: string): Promise<void> {
  const { starts } = store.stats();
  const pid = await eventually("a process that has the file open", () => holderOf(folder)); // it may just be starting
  process.kill(pid, "SIGKILL");
  await eventually("a new start", () => (store.stats().starts > starts ? true : undefined));
}

function mountsDisk(context: TestContext, folder: string, options: string): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder], { stdio: "ignore" });
  } catch {
    cannotRunHere(context, "needs to be root to mount a small disk");
    return false;
  }
  context.after(() => execFileSync("umount", ["-l", folder]));
  return true;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function overwrite(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes.fill(0xa5, at, at + 4_096);
  writeFileSync(path, bytes);
}

function randomText(length: number): string {
  return Array.from({ length: length / 8 }, () => Math.random().toString(36).slice(2, 10).padEnd(8, "x")).join("");
}

async function runSql(path: string, sql: string): Promise<readonly Record<string, unknown>[]> {
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  const rows = (await connection.runAndReadAll(sql)).getRowObjects();
  connection.closeSync();
  instance.closeSync();
  return rows;
}
