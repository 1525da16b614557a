/**
 * One scrape for all processes and worker threads of an app.
 *
 *   owner, which serves /metrics                     members: cluster workers, forked children, worker threads
 *   private folder ── metrics.sock ◄──── hello, families (what changed: every 5 s, and when asked) ──┐
 *        │                          ────► collect (at a scrape) ────────────────────────────────────►│
 *        └─────────── left-….json  ◄──── families (by a member about to die, written synchronously) ─┘
 *                     died-…       ◄──── "this death is counted", for the process that sees it die
 *
 * The first process makes the folder and hands the path of the socket on in its environment. What the members count is
 * added up (metric-family.ts). The counts of a member that is gone stay, so that no counter falls; its gauges go, those
 * that say how it fared and when it was there a while later.
 * Lines of JSON; anybody who can open the folder is this user.
 */
import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { readdir, readFile, stat, unlink } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { threadId } from "node:worker_threads";
import type { Telemetry } from "../telemetry";
import {
  decodeFamilies,
  type MetricFamilySnapshot,
  mergeFamily,
  type SeriesBound,
  withLastWords,
  withoutGauges,
} from "./metric-family";
import type { Metrics } from "./prometheus";

export interface ProcessGroupOptions {
  readonly metrics: Pick<Metrics, "snapshot" | "defaultFamilies">;
  readonly telemetry: Telemetry;
  /** Of one metric over all processes. */
  readonly maxSeries: number;
  /** Default 256. Who comes later is turned away and counted as dropped metrics. */
  readonly maxMembers?: number;
  /** How long a scrape waits for members; who is late is shown as last known. Default 1000. */
  readonly collectTimeoutMillis?: number;
  /** Only differences count. Default: the time since this process started. */
  readonly nowMillis?: () => number;
}

export interface ProcessGroup {
  /** To be handed to descendants as SEISMO_METRICS_SOCKET; `undefined` when no socket could be made. */
  readonly path: string | undefined;
  /** All processes as one, then the owner's own `process_*` and `nodejs_*`, which mean nothing when added up. Never rejects. */
  metricsOfGroup(): Promise<MetricFamilySnapshot[]>;
  /** Whether that process or thread of the group said, within the last minute, that it has counted its own death. */
  announcedDeath(pid: number, threadId: number): boolean;
  /** Synchronous: a process that exits leaves no folder behind. */
  close(): void;
}

