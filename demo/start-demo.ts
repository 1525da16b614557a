/**
 * The demo as a whole: the world outside, a collector, three services with Seismo in front of each, and the traffic.
 *
 *   traffic ─► shop ─► orders ─► database           /metrics of each ─► counted    spans, log records ─► collector
 *      │  └──► pool ─► workers, threads                                   ‖ ?                                ‖ ?
 *      └──────────────────────────────────────────────────────────────► made, and of that roots ─────────────┘
 *
 * Around them Prometheus and Alertmanager, where the machine has them (monitoring.ts).
 */
import { lookup } from "node:dns/promises";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ACTIONS, type Action, LAB_ACTIONS, type ServiceName } from "./actions";
import { type CollectorProcess, startCollector } from "./collector-process";
import type { MadeFailures } from "./comparison";
import { type Alerting, type Scraping, startAlerting, startScraping } from "./monitoring";
import { startOutside, UNKNOWN_HOST } from "./outside";
import { type Readings, readMetrics, type Sample, sum } from "./readings";
import { type ServiceProcess, startService } from "./service-process";
import { createTraffic } from "./traffic";

export interface DemoOptions {
  /** Web requests in a second. Default 15. */
  readonly rate?: number;
  /** Decides the order of the traffic. Default 1. */
  readonly seed?: number;
  /** The shop's. Default 0, a free one. */
  readonly port?: number;
  /** Gives up the start. */
  readonly signal?: AbortSignal;
}

export interface Demo {
  readonly services: readonly Pick<ServiceProcess, "name" | "pid" | "url" | "metricsUrl">[];
  readonly collector: Pick<CollectorProcess, "pid" | "otlpUrl" | "metricsUrl" | "pageUrl" | "journal">;
  /** Undefined where the machine has none. */
  readonly prometheus: Pick<Scraping, "prometheusUrl"> | undefined;
  readonly alertmanager: Pick<Alerting, "alertmanagerUrl" | "inbox"> | undefined;
  /** Journals, logs and what they print; a folder for each service and the collector. */
  readonly folder: string;
  /** Resolves, with a message for people, when one of the processes ends by itself. */
  readonly died: Promise<string>;
  /** What this machine cannot fail at, and why. */
  readonly skipped: readonly string[];
  /** Resolves when the time is over, or the signal says so, and all answers are in. */
  generate(forMillis: number, signal?: AbortSignal): Promise<void>;
  /** The failures made so far, each at the service where it began. */
  expected(): readonly MadeFailures[];
  problems(): readonly string[];
  read(): Promise<Readings>;
  /** The counts, when they no longer change. */
  settled(): Promise<Readings>;
  /** Ends everything that was started. `keepFolder`: but for what was written. */
  stop(options?: { readonly keepFolder?: boolean }): Promise<void>;
}

type Settings = { readonly [name: string]: string };

const DEFAULT_RATE = 15;

