/**
 * The sample services of docker-compose.yml: the demo's three services and their traffic, which send to a collector
 * that runs elsewhere.
 *
 *   COLLECTOR_URL        OTLP over HTTP: http://collector:4318
 *   SEISMO_TOKEN         the collector's, and that which the services ask for in their turn
 *   SEISMO_METRICS_HOST  address that the metrics are served on: 127.0.0.1
 *   METRICS_PORTS        of shop, orders and pool: 9464,9465,9466
 *   RATE                 web requests in a second: 5
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ACTIONS, type ServiceName } from "./actions";
import { startOutside } from "./outside";
import { startService } from "./service-process";
import { createTraffic } from "./traffic";

const FOREVER_MILLIS = 2 ** 40;
const { env } = process;

void run().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`sample services: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);

async function run(): Promise<void> {
  const over = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => over.abort());
  const otlpUrl = env["COLLECTOR_URL"];
  const token = env["SEISMO_TOKEN"];
  if (otlpUrl === undefined || token === undefined) throw new Error("COLLECTOR_URL and SEISMO_TOKEN must be set");
  const [shopPort, ordersPort, poolPort] = (env["METRICS_PORTS"] ?? "9464,9465,9466").split(",").map(Number);
  const folder = mkdtempSync(join(tmpdir(), "seismo-samples-"));
  const ends: (() => Promise<void>)[] = [];
  const start = async (name: ServiceName, script: string, metricsPort = 0, more: Record<string, string> = {}) => {
    const own = join(folder, name);
    mkdirSync(own);
    const settings = {
      ...more,
      SEISMO_TOKEN: token,
      SEISMO_METRICS_HOST: env["SEISMO_METRICS_HOST"] ?? "127.0.0.1",
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${encodeURIComponent(token)}`,
    };
    const service = await startService({ name, script, port: 0, metricsPort, settings, otlpUrl, folder: own });
    ends.push(service.stop);
    process.stdout.write(`${name.padEnd(6)} ${service.url}   ${service.metricsUrl}\n`);
    return service;
  };
  try {
    const outside = await startOutside();
    ends.push(outside.close);
    const orders = await start("orders", "orders.js", ordersPort, outside.settings);
    const shop = await start("shop", "shop.js", shopPort, { ...outside.settings, ORDERS_URL: orders.url });
    const pool = await start("pool", "worker-pool.js", poolPort);
    let number = 0;
    const around = {
      urls: { shop: shop.url, orders: orders.url, pool: pool.url },
      reportUrl: "",
      next: () => ++number,
    };
    const traffic = createTraffic({ actions: ACTIONS, around, rate: Number(env["RATE"] ?? 5), seed: 1 });
    const died = await Promise.race([
      traffic.run(FOREVER_MILLIS, over.signal).then(() => undefined),
      ...[shop, orders, pool].map((service) => service.died),
    ]);
    if (died !== undefined) throw new Error(died);
  } finally {
    for (const end of ends.reverse()) await end();
    rmSync(folder, { recursive: true, force: true });
  }
}
