/**
 * Lines of the journal into rows, and the place that they were read to, in one transaction: each error once, however often its
 * line is read.
 *
 *   lines ─► records ─► judged among themselves ─► without those that are there ─► errors, series, groups, machines
 *   └──────── read() ─────────────────────────┘    └──────── write() ──────────────── COMMIT with journal_position
 *
 * A third of the time goes by while DuckDB works in threads of its own: then the next lines are read.
 */

import { setImmediate } from "node:timers/promises";
import { ROW_GROUP_ROWS } from "./database";
import { createDictionary } from "./dictionary";
import { createHourCounts } from "./hour-counts";
import type { JournalLines, JournalPosition } from "./journal-follower";
import { type ErrorRecord, type Judged, readJournalRecord } from "./journal-record";
import type { SqlValue, Statements } from "./statements";

export interface ErrorWriter {
  /** Where the journal is to be followed from. */
  readonly position: JournalPosition | undefined;
  /**
   * What is written best at once; undefined: there are no lines. The batch before may still be written. A few lines at a
   * time, so that what waits for this thread does not wait for all of them.
   */
  read(next: NextLines, nowMillis: number): Promise<ErrorBatch | undefined>;
  write(batch: ErrorBatch): Promise<WrittenErrors>;
  /** Counts what has passed: see hour-counts.ts. */
  countHours(nowMillis: number): Promise<void>;
  /** To be called when errors, and what no error has any more, were deleted. */
  reload(): Promise<void>;
}

/** In the order of the journal; undefined: none for now. */
export type NextLines = (maxLines: number) => WritableLines | undefined | Promise<WritableLines | undefined>;
/** Lines that are not of the journal that is followed have no position. */
export type WritableLines = Omit<JournalLines, "position"> & Partial<Pick<JournalLines, "position">>;

export interface WrittenErrors {
  readonly errors: number;
  readonly duplicate: number;
  readonly corrupt: number;
  readonly ignored: number;
  /** Too old when they came. */
  readonly deletedByAge: number;
  /** Written before, and taken out by a judgement. */
  readonly deletedAsDuplicate: number;
}

export interface ErrorWriterOptions {
  readonly retentionMillis: number;
}