/** Never throws: without a socket the group is the owner alone. The members' sockets do not keep the process alive. */
export function createProcessGroup(options: ProcessGroupOptions): ProcessGroup {
  const { metrics, telemetry } = options;
  const maxMembers = options.maxMembers ?? MAX_MEMBERS;
  const collectTimeoutMillis = options.collectTimeoutMillis ?? COLLECT_TIMEOUT_MILLIS;
  const nowMillis = options.nowMillis ?? (() => performance.now());
  const members = new Map<string, MemberState>();
  /** Members whose counts went into `departed`: they cannot come back, for they would count twice. */
  const folded = new Set<string>();
  let departed: Families = new Map();
  const mergeDeparted = createMerge(options.maxSeries);
  const mergeAll = createMerge(options.maxSeries);

  const accept = (socket: Socket): void => {
    let member: MemberState | undefined;
    socket.unref();
    socket.on("error", (error) => telemetry.log("debug", `metrics of a member process: ${error.message}`));
    socket.on("close", () => {
      if (member?.socket === socket) {
        member.socket = undefined;
        member.goneMillis = nowMillis();
      }
      member?.answered?.();
    });
    readLines(socket, (message) => {
      if (message.type === "hello" && member === undefined) member = admit(message.id, socket);
      else if (message.type === "families" && member !== undefined) absorb(member, message);
      else socket.destroy();
    });
  };
  const admit = (id: string, socket: Socket): MemberState | undefined => {
    telemetry.received("metrics");
    const known = members.get(id);
    const connected = [...members.values()].filter((member) => member.socket !== undefined).length;
    if (known?.socket !== undefined || folded.has(id) || connected >= maxMembers) {
      telemetry.dropped("metrics", "limit");
      socket.destroy();
      return undefined;
    }
    telemetry.kept("metrics");
    const member = known ?? newMember(nowMillis());
    member.socket = socket;
    members.set(id, member);
    return member;
  };

  /** What dying members left in the folder, then those that are long gone into one sum. */
  const sweep = async (): Promise<void> => {
    if (folder === undefined) return;
    for (const name of await readdir(folder)) {
      const file = join(folder, name);
      if (name.startsWith("died-") && (await stat(file)).mtimeMs < Date.now() - ANNOUNCEMENT_MILLIS) await unlink(file);
      const id = /^left-([0-9a-f-]{36})-\d+\.json$/.exec(name)?.[1];
      if (id === undefined) continue;
      const size = (await stat(file)).size;
      const message = size > MAX_MESSAGE_BYTES ? undefined : decodeMessage(await readFile(file, "utf8"));
      await unlink(file);
      if (folded.has(id) || message?.type !== "families") continue;
      const member = members.get(id) ?? newMember(nowMillis());
      members.set(id, member);
      absorb(member, message);
    }
    const gone = [...members].filter(([, member]) => member.socket === undefined);
    for (const [id, member] of gone.slice(0, Math.max(0, gone.length - MAX_GONE))) {
      const sum = await mergeDeparted([departed, byName(withoutGauges(member.families.values()))]);
      if (member.socket !== undefined) continue;
      departed = sum;
      members.delete(id);
      folded.add(id);
    }
    for (const id of folded) if (folded.size > MAX_FOLDED) folded.delete(id);
  };
  let sweeping: Promise<void> | undefined;
  const sweepOnce = (): Promise<void> => {
    sweeping ??= sweep()
      .catch((error: unknown) => telemetry.internalError("process group", error))
      .finally(() => {
        sweeping = undefined;
      });
    return sweeping;
  };

  /** Asks every member and waits for all answers, or for as long as a scrape can wait. */
  const collect = async (): Promise<void> => {
    const answers = [...members.values()].flatMap((member) => ask(member) ?? []);
    if (answers.length === 0) return;
    let late: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      late = setTimeout(resolve, collectTimeoutMillis).unref();
    });
    await Promise.race([Promise.all(answers), timeout]);
    clearTimeout(late);
  };
  let collecting: Promise<void> | undefined;
  const collectOnce = (): Promise<void> => {
    collecting ??= collect().finally(() => {
      collecting = undefined;
    });
    return collecting;
  };

  let folder: string | undefined;
  let path: string | undefined;
  const server = createServer(accept);
  server.on("error", (error) => {
    telemetry.logOnce("warning", "process-group", `metrics of child processes are not collected: ${error.message}`);
  });
  try {
    folder = mkdtempSync(join(tmpdir(), "seismo-"));
    path = socketPath(folder);
    server.listen({ path, exclusive: true });
    server.unref();
  } catch (error) {
    server.emit("error", error);
    path = undefined;
  }
  const sweeper = setInterval(sweepOnce, PUSH_INTERVAL_MILLIS).unref();

  return {
    path,
    async metricsOfGroup() {
      try {
        await collectOnce();
        await sweepOnce();
        const own = metrics.snapshot();
        const alone = members.size === 0 && departed.size === 0;
        const now = nowMillis();
        const others = [...members.values()].map((member) => familiesOf(member, now));
        const all = alone ? own : [...(await mergeAll([byName(own), departed, ...others])).values()];
        return [...all, ...(await metrics.defaultFamilies())];
      } catch (error) {
        telemetry.internalError("process group", error);
        return metrics.snapshot();
      }
    },
    announcedDeath: (pid, thread) => folder !== undefined && existsSync(announcement(folder, pid, thread)),
    close() {
      clearInterval(sweeper);
      server.close();
      for (const member of members.values()) member.socket?.destroy();
      try {
        if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
      } catch (error) {
        telemetry.internalError("process group", error);
      }
    },
  };
}

export interface GroupMemberOptions {
  /** From SEISMO_METRICS_SOCKET. */
  readonly path: string;
  readonly metrics: Pick<Metrics, "snapshot">;
  readonly telemetry: Telemetry;
  /** Called at most once, when the owner has not been there for some seconds: nobody shows this process's metrics. */
  readonly onOwnerLost?: () => void;
}

export interface GroupMember {
  /** For a process about to die: hands on all counts before it returns, without the event loop. Never throws. */
  pushNow(): void;
  /** Tells whoever sees this process or thread die that it has counted its death itself. Synchronous; never throws. */
  announceDeath(): void;
  announcedDeath(pid: number, threadId: number): boolean;
  close(): void;
}

