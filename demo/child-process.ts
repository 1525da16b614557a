/** A process that the demo starts, watches and ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";

export interface RunningProcess<T> {
  readonly pid: number;
  /** What it said when it was ready. */
  readonly ready: T;
  /** Resolves when the process has ended without being asked to, with what it said last. */
  readonly died: Promise<string>;
  /** Resolves when the process is gone. */
  stop(): Promise<void>;
}

export interface ProcessOptions<T> {
  /** As in `the shop service`, for people. */
  readonly title: string;
  /** Default: node, with a channel for messages. */
  readonly program?: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** It runs in it, and what it prints is written there. Exists. */
  readonly folder: string;
  readonly whenReady: (child: ChildProcess) => Promise<T>;
}

const READY_MILLIS = 30_000;
const STOP_MILLIS = 3_000;
const LAST_WORDS = 2_000;

/** Waits until it is ready. */
export async function startProcess<T>(options: ProcessOptions<T>): Promise<RunningProcess<T>> {
  const { title, program, args, env, folder, whenReady } = options;
  const child = spawn(program ?? process.execPath, args, {
    cwd: folder, // no configuration of somebody else's lies there
    env,
    stdio: ["ignore", "pipe", "pipe", program === undefined ? "ipc" : "ignore"],
    detached: process.platform !== "win32", // Ctrl-C in the terminal is for the demo alone, which stops what it started
  });
  const killWithUs = (): boolean => child.kill("SIGKILL");
  process.once("exit", killWithUs);

  let words = "";
  const output = createWriteStream(join(folder, "output.log"));
  for (const stream of [child.stdout, child.stderr]) {
    stream?.pipe(output, { end: false });
    stream?.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(-LAST_WORDS);
    });
  }
  let isWanted = true;
  const ended = once(child, "close").then(() => {
    process.off("exit", killWithUs);
    output.end();
  });
  const died = new Promise<string>((resolve) => {
    void ended.then(() => {
      if (isWanted) resolve(`the ${title} ended by itself (${howItEnded(child)}); it said:\n${words.trim()}`);
    });
  });
  const stop = async (): Promise<void> => {
    isWanted = false;
    child.kill("SIGTERM");
    const patience = setTimeout(killWithUs, STOP_MILLIS);
    await ended;
    clearTimeout(patience);
  };

  try {
    return { pid: child.pid ?? 0, ready: await inTime(whenReady(child), died, title), died, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What a pattern finds first in what the process prints. */
export async function printed(stream: NodeJS.ReadableStream | null, pattern: RegExp): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const look = (more: string): void => {
      text = (text + more).slice(-LAST_WORDS);
      const found = pattern.exec(text)?.[1];
      if (found === undefined) return;
      stream?.off("data", look);
      resolve(found);
    };
    stream?.on("data", look);
  });
}

/** The demo's own environment, but for a Seismo or OpenTelemetry of the user's own, which is set up differently. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^(?:SEISMO|OTEL|LOG)_|^NODE_OPTIONS$/.test(key)),
  );
}

async function inTime<T>(ready: Promise<T>, died: Promise<string>, title: string): Promise<T> {
  let patience: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      ready,
      died.then((words) => Promise.reject(new Error(words))),
      new Promise<never>((_resolve, reject) => {
        patience = setTimeout(() => reject(new Error(`the ${title} is not ready after 30 s`)), READY_MILLIS);
      }),
    ]);
  } finally {
    clearTimeout(patience);
  }
}

function howItEnded({ exitCode, signalCode }: ChildProcess): string {
  return signalCode === null ? `exit code ${exitCode}` : signalCode;
}
