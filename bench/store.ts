/**
 * The store at a size: fills a file by the store's own append, then asks it while errors come in.
 *
 *   journal ──follower──► error writer ──► file of a week ◄── errors(24), errors(168) ── while the journal grows by 2,000 a second
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { journalLine } from "../src/exporter/journal-line";
import type { TimeRange } from "../src/store/answers";
import { openDatabase } from "../src/store/database";
import { createDuckDbStore } from "../src/store/duckdb-store";
import { createErrorWriter } from "../src/store/error-writer";
import { createJournalFollower } from "../src/store/journal-follower";
import { createTelemetry } from "../src/telemetry";
import { errorEvent } from "../test/exporter/error-event";
import { markdownTable } from "./markdown-table";

const HELP = `npm run bench:store -- [options]
  --errors N     in the store, over seven days (default 5000000)
  --rate N       errors a second that come in while it is asked (default 2000)
  --rounds N     questions of each range (default 15)`;

const TARGETS = { appendPerSecond: 50_000, dayMillis: 150, weekMillis: 400 };
/** Of a file of the journal. */
const PART_LINES = 262_144;
const LINES_AT_ONCE = 1_024;
const TEMPLATES = 4_000;
const WEEK_MILLIS = 7 * 86_400_000;
const ID = "00000000-0000-4000-8000-000000000000";
const TIME = "2001-01-01T01:01:01.001Z";
const SESSION = "session-session";
const USER = "user-user";