/** Never throws and never keeps the process alive; without an owner the member goes on counting for itself. */
export function joinProcessGroup(options: GroupMemberOptions): GroupMember {
  const { path, metrics, telemetry } = options;
  const id = randomUUID();
  /** The text of each family as the owner has it. */
  const sent = new Map<string, string>();
  let sequence = 0;
  let failures = 0;
  let lost = false;
  let closed = false;
  let leftFile: string | undefined;
  let socket: Socket | undefined;
  let connected = false;
  let retry: NodeJS.Timeout | undefined;

  /** Only what changed, and to a request an answer even when nothing did. */
  const push = (cause: "asked" | "interval"): void => {
    // While the last push still waits in the socket there is nothing to gain by another.
    if (!connected || (cause === "interval" && (socket?.writableLength ?? 0) > 0)) return;
    const changed: string[] = [];
    for (const family of metrics.snapshot()) {
      const text = JSON.stringify(family);
      if (sent.get(family.name) === text) continue;
      sent.set(family.name, text);
      changed.push(text);
    }
    if (changed.length === 0 && cause === "interval") return;
    sequence += 1;
    const line = familiesMessage(sequence, changed);
    if (line.length <= MAX_MESSAGE_BYTES) socket?.write(`${line}\n`);
    else {
      telemetry.received("metrics");
      telemetry.dropped("metrics", "limit");
    }
  };

  const open = (): void => {
    const current = connect({ path });
    socket = current;
    current.unref();
    current.on("error", (error) => telemetry.log("debug", `metrics socket: ${error.message}`));
    current.on("connect", () => {
      connected = true;
      failures = 0;
      sent.clear();
      current.write(`${JSON.stringify({ type: "hello", id })}\n`);
      guard(() => push("asked"));
    });
    current.on("close", () => {
      connected = false;
      if (closed) return;
      failures += 1;
      retry = setTimeout(open, Math.min(MAX_RETRY_MILLIS, MIN_RETRY_MILLIS * 2 ** failures)).unref();
      if (lost || failures < FAILURES_UNTIL_LOST) return;
      lost = true;
      guard(() => options.onOwnerLost?.());
    });
    readLines(current, (message) => {
      if (message.type === "collect") guard(() => push("asked"));
    });
  };
  const guard = (action: () => void): void => {
    try {
      action();
    } catch (error) {
      telemetry.internalError("process group", error);
    }
  };
  /** Or it took the previous file: nothing is lost that could have been kept. */
  const ownerIsGone = (error: unknown): void => {
    telemetry.log("debug", `last metrics: ${error instanceof Error ? error.message : String(error)}`);
  };
  open();
  const pusher = setInterval(() => guard(() => push("interval")), PUSH_INTERVAL_MILLIS).unref();

  return {
    pushNow() {
      try {
        sequence += 1;
        const texts = metrics.snapshot().map((family) => JSON.stringify(family));
        const file = join(folderOf(path), `left-${id}-${sequence}.json`);
        // The owner sees the file when it is whole, and one of each member at most.
        writeFileSync(`${file}.part`, familiesMessage(sequence, texts), { mode: 0o600 });
        renameSync(`${file}.part`, file);
        const previous = leftFile;
        leftFile = file;
        if (previous !== undefined) unlinkSync(previous);
      } catch (error) {
        ownerIsGone(error);
      }
    },
    announceDeath() {
      try {
        writeFileSync(announcement(folderOf(path), process.pid, threadId), "", { mode: 0o600 });
      } catch (error) {
        ownerIsGone(error);
      }
    },
    announcedDeath: (pid, thread) => existsSync(announcement(folderOf(path), pid, thread)),
    close() {
      closed = true;
      clearInterval(pusher);
      clearTimeout(retry);
      socket?.destroy();
    },
  };
}

const MAX_MEMBERS = 256;
const ANNOUNCEMENT_MILLIS = 60_000;
const MAX_GONE = 64;
const MAX_FOLDED = 10_000;
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
const COLLECT_TIMEOUT_MILLIS = 1_000;
const PUSH_INTERVAL_MILLIS = 5_000;
const MIN_RETRY_MILLIS = 50;
const MAX_RETRY_MILLIS = 30_000;
const FAILURES_UNTIL_LOST = 5;
const SERIES_PER_TURN = 2_000;

type Families = ReadonlyMap<string, MetricFamilySnapshot>;

interface MemberState {
  socket: Socket | undefined;
  /** When it was heard of last; means something without a socket only. */
  goneMillis: number;
  /** The newest that was taken in: a file that a member left may be older than what came by the socket. */
  sequence: number;
  readonly families: Map<string, MetricFamilySnapshot>;
  /** There while the member owes an answer. */
  answered: (() => void) | undefined;
}