export async function createErrorWriter(statements: Statements, options: ErrorWriterOptions): Promise<ErrorWriter> {
  const series = await createDictionary(statements, "series", SERIES_COLUMNS);
  const hours = await createHourCounts(statements);
  const [kept] = await statements.ask("SELECT max(seq) AS seq FROM errors");
  let lastSeq = Number(kept?.["seq"] ?? 0);
  const [row] = await statements.ask("SELECT * FROM journal_position");
  const position = row && toPosition(row);
  /** When the collector wrote its latest judgement: what came after it did not come earlier. */
  let judgedUnixMillis = Number(row?.["judged"] ?? 0);
  const firstSeen = new Map<string, number>();
  await statements.run("CREATE TEMP TABLE seen (fingerprint VARCHAR, first_seen BIGINT)");
  await statements.run("CREATE TEMP TABLE told AS SELECT * FROM machines LIMIT 0");

  /** An event may say any time. It is put where it is looked for: at its arrival, when it is said to be from the future or long past. */
  function timeOf({ unixMillis }: ErrorRecord, nowMillis: number): number {
    if (unixMillis > nowMillis + MAX_AHEAD_MILLIS) return nowMillis;
    return unixMillis < judgedUnixMillis - MAX_BEHIND_MILLIS ? judgedUnixMillis : unixMillis;
  }

  async function read(next: NextLines, nowMillis: number): Promise<ErrorBatch | undefined> {
    const batch: ErrorBatch = {
      found: new Map(),
      echoes: new Set(),
      later: [],
      bytes: 0,
      duplicate: 0,
      corrupt: 0,
      ignored: 0,
      expired: 0,
      position: undefined,
      judgedUnixMillis,
    };
    let isEmpty = true;
    for (let room = roomIn(batch); room > 0; room = roomIn(batch)) {
      const lines = await next(room);
      if (lines === undefined) break;
      isEmpty = false;
      await take(lines, nowMillis, batch);
      await setImmediate();
    }
    return isEmpty ? undefined : batch;
  }

  async function take(lines: WritableLines, nowMillis: number, batch: ErrorBatch): Promise<void> {
    if (!lines.continues) judgedUnixMillis = 0;
    batch.bytes += lines.bytes;
    batch.corrupt += lines.corrupt;
    batch.position = lines.position;
    for (const [at, line] of lines.lines.entries()) {
      if (at % LINES_A_TURN === LINES_A_TURN - 1) await setImmediate();
      if (line === "") continue;
      const record = readJournalRecord(line);
      if (record === undefined) batch.corrupt += 1;
      else if (record.kind === "unknown") batch.ignored += 1;
      else if (record.kind === "judgement") {
        judgedUnixMillis = Math.max(judgedUnixMillis, Math.min(record.unixMillis, nowMillis));
        for (const judged of record.changed) judge(batch, judged);
      } else {
        const { error } = record;
        const time = timeOf(error, nowMillis);
        if (time < nowMillis - options.retentionMillis) batch.expired += 1;
        else if (batch.found.has(error.id)) batch.duplicate += 1;
        else batch.found.set(error.id, { error, time });
      }
    }
    batch.judgedUnixMillis = judgedUnixMillis;
  }

  async function takeOutKept({ found }: ErrorBatch): Promise<number> {
    let count = 0;
    for (const { ids, from, to } of clustersOf([...found.values()])) {
      // Next to nothing, mostly: much less work than looking for each of the ids.
      const near = "SELECT id FROM errors WHERE stated BETWEEN $1 AND $2";
      const limit = ids.length + NEAR_ROWS;
      let rows = await statements.ask(`${near} LIMIT ${limit}`, [from, to]);
      if (rows.length === limit) rows = await statements.ask(`${near} AND id IN (SELECT unnest($3))`, [from, to, ids]);
      const asked = new Set(rows.length === 0 ? [] : ids);
      for (const { id } of rows) if (asked.has(String(id)) && found.delete(String(id))) count += 1;
    }
    return count;
  }

  async function append(placed: readonly Placed[], echoes: ReadonlySet<string>): Promise<void> {
    if (placed.length === 0) return;
    const columns = ERROR_COLUMNS.map((): SqlValue[] => []);
    for (const { error, time } of placed) {
      lastSeq += 1;
      const { series: names } = error;
      const row = toRow(error, time, lastSeq, series.idOf(toSeriesRow(names)), echoes);
      // By number: entries() of each row was measured to take longer than writing it.
      for (let at = 0; at < row.length; at++) columns[at]?.push(row[at] ?? null);
    }
    await series.write();
    await statements.append("errors", columns);
    await hours.touch(placed.map(({ time }) => time));
  }

  /** The earliest that is known of each group. */
  async function noteFirstSeen(placed: readonly Placed[]): Promise<void> {
    const earlier = new Map<string, number>();
    for (const { error, time } of placed) {
      const { fingerprint } = error.series;
      const known = Math.min(firstSeen.get(fingerprint) ?? Infinity, earlier.get(fingerprint) ?? Infinity);
      const millis = time === error.unixMillis ? error.firstSeenUnixMillis : time;
      if (millis < known) earlier.set(fingerprint, millis);
    }
    if (earlier.size === 0) return;
    await statements.run("DELETE FROM seen");
    await statements.append("seen", [[...earlier.keys()], [...earlier.values()]]);
    await statements.run(
      `UPDATE groups SET first_seen = seen.first_seen FROM seen
       WHERE groups.fingerprint = seen.fingerprint AND seen.first_seen < groups.first_seen`,
    );
    await statements.run(
      "INSERT INTO groups SELECT * FROM seen WHERE fingerprint NOT IN (SELECT fingerprint FROM groups)",
    );
    if (firstSeen.size + earlier.size > MAX_KNOWN_GROUPS) firstSeen.clear();
    for (const [fingerprint, millis] of earlier) firstSeen.set(fingerprint, millis);
  }

  /** The latest that each worker told. */
  async function noteMachines(placed: readonly Placed[]): Promise<void> {
    const told = new Map<string, readonly SqlValue[]>();
    for (const { error, time } of placed) {
      const { machine, series: names } = error;
      if (machine === undefined) continue;
      const { hostname, platform, status, cpuPercent, memoryPercent, diskPercent, gpus } = machine;
      const loads = [cpuPercent, memoryPercent, diskPercent, JSON.stringify(gpus)];
      told.set(names.worker, [names.worker, names.service, time, hostname, platform, status, ...loads]);
    }
    if (told.size === 0) return;
    const rows = [...told.values()];
    await statements.run("DELETE FROM told");
    await statements.append(
      "told",
      Array.from({ length: 10 }, (_, at) => rows.map((values) => values[at] ?? null)),
    );
    await statements.run(
      "DELETE FROM told USING machines WHERE told.worker = machines.worker AND told.time < machines.time",
    );
    await statements.run("DELETE FROM machines WHERE worker IN (SELECT worker FROM told)");
    await statements.run("INSERT INTO machines SELECT * FROM told");
  }

  /** What was written a moment ago, mostly; looked for in all there is only where it is not among that. */
  async function judgeKept(later: readonly Judged[]): Promise<number> {
    let open = new Map(later.map(({ id, origin }) => [id, origin]));
    let taken = 0;
    for (const fromSeq of [lastSeq - RECENT_ROWS, 0]) {
      if (open.size === 0) break;
      const rows = await statements.ask(
        "SELECT id, seq, time FROM errors WHERE seq > $1 AND id IN (SELECT unnest($2))",
        [fromSeq, [...open.keys()]],
      );
      const echoes = rows.filter(({ id }) => open.get(String(id)) === "echo").map(({ seq }) => String(seq));
      const duplicates = rows.filter(({ id }) => open.get(String(id)) === "duplicate").map(({ seq }) => String(seq));
      if (echoes.length > 0) {
        await statements.run("UPDATE errors SET is_echo = true WHERE seq IN (SELECT unnest($1)::BIGINT)", [echoes]);
      }
      if (duplicates.length > 0) {
        await statements.run("DELETE FROM errors WHERE seq IN (SELECT unnest($1)::BIGINT)", [duplicates]);
      }
      await hours.touch(rows.map(({ time }) => Number(time)));
      taken += duplicates.length;
      const found = new Set(rows.map(({ id }) => String(id)));
      open = new Map([...open].filter(([id]) => !found.has(id)));
    }
    return taken;
  }

  async function keepPosition({ inode, head, headBytes, place }: JournalPosition, judged: number): Promise<void> {
    await statements.run("DELETE FROM journal_position");
    const values = [inode, head, headBytes, place, judged];
    await statements.run("INSERT INTO journal_position VALUES ($1, $2, $3, $4, $5)", values);
  }

  return {
    position,
    read,
    async write(batch) {
      return statements.transaction(async () => {
        const kept = await takeOutKept(batch);
        const placed = [...batch.found.values()];
        await append(placed, batch.echoes);
        await noteFirstSeen(placed);
        await noteMachines(placed);
        const deletedAsDuplicate = await judgeKept(batch.later);
        if (batch.position !== undefined) await keepPosition(batch.position, batch.judgedUnixMillis);
        const { corrupt, ignored, expired: deletedByAge } = batch;
        const duplicate = batch.duplicate + kept;
        return { errors: placed.length, duplicate, corrupt, ignored, deletedByAge, deletedAsDuplicate };
      });
    },
    countHours: hours.count,
    async reload() {
      firstSeen.clear();
      await hours.reload();
      await series.reload();
    },
  };
}

