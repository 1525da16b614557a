/**
 * What it costs to tell those who watch: so many errors a second to so many clients in a process of their own, some of
 * whom do not read. `npm run bench:live -- --clients 1000 --rate 200 --seconds 10 --deaf 10`
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { createApiServer } from "../src/server/api-server";
import { createLiveFeed } from "../src/server/live-feed";
import { createTelemetry } from "../src/telemetry";
import { errorEvent } from "../test/exporter/error-event";
import { NO_PAGE, STATS } from "../test/server/ask";
import type { ClientsMessage } from "./live-clients";
import { markdownTable } from "./markdown-table";
import { median } from "./statistics";

const TICK_MILLIS = 50;
const WARM_UP_SECONDS = 2;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      clients: { type: "string", default: "1000" },
      rate: { type: "string", default: "200" },
      seconds: { type: "string", default: "10" },
      deaf: { type: "string", default: "10" },
    },
  });
  const clients = Number(values.clients);
  const rate = Number(values.rate);
  const seconds = Number(values.seconds);
  const live = createLiveFeed(() => performance.now());
  const server = createApiServer({
    ...{ host: "127.0.0.1", port: 0, readiness: () => [], stats: () => STATS, queries: undefined, page: NO_PAGE, live },
    async *render() {},
    onReport: async () => ({ status: "ignored" }),
    newId: () => "id",
    nowMillis: Date.now,
    telemetry: createTelemetry(),
  });
  const started = await server.start();
  if (started.status !== "listening") throw started.error;
  const before = process.memoryUsage().rss;
  const crowd = fork(require.resolve("./live-clients"), [String(started.port), values.clients, values.deaf]);
  const [connected] = (await once(crowd, "message")) as [ClientsMessage]; // what it sends
  if (connected.kind !== "connected") throw new Error("the clients did not connect");

  let told = 0;
  const news = setInterval(() => {
    const events = Array.from({ length: (rate * TICK_MILLIS) / 1_000 }, () =>
      errorEvent({ id: `00000000-0000-4000-8000-${String(told++).padStart(12, "0")}`, message: String(Date.now()) }),
    );
    live.prepare(events)();
  }, TICK_MILLIS);
  const heard: Extract<ClientsMessage, { kind: "heard" }>[] = [];
  const delay = monitorEventLoopDelay({ resolution: 5 });
  let cpu = process.cpuUsage();
  let begun = performance.now();
  let toldBefore = 0;
  crowd.on("message", (message: ClientsMessage) => {
    if (message.kind === "heard") heard.push(message);
    if (heard.length !== WARM_UP_SECONDS) return;
    cpu = process.cpuUsage();
    begun = performance.now();
    toldBefore = told;
    delay.enable();
  });
  while (heard.length < WARM_UP_SECONDS + seconds) await once(crowd, "message");
  clearInterval(news);
  const used = process.cpuUsage(cpu);
  const elapsedMillis = performance.now() - begun;
  const due = (told - toldBefore) * (clients - Number(values.deaf));
  delay.disable();
  const rss = process.memoryUsage().rss - before;
  crowd.disconnect();
  await server.stop(1_000);

  const measured = heard.slice(WARM_UP_SECONDS);
  const ages = measured.flatMap(({ agesMillis }) => agesMillis).sort((a, b) => a - b);
  const errors = measured.reduce((sum, second) => sum + second.errors, 0);
  const { passedOver, cut, skipped } = live.stats();
  const rows = [
    ["errors told, of those due", `${((errors / due) * 100).toFixed(1)} %`],
    ["skipped, passed over, clients cut", `${skipped}, ${passedOver}, ${cut}`],
    ["age of a message's first error when heard, median", `${median(ages).toFixed(0)} ms`],
    ["…99th percentile", `${(ages[Math.floor(ages.length * 0.99)] ?? Number.NaN).toFixed(0)} ms`],
    ["event loop of the server held up, 99th percentile", `${(delay.percentile(99) / 1e6).toFixed(0)} ms`],
    ["CPU of the server", `${((used.user + used.system) / 10 / elapsedMillis).toFixed(0)} % of a core`],
    ["memory of the server, more than before", `${(rss / 1e6).toFixed(0)} MB`],
  ];
  console.log(`${clients} clients (${values.deaf} of them deaf), ${rate} errors a second, ${seconds} s\n`);
  console.log(markdownTable(["what", "figure"], rows));
}

void main();
