/**
 * What a span costs a collector, through the whole of it: HTTP, reading, counting, the journal and its sync.
 *
 *   core 0                         core 1
 *   seismo collect ◄──── OTLP ──── this process: load
 *
 * Each case runs in a fresh collector, in turn in each round. CPU is what the collector says of itself
 * (`process_cpu_seconds_total`), so that a core that waits does not count.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { Client } from "undici";
import { markdownTable } from "./markdown-table";
import { makeBatch } from "./otlp-batches";
import { median } from "./statistics";

const HELP = `npm run bench:otlp -- [options]
  --rounds N     measured rounds (default 5)
  --requests N   requests a case and round (default 2000)
  --spans N      spans a request (default 512)
  --check        exit code 1 when a target is missed`;

const TARGET_SPANS_A_SECOND = 500_000;
const BATCHES = 32;
const CONNECTIONS = 8;
const COLLECTOR_CORE = 0;
const LOAD_CORE = 1;

interface Case {
  readonly name: string;
  readonly errorPercent: number;
  readonly gzip: boolean;
  readonly env: { readonly [name: string]: string };
}

/** The first is the one with a target. */
const CASES: readonly Case[] = [
  { name: "2 % failing, identity", errorPercent: 2, gzip: false, env: {} },
  { name: "2 % failing, gzip", errorPercent: 2, gzip: true, env: {} },
  { name: "none failing, identity", errorPercent: 0, gzip: false, env: {} },
  {
    name: "2 % failing, identity, journal synced once a second",
    errorPercent: 2,
    gzip: false,
    env: { SEISMO_JOURNAL_SYNC: "interval" },
  },
];

interface Measured {
  readonly cpuSpansPerSecond: number;
  readonly wallSpansPerSecond: number;
  readonly p99Millis: number;
  readonly rssMebibytes: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      requests: { type: "string", default: "2000" },
      spans: { type: "string", default: "512" },
      check: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void console.log(HELP);
  const rounds = Number(values.rounds);
  const requests = Number(values.requests);
  const spans = Number(values.spans);
  const isPinned = availableParallelism() > 1 && pin(process.pid, LOAD_CORE);
  const samples = new Map<Case, Measured[]>(CASES.map((one) => [one, []]));
  for (let round = 0; round < rounds; round++) {
    for (const one of CASES) {
      console.error(`round ${round + 1} of ${rounds}: ${one.name}`);
      samples.get(one)?.push(await measure(one, requests, spans, isPinned));
    }
  }
  console.log(
    `Node ${process.versions.node}, ${cpus()[0]?.model.trim() ?? "unknown CPU"}, ${cpus().length} cores` +
      `${isPinned ? ", collector on one core, load on the other" : ""}; ` +
      `medians of ${rounds} rounds of ${requests} requests of ${spans} spans\n`,
  );
  const rows = CASES.map((one) => {
    const of = (pick: (measured: Measured) => number): number => median((samples.get(one) ?? []).map(pick));
    return [
      one.name,
      Math.round(of(({ cpuSpansPerSecond }) => cpuSpansPerSecond)).toLocaleString("en"),
      Math.round(of(({ wallSpansPerSecond }) => wallSpansPerSecond)).toLocaleString("en"),
      of(({ p99Millis }) => p99Millis).toFixed(1),
      of(({ rssMebibytes }) => rssMebibytes).toFixed(0),
    ];
  });
  console.log(markdownTable(["", "spans a second of CPU", "spans/s", "p99, ms", "RSS, MiB"], rows));
  const reached = median((samples.get(CASES[0] as Case) ?? []).map(({ cpuSpansPerSecond }) => cpuSpansPerSecond));
  const isMet = reached >= TARGET_SPANS_A_SECOND;
  console.log(`\n${TARGET_SPANS_A_SECOND.toLocaleString("en")} spans a second of CPU: ${isMet ? "met" : "missed"}`);
  if (values.check && !isMet) process.exitCode = 1;
}

async function measure(one: Case, requests: number, spans: number, isPinned: boolean): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), "seismo-bench-"));
  const bodies = Array.from({ length: BATCHES }, () => {
    const { protobuf } = makeBatch(spans, one.errorPercent / 100);
    return one.gzip ? gzipSync(protobuf, { level: 1 }) : Buffer.from(protobuf);
  });
  const collector = await startCollector(folder, one.env);
  try {
    if (isPinned) pin(collector.process.pid ?? 0, COLLECTOR_CORE);
    await load(collector.otlpUrl, bodies, one.gzip, requests); // a collector runs for days: its code is compiled
    const cpuBefore = await cpuSeconds(collector.apiUrl);
    const started = performance.now();
    const latencies = await load(collector.otlpUrl, bodies, one.gzip, requests);
    const wallSeconds = (performance.now() - started) / 1_000;
    const cpu = (await cpuSeconds(collector.apiUrl)) - cpuBefore;
    return {
      cpuSpansPerSecond: (requests * spans) / cpu,
      wallSpansPerSecond: (requests * spans) / wallSeconds,
      p99Millis: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
      rssMebibytes: rssOf(collector.process.pid ?? 0),
    };
  } finally {
    collector.process.kill("SIGKILL");
    await once(collector.process, "exit");
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A closed loop over kept-alive connections; the latencies in milliseconds, ascending. */
async function load(
  otlpUrl: string,
  bodies: readonly Buffer[],
  gzip: boolean,
  requests: number,
): Promise<Float64Array> {
  const latencies = new Float64Array(requests);
  const headers = { "content-type": "application/x-protobuf", ...(gzip ? { "content-encoding": "gzip" } : {}) };
  let next = 0;
  const connection = async (): Promise<void> => {
    const client = new Client(otlpUrl);
    for (let index = next++; index < requests; index = next++) {
      const body = bodies[index % bodies.length];
      if (body === undefined) break;
      const started = performance.now();
      const answer = await client.request({ method: "POST", path: "/v1/traces", headers, body });
      await answer.body.dump();
      latencies[index] = performance.now() - started;
      if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}`);
    }
    await client.close();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, connection));
  return latencies.sort();
}

interface Collector {
  readonly process: ChildProcess;
  readonly otlpUrl: string;
  readonly apiUrl: string;
}

async function startCollector(folder: string, env: { readonly [name: string]: string }): Promise<Collector> {
  const child = spawn(process.execPath, [resolve("dist", "cli.js"), "collect"], {
    cwd: folder,
    env: { PATH: process.env["PATH"], SEISMO_PORT: "0", SEISMO_OTLP_PORT: "0", SEISMO_METRICS_DEFAULT: "true", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  while (!said.includes("  journal ")) said += String((await once(child.stdout, "data"))[0]);
  const url = (name: string): string => new RegExp(`^ {2}${name} +(\\S+)$`, "m").exec(said)?.[1] ?? "";
  return { process: child, otlpUrl: url("OTLP/HTTP"), apiUrl: url("metrics").replace(/\/metrics$/, "") };
}

async function cpuSeconds(apiUrl: string): Promise<number> {
  const text = await (await fetch(`${apiUrl}/metrics`)).text();
  return Number(/^process_cpu_seconds_total (\S+)$/m.exec(text)?.[1]);
}

function rssOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024;
}

function pin(pid: number, core: number): boolean {
  return spawnSync("taskset", ["-a", "-cp", String(core), String(pid)]).status === 0;
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
