/**
 * The DuckDB file: opened with its limits, brought to the version of this program, set aside when it is damaged; and
 * what DuckDB says when it cannot be used.
 */
import { existsSync, lstatSync, mkdirSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import { toError } from "../node-error";
import { MIGRATIONS } from "./schema";
import { createStatements, type Statements } from "./statements";
import type { StoreFault, StoreProcessOptions } from "./store-messages";

export class DatabaseError extends Error {
  readonly fault: StoreFault;
  constructor(fault: StoreFault, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "DatabaseError";
    this.fault = fault;
  }
}

export interface Database {
  /** A connection of its own: readers and the writer do not wait for each other. */
  connect(): Promise<Statements>;
  close(): void;
}

/** Throws a `DatabaseError` whose message names the path. What is damaged gives way to a new file. */
export async function openDatabase(
  options: StoreProcessOptions,
  setAside: boolean,
  note: (message: string) => void,
): Promise<Database> {
  const { path } = options;
  const duckdb = loadDuckDb();
  // What DuckDB makes (file, log, temporary files) is for its owner alone, as the journal is.
  process.umask(0o077);
  checkPath(path);
  if (setAside) moveAside(path, note, "cannot be read");
  // A write-ahead log that cannot be read costs what is in it, which the journal has as well; the file may be whole.
  for (const next of [`${path}.wal`, path, undefined]) {
    try {
      return await open(duckdb, options);
    } catch (error) {
      const fault = explain(error, path);
      if (fault.fault !== "damaged" || next === undefined) throw fault;
      if (next === path) moveAside(path, note, fault.message);
      else if (existsSync(next)) moveOne(next, note, fault.message);
    }
  }
  throw new DatabaseError("damaged", `${path} cannot be made anew`);
}

/** Every failure of DuckDB, told in terms of the file. */
export function explain(error: unknown, path: string): DatabaseError {
  if (error instanceof DatabaseError) return error;
  const { message } = toError(error);
  const [fault, what] =
    FAULTS.find(([, , pattern]) => pattern.test(message)) ?? (["blocked", "cannot be used"] as const);
  const holder = /\(PID (\d+)\)/.exec(message)?.[1];
  const by = holder === undefined ? "" : ` (process ${holder})`;
  const detail = fault === "blocked" && what !== "cannot be used" ? by : `: ${firstLine(message)}`;
  return new DatabaseError(fault, `${path} ${what}${detail}`, error);
}

const FAULTS: readonly (readonly [StoreFault, string, RegExp])[] = [
  ["blocked", "is locked by another process", /could not set lock|conflicting lock|used by another process/i],
  ["blocked", "cannot be written: no space is left on the disk", /no space left|disk quota|not enough (disk )?space/i],
  ["blocked", "is on a file system that cannot be written", /read-only file system/i],
  ["blocked", "cannot be opened: no rights", /permission denied|operation not permitted/i],
  ["blocked", "is a directory", /is a directory/i],
  [
    "newer",
    "was written by a newer version of DuckDB",
    /version number \d+, but we can only read|newer version of duckdb/i,
  ],
  [
    "damaged",
    "is damaged",
    /not a valid duckdb database|corrupt|checksum|serialization error|failed to deserialize|failure while replaying wal|could not read (?:enough|all) bytes|invalidated|internal error/i,
  ],
];
const MAX_DETAIL_CHARS = 200;

function firstLine(message: string): string {
  return (message.split("\n", 1)[0] ?? "").slice(0, MAX_DETAIL_CHARS);
}

type DuckDb = typeof import("@duckdb/node-api");

function loadDuckDb(): DuckDb {
  try {
    return require("@duckdb/node-api");
  } catch (error) {
    throw new DatabaseError(
      "missing",
      `there is no store: @duckdb/node-api cannot be loaded (${firstLine(toError(error).message)}); ` +
        "npm install @duckdb/node-api@1.5.5-r.5 installs it, store.enabled: false does without",
      error,
    );
  }
}

function checkPath(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there === undefined || there.isFile()) return;
    throw new DatabaseError("blocked", `${path} is ${there.isDirectory() ? "a directory" : "no regular file"}`);
  } catch (error) {
    throw explain(error, path);
  }
}

async function open(duckdb: DuckDb, options: StoreProcessOptions): Promise<Database> {
  const { path, memoryLimitBytes, threads } = options;
  const instance = await duckdb.DuckDBInstance.create(":memory:", {
    ...SETTINGS,
    memory_limit: `${Math.floor(memoryLimitBytes / 1024)}KiB`,
    threads: String(threads),
    temp_directory: `${path}.tmp`,
  });
  const connect = async (): Promise<Statements> => {
    const connection = await instance.connect();
    await connection.run(`USE ${DATABASE_NAME}`);
    return createStatements(duckdb, connection);
  };
  try {
    const first = await instance.connect();
    await first.run(`ATTACH '${path.replaceAll("'", "''")}' AS ${DATABASE_NAME} (${FORMAT})`);
    for (const setting of LOCKS) await first.run(`SET ${setting}`);
    first.closeSync();
    await migrate(await connect(), path);
  } catch (error) {
    instance.closeSync();
    throw error;
  }
  return { connect, close: () => instance.closeSync() };
}

export const DATABASE_NAME = "store";
/**
 * Space is given back by whole groups of rows, and lines are long: DuckDB's own 122,880 would be hundreds of megabytes. A
 * transaction that appends exactly a group has it written to the file at once, compressed, past the write-ahead log.
 */
export const ROW_GROUP_ROWS = 8_192;
/** The version is the oldest that knows the compression of lines. */
const FORMAT = `ROW_GROUP_SIZE ${ROW_GROUP_ROWS}, STORAGE_VERSION 'v1.2.0'`;
const SETTINGS = {
  autoinstall_known_extensions: "false",
  autoload_known_extensions: "false",
  // Checkpoints are our own: within an append they would stop it for a second.
  checkpoint_threshold: "1TiB",
  max_temp_directory_size: "1GiB",
  preserve_insertion_order: "false",
};
/** Once the file is open, no statement may open another, nor undo this. */
const LOCKS = ["enable_external_access = false", "lock_configuration = true"];

async function migrate(statements: Statements, path: string): Promise<void> {
  await statements.run("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER)");
  const [row] = await statements.ask("SELECT max(version) AS version FROM schema_version");
  const version = Number(row?.["version"] ?? 0);
  if (version > MIGRATIONS.length) {
    throw new DatabaseError("newer", `${path} was written by a newer version of Seismo`);
  }
  if (version < MIGRATIONS.length) {
    await statements.transaction(async () => {
      for (const statement of MIGRATIONS.slice(version).flat()) await statements.run(statement);
      await statements.run("INSERT INTO schema_version VALUES ($1)", [MIGRATIONS.length]);
    });
  }
  statements.close();
}

/** The file and its log, as they are. */
function moveAside(path: string, note: (message: string) => void, why: string): void {
  for (const file of [path, `${path}.wal`]) if (existsSync(file)) moveOne(file, note, why);
}

function moveOne(file: string, note: (message: string) => void, why: string): void {
  const aside = `${file}.corrupt-${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "")}`;
  renameSync(file, aside);
  note(`${why}; ${file} is set aside as ${aside}, and the store is made anew from the journal`);
}
