/** One service of the demo: a process of its own, with Seismo in front and nothing else changed. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";

export interface ServiceProcess {
  readonly name: string;
  readonly pid: number;
  readonly url: string;
  readonly metricsUrl: string;
  /** Resolves when the process has ended without being asked to, with what it said last. */
  readonly died: Promise<string>;
  /** Resolves when the process is gone. */
  stop(): Promise<void>;
}

export interface ServiceOptions {
  readonly name: string;
  /** Compiled, in this folder. */
  readonly script: string;
  readonly port: number;
  readonly settings: { readonly [name: string]: string };
  /** For the journal, logs and what the service prints. Exists. */
  readonly folder: string;
}

const READY_MILLIS = 30_000;
const STOP_MILLIS = 3_000;
const LAST_WORDS = 2_000;

/** Waits until the service takes requests and its metrics can be asked for. */
export async function startService(options: ServiceOptions): Promise<ServiceProcess> {
  const { name, script, folder } = options;
  const child = spawn(process.execPath, ["--require", require.resolve("seismo/register"), join(__dirname, script)], {
    cwd: folder, // no configuration of somebody else's lies there
    env: environment(options),
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    detached: process.platform !== "win32", // Ctrl-C in the terminal is for the demo alone, which stops its services itself
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
      if (isWanted) resolve(`the ${name} service ended by itself (${howItEnded(child)}); it said:\n${words.trim()}`);
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
    const [port, metricsUrl] = await inTime(Promise.all([portOf(child), metricsUrlOf(child)]), died, name);
    return { name, pid: child.pid ?? 0, url: `http://127.0.0.1:${port}`, metricsUrl, died, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function environment({ name, port, settings, folder }: ServiceOptions): NodeJS.ProcessEnv {
  // A Seismo or OpenTelemetry of the user's own is set up differently; where to send traces is the user's to say.
  const own = Object.entries(process.env).filter(
    ([key]) => !/^(?:SEISMO|OTEL|LOG)_|^NODE_OPTIONS$/.test(key) || key.startsWith("OTEL_EXPORTER_"),
  );
  return {
    ...Object.fromEntries(own),
    ...settings,
    PORT: String(port),
    DATA_FOLDER: folder,
    OTEL_SERVICE_NAME: name,
    SEISMO_WORKER_ID: name,
    SEISMO_METRICS_PORT: "0",
    SEISMO_SLOW_REQUEST_MS: "300",
    SEISMO_JOURNAL_PATH: join(folder, "error_log.jsonl"),
    SEISMO_JOURNAL_FALLBACK_PATH: join(folder, "error_log_fallback.txt"),
    LOG_FILE_PATH: join(folder, "seismo.log"),
  };
}

async function portOf(child: ChildProcess): Promise<number> {
  const [message] = await once(child, "message");
  const { port }: { readonly port?: unknown } = Object(message);
  return Number(port);
}

async function metricsUrlOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const look = (more: string): void => {
      text = (text + more).slice(-LAST_WORDS);
      const url = /metrics on (http:\S+)/.exec(text)?.[1];
      if (url === undefined) return;
      child.stderr?.off("data", look);
      resolve(url);
    };
    child.stderr?.on("data", look);
  });
}

async function inTime<T>(ready: Promise<T>, died: Promise<string>, name: string): Promise<T> {
  let patience: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      ready,
      died.then((words) => Promise.reject(new Error(words))),
      new Promise<never>((_resolve, reject) => {
        patience = setTimeout(() => reject(new Error(`the ${name} service is not ready after 30 s`)), READY_MILLIS);
      }),
    ]);
  } finally {
    clearTimeout(patience);
  }
}

function howItEnded({ exitCode, signalCode }: ChildProcess): string {
  return signalCode === null ? `exit code ${exitCode}` : signalCode;
}