/** Clocks that are set disagree by less. */
const MAX_AHEAD_MILLIS = 300_000;
/** What is older on arrival than the longest time range would never be seen. */
const MAX_BEHIND_MILLIS = 604_800_000;
/** More than wait for a judgement at any time. */
const RECENT_ROWS = 200_000;
/** Of about the same time that are asked for at once, beside as many as are to be written. */
const NEAR_ROWS = 1_000;
const MAX_KNOWN_GROUPS = 50_000;
/** Of the journal. */
const MAX_BATCH_BYTES = 8_388_608;
/** A group of rows of this mean are 24 MiB. */
const LONG_LINE_BYTES = 3_072;
/** A few milliseconds. */
const LINES_A_TURN = 200;

interface Placed {
  readonly error: ErrorRecord;
  readonly time: number;
}

/** Lines that were read, and what is to be done with them; to be written once. */
export interface ErrorBatch {
  /** By id. */
  readonly found: Map<string, Placed>;
  readonly echoes: Set<string>;
  /** Judgements of errors that came before. */
  readonly later: Judged[];
  /** Of the journal. */
  bytes: number;
  duplicate: number;
  corrupt: number;
  ignored: number;
  expired: number;
  position: JournalPosition | undefined;
  judgedUnixMillis: number;
}

