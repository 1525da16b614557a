/**
 * A folder for one process at a time: a file `lock` that names its owner. Node has no flock(), so an owner that was
 * killed leaves its lock behind; it is taken over when that process is gone. A process number says little by itself
 * (in a container it is 1 after every start), so the lock holds when the owner began as well, where /proc tells.
 */
import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface FolderLock {
  release(): void;
}

/** Throws an Error that names the owner when that is another living process, or this one. */
export function lockFolder(folder: string): FolderLock {
  const path = join(folder, "lock");
  const mine = JSON.stringify({ pid: process.pid, began: beginningOf(process.pid) });
  const temporary = join(folder, `lock.${process.pid}`);
  unlinkIfThere(temporary);
  try {
    writeFileSync(temporary, mine, { flag: "wx", mode: 0o600 });
    if (!linkIfFree(temporary, path)) {
      const owner = readOwner(path);
      if (owner !== undefined && (held.has(path) || isAlive(owner))) throw new LockedError(folder, owner.pid);
      takeAway(path, owner, folder);
      if (!linkIfFree(temporary, path)) throw new LockedError(folder, readOwner(path)?.pid);
    }
  } finally {
    unlinkIfThere(temporary);
  }
  held.add(path);
  return {
    release() {
      if (held.delete(path) && readText(path) === mine) unlinkIfThere(path);
    },
  };
}

interface Owner {
  readonly pid: number;
  /** `""` where it could not be told. */
  readonly began: string;
}

/** By this process: its own number in a lock alone may be that of a dead process. */
const held = new Set<string>();

class LockedError extends Error {
  constructor(folder: string, pid: number | undefined) {
    super(`${folder} is in use by process ${pid ?? "?"}; two processes cannot share it`);
  }
}

/** A link appears with its content, which a file that is made and then written does not. */
function linkIfFree(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** By a rename, and not blindly: another process may take the stale lock over at this moment. */
function takeAway(path: string, stale: Owner | undefined, folder: string): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  const taken = readOwner(aside);
  const isStale = taken?.pid === stale?.pid && taken?.began === stale?.began;
  if (!isStale) linkIfFree(aside, path);
  unlinkIfThere(aside);
  if (!isStale) throw new LockedError(folder, taken?.pid);
}

function isAlive({ pid, began }: Owner): boolean {
  if (pid === process.pid) return false; // not held by this process: see `held`
  const running = statOf(pid);
  if (running !== undefined && began !== "") return running.began === began && running.state !== ZOMBIE;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

const ZOMBIE = "Z";

function beginningOf(pid: number): string {
  return statOf(pid)?.began ?? "";
}

/** `began` in ticks since the boot that is named with it. Linux alone tells. */
function statOf(pid: number): { readonly state: string; readonly began: string } | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  const boot = readText("/proc/sys/kernel/random/boot_id");
  if (stat === undefined || boot === undefined) return undefined;
  // Fields 3 and 22; the second one, the name in brackets, may hold spaces and brackets itself.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", began: `${boot.trim()}:${fields[19] ?? ""}` };
}

/** A lock that cannot be read has no owner. */
function readOwner(path: string): Owner | undefined {
  try {
    const owner: unknown = JSON.parse(readText(path) ?? "");
    if (typeof owner !== "object" || owner === null || !("pid" in owner) || !("began" in owner)) return undefined;
    const { pid, began } = owner;
    return typeof pid === "number" && Number.isSafeInteger(pid) && pid > 0 && typeof began === "string"
      ? { pid, began }
      : undefined;
  } catch {
    return undefined;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
