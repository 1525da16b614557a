import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import type { JsonObject } from "../../src/event";
import { createJournal, type JournalOptions } from "../../src/exporter/journal";
import { journalLine, readJournalLine } from "../../src/exporter/journal-line";
import { readJournalTail } from "../../src/exporter/journal-tail";
import { createTelemetry } from "../../src/telemetry";
import { cannotRunHere } from "../cannot-run-here";
import { freshFolder } from "../fresh-folder";
import { errorEvent, NOW, SEEN_ONCE } from "./error-event";

function journalIn(home: string, overrides: Partial<JournalOptions> = {}) {
  const path = join(home, "error_log.jsonl");
  const fallbackPath = join(home, "error_log_fallback.txt");
  const logged: string[] = [];
  const telemetry = createTelemetry({
    log: { write: (_level, message) => void logged.push(message) },
    nowMillis: () => 0,
  });
  const options = {
    path,
    fallbackPath,
    maxBytes: 1_000_000,
    backupCount: 2,
    telemetry,
    ...overrides,
  };
  return { ...options, path: options.path, fallbackPath, logged, journal: createJournal(options) };
}

function lines(path: string): string[] {
  return readFileSync(path, "utf8").split("\n").slice(0, -1);
}

/** A surrogate without its partner becomes U+FFFD. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

function parsed(line: string | undefined): Record<string, unknown> {
  return JSON.parse(line ?? "");
}

test("a line has every field of the contract, null where nothing is known", () => {
  const line = parsed(journalLine(errorEvent()));
  const fields = [
    ..."id timestamp action title advice error_type error_message error_category group severity severity_reasons".split(
      " ",
    ),
    ..."fingerprint service worker_id request_id session_id user_id page user_agent user_context".split(" "),
    ..."error_details stack causes breadcrumbs request database system_context hardware_context trace_id span_id".split(
      " ",
    ),
  ];
  for (const field of fields) assert.ok(Object.hasOwn(line, field), field);
  assert.equal(line["action"], "error");
  assert.equal(line["timestamp"], "2023-11-14T22:13:20.000Z");
  assert.equal(line["request_id"], null);
  assert.deepEqual(
    Object.keys(line),
    Object.keys(parsed(journalLine(errorEvent({ requestId: "r-1", request: { method: "GET" } })))),
  );
});

test("the documentation tells of every field of a line", () => {
  const documentation = readFileSync(join("docs", "journal.md"), "utf8");
  const untold = Object.keys(parsed(journalLine(errorEvent()))).filter(
    (field) => !documentation.includes(`\`${field}\``),
  );
  assert.deepEqual(untold, []);
});

test("what an event knows is in its line, in snake case", () => {
  const line = parsed(
    journalLine(
      errorEvent({
        frames: [{ function: "pay", module: "", file: "src/pay.js", line: 3, column: 9, inApp: true }],
        request: { method: "POST", route: "/pay/:id", statusCode: 500, durationMillis: 12 },
        database: { system: "postgresql", statusCode: "23505", constraint: "users_email_key" },
        properties: { code: "E1" },
        details: { step: 2 },
        given: { category: "RESOURCE_EXHAUSTED" },
        resource: { service: "shop", worker: "w-1", environment: "production", serviceVersion: "1.2.3" },
      }),
    ),
  );
  assert.deepEqual(line["stack"], [
    { function: "pay", module: "", file: "src/pay.js", line: 3, column: 9, in_app: true },
  ]);
  assert.deepEqual(line["request"], { method: "POST", route: "/pay/:id", status_code: 500, duration_ms: 12 });
  assert.deepEqual(line["database"], { system: "postgresql", constraint: "users_email_key", status_code: "23505" });
  assert.deepEqual(line["error_details"], { code: "E1", step: 2 });
  assert.equal(line["error_category"], "RESOURCE_EXHAUSTED");
  assert.equal(line["group"], "application_error");
  assert.deepEqual([line["environment"], line["service_version"]], ["production", "1.2.3"]);
});

test("how often a group was seen is in the line, null where it is not known", () => {
  assert.deepEqual(parsed(journalLine(errorEvent()))["recurrence"], {
    is_new: false,
    is_regressed: false,
    is_recurring: false,
    first_seen: "2023-11-14T21:13:20.000Z",
    previous_seen: "2023-11-14T21:13:20.000Z",
    last_1h: 1,
    last_6h: 1,
    last_24h: 1,
    last_7d: 1,
    trend: null,
    usually_after: null,
    recovery_ms: null,
  });
  const usuallyAfter = { fingerprint: "aa00112233445566", within: "request" } as const;
  const known = { trend: "rising", usuallyAfter, recoveryMillis: 90_000, previousSeenUnixMillis: undefined } as const;
  const line = parsed(journalLine(errorEvent({ recurrence: { ...SEEN_ONCE, ...known, firstSeenUnixMillis: 1e20 } })));
  const { first_seen, previous_seen, trend, usually_after, recovery_ms } = line["recurrence"] as JsonObject;
  assert.deepEqual(
    [first_seen, previous_seen, trend, usually_after, recovery_ms],
    [...[null, null, "rising", usuallyAfter, 90_000]],
  );
});

test("a stack that no frame could be read from is kept as text", () => {
  assert.equal(parsed(journalLine(errorEvent({ stack: "at ??" })))["stack_text"], "at ??");
});

test("any text gives one line of well-formed JSON and UTF-8 within 64 kB, and is read back as it was", () => {
  const hostile = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
    fc.constantFrom(
      "\\ud800",
      "\\\\ud83d",
      "\ud800\udc00",
      "\udc00\ud800",
      '"\\',
      "\u2028\u0085\u007f",
      "x".repeat(90_000),
    ),
  );
  fc.assert(
    fc.property(hostile, hostile, hostile, (message, type, value) => {
      const line = journalLine(errorEvent({ message, type, details: { [value]: value } }));
      assert.doesNotMatch(line, /[\p{Cc}\p{Zl}\p{Zp}]/u);
      assert.equal(wellFormed(line), line);
      assert.ok(Buffer.byteLength(line) < 65_536);
      const read = parsed(line);
      if (message.length + type.length + 2 * value.length < 8_000) {
        assert.equal(read["error_message"], wellFormed(message));
        assert.deepEqual(read["error_details"], { [wellFormed(value)]: wellFormed(value) });
      }
    }),
    { numRuns: 200 },
  );
});

test("a time that no calendar has does not cost the event", () => {
  assert.equal(parsed(journalLine(errorEvent({ timeUnixMillis: 1e20 })))["timestamp"], "1970-01-01T00:00:00.000Z");
});

test("a line that is too long loses its context first, then its causes, then its stack, and says so", () => {
  const large: JsonObject = { text: "x".repeat(70_000) };
  const frames = Array.from({ length: 50 }, (_, line) => ({
    function: "f".repeat(1_400),
    module: "",
    file: "a.js",
    line,
    column: 1,
    inApp: true,
  }));
  const context = parsed(journalLine(errorEvent({ attributes: { text: "x".repeat(70_000) } })));
  assert.deepEqual([context["attributes"], context["truncated"]], [null, ["attributes"]]);
  const details = parsed(journalLine(errorEvent({ details: large, truncated: ["message"] })));
  assert.deepEqual([details["error_details"], details["stack"]], [null, []]);
  assert.deepEqual(details["truncated"], ["message", "attributes", "error_details"]);
  const stack = parsed(journalLine(errorEvent({ frames })));
  assert.equal(stack["stack"], null);
  assert.equal(stack["error_message"], "x is not a function");
});

test("of a line that is too long, source lines go first, then variables, then the rest", () => {
  const frame = { function: "pay", module: "pay", file: "src/pay.js", line: 3, column: 9, inApp: true };
  const context = { pre: ["x".repeat(40_000)], line: "", post: [] };
  const variables = { text: "y".repeat(40_000) };
  const told = (extra: object): Record<string, unknown> =>
    parsed(journalLine(errorEvent({ frames: [{ ...frame, context, variables }], ...extra })));
  const first = told({});
  assert.deepEqual(first["truncated"], ["stack.context"]);
  assert.match(JSON.stringify(first["stack"]), /"variables":\{"text":"yyy/);
  const second = told({ details: { text: "z".repeat(40_000) } });
  assert.deepEqual(second["truncated"], ["stack.context", "stack.variables"]);
  assert.doesNotMatch(JSON.stringify(second["stack"]), /context|variables/);
  assert.notEqual(second["error_details"], null);
});

test("a line that is too long loses its oldest breadcrumbs before anything else", () => {
  const breadcrumbs = Array.from({ length: 30 }, (_, n) => ({
    ...({ timeUnixMillis: NOW + n, type: "custom", category: "custom", level: "info" } as const),
    message: String(n),
    data: { text: "x".repeat(500) },
  }));
  const details: JsonObject = { text: "y".repeat(55_000) };
  const line = parsed(journalLine(errorEvent({ breadcrumbs, details })));
  const kept = line["breadcrumbs"] as { message: string }[]; // as it was written
  assert.deepEqual(line["truncated"], ["breadcrumbs"]);
  assert.ok(kept.length > 5 && kept.length < 30, String(kept.length));
  assert.equal(kept.at(-1)?.message, "29");
  const none = parsed(journalLine(errorEvent({ breadcrumbs, details: { text: "y".repeat(70_000) } })));
  assert.deepEqual([none["breadcrumbs"], none["error_details"]], [[], null]);
});

test("texts that alone are too long are cut as the last resort", () => {
  const line = journalLine(errorEvent({ message: "\u0001".repeat(100_000), userId: "\ud83d".repeat(50_000) }));
  assert.ok(Buffer.byteLength(line) < 65_536);
  assert.deepEqual(parsed(line)["truncated"], ["line"]);
  assert.equal(parsed(line)["fingerprint"], "00112233445566aa");
});

test("what was accepted is in the file, readable by its owner only", () => {
  const { journal, path } = journalIn(join(freshFolder(), "logs"));
  assert.deepEqual(journal.export([errorEvent()]), [{ status: "accepted" }]);
  assert.deepEqual(lines(path), [journalLine(errorEvent())]);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(join(path, "..")).mode & 0o777, 0o700);
});

test("after shutdown all that was given is in the file, and what comes later is rejected", async () => {
  const { journal, path } = journalIn(freshFolder());
  for (let i = 0; i < 100; i++) journal.export([errorEvent({ message: String(i) })]);
  journal.flushNow();
  await journal.forceFlush();
  await journal.shutdown();
  assert.deepEqual(
    lines(path).map((line) => parsed(line)["error_message"]),
    Array.from({ length: 100 }, (_, i) => String(i)),
  );
  assert.deepEqual(journal.export([errorEvent()]), [{ status: "rejected", reason: "shutdown" }]);
});

test("flushing a journal that has no file yet does nothing", async () => {
  const { journal, logged } = journalIn(freshFolder());
  journal.flushNow();
  await journal.forceFlush();
  await journal.shutdown();
  assert.deepEqual(logged, []);
});

test("a process killed right after it accepted events has lost none", async () => {
  const { path, fallbackPath } = journalIn(freshFolder());
  const script = `
    const { createJournal } = require(${JSON.stringify(join(__dirname, "../../src/exporter/journal.js"))});
    const [path, fallbackPath, event] = process.argv.slice(1);
    const journal = createJournal({ path, fallbackPath, maxBytes: 1e9, backupCount: 1 });
    for (let i = 0; i < 1000; i++) journal.export([{ ...JSON.parse(event), message: String(i) }]);
    process.kill(process.pid, "SIGKILL");
  `;
  const child = spawn(process.execPath, ["-e", script, path, fallbackPath, JSON.stringify(errorEvent())]);
  assert.deepEqual(await once(child, "exit"), [null, "SIGKILL"]);
  assert.equal(lines(path).length, 1_000);
});

test("processes that share a journal rotate it together and lose no event", async () => {
  const { path, fallbackPath } = journalIn(freshFolder());
  const script = `
    const { createJournal } = require(${JSON.stringify(join(__dirname, "../../src/exporter/journal.js"))});
    const [path, fallbackPath, event, name] = process.argv.slice(1);
    const journal = createJournal({ path, fallbackPath, maxBytes: 65536, backupCount: 100 });
    for (let i = 0; i < 500; i++) {
      const [result] = journal.export([{ ...JSON.parse(event), id: name + i }]);
      if (result.status !== "accepted") process.exit(1);
    }
  `;
  const args = ["-e", script, path, fallbackPath, JSON.stringify(errorEvent())];
  const children = ["a", "b"].map((name) => spawn(process.execPath, [...args, name], { stdio: "inherit" }));
  for (const [code] of await Promise.all(children.map((child) => once(child, "exit")))) assert.equal(code, 0);
  const names = readdirSync(join(path, "..")).filter((name) => name.startsWith("error_log.jsonl"));
  const ids = names
    .flatMap((name) => lines(join(path, "..", name)))
    .filter((line) => line !== "") // where one opened the file while the other wrote
    .map((line) => parsed(line)["id"]);
  assert.ok(names.length > 3, `rotated into ${names.length} files`);
  assert.equal(new Set(ids).size, 1_000);
  assert.equal(ids.length, 1_000);
});

test("a last line torn at any byte costs that line alone", () => {
  const home = freshFolder();
  const { path } = journalIn(home);
  const line = `${journalLine(errorEvent({ message: "torn €" }))}\n`;
  const bytes = Buffer.from(line);
  for (let cut = 0; cut <= bytes.length; cut += cut < bytes.length - 8 ? 37 : 1) {
    writeFileSync(path, Buffer.concat([Buffer.from(line), bytes.subarray(0, cut)]));
    journalIn(home).journal.export([errorEvent({ message: "next" })]);
    const whole = lines(path).filter((text) => text.startsWith("{") && text.endsWith("}"));
    assert.deepEqual(parsed(whole[0])["error_message"], "torn €", `cut at ${cut}`);
    assert.deepEqual(parsed(whole.at(-1))["error_message"], "next", `cut at ${cut}`);
  }
});

test("on a full disk one plain line goes to the fallback file, and the log says so once", () => {
  const { journal, fallbackPath, logged } = journalIn(freshFolder(), { path: "/dev/full" });
  for (let i = 0; i < 3; i++) {
    assert.equal(journal.export([errorEvent({ message: `line ${i}\nforged\u001b[2J` })])[0]?.status, "accepted");
  }
  assert.equal(lines(fallbackPath).length, 3);
  assert.equal(journal.fallbackLines, 3);
  assert.match(
    lines(fallbackPath)[0] ?? "",
    /^2023-11-14T22:13:20.000Z warning application_error service=shop worker=worker-1 .*TypeError: line 0\\nforged\\u001b\[2J$/,
  );
  assert.deepEqual(logged, ["cannot write /dev/full: ENOSPC: no space left on device, write"]);
});

test("when the fallback fails too, the event is rejected, and each file is named once in the log", () => {
  const home = freshFolder();
  const { journal, logged } = journalIn(home, { path: "/dev/full", fallbackPath: home });
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(journal.export([errorEvent()]), [{ status: "rejected", reason: "journal_failed" }]);
  }
  assert.equal(logged.length, 2);
});

test("a path that is a folder or a symbolic link is not written, and works as soon as it is a file", () => {
  const home = freshFolder();
  const { journal, path, fallbackPath } = journalIn(home);
  mkdirSync(path);
  journal.export([errorEvent()]);
  rmdirSync(path);
  writeFileSync(join(home, "target"), "");
  symlinkSync(join(home, "target"), path);
  journal.export([errorEvent()]);
  assert.equal(lines(fallbackPath).length, 2);
  assert.equal(statSync(join(home, "target")).size, 0);
  rmSync(path);
  journal.export([errorEvent()]);
  assert.equal(lines(path).length, 1);
});

test("a journal that was moved or removed is begun anew within a second of writing", () => {
  let now = 0;
  const { journal, path } = journalIn(freshFolder(), { monotonicMillis: () => now });
  journal.export([errorEvent()]);
  renameSync(path, `${path}.moved`);
  now = 1_000;
  journal.export([errorEvent()]);
  assert.deepEqual([lines(path).length, lines(`${path}.moved`).length], [1, 1]);
});

test("a full journal is set aside, and the oldest goes", () => {
  const { journal, path } = journalIn(freshFolder(), { maxBytes: 3_000 });
  for (let i = 0; i < 20; i++) journal.export([errorEvent({ message: String(i) })]);
  assert.deepEqual(readdirSync(join(path, "..")).sort(), ["error_log.jsonl", "error_log.jsonl.1", "error_log.jsonl.2"]);
  const kept = [`${path}.2`, `${path}.1`, path].flatMap(lines).map((line) => Number(parsed(line)["error_message"]));
  assert.deepEqual(
    kept,
    Array.from({ length: kept.length }, (_, i) => 20 - kept.length + i),
  );
});

/** A file system of its own for the length of a test; what is open on it must be closed by `use`. */
async function withMount(t: TestContext, options: string, use: (home: string) => Promise<void>): Promise<void> {
  const home = freshFolder();
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", home], { encoding: "utf8" });
  if (mounted.status !== 0) return cannotRunHere(t, `needs the right to mount a tmpfs: ${mounted.stderr}`);
  try {
    await use(home);
  } finally {
    spawnSync("umount", ["-l", home]);
  }
}