const { values } = parseArgs({
  options: {
    errors: { type: "string", default: "5000000" },
    rate: { type: "string", default: "2000" },
    rounds: { type: "string", default: "15" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) console.log(HELP);
else void run(Number(values.errors), Number(values.rate), Number(values.rounds));

async function run(errors: number, rate: number, rounds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "seismo-bench-store-"));
  try {
    const options = {
      path: join(folder, "seismo.duckdb"),
      journalPath: join(folder, "logs", "error_log.jsonl"),
      retentionMillis: 30 * 86_400_000,
      maxBytes: 40_000_000_000,
      memoryLimitBytes: 536_870_912,
      threads: 2,
    };
    const makeLine = createLines();
    const append = await fill(options, errors, makeLine);
    const answers = await askWhileWriting(options, rate, rounds, makeLine);
    const rows = [
      row("errors appended a second", append.perSecond, `≥ ${TARGETS.appendPerSecond.toLocaleString("en")}`),
      row("bytes an error, of a line of", append.bytesAnError, `${append.lineBytes}`),
      row("errors a second meanwhile", answers.perSecond, `${rate}`),
      row("last 24 hours, median ms", answers.day.median, `< ${TARGETS.dayMillis}`),
      row("last 24 hours, p95 ms", answers.day.p95, ""),
      row("last 7 days, median ms", answers.week.median, `< ${TARGETS.weekMillis}`),
      row("last 7 days, p95 ms", answers.week.p95, ""),
    ];
    console.log(`${errors.toLocaleString("en")} errors over seven days\n`);
    console.log(markdownTable(["", "measured", "target"], rows));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Options = Parameters<typeof openDatabase>[0];
type MakeLine = (unixMillis: number, number: number) => string;

async function fill(
  options: Options,
  errors: number,
  makeLine: MakeLine,
): Promise<{ readonly perSecond: number; readonly bytesAnError: number; readonly lineBytes: number }> {
  const database = await openDatabase(options, false, console.error);
  const statements = await database.connect();
  const writer = await createErrorWriter(statements, options);
  const follower = createJournalFollower(options.journalPath, undefined);
  const begin = Date.now() - WEEK_MILLIS + 60_000;
  let millis = 0;
  let lineBytes = 0;

  mkdirSync(dirname(options.journalPath), { recursive: true });
  for (let from = 0; from < errors; from += PART_LINES) {
    rmSync(options.journalPath, { force: true }); // what was read of it is enough
    for (let at = from; at < Math.min(from + PART_LINES, errors); at += LINES_AT_ONCE) {
      const lines = Array.from(
        { length: Math.min(LINES_AT_ONCE, errors - at) },
        (_, index) => `${makeLine(begin + ((at + index) / errors) * (WEEK_MILLIS - 120_000), at + index)}\n`,
      ).join("");
      lineBytes += lines.length;
      appendFileSync(options.journalPath, lines);
    }
    const begun = performance.now();
    // As the store's process does it: the next lines are read while those before are written.
    let ahead = writer.read(follower.next, Date.now());
    for (let batch = await ahead; batch !== undefined; batch = await ahead) {
      ahead = writer.read(follower.next, Date.now());
      await writer.write(batch);
    }
    millis += performance.now() - begun;
    if (process.stderr.isTTY) process.stderr.write(`\r${from + PART_LINES} errors`);
  }
  follower.close();
  const begun = performance.now();
  await statements.run("CHECKPOINT");
  millis += performance.now() - begun;
  statements.close();
  database.close();
  return {
    perSecond: (errors / millis) * 1_000,
    bytesAnError: statSync(options.path).size / errors,
    lineBytes: Math.round(lineBytes / errors),
  };
}

interface Times {
  readonly median: number;
  readonly p95: number;
}

async function askWhileWriting(
  options: Options,
  rate: number,
  rounds: number,
  makeLine: MakeLine,
): Promise<{ readonly day: Times; readonly week: Times; readonly perSecond: number }> {
  mkdirSync(join(options.journalPath, ".."), { recursive: true });
  const store = createDuckDbStore({ ...options, telemetry: createTelemetry() });
  store.start();
  while (store.status().status !== "open") {
    assert.notEqual(store.status().status, "unavailable", JSON.stringify(store.status()));
    await pause(50);
  }
  let written = 0;
  let isDone = false;
  const begun = performance.now();
  const writing = (async () => {
    while (!isDone) {
      const due = Math.floor(((performance.now() - begun) / 1_000) * rate) - written;
      const lines = Array.from({ length: due }, (_, index) => `${makeLine(Date.now(), written + index)}\n`);
      appendFileSync(options.journalPath, lines.join(""));
      written += due;
      store.journalGrew();
      await pause(20);
    }
  })();
  await pause(2_000);
  const times = { 24: [] as number[], 168: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    for (const timeRange of [24, 168] satisfies TimeRange[]) {
      const asked = performance.now();
      await store.errors({ timeRange, limit: 100 });
      times[timeRange].push(performance.now() - asked);
      await pause(200);
    }
  }
  isDone = true;
  await writing;
  const perSecond = (store.stats().counts.errors / (performance.now() - begun)) * 1_000;
  await store.stop(30_000);
  return { day: timesOf(times[24]), week: timesOf(times[168]), perSecond };
}

/** Real lines, of which id, time and people are exchanged. 300 groups, a few of them frequent. */
function createLines(): MakeLine {
  const templates = Array.from({ length: TEMPLATES }, (_, index) => {
    const group = Math.floor(300 * (index / TEMPLATES) ** 2);
    const severity = (["critical", "warning", "info"] as const)[group % 3] ?? "info";
    return journalLine(
      errorEvent({
        id: ID,
        timeUnixMillis: Date.parse(TIME),
        type: `Type${group % 60}Error`,
        message: `cannot read item ${group} of the cart: the connection was lost after ${index} ms`,
        resource: { service: `service-${index % 6}`, worker: `worker-${index % 40}`, serviceVersion: "1.4.2" },
        classification: { group: "network_error", category: `network_${group % 4}`, reason: "" },
        fingerprint: { id: (group * 7_919).toString(16).padStart(16, "0"), version: 1, reason: "frames", template: "" },
        rating: { severity, reasons: ["unhandled"] },
        sessionId: SESSION,
        userId: USER,
        request: { method: "GET", route: `/items/${group % 20}/:id`, statusCode: 500 },
        frames: Array.from({ length: 6 }, (_unused, at) => ({
          ...{ function: `readCart${at}`, module: "cart", file: `src/cart/read-${group}.js`, line: 10 + at, column: 7 },
          inApp: at < 3,
        })),
        origin: index % 10 === 0 ? "echo" : "root",
      }),
    );
  });
  return (unixMillis, number) => {
    const template = templates[Math.floor(Math.random() * TEMPLATES)] ?? "";
    return template
      .replace(ID, randomUUID())
      .replace(TIME, new Date(unixMillis).toISOString())
      .replace(SESSION, `session-${number % 60_000}`)
      .replace(USER, `user-${number % 25_000}`);
  };
}

function timesOf(millis: readonly number[]): Times {
  const sorted = [...millis].sort((one, other) => one - other);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { median: at(0.5), p95: at(0.95) };
}

function row(what: string, measured: number, target: string): string[] {
  return [what, Math.round(measured).toLocaleString("en"), target];
}
