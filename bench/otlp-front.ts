/**
 * What the HTTP front of the OTLP receiver costs, with nothing behind it: node:http alone, Seismo's front, and an Express
 * app with `express.raw`. CPU of the server's process for each request, over kept-alive connections.
 *
 * All fronts run at once; in each round each gets the same requests, one front after the other, and the order rotates.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { Client } from "undici";
import { markdownTable } from "./markdown-table";
import { FRONTS, type Front, type FrontMessage } from "./otlp-front-server";
import { median } from "./statistics";

const HELP = `node build/bench/otlp-front.js [options]
  --rounds N       measured rounds (default 9)
  --requests N     requests of a front in a round (default 400)
  --bytes N        of a body (default 280000, about 512 spans)
  --connections N  (default 4)`;

const ENCODINGS = ["identity", "gzip"] as const;
type Encoding = (typeof ENCODINGS)[number];
const WARM_UP_ROUNDS = 2;

type Usage = Extract<FrontMessage, { readonly kind: "usage" }>;
type Samples = { readonly [encoding in Encoding]: { readonly [front in Front]: number[] } };

interface RunningFront {
  readonly name: Front;
  readonly child: ChildProcess;
  readonly origin: string;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "9" },
      requests: { type: "string", default: "400" },
      bytes: { type: "string", default: "280000" },
      connections: { type: "string", default: "4" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return void console.log(HELP);
  const [rounds, requests, bytes, connections] = [values.rounds, values.requests, values.bytes, values.connections].map(
    Number,
  ) as [number, number, number, number]; // as many as are mapped

  const body = spanText(bytes);
  const bodies = { identity: body, gzip: gzipSync(body) };
  const fronts = await Promise.all(FRONTS.map(startFront));
  const samples: Samples = {
    identity: { bare: [], seismo: [], express: [] },
    gzip: { bare: [], seismo: [], express: [] },
  };
  const rss = { bare: 0, seismo: 0, express: 0 };
  try {
    for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
      for (const encoding of ENCODINGS) {
        for (let turn = 0; turn < fronts.length; turn++) {
          const front = fronts[(round + WARM_UP_ROUNDS + turn) % fronts.length];
          // Bare, node:http does not inflate.
          if (front === undefined || (front.name === "bare" && encoding === "gzip")) continue;
          const before = await usageOf(front);
          await load(front.origin, bodies[encoding], encoding, requests, connections);
          const after = await usageOf(front);
          if (after.takenBytes - before.takenBytes !== requests * bytes) throw new Error(`${front.name} lost bytes`);
          if (round >= 0) samples[encoding][front.name].push((after.cpuMicros - before.cpuMicros) / requests);
          rss[front.name] = after.rssBytes;
        }
      }
    }
  } finally {
    for (const { child } of fronts) child.kill();
  }

  console.log(
    `Node ${process.versions.node}, ${cpus()[0]?.model.trim() ?? "unknown CPU"}, ${cpus().length} cores; medians of ` +
      `${rounds} rounds of ${requests} requests; ${bytes} bytes, ${bodies.gzip.length} as gzip\n`,
  );
  const shown = (value: number, digits: number): string => (Number.isNaN(value) ? "" : value.toFixed(digits));
  console.log(
    markdownTable(
      ["CPU of the server per request, µs", ...FRONTS],
      [
        ...ENCODINGS.map((encoding) => [
          encoding,
          ...FRONTS.map((front) => shown(median(samples[encoding][front]), 0)),
        ]),
        ["RSS at the end, MB", ...FRONTS.map((front) => shown(rss[front] / 1e6, 0))],
      ],
    ),
  );
}

async function startFront(name: Front): Promise<RunningFront> {
  const child = fork(join(__dirname, "otlp-front-server.js"), [name]);
  const [message] = (await once(child, "message")) as [FrontMessage]; // what our own child sends
  if (message.kind !== "listening") throw new Error(`${name} does not listen`);
  return { name, child, origin: `http://127.0.0.1:${message.port}` };
}

async function usageOf({ child }: RunningFront): Promise<Usage> {
  child.send("usage");
  const [message] = (await once(child, "message")) as [Usage]; // the only answer of our own child
  return message;
}

async function load(
  origin: string,
  body: Buffer,
  encoding: Encoding,
  requests: number,
  connections: number,
): Promise<void> {
  const headers = { "content-type": "application/x-protobuf", "content-encoding": encoding };
  let left = requests;
  const runConnection = async (): Promise<void> => {
    const client = new Client(origin);
    while (left-- > 0) {
      const answer = await client.request({ method: "POST", path: "/v1/traces", headers, body });
      await answer.body.dump();
      if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}`);
    }
    await client.close();
  };
  await Promise.all(Array.from({ length: connections }, runConnection));
}

/** Shrinks as spans do: the same names in each, other ids and times. */
function spanText(bytes: number): Buffer {
  const spans: string[] = [];
  let seed = 1;
  const random = (): string => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed.toString(16).padStart(8, "0");
  };
  for (let length = 0; length < bytes; ) {
    const span =
      `${random()}${random()}${random()}${random()} ${random()}${random()} GET /items/:id ${random()} ` +
      "http.request.method GET http.route /items/:id http.response.status_code 200 network.protocol.version 1.1 " +
      "url.scheme http server.address shop.example server.port 8080 user_agent.original undici url.path /items/" +
      `${seed % 1_000} db.system.name postgresql db.query.text SELECT * FROM items WHERE id = $1 `;
    spans.push(span);
    length += span.length;
  }
  return Buffer.from(spans.join("").slice(0, bytes));
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
