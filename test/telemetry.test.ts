import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createAppendFile, createLogWriter, createTelemetry, type LogWriterOptions } from "../src/telemetry";
import { freshFolder } from "./fresh-folder";

function logOptions(overrides: Partial<LogWriterOptions> = {}): LogWriterOptions & { readonly stderr: string[] } {
  const stderr: string[] = [];
  return {
    level: "info",
    toFile: true,
    path: join(freshFolder(), "logs", "seismo.log"),
    maxBytes: 1_000_000,
    backupCount: 5,
    writeStderr: (text) => void stderr.push(text),
    nowMillis: () => Date.UTC(2026, 10, 22, 17),
    stderr,
    ...overrides,
  };
}

function lines(path: string): string[] {
  return readFileSync(path, "utf8").split("\n").slice(0, -1);
}

test("what was received, kept and dropped is counted by signal and reason", () => {
  const telemetry = createTelemetry();
  telemetry.received("errors", 3);
  telemetry.kept("errors", 2);
  telemetry.dropped("errors", "ignored");
  assert.deepEqual(telemetry.snapshot(), {
    received: [{ signal: "errors", reason: "", value: 3 }],
    kept: [{ signal: "errors", reason: "", value: 2 }],
    forwarded: [],
    dropped: [{ signal: "errors", reason: "ignored", value: 1 }],
  });
});

test("a limited message is logged once a minute and says how many were held back", () => {
  const written: string[] = [];
  let now = 0;
  const telemetry = createTelemetry({
    nowMillis: () => now,
    log: { write: (_level, message, fields) => void written.push(message + JSON.stringify(fields)) },
  });
  for (now = 0; now <= 60_000; now += 20_000) telemetry.logLimited("error", "disk", "full");
  telemetry.logOnce("info", "hello", "hello");
  telemetry.logOnce("info", "hello", "hello");
  assert.deepEqual(written, ["full{}", 'full{"held_back":2}', "hello{}"]);
});

test("a log line names time, level, process, message and fields", () => {
  const options = logOptions();
  createLogWriter(options).write("info", "metrics are served", { port: 9464, host: "a b", ok: true });
  assert.deepEqual(lines(options.path), [
    `2026-11-22T17:00:00.000Z INFO seismo[${process.pid}] metrics are served port=9464 host="a b" ok=true`,
  ]);
});