test("a full file system loses no accepted event, and takes new ones when there is space", (t) =>
  withMount(t, "size=64k", async (home) => {
    const { journal, path, fallbackPath } = journalIn(home);
    const results = Array.from({ length: 100 }, (_, i) => journal.export([errorEvent({ id: String(i) })])[0]?.status);
    const kept = lines(path).filter((line) => line.endsWith("}")).length + lines(fallbackPath).length;
    assert.ok(results.includes("rejected"));
    assert.equal(kept, results.filter((status) => status === "accepted").length);
    rmSync(fallbackPath);
    writeFileSync(path, "");
    assert.equal(journal.export([errorEvent()])[0]?.status, "accepted");
    assert.equal(lines(path).length, 1);
    await journal.shutdown();
  }));

test("a read-only folder is survived", (t) =>
  withMount(t, "size=64k,ro", async (home) => {
    const { journal } = journalIn(home);
    assert.deepEqual(journal.export([errorEvent()]), [{ status: "rejected", reason: "journal_failed" }]);
    await journal.shutdown();
  }));

test("a commit covers what was written before it, also when the file was rotated in between", async () => {
  const { path, journal } = journalIn(freshFolder(), { maxBytes: 65_536 });
  for (let i = 0; i < 100; i++) journal.export([errorEvent({ message: "x".repeat(2_000) })]);
  assert.ok(existsSync(`${path}.1`), "it was rotated");
  assert.deepEqual(await Promise.all([journal.commit(), journal.commit(), journal.commit()]), [
    undefined,
    undefined,
    undefined,
  ]);
  await journal.shutdown();
});