/** Resolves when all services are ready. Whatever fails, nothing is left running. */
export async function startDemo(options: DemoOptions = {}): Promise<Demo> {
  const { rate = DEFAULT_RATE, seed = 1, port = 0, signal } = options;
  const folder = mkdtempSync(join(tmpdir(), "seismo-demo-"));
  const ends: (() => Promise<void>)[] = [];
  const stop = async ({ keepFolder = false } = {}): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end();
    if (!keepFolder) rmSync(folder, { recursive: true, force: true });
  };
  const folderOf = (name: string): string => {
    signal?.throwIfAborted();
    const own = join(folder, name);
    mkdirSync(own);
    return own;
  };
  const start = async (name: ServiceName, script: string, settings: Settings, at = 0) => {
    const service = await startService({ name, script, port: at, settings, otlpUrl, folder: folderOf(name) });
    ends.push(service.stop);
    return service;
  };
  let otlpUrl = "";

  try {
    const outside = await startOutside();
    ends.push(outside.close);
    const alertmanager = await startAlerting(folderOf("alertmanager"));
    if (alertmanager !== undefined) ends.push(alertmanager.stop);
    const collector = await startCollector(folderOf("collector"), alertmanager?.alertmanagerUrl);
    ends.push(collector.stop);
    otlpUrl = collector.otlpUrl;
    const orders = await start("orders", "orders.js", outside.settings);
    const [shop, pool] = await Promise.all([
      start("shop", "shop.js", { ...outside.settings, ORDERS_URL: orders.url }, port),
      start("pool", "worker-pool.js", {}),
    ]);
    const services = [shop, orders, pool];
    const hostOf = ({ metricsUrl }: { readonly metricsUrl: string }): string => new URL(metricsUrl).host;
    const targets = { targets: services.map(hostOf), collectors: [hostOf(collector)] };
    const prometheus = await startScraping(folderOf("prometheus"), targets, alertmanager?.alertmanagerUrl);
    if (prometheus !== undefined) ends.push(prometheus.stop);
    const processes = [...services, collector, alertmanager, prometheus].filter((process) => process !== undefined);
    const { actions, skipped } = await possibleActions();
    let number = 0;
    const around = {
      urls: { shop: shop.url, orders: orders.url, pool: pool.url },
      reportUrl: new URL("/api/report-error", collector.metricsUrl).href,
      next: () => ++number,
    };
    const traffic = createTraffic({ actions, around, rate, seed });
    const read = async (): Promise<Readings> => {
      const [ofServices, ofCollector] = await Promise.all([
        readMetrics(services.map(({ metricsUrl }) => metricsUrl)),
        readMetrics([collector.metricsUrl]),
      ]);
      return { services: ofServices, collector: ofCollector };
    };
    return {
      services,
      collector,
      alertmanager,
      prometheus,
      folder,
      died: Promise.race(processes.map((process) => process.died)),
      skipped,
      generate: traffic.run,
      expected: traffic.made,
      problems: traffic.problems,
      read,
      settled: () => settle(read),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const NAME_SERVER_MILLIS = 3_000;

/** Some networks answer for every name, and some never answer. */
async function possibleActions(): Promise<{
  readonly actions: readonly Action[];
  readonly skipped: readonly string[];
}> {
  const outcome = await Promise.race([
    lookup(UNKNOWN_HOST).then(
      () => "the name server here knows every name",
      () => undefined,
    ),
    delay(NAME_SERVER_MILLIS, "the name server here does not answer", { ref: false }),
  ]);
  const all = [...ACTIONS, ...LAB_ACTIONS];
  if (outcome === undefined) return { actions: all, skipped: [] };
  const isPossible = ({ makes }: Action): boolean => makes.every(({ category }) => category !== "network_dns");
  return { actions: all.filter(isPossible), skipped: [`network_dns: ${outcome}`] };
}

const LOOK_MILLIS = 400;
/** A failure may wait a second for its error, a span or log record for others, and a busy machine takes longer. */
const EQUAL_LOOKS = 4;
const MAX_LOOKS = 50;

async function settle(read: () => Promise<Readings>): Promise<Readings> {
  let last: Readings = { services: [], collector: [] };
  let equal = 0;
  for (let looks = 0; looks < MAX_LOOKS && equal < EQUAL_LOOKS; looks++) {
    const readings = await read();
    equal = hasJudgedAll(readings) && errorsOf(readings) === errorsOf(last) ? equal + 1 : 0;
    last = readings;
    await delay(LOOK_MILLIS);
  }
  return last;
}

/** The collector waits two seconds for the rest of a trace. */
function hasJudgedAll({ collector }: Readings): boolean {
  const count = (name: string): number => sum(collector, `seismo_${name}_total`, { signal: "errors" });
  return count("received") === count("kept") + count("dropped");
}

function errorsOf({ services, collector }: Readings): string {
  const isCount = ({ name }: Sample): boolean => name === "seismo_errors_total";
  return JSON.stringify([services.filter(isCount), collector.filter(isCount)]);
}