test("no message can begin a second line or reach the terminal as a control sequence", () => {
  const options = logOptions();
  createLogWriter(options).write("error", "a\r\nb\u001b[31m\u0085\u009b\u2028\u2029\u007f\ud800", { "k\ney": "v\nw" });
  const text = readFileSync(options.path, "utf8");
  assert.equal(text.split("\n").length, 2);
  assert.doesNotMatch(text.slice(0, -1) + options.stderr.join("").slice(0, -1), /[\p{Cc}\p{Zl}\p{Zp}]/u);
  assert.match(text, /a\\u000d\\nb\\u001b\[31m\\u0085/);
});

test("a message of many megabytes becomes a line of some kilobytes", () => {
  const options = logOptions();
  createLogWriter(options).write("error", "x".repeat(50_000_000), {});
  assert.ok(statSync(options.path).size < 9_000);
  assert.ok((options.stderr[0]?.length ?? 0) < 600);
});

test("warnings and errors also go to stderr, other levels only to the file, levels below the set one nowhere", () => {
  const options = logOptions({ level: "info" });
  const writer = createLogWriter(options);
  for (const level of ["debug", "info", "warning", "error"] as const) writer.write(level, `a ${level}`, {});
  assert.deepEqual(options.stderr, ["seismo: a warning\n", "seismo: an error\n".replace("an", "a")]);
  assert.equal(lines(options.path).length, 3);
});

test("with debug every level is written, to stderr as well", () => {
  const options = logOptions({ level: "error", debug: true });
  const writer = createLogWriter(options);
  writer.write("debug", "detail", {});
  assert.deepEqual(options.stderr, ["seismo: detail\n"]);
  assert.equal(lines(options.path).length, 1);
});

test("without a file nothing is created, and stderr still has the warnings", () => {
  const options = logOptions({ toFile: false });
  const writer = createLogWriter(options);
  writer.write("warning", "beware", {});
  writer.write("info", "by the way", {});
  assert.deepEqual(options.stderr, ["seismo: beware\n"]);
  assert.equal(existsSync(options.path), false);
  assert.equal(writer.lostLines(), 0);
});

test("the log file is opened by the first line, readable by its owner only", () => {
  const options = logOptions();
  const writer = createLogWriter(options);
  assert.equal(existsSync(join(options.path, "..")), false);
  writer.write("info", "first", {});
  assert.equal(statSync(options.path).mode & 0o777, 0o600);
  assert.equal(statSync(join(options.path, "..")).mode & 0o777, 0o700);
});

test("a log file that cannot be written is named once on stderr; lost lines are counted and told when it works again", () => {
  const options = logOptions();
  mkdirSync(options.path, { recursive: true });
  const writer = createLogWriter(options);
  for (let i = 0; i < 3; i++) writer.write("info", "lost", {});
  assert.equal(options.stderr.length, 1);
  assert.match(options.stderr[0] ?? "", /^seismo: cannot write the log file .*seismo\.log: EISDIR/);
  assert.equal(writer.lostLines(), 3);
  rmdirSync(options.path);
  writer.write("info", "back", {});
  writer.write("info", "and on", {});
  assert.match(readFileSync(options.path, "utf8"), /back lost=3\n.*and on\n$/);
});

test("a closed stderr is survived and counted", () => {
  const writer = createLogWriter(
    logOptions({
      toFile: false,
      writeStderr: () => {
        throw new Error("EPIPE");
      },
    }),
  );
  writer.write("error", "unheard", {});
  assert.equal(writer.lostLines(), 1);
});

test("a symbolic link is not followed", () => {
  const here = freshFolder();
  writeFileSync(join(here, "target"), "");
  symlinkSync(join(here, "target"), join(here, "seismo.log"));
  const file = createAppendFile({ path: join(here, "seismo.log"), maxBytes: 1_000, backupCount: 1 });
  assert.equal(file.append("line\n").status, "failed");
  assert.equal(statSync(join(here, "target")).size, 0);
});

test("a full file moves to .1, .1 to .2, and the oldest goes", () => {
  const path = join(freshFolder(), "seismo.log");
  const file = createAppendFile({ path, maxBytes: 15, backupCount: 2 });
  for (let i = 0; i < 8; i++) assert.equal(file.append(`line ${i}...\n`).status, "written");
  assert.deepEqual(readdirSync(join(path, "..")).sort(), ["seismo.log", "seismo.log.1", "seismo.log.2"]);
  assert.deepEqual([path, `${path}.1`, `${path}.2`].flatMap(lines), ["line 7...", "line 6...", "line 5..."]);
});

test("without backups a full file is begun anew", () => {
  const path = join(freshFolder(), "seismo.log");
  const file = createAppendFile({ path, maxBytes: 15, backupCount: 0 });
  for (let i = 0; i < 8; i++) file.append(`line ${i}...\n`);
  assert.deepEqual(readdirSync(join(path, "..")), ["seismo.log"]);
  assert.deepEqual(lines(path), ["line 7..."]);
});

test("a file that was moved or removed by others is left for a new one within a second of writing", () => {
  const path = join(freshFolder(), "seismo.log");
  let now = 0;
  const file = createAppendFile({ path, maxBytes: 1_000, backupCount: 1, monotonicMillis: () => now });
  file.append("one\n");
  renameSync(path, `${path}.moved`);
  file.append("two\n");
  now = 1_000;
  file.append("three\n");
  rmSync(path);
  now = 2_000;
  file.append("four\n");
  assert.deepEqual([lines(`${path}.moved`), lines(path)], [["one", "two"], ["four"]]);
});

test("a file that others cut short is written on from its new end, and its size is known again", () => {
  const path = join(freshFolder(), "seismo.log");
  let now = 0;
  const file = createAppendFile({ path, maxBytes: 30, backupCount: 1, monotonicMillis: () => now });
  file.append("twenty bytes of line\n");
  writeFileSync(path, "");
  now = 1_000;
  file.append("twenty bytes of line\n");
  assert.deepEqual(readdirSync(join(path, "..")), ["seismo.log"]);
  assert.equal(statSync(path).size, 21);
});

test("the lock of another process delays a rotation; one that was left behind is removed", () => {
  const path = join(freshFolder(), "seismo.log");
  const file = createAppendFile({ path, maxBytes: 10, backupCount: 1 });
  writeFileSync(`${path}.lock`, "");
  for (const line of ["first...\n", "second..\n"]) assert.equal(file.append(line).status, "written");
  assert.equal(existsSync(`${path}.1`), false);
  utimesSync(`${path}.lock`, 0, 0);
  file.append("third...\n");
  file.append("fourth..\n");
  assert.deepEqual([lines(`${path}.1`), lines(path)], [["first...", "second..", "third..."], ["fourth.."]]);
});

test("a pipe is refused, since it would block the host or swallow the lines", async () => {
  const path = join(freshFolder(), "pipe");
  await once(spawn("mkfifo", [path]), "exit");
  const file = createAppendFile({ path, maxBytes: 10, backupCount: 1 });
  assert.equal(file.append("line\n").status, "failed");
});

test("processes that share a file rotate it together and lose no line", async () => {
  const path = join(freshFolder(), "shared.log");
  const script = `
    const { createAppendFile } = require(${JSON.stringify(join(__dirname, "../src/telemetry.js"))});
    const file = createAppendFile({ path: ${JSON.stringify(path)}, maxBytes: 2_000, backupCount: 100 });
    for (let i = 0; i < 3_000; i++) if (file.append(process.argv[1] + " " + i + "\\n").status !== "written") process.exit(1);
  `;
  const children = ["a", "b", "c"].map((name) => spawn(process.execPath, ["-e", script, name], { stdio: "inherit" }));
  const codes = await Promise.all(children.map((child) => once(child, "exit")));
  assert.deepEqual(codes, [
    [0, null],
    [0, null],
    [0, null],
  ]);
  const names = readdirSync(join(path, "..")).filter((name) => !name.endsWith(".lock"));
  const all = names.flatMap((name) => lines(join(path, "..", name)));
  assert.equal(new Set(all).size, 9_000);
  assert.equal(all.length, 9_000);
  assert.ok(names.length > 5, `rotated into ${names.length} files`);
});