test("without a fallback file, what the journal does not take is rejected and no commit speaks for it", async () => {
  const telemetry = createTelemetry();
  const journal = createJournal({ path: "/dev/full", maxBytes: 65_536, backupCount: 1, telemetry });
  assert.deepEqual(journal.export([errorEvent()]), [{ status: "rejected", reason: "journal_failed" }]);
});

test("the tail tells which events are not judged, across a rotation, and counts what it cannot read", () => {
  const { path, journal } = journalIn(freshFolder(), { maxBytes: 65_536, backupCount: 3 });
  const write = (from: number, to: number): void => {
    for (let i = from; i < to; i++) journal.export([errorEvent({ id: `id-${i}`, message: "x".repeat(1_000) })]);
  };
  assert.deepEqual(readJournalTail(path, 1_000_000), { events: [], unjudged: 0, corrupt: 0 });
  write(0, 30);
  journal.judge({ through: "id-19", changed: [{ id: "id-3", origin: "echo" }] });
  write(30, 50);
  assert.ok(existsSync(`${path}.1`) && !existsSync(`${path}.2`), "the tail lies in two files");
  appendFileSync(path, '{"id":"id-50","timest');
  const tail = readJournalTail(path, 1_000_000);
  assert.deepEqual(
    tail.events.map(({ id }) => id),
    Array.from({ length: 50 }, (_, i) => `id-${i}`),
  );
  assert.deepEqual([tail.unjudged, tail.corrupt], [30, 1]);
  const short = readJournalTail(path, 10_000);
  assert.ok(short.events.length > 0 && short.events.length < 10, "a bound is a bound");
  assert.equal(short.events.at(-1)?.id, "id-49");
});