function newMember(nowMillis: number): MemberState {
  return { socket: undefined, goneMillis: nowMillis, sequence: 0, families: new Map(), answered: undefined };
}

function familiesOf({ socket, goneMillis, families }: MemberState, nowMillis: number): Families {
  if (socket !== undefined) return families;
  return byName(withLastWords(families.values(), nowMillis - goneMillis));
}

function absorb(member: MemberState, { sequence, families }: FamiliesMessage): void {
  if (sequence > member.sequence) {
    member.sequence = sequence;
    for (const family of families) member.families.set(family.name, family);
  }
  member.answered?.();
}

/** A member that still owes an answer hangs: it is not asked, and not waited for, again. */
function ask(member: MemberState): Promise<void> | undefined {
  const { socket } = member;
  if (socket === undefined || member.answered !== undefined) return undefined;
  return new Promise((resolve) => {
    member.answered = () => {
      member.answered = undefined;
      resolve();
    };
    socket.write(`${COLLECT}\n`);
  });
}

/** Merges families by name; gives the event loop its turn in between. */
function createMerge(maxSeries: number): (parts: readonly Families[]) => Promise<Families> {
  const bounds = new Map<string, SeriesBound>();
  return async (parts) => {
    const merged: Map<string, MetricFamilySnapshot> = new Map();
    let work = 0;
    for (const name of new Set(parts.flatMap((part) => [...part.keys()]))) {
      const [first, ...rest] = parts.flatMap((part) => part.get(name) ?? []);
      if (first === undefined) continue;
      const bound = bounds.get(name) ?? { maxSeries, kept: new Set() };
      bounds.set(name, bound);
      merged.set(name, mergeFamily(first, rest, bound));
      work += first.series.length + rest.reduce((sum, family) => sum + family.series.length, 0);
      if (work < SERIES_PER_TURN) continue;
      work = 0;
      await nextTurn();
    }
    return merged;
  };
}

function byName(families: readonly MetricFamilySnapshot[]): Families {
  return new Map(families.map((family) => [family.name, family]));
}

interface FamiliesMessage {
  readonly type: "families";
  readonly sequence: number;
  readonly families: readonly MetricFamilySnapshot[];
}
type Message = FamiliesMessage | { readonly type: "hello"; readonly id: string } | { readonly type: "collect" };

const COLLECT = '{"type":"collect"}';

function familiesMessage(sequence: number, families: readonly string[]): string {
  return `{"type":"families","sequence":${sequence},"families":[${families.join(",")}]}`;
}

function decodeMessage(line: string): Message | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof json !== "object" || json === null) return undefined;
  const { type, id, sequence, families }: Record<string, unknown> = { ...json };
  if (type === "hello" && typeof id === "string" && /^[0-9a-f-]{36}$/.test(id)) return { type, id };
  if (type === "collect") return { type };
  const decoded = decodeFamilies(families);
  if (type !== "families" || !isSequence(sequence) || decoded === undefined) return undefined;
  return { type, sequence, families: decoded };
}

function isSequence(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/** Whoever sends a line that is too long or says nothing known is cut off. */
function readLines(socket: Socket, onMessage: (message: Message) => void): void {
  let parts: string[] = [];
  let length = 0;
  socket.setEncoding("utf8");
  socket.on("data", (data: string) => {
    const [first = "", ...more] = data.split("\n");
    const lines: string[] = [];
    parts.push(first);
    length += first.length;
    for (const next of more) {
      lines.push(parts.join(""));
      parts = [next];
      length = next.length;
    }
    for (const line of lines) {
      const message = decodeMessage(line);
      if (message === undefined) socket.destroy();
      if (socket.destroyed) return;
      if (message !== undefined) onMessage(message);
    }
    if (length > MAX_MESSAGE_BYTES) socket.destroy();
  });
}

function announcement(folder: string, pid: number, thread: number): string {
  return join(folder, `died-${pid}-${thread}`);
}

/** A named pipe is in no folder, so on Windows the folder is found again by its name. */
function socketPath(folder: string): string {
  return process.platform === "win32" ? `\\\\.\\pipe\\${basename(folder)}` : join(folder, "metrics.sock");
}
function folderOf(path: string): string {
  return process.platform === "win32" ? join(tmpdir(), basename(path.replaceAll("\\", "/"))) : dirname(path);
}
