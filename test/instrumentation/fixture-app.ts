/**
 * Runs a fixture application as its own process, the way that a user would: `node --require seismo/register app.js`.
 * The journal that it leaves when it has ended is the exact record of what was counted.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after } from "node:test";
import { type ParsedSample, parseExposition } from "../exporter/parse-exposition";

export interface FixtureOptions {
  /** `none` runs the application bare. */
  readonly register?: "require" | "import" | "none";
  readonly env?: { readonly [name: string]: string };
  readonly args?: readonly string[];
  readonly nodeArgs?: readonly string[];
  /** Also told apart in one folder: applications that share it. */
  readonly cwd?: string;
}

export interface FixtureApp {
  readonly process: ChildProcess;
  readonly folder: string;
  /** Waits for a line of the application's output and returns what the pattern's first group caught. */
  line(pattern: RegExp, from?: "stdout" | "stderr"): Promise<string>;
  readonly stdout: () => string;
  readonly stderr: () => string;
  fetch(path: string, options?: FetchOptions): Promise<Answer>;
  /** The samples of one metric, without prefix, as OpenMetrics. */
  samples(metric: string): Promise<readonly ParsedSample[]>;
  /** Waits for the process to end by itself. */
  ended(): Promise<Ended>;
  /** Ends it by SIGTERM. */
  stop(): Promise<Ended>;
}

export interface FetchOptions {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
}
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** All that the journals of this application and its workers hold. */
  readonly events: readonly JournalEvent[];
}
/** The fields of a journal line that tests look at. */
export interface JournalEvent {
  readonly [field: string]: unknown;
  readonly error_type: string;
  readonly error_message: string;
  readonly error_category: string;
  readonly severity: string;
  readonly origin: string;
  readonly fingerprint: string;
  readonly request_id: string | null;
}

/** For what takes a moment, on a machine that has much else to do. */
const DEADLINE_MILLIS = 60_000;
const running = new Set<ChildProcess>();
/** What a failed test left running would keep its file from ending. */
function endAll(): void {
  for (const child of running) child.kill("SIGKILL");
}
after(endAll);
process.on("exit", endAll);

/** `fixture`: a file of test/fixtures, or an absolute path. */
export function runFixture(fixture: string, options: FixtureOptions = {}): FixtureApp {
  const folder = mkdtempSync(join(tmpdir(), "seismo-fixture-"));
  const register = options.register ?? "require";
  const flags = register === "none" ? [] : [`--${register}`, "seismo/register"];
  const file = resolve("test", "fixtures", fixture);
  const child = spawn(process.execPath, [...flags, ...(options.nodeArgs ?? []), file, ...(options.args ?? [])], {
    cwd: options.cwd ?? process.cwd(),
    env: {
      PATH: process.env["PATH"],
      HOME: folder,
      OTEL_SERVICE_NAME: "fixture",
      SEISMO_METRICS_PORT: "0",
      SEISMO_JOURNAL_PATH: join(folder, "journal.jsonl"),
      SEISMO_JOURNAL_FALLBACK_PATH: join(folder, "fallback.txt"),
      LOG_FILE_PATH: join(folder, "seismo.log"),
      ...options.env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  const closed = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((done) => {
    child.once("close", (code, signal) => {
      running.delete(child);
      done({ code, signal });
    });
  });

  async function line(pattern: RegExp, from: "stdout" | "stderr" = "stdout"): Promise<string> {
    return eventually(
      `a line ${pattern}`,
      () => pattern.exec(output[from])?.[1],
      () => JSON.stringify(output),
    );
  }

  async function ended(): Promise<Ended> {
    const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MILLIS);
    const result = await closed;
    clearTimeout(timer);
    const events = readJournals(folder);
    rmSync(folder, { recursive: true, force: true });
    return { ...result, ...output, events };
  }

  return {
    process: child,
    folder,
    line,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    fetch: async (path, fetchOptions = {}) => send(Number(await line(/listening (\d+)/)), path, fetchOptions),
    async samples(metric) {
      const port = Number(await line(/metrics on http:\/\/127\.0\.0\.1:(\d+)\/metrics/, "stderr"));
      const { body } = await send(port, "/metrics", { headers: { accept: "application/openmetrics-text" } });
      return parseExposition(body, "openmetrics").get(`seismo_${metric}`)?.samples ?? [];
    },
    ended,
    stop() {
      child.kill("SIGTERM");
      return ended();
    },
  };
}

/** The sum of the samples that carry all these labels. */
export function sum(samples: readonly ParsedSample[], labels: { readonly [name: string]: string } = {}): number {
  return samples
    .filter((sample) => Object.entries(labels).every(([name, value]) => sample.labels[name] === value))
    .reduce((total, sample) => total + sample.value, 0);
}

/** Asks again until there is an answer; fails at the deadline, with what `detail` says. */
export async function eventually<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  detail: () => string = () => "",
  millis: number = DEADLINE_MILLIS,
): Promise<T> {
  const deadline = Date.now() + millis;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`${what} did not come: ${detail()}`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

/** One request on a connection of its own. */
export function send(port: number, path: string, options: FetchOptions = {}): Promise<Answer> {
  return new Promise((done, reject) => {
    const outgoing = request(
      {
        host: "127.0.0.1",
        port,
        path,
        method: options.method ?? "GET",
        agent: false,
        ...(options.headers === undefined ? {} : { headers: options.headers }),
      },
      (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (text: string) => {
          body += text;
        });
        response.on("end", () => done({ status: response.statusCode ?? 0, headers: response.headers, body }));
        response.on("error", reject);
      },
    );
    outgoing.on("error", reject);
    outgoing.setTimeout(DEADLINE_MILLIS / 2, () => outgoing.destroy(new Error(`no answer to ${path}`)));
    outgoing.end(options.body);
  });
}

function readJournals(folder: string): JournalEvent[] {
  return readdirSync(folder)
    .filter((name) => name.includes("journal"))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"))
    .filter((text) => text !== "")
    .map((text) => JSON.parse(text) as JournalEvent); // the journal's own format
}