test("what is read back of an event is what counting needs, and nothing is made of lines that are no journal's", () => {
  const event = errorEvent({
    systemContext: { metrics: { cpu: { percent: 3 } } },
    hardwareContext: { hardware_type: "gpu" },
    recurrence: { ...SEEN_ONCE, isNew: true, isRegressed: true },
  });
  const entry = readJournalLine(journalLine(event));
  assert.ok(entry?.action === "error");
  const { id, timeUnixMillis, type, origin, traceId, systemContext, hardwareContext, resource } = event;
  assert.deepEqual(entry.event, {
    ...{ id, timeUnixMillis, type, origin, traceId, systemContext, hardwareContext },
    resource: { service: resource.service, worker: resource.worker },
    classification: { group: "application_error", category: "application_error" },
    fingerprint: { id: event.fingerprint.id, previous: undefined },
    recurrence: { isNew: true, isRegressed: true, firstSeenUnixMillis: SEEN_ONCE.firstSeenUnixMillis },
    rating: { severity: "warning" },
  });
  const older = readJournalLine(journalLine(event).replace(/"is_regressed":true,|"first_seen":"[^"]*",/g, ""));
  assert.ok(older?.action === "error");
  assert.deepEqual(older.event.recurrence, { isNew: true, isRegressed: false }, "of a line without it");
  const others = [
    "",
    "null",
    "[]",
    "7",
    '"x"',
    "{}",
    '{"action":"error"}',
    '{"action":"error","severity":"bad"}',
    "\u0000",
    "{",
  ];
  for (const line of others) assert.equal(readJournalLine(line), undefined, line);
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (line) => void readJournalLine(line)));
});
