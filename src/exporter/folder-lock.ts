/**
 * A folder for one process at a time. Node has no flock(), so the lock is a symbolic link `lock` that leads nowhere: its
 * target is the name of the owner. It is made with its text in one step, and needs no space on a disk that is full.
 *
 *   lock -> <process number>,<boot>,<when it began>
 *
 * An owner that was killed leaves its lock behind; it is taken over when that process is gone. A process number says
 * little by itself (in a container it is 1 after every start), so the time at which the owner began stands behind it,
 * where /proc tells. Containers that share a folder do not see each other's processes: this lock does not part them.
 */
import { readFileSync, readlinkSync, renameSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../node-error";

export interface FolderLock {
  release(): void;
}

/** Throws an Error that names the owner when that is another living process, or this one. */
export function lockFolder(folder: string): FolderLock {
  const path = join(folder, "lock");
  const mine = `${process.pid},${statOf(process.pid)?.began ?? ""}`;
  if (!linkIfFree(mine, path)) {
    const owner = readOwner(path);
    if (held.has(path) || isAlive(owner)) throw lockedError(folder, owner);
    takeAway(path, owner, folder);
    if (!linkIfFree(mine, path)) throw lockedError(folder, readOwner(path));
  }
  held.add(path);
  return {
    release() {
      if (held.delete(path) && readOwner(path) === mine) unlinkIfThere(path);
    },
  };
}

/** By this process: its own number in a lock alone may be that of a dead process. */
const held = new Set<string>();
const ZOMBIE = "Z";

function lockedError(folder: string, owner: string): Error {
  return new Error(`${folder} is in use by process ${pidOf(owner)}; two processes cannot share it`);
}

function linkIfFree(owner: string, path: string): boolean {
  try {
    symlinkSync(owner, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** By a rename, and not blindly: another process may take the stale lock over at this moment. */
function takeAway(path: string, stale: string, folder: string): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  const taken = readOwner(aside);
  unlinkIfThere(aside);
  if (taken === stale) return;
  linkIfFree(taken, path);
  throw lockedError(folder, taken);
}

function isAlive(owner: string): boolean {
  const pid = pidOf(owner);
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  if (pid === process.pid) return false; // not held by this process: see `held`
  const began = owner.slice(owner.indexOf(",") + 1);
  const running = statOf(pid);
  if (running !== undefined && began !== "") return running.began === began && running.state !== ZOMBIE;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

function pidOf(owner: string): number {
  return Number(owner.split(",")[0]);
}

/** `began` in ticks since the boot that is named with it. Linux alone tells. */
function statOf(pid: number): { readonly state: string; readonly began: string } | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  const boot = readText("/proc/sys/kernel/random/boot_id");
  if (stat === undefined || boot === undefined) return undefined;
  // Fields 3 and 22; the second one, the name in brackets, may hold spaces and brackets itself.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // Short, since file systems keep a link of less than 60 bytes without a block of its own.
  return { state: fields[0] ?? "", began: `${boot.slice(0, 8)},${fields[19] ?? ""}` };
}

/** `""` when there is none, or something else has its name. */
function readOwner(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
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
