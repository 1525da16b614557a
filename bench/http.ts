/**
 * What instrumentation costs an Express service: bare, with OpenTelemetry's stock register, and with Seismo's.
 *
 *   core 0                     core 1
 *   app.js (one variant) ◄──── this process: load
 *        └──── OTLP/HTTP ────► sink.js
 *
 * In each round each variant gets a fresh process and the same requests; the order rotates.
 */
import { type ChildProcess, fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { AppMessage } from "./app";
import { type LoadResult, runLoad } from "./load";
import { markdownTable } from "./markdown-table";
import type { SinkMessage } from "./sink";
import { median, quantile } from "./statistics";

const HELP = `npm run bench:http -- [options]
  --rounds N     measured rounds (default 5)
  --requests N   requests a phase (default 20000; a quarter of that in the phase of errors)
  --starts N     cold starts of each variant (default 11)
  --register F   what is preloaded as Seismo (default dist/instrumentation/register.js)
  --check        exit code 1 when a target is missed`;

const VARIANTS = ["bare", "stock", "seismo"] as const;
type Variant = (typeof VARIANTS)[number];

/** Seismo may add at most this part of what the stock register adds. */
const TARGET_RATIO = 0.6;
const CONNECTIONS = 10;
const HEALTHY_PATHS = ["/status", "/items/7", "/items/42", "/items/7?verbose=1"];
const FAILING_PATHS = ["/prices/7", "/prices/42"];
const APP_CORE = 0;
const LOAD_CORE = 1;
/** Longer than the batch processors below wait. */
const QUIET_MILLIS = 900;
const COMMON = { OTEL_BSP_SCHEDULE_DELAY: "500", OTEL_SERVICE_NAME: "bench" };

interface Phase {
  readonly cpuMicros: number;
  readonly requestsPerSecond: number;
  readonly p50Millis: number;
  readonly p99Millis: number;
  readonly spans: number;
}
interface Round {
  readonly healthy: Phase;
  readonly failing: Phase;
  readonly rssBytes: number;
}
interface Start {
  readonly wallMillis: number;
  readonly cpuMillis: number;
}
type Samples<T> = { readonly [variant in Variant]: T[] };

interface Bench {
  readonly sink: ChildProcess;
  readonly endpoint: string;
  readonly register: string;
  readonly isPinned: boolean;
  readonly requests: number;
}

interface App {
  readonly process: ChildProcess;
  readonly origin: string;
  /** Undefined for the variants that serve no metrics. */
  readonly metricsUrl: string | undefined;
  readonly start: Start;
  stop(): Promise<void>;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      requests: { type: "string", default: "20000" },
      starts: { type: "string", default: "11" },
      register: { type: "string", default: "dist/instrumentation/register.js" },
      check: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void console.log(HELP);

  const isPinned = pin();
  const sink = fork(join(__dirname, "sink.js"));
  const { port } = await hear<SinkMessage, "listening">(sink, "listening");
  const bench: Bench = {
    sink,
    endpoint: `http://127.0.0.1:${port}`,
    register: resolve(values.register),
    isPinned,
    requests: Number(values.requests),
  };
  try {
    const rounds = await runRounds(bench, Number(values.rounds));
    const starts = await runStarts(bench, Number(values.starts));
    const verdicts = report(bench, rounds, starts);
    if (values.check && verdicts.some((isMet) => !isMet)) process.exitCode = 1;
  } finally {
    sink.kill();
  }
}

/** This process, and the sink that it starts, on a core of their own. */
function pin(): boolean {
  if (availableParallelism() < 2) return false;
  return spawnSync("taskset", ["-cp", String(LOAD_CORE), String(process.pid)]).status === 0;
}

async function runRounds(bench: Bench, count: number): Promise<Samples<Round>> {
  const rounds: Samples<Round> = { bare: [], stock: [], seismo: [] };
  for (let index = 0; index < count; index++) {
    for (const variant of rotated(index)) {
      console.error(`round ${index + 1} of ${count}: ${variant}`);
      const app = await startApp(bench, variant);
      try {
        rounds[variant].push(await runRound(bench, app));
      } finally {
        await app.stop();
      }
    }
  }
  return rounds;
}

async function runRound(bench: Bench, app: App): Promise<Round> {
  const { requests } = bench;
  const failures = Math.ceil(requests / 4);
  await load(app, HEALTHY_PATHS, 200, Math.ceil(requests / 2));
  const healthy = await measure(bench, app, HEALTHY_PATHS, 200, requests);
  const { rssBytes } = await ask<AppMessage, "usage">(app.process, "usage");
  await load(app, FAILING_PATHS, 500, Math.ceil(failures / 2));
  const failing = await measure(bench, app, FAILING_PATHS, 500, failures);
  const sent = Math.ceil(requests / 2) + requests + Math.ceil(failures / 2) + failures + 1;
  if (app.metricsUrl !== undefined) await expectCounted(app.metricsUrl, sent);
  return { healthy, failing, rssBytes };
}

async function measure(
  { sink }: Bench,
  app: App,
  paths: readonly string[],
  expectedStatus: number,
  requests: number,
): Promise<Phase> {
  const spansBefore = await quietSpans(sink);
  const before = await ask<AppMessage, "usage">(app.process, "usage");
  const { durationMillis, latenciesMillis } = await load(app, paths, expectedStatus, requests);
  const spansAfter = await quietSpans(sink); // the cost of exporting belongs to the requests
  const after = await ask<AppMessage, "usage">(app.process, "usage");
  return {
    cpuMicros: (after.cpuMicros - before.cpuMicros) / requests,
    requestsPerSecond: (requests / durationMillis) * 1_000,
    p50Millis: quantile(latenciesMillis, 0.5),
    p99Millis: quantile(latenciesMillis, 0.99),
    spans: (spansAfter - spansBefore) / requests,
  };
}

function load(app: App, paths: readonly string[], expectedStatus: number, requests: number): Promise<LoadResult> {
  return runLoad({ origin: app.origin, paths, requests, connections: CONNECTIONS, expectedStatus });
}

/** Spans that the sink has, once no more arrive. */
async function quietSpans(sink: ChildProcess): Promise<number> {
  for (let known = -1; ; ) {
    const { spans } = await ask<SinkMessage, "counts">(sink, "counts");
    if (spans === known) return spans;
    known = spans;
    await pause(QUIET_MILLIS);
  }
}

/** That the metrics were on, and missed no request. */
async function expectCounted(metricsUrl: string, requests: number): Promise<void> {
  const text = await (await fetch(metricsUrl)).text();
  const counts = [...text.matchAll(/^seismo_http_request_duration_seconds_count\{.*\} (\d+)$/gm)];
  const counted = counts.reduce((sum, [, count]) => sum + Number(count), 0);
  if (counted !== requests) throw new Error(`${metricsUrl} has ${counted} requests of ${requests}`);
}

async function runStarts(bench: Bench, count: number): Promise<Samples<Start>> {
  const starts: Samples<Start> = { bare: [], stock: [], seismo: [] };
  for (let index = 0; index < count; index++) {
    for (const variant of rotated(index)) {
      const app = await startApp(bench, variant);
      starts[variant].push(app.start);
      await app.stop();
    }
  }
  return starts;
}

/** Resolves with the first answer. */
async function startApp(bench: Bench, variant: Variant): Promise<App> {
  const folder = mkdtempSync(join(tmpdir(), "seismo-bench-"));
  const metricsPort = variant === "seismo" ? await freePort() : undefined;
  const command = [process.execPath, ...preloads(bench, variant), join(__dirname, "app.js")];
  const [program = "", ...args] = bench.isPinned ? ["taskset", "-c", String(APP_CORE), ...command] : command;

  const started = performance.now();
  const child = spawn(program, args, {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    env: { PATH: process.env["PATH"], NODE_ENV: "production", ...environment(bench, variant, metricsPort) },
  });
  const { port } = await hear<AppMessage, "listening">(child, "listening");
  const origin = `http://127.0.0.1:${port}`;
  await runLoad({ origin, paths: ["/status"], requests: 1, connections: 1, expectedStatus: 200 });
  const wallMillis = performance.now() - started;
  const { cpuMicros } = await ask<AppMessage, "usage">(child, "usage");

  return {
    process: child,
    origin,
    metricsUrl: metricsPort === undefined ? undefined : `http://127.0.0.1:${metricsPort}/metrics`,
    start: { wallMillis, cpuMillis: cpuMicros / 1_000 },
    async stop() {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function preloads({ register }: Bench, variant: Variant): readonly string[] {
  switch (variant) {
    case "bare":
      return [];
    case "stock":
      return ["--require", require.resolve("@opentelemetry/auto-instrumentations-node/register")];
    case "seismo":
      return ["--require", register];
  }
}

/** Traces alone are compared: what the stock register could export besides is off. */
function environment(bench: Bench, variant: Variant, metricsPort: number | undefined): { [name: string]: string } {
  switch (variant) {
    case "bare":
      return {};
    case "stock":
      return {
        ...COMMON,
        OTEL_EXPORTER_OTLP_ENDPOINT: bench.endpoint,
        OTEL_METRICS_EXPORTER: "none",
        OTEL_LOGS_EXPORTER: "none",
      };
    case "seismo":
      return { ...COMMON, OTEL_EXPORTER_OTLP_ENDPOINT: bench.endpoint, SEISMO_METRICS_PORT: String(metricsPort) };
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** The next message of a kind; rejects when the process ends first. */
function hear<M extends { readonly kind: string }, K extends M["kind"]>(
  child: ChildProcess,
  kind: K,
): Promise<Extract<M, { readonly kind: K }>> {
  return new Promise((heard, failed) => {
    const onMessage = (message: unknown): void => {
      const said = message as M; // what our own child sends
      if (said.kind !== kind) return;
      child.off("message", onMessage).off("exit", onExit);
      heard(said as Extract<M, { readonly kind: K }>); // its kind was compared
    };
    const onExit = (code: number | null): void => failed(new Error(`${child.spawnargs.join(" ")} ended with ${code}`));
    child.on("message", onMessage).once("exit", onExit);
  });
}

function ask<M extends { readonly kind: string }, K extends M["kind"]>(
  child: ChildProcess,
  kind: K,
): Promise<Extract<M, { readonly kind: K }>> {
  const answer = hear<M, K>(child, kind);
  child.send(kind);
  return answer;
}

function rotated(by: number): readonly Variant[] {
  return VARIANTS.map((variant, index) => VARIANTS[(index + by) % VARIANTS.length] ?? variant);
}

/** Prints the tables; answers for each target whether it is met. */
function report(bench: Bench, rounds: Samples<Round>, starts: Samples<Start>): readonly boolean[] {
  console.log(
    `Node ${process.versions.node}, ${cpus()[0]?.model.trim() ?? "unknown CPU"}, ${cpus().length} cores, ` +
      `${bench.isPinned ? "server on one core, load and sink on the other" : "not pinned (no taskset or one core)"}; ` +
      `medians of ${rounds.bare.length} rounds of ${bench.requests} requests and of ${starts.bare.length} cold starts\n`,
  );
  const row = (name: string, digits: number, read: (variant: Variant) => number): readonly string[] => [
    name,
    ...VARIANTS.map((variant) => read(variant).toFixed(digits)),
  ];
  const ofRounds = (read: (round: Round) => number) => (variant: Variant) => median(rounds[variant].map(read));
  const ofStarts = (read: (start: Start) => number) => (variant: Variant) => median(starts[variant].map(read));
  const added = (read: (variant: Variant) => number) => (variant: Variant) => read(variant) - read("bare");

  const cpu = ofRounds(({ healthy }) => healthy.cpuMicros);
  const failingCpu = ofRounds(({ failing }) => failing.cpuMicros);
  const startWall = ofStarts(({ wallMillis }) => wallMillis);
  const startCpu = ofStarts(({ cpuMillis }) => cpuMillis);
  console.log(
    markdownTable(
      ["", ...VARIANTS],
      [
        row("CPU per request, µs", 1, cpu),
        row("– added, µs", 1, added(cpu)),
        row(
          "spans per request",
          2,
          ofRounds(({ healthy }) => healthy.spans),
        ),
        row(
          "requests per second",
          0,
          ofRounds(({ healthy }) => healthy.requestsPerSecond),
        ),
        row(
          "latency p50, ms",
          2,
          ofRounds(({ healthy }) => healthy.p50Millis),
        ),
        row(
          "latency p99, ms",
          2,
          ofRounds(({ healthy }) => healthy.p99Millis),
        ),
        row(
          "RSS, MB",
          0,
          ofRounds(({ rssBytes }) => rssBytes / 1e6),
        ),
        row("CPU per failing request, µs", 1, failingCpu),
        row("– added, µs", 1, added(failingCpu)),
        row(
          "spans per failing request",
          2,
          ofRounds(({ failing }) => failing.spans),
        ),
        row("start to first response, ms", 0, startWall),
        row("– added, ms", 0, added(startWall)),
        row("CPU to first response, ms", 0, startCpu),
        row("– added, ms", 0, added(startCpu)),
      ],
    ),
  );

  const compare = (name: string, read: (variant: Variant) => number): readonly [string, number] => [
    name,
    added(read)("seismo") / added(read)("stock"),
  ];
  const targets = [compare("CPU per request", cpu), compare("start to first response", startWall)] as const;
  const others = [compare("CPU per failing request", failingCpu), compare("CPU to first response", startCpu)] as const;
  console.log("\nWhat Seismo adds, as a part of what the stock register adds:\n");
  console.log(
    markdownTable(
      ["", "ratio", "target", ""],
      [
        ...targets.map(([name, ratio]) => [name, ratio.toFixed(2), `≤ ${TARGET_RATIO}`, verdict(ratio)]),
        ...others.map(([name, ratio]) => [name, ratio.toFixed(2), "", ""]),
      ],
    ),
  );
  return targets.map(([, ratio]) => ratio <= TARGET_RATIO);
}

function verdict(ratio: number): string {
  return ratio <= TARGET_RATIO ? "met" : "missed";
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
