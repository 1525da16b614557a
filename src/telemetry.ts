/**
 * Seismo's own health: what came in, what was kept, what was lost and why, and the one log writer.
 * At all times, for each signal: received = kept + forwarded + dropped{reason} + what waits.
 *
 * Below it, what log and journal are made of: a file that is appended to and rotates,
 *
 *   seismo.log ──full──► seismo.log.1 ──► … ──► seismo.log.5 ──► gone
 */
import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { attempt, codeOf, toError } from "./node-error";

export type LogLevel = "debug" | "info" | "warning" | "error";
export type LogFields = Readonly<Record<string, string | number | boolean>>;

/** Where log lines go. Must not throw. */
export interface LogWriter {
  write(level: LogLevel, message: string, fields: LogFields): void;
}

/** What is counted: error events, spans, log records, reports, requests, metric series, and bugs of Seismo's own. */
export type Signal = "errors" | "spans" | "logs" | "reports" | "requests" | "metrics" | "store" | "internal";

/** Every way to lose something. A closed list, since it is a metric label. */
export const DROP_REASONS = [
  "ignored",
  "internal_error",
  "journal_failed",
  "limit",
  "queue_full",
  "refused",
  "shutdown",
  "export_failed",
  "expired",
  "rejected_downstream",
  "corrupt",
  "duplicate",
  "store_unavailable",
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

export interface TelemetryCount {
  readonly signal: Signal;
  readonly reason: string;
  readonly value: number;
}

export interface TelemetrySnapshot {
  readonly received: readonly TelemetryCount[];
  readonly kept: readonly TelemetryCount[];
  readonly forwarded: readonly TelemetryCount[];
  readonly dropped: readonly TelemetryCount[];
}

export interface Telemetry {
  received(signal: Signal, count?: number): void;
  kept(signal: Signal, count?: number): void;
  forwarded(signal: Signal, count?: number): void;
  dropped(signal: Signal, reason: DropReason, count?: number): void;
  /** A bug of ours, caught at the edge of the host's code: counted, and logged at most once a minute. */
  internalError(where: string, error: unknown): void;
  log(level: LogLevel, message: string, fields?: LogFields): void;
  /** Logs a message once in the life of the process. */
  logOnce(level: LogLevel, key: string, message: string): void;
  /** Logs at most once a minute for a key; what was held back is counted in the next line. */
  logLimited(level: LogLevel, key: string, message: string): void;
  snapshot(): TelemetrySnapshot;
}

export interface TelemetryOptions {
  readonly log?: LogWriter;
  /** For the limit on log lines: a clock that nobody sets back. Default: since the process began. */
  readonly nowMillis?: () => number;
}

/** Counters start at 0. Without a `log`, lines go nowhere. */
export function createTelemetry(options: TelemetryOptions = {}): Telemetry {
  const nowMillis = options.nowMillis ?? (() => performance.now());
  const counts = {
    received: new Map<Signal, Map<string, number>>(),
    kept: new Map<Signal, Map<string, number>>(),
    forwarded: new Map<Signal, Map<string, number>>(),
    dropped: new Map<Signal, Map<string, number>>(),
  };
  const onceKeys = new Set<string>();
  const limited = new Map<string, { nextMillis: number; held: number }>();

  const log: Telemetry["log"] = (level, message, fields = {}) => options.log?.write(level, message, fields);
  const logLimited: Telemetry["logLimited"] = (level, key, message) => {
    const now = nowMillis();
    const state = limited.get(key);
    if (state !== undefined && now < state.nextMillis) {
      state.held += 1;
      return;
    }
    if (state === undefined && limited.size >= MAX_LOG_KEYS) limited.clear();
    log(level, message, state !== undefined && state.held > 0 ? { held_back: state.held } : {});
    limited.set(key, { nextMillis: now + LOG_INTERVAL_MILLIS, held: 0 });
  };

  return {
    received: (signal, count = 1) => add(counts.received, signal, "", count),
    kept: (signal, count = 1) => add(counts.kept, signal, "", count),
    forwarded: (signal, count = 1) => add(counts.forwarded, signal, "", count),
    dropped: (signal, reason, count = 1) => add(counts.dropped, signal, reason, count),
    internalError(where, error) {
      add(counts.received, "internal", "", 1);
      add(counts.dropped, "internal", "internal_error", 1);
      logLimited("error", `internal:${where}`, `internal error in ${where}: ${describe(error)}`);
    },
    log,
    logOnce(level, key, message) {
      if (onceKeys.has(key) || onceKeys.size >= MAX_LOG_KEYS) return;
      onceKeys.add(key);
      log(level, message);
    },
    logLimited,
    snapshot: () => ({
      received: list(counts.received),
      kept: list(counts.kept),
      forwarded: list(counts.forwarded),
      dropped: list(counts.dropped),
    }),
  };
}

export interface LogWriterOptions extends AppendFileOptions {
  /** The lowest level that is written. */
  readonly level: LogLevel;
  readonly toFile: boolean;
  /** Every level is written, and to stderr as well. */
  readonly debug?: boolean | undefined;
  /** May throw. Default: file descriptor 2, past the host's `process.stderr` and its listeners. */
  readonly writeStderr?: (text: string) => void;
  readonly nowMillis?: () => number;
}

export interface FileLogWriter extends LogWriter {
  /** Lines that reached neither file nor stderr, though they should have. Also told by the next line (`lost=…`). */
  lostLines(): number;
  close(): void;
}

/**
 * One line a record: `2026-11-22T17:00:00.000Z WARNING seismo[4242] message key=value`. Nothing in a message can
 * begin a new line. Warnings and errors also go to stderr, in short. Opens the file at the first line.
 */
export function createLogWriter(options: LogWriterOptions): FileLogWriter {
  const nowMillis = options.nowMillis ?? Date.now;
  const writeStderr = options.writeStderr ?? ((text: string) => void writeSync(2, text));
  const debug = options.debug ?? false;
  const lowest = LEVELS.indexOf(debug ? "debug" : options.level);
  const file = options.toFile ? createAppendFile(options) : undefined;
  let lost = 0;
  let lostUntold = 0;
  let toldFailure = false;

  function say(text: string): boolean {
    try {
      writeStderr(`seismo: ${escapeControls(text.slice(0, MAX_STDERR_CHARS))}\n`);
      return true;
    } catch {
      return false; // a closed or clogged stderr; the caller counts the line
    }
  }

  function appendTo(log: AppendFile, level: LogLevel, text: string): boolean {
    const time = new Date(nowMillis()).toISOString();
    const note = lostUntold > 0 ? ` lost=${lostUntold}` : "";
    const body = escapeControls(text.slice(0, MAX_LOG_CHARS));
    const result = log.append(`${time} ${level.toUpperCase()} seismo[${process.pid}] ${body}${note}\n`);
    if (result.status === "written") {
      lostUntold = 0;
      return true;
    }
    if (!toldFailure) say(`cannot write the log file ${log.path}: ${result.error.message}`);
    toldFailure = true;
    return false;
  }

  return {
    write(level, message, fields) {
      if (LEVELS.indexOf(level) < lowest) return;
      const text = withFields(message.slice(0, MAX_LOG_CHARS), fields);
      const forStderr = debug || level === "warning" || level === "error";
      const isSaid = forStderr && say(text);
      const isFiled = file !== undefined && appendTo(file, level, text);
      if (isSaid || isFiled || (file === undefined && !forStderr)) return;
      lost += 1;
      lostUntold += 1;
    },
    lostLines: () => lost,
    close: () => file?.close(),
  };
}

export interface AppendFileOptions {
  readonly path: string;
  /** Rotates before a write that would make the file larger than this. */
  readonly maxBytes: number;
  /** How many older files are kept (`.1` is the newest). With 0, a full file is removed. */
  readonly backupCount: number;
  /** Milliseconds that never go back. */
  readonly monotonicMillis?: () => number;
}

export type AppendResult = { readonly status: "written" } | { readonly status: "failed"; readonly error: Error };

/** A file that only grows, then rotates. Nothing here throws. */
export interface AppendFile {
  readonly path: string;
  /** Whole lines, in one write, so that lines of several processes do not mix. After a failure the file is reopened. */
  append(lines: string): AppendResult;
  /** `fdatasync`. The error is what may not be on the disk; the file is then closed, never synced again. */
  syncNow(): Error | undefined;
  sync(): Promise<Error | undefined>;
  close(): void;
}

/**
 * Opens at the first line (0600, folders 0700, symbolic links refused). Once a second a write looks whether the path
 * still leads to this file, so that a file that was moved or removed is left behind for a new one. Several processes
 * may share a path: who rotates holds `<path>.lock`, the others go on and follow.
 */
export function createAppendFile(options: AppendFileOptions): AppendFile {
  const { path, maxBytes, backupCount } = options;
  const now = options.monotonicMillis ?? (() => performance.now());
  let current: OpenFile | undefined;
  let unsynced: Error | undefined;

  function close(): void {
    const fd = current?.fd;
    current = undefined;
    if (fd !== undefined) attempt(() => closeSync(fd));
  }

  /** The next sync is of another file, and must not pass over what was written to this one. */
  function leave(file: OpenFile): void {
    if (file.rotates) unsynced ??= attempt(() => fdatasyncSync(file.fd));
    close();
  }

  function takeUnsynced(): Error | undefined {
    const error = unsynced;
    unsynced = undefined;
    return error;
  }

  function open(): OpenFile {
    const opened = openAppending(path, now());
    current = opened;
    return opened;
  }

  function readyFor(byteCount: number): OpenFile {
    if (current !== undefined && now() - current.seenMillis >= LOOK_INTERVAL_MILLIS) {
      const there = lstatSync(path, { throwIfNoEntry: false });
      if (there === undefined || !isSame(there, current)) leave(current);
      else current = { ...current, size: there.size, seenMillis: now() };
    }
    const file = current ?? open();
    if (!file.rotates || file.size === 0 || file.size + byteCount <= maxBytes) return file;
    if (!rotate(path, file, backupCount)) return file;
    leave(file);
    return open();
  }

  return {
    path,
    append(lines) {
      const bytes = Buffer.from(lines);
      try {
        const file = readyFor(bytes.length);
        let written = 0;
        while (written < bytes.length) {
          const count = writeSync(file.fd, bytes, written);
          if (count === 0) throw new Error("the file takes no more bytes");
          written += count;
        }
        current = { ...file, size: file.size + written };
        return { status: "written" };
      } catch (error) {
        if (current !== undefined) leave(current);
        return { status: "failed", error: toError(error) };
      }
    },
    syncNow() {
      const left = takeUnsynced();
      const file = current;
      if (file === undefined || !file.rotates) return left;
      const error = attempt(() => fdatasyncSync(file.fd));
      if (error !== undefined) close();
      return error ?? left;
    },
    sync: () =>
      new Promise((resolve) => {
        const left = takeUnsynced();
        const file = current;
        if (file === undefined || !file.rotates) return resolve(left);
        fdatasync(file.fd, (error) => {
          // Closed meanwhile: it was synced then, and what the number now stands for is not ours to judge.
          const failed = error !== null && current?.fd === file.fd;
          if (failed) close();
          resolve(failed ? error : (left ?? takeUnsynced()));
        });
      }),
    close,
  };
}

/** One line, whatever the text: C0, DEL, C1 and the line separators of Unicode become visible escapes. */
export function escapeControls(text: string): string {
  return CONTROLS.test(text) ? text.replace(ALL_CONTROLS, escapeControl) : text;
}

const LEVELS: readonly LogLevel[] = ["debug", "info", "warning", "error"];
const MAX_LOG_CHARS = 8_192;
const MAX_STDERR_CHARS = 500;
const MAX_LOG_KEYS = 1_000;
const LOG_INTERVAL_MILLIS = 60_000;

function add(counts: Map<Signal, Map<string, number>>, signal: Signal, reason: string, count: number): void {
  let reasons = counts.get(signal);
  if (reasons === undefined) {
    reasons = new Map();
    counts.set(signal, reasons);
  }
  reasons.set(reason, (reasons.get(reason) ?? 0) + count);
}

function list(counts: Map<Signal, Map<string, number>>): TelemetryCount[] {
  return [...counts].flatMap(([signal, reasons]) => [...reasons].map(([reason, value]) => ({ signal, reason, value })));
}

/** The text of a thrown value that may itself throw when looked at. */
function describe(error: unknown): string {
  try {
    return String(error instanceof Error ? (error.stack ?? error.message) : error);
  } catch (cause) {
    return `a value that cannot be printed (${typeof cause})`;
  }
}

/** A line as the log has it: `message key=value`. */
export function withFields(message: string, fields: LogFields): string {
  return Object.entries(fields).reduce((text, [key, value]) => `${text} ${key}=${quote(value)}`, message);
}

function quote(value: string | number | boolean): string {
  const text = String(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
const ALL_CONTROLS = new RegExp(CONTROLS, "g");

function escapeControl(character: string): string {
  if (character === "\n") return "\\n";
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

const LOOK_INTERVAL_MILLIS = 1_000;
const STALE_LOCK_MILLIS = 10_000;
const NEWLINE = 0x0a;

interface OpenFile {
  readonly fd: number;
  readonly ino: number;
  readonly dev: number;
  readonly size: number;
  /** Devices neither rotate nor sync. */
  readonly rotates: boolean;
  readonly seenMillis: number;
}

/**
 * Throws what the file system says. A last line that was torn by a crash is ended first. One that another process is just
 * writing looks torn too: then an empty line follows it, which readers pass over.
 */
function openAppending(path: string, seenMillis: number): OpenFile {
  const fd = openCreating(path);
  try {
    const { ino, dev, size, isFile } = statOf(fd);
    const torn = isFile && size > 0 && lastByte(fd, size) !== NEWLINE;
    if (torn) writeSync(fd, "\n");
    return { fd, ino, dev, size: isFile ? size + (torn ? 1 : 0) : 0, rotates: isFile, seenMillis };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openCreating(path: string): number {
  // O_NONBLOCK: a pipe without a reader must not stop the host.
  const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return openSync(path, flags, 0o600);
  }
}

/** A pipe would swallow lines that nobody reads. */
function statOf(fd: number): { ino: number; dev: number; size: number; isFile: boolean } {
  const stat = fstatSync(fd);
  if (!stat.isFile() && !stat.isCharacterDevice()) throw new Error("neither a file nor a device");
  return { ino: stat.ino, dev: stat.dev, size: stat.size, isFile: stat.isFile() };
}

function lastByte(fd: number, size: number): number | undefined {
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, size - 1);
  return byte[0];
}

/** False when another process is at it. Throws when the folder does not allow it: a file without a bound is worse. */
function rotate(path: string, file: OpenFile, backupCount: number): boolean {
  const lock = `${path}.lock`;
  if (!takeLock(lock)) return false;
  try {
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there === undefined || !isSame(there, file)) return true; // another process has rotated: follow it
    if (backupCount === 0) unlinkSync(path);
    for (let number = backupCount; number > 0; number--) {
      moveIfThere(number === 1 ? path : `${path}.${number - 1}`, `${path}.${number}`);
    }
    return true;
  } finally {
    attempt(() => unlinkSync(lock)); // gone already when another process took it for stale
  }
}

/** A lock that its owner did not live to remove is removed, for the next try. */
function takeLock(lock: string): boolean {
  try {
    closeSync(openSync(lock, "wx", 0o600));
    return true;
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    const there = lstatSync(lock, { throwIfNoEntry: false });
    if (there !== undefined && Math.abs(Date.now() - there.mtimeMs) > STALE_LOCK_MILLIS)
      attempt(() => unlinkSync(lock));
    return false;
  }
}

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

function isSame(a: { ino: number; dev: number }, b: { ino: number; dev: number }): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}