/** How many errors, so lines at most, it takes yet: a group of rows, or less of lines that are too long for that. */
function roomIn({ found, bytes }: ErrorBatch): number {
  return bytes < MAX_BATCH_BYTES || bytes < found.size * LONG_LINE_BYTES ? ROW_GROUP_ROWS - found.size : 0;
}

function judge(batch: ErrorBatch, judged: Judged): void {
  const { id, origin } = judged;
  if (!batch.found.has(id)) batch.later.push(judged);
  else if (origin === "echo") batch.echoes.add(id);
  else {
    batch.found.delete(id);
    batch.duplicate += 1;
  }
}

interface Cluster {
  readonly ids: string[];
  from: number;
  to: number;
}

/** Errors of about the same time, so that one that says a year long past does not have the whole table looked through. */
function clustersOf(placed: readonly Placed[]): readonly Cluster[] {
  const clusters: Cluster[] = [];
  const inOrder = placed.map(({ error }) => error).sort((one, other) => one.unixMillis - other.unixMillis);
  for (const { id, unixMillis } of inOrder) {
    const last = clusters.at(-1);
    const isNear = last !== undefined && (unixMillis - last.to < CLUSTER_GAP_MILLIS || clusters.length >= MAX_CLUSTERS);
    if (!isNear) clusters.push({ ids: [id], from: unixMillis, to: unixMillis });
    else {
      last.ids.push(id);
      last.to = unixMillis;
    }
  }
  return clusters;
}
const CLUSTER_GAP_MILLIS = 600_000;
const MAX_CLUSTERS = 16;

const SERIES_COLUMNS = [
  ...["service", "worker", "category", "group", "type", "severity", "fingerprint", "release"],
  ...["hardware_type", "hardware_status"],
];

function toSeriesRow(series: ErrorRecord["series"]): readonly SqlValue[] {
  const { service, worker, category, group, type, severity, fingerprint, release } = series;
  const { hardwareType, hardwareStatus } = series;
  return [service, worker, category, group, type, severity, fingerprint, release, hardwareType, hardwareStatus];
}

const ERROR_COLUMNS = Array.from({ length: 22 });

function toRow(
  error: ErrorRecord,
  time: number,
  seq: number,
  series: number,
  echoes: ReadonlySet<string>,
): readonly SqlValue[] {
  const isEcho = error.origin === "echo" || echoes.has(error.id);
  return [
    ...[seq, time, series, isEcho, error.handled, error.isNew, error.isRegressed],
    ...[error.unixMillis, error.id, error.title, error.message, error.method, error.route, error.statusCode],
    ...[error.requestId, error.sessionId, error.userId, error.traceId, error.trend],
    ...[error.recoveryMillis, error.usuallyAfter, error.line],
  ];
}

function toPosition(row: { readonly [column: string]: SqlValue }): JournalPosition {
  return {
    inode: Number(row["inode"]),
    head: String(row["head"]),
    headBytes: Number(row["head_bytes"]),
    place: Number(row["place"]),
  };
}
