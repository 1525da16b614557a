import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { freePort } from "../free-port";
import { freshFolder } from "../fresh-folder";
import { CONTROL, filesUnder, leaksIn, type Surface, surfacesWith } from "../leaks";
import { CANARIES, type Canary, WORD_CANARIES } from "../processors/canaries";
import { runFixture, send } from "./fixture-app";

const PLANTED: readonly Canary[] = [{ name: "control", text: CONTROL, secret: CONTROL }, ...CANARIES, ...WORD_CANARIES];
const SECRETS = PLANTED.slice(1);

interface Way {
  readonly name: string;
  readonly env: { readonly [name: string]: string };
  /** No file can be opened where a folder stands. */
  readonly hasJournal: boolean;
  /** Where what is no secret is to be found. */
  readonly tellsOf: readonly string[];
}
const WAYS: readonly Way[] = [
  {
    name: "journal, OTLP as JSON",
    env: {},
    hasJournal: true,
    tellsOf: ["journal.jsonl", "seismo.log", "metrics", "openmetrics", "stderr", "otlp"],
  },
  {
    name: "fallback journal, OTLP as gzipped protobuf",
    env: { OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf", OTEL_EXPORTER_OTLP_COMPRESSION: "gzip" },
    hasJournal: false,
    tellsOf: ["fallback.txt", "seismo.log", "metrics", "openmetrics", "stderr", "otlp"],
  },
];

for (const { name, env, hasJournal, tellsOf } of WAYS) {
  test(`what an application lets slip leaves by no surface, and what is no secret does: ${name}`, async (context) => {
    const folder = freshFolder();
    if (!hasJournal) mkdirSync(join(folder, "journal.jsonl"));
    const bodies: Buffer[] = [];
    const app = runFixture("secret-app.js", {
      env: {
        SECRETS: JSON.stringify(PLANTED),
        CLOSED_PORT: String(await freePort()),
        OTEL_EXPORTER_OTLP_ENDPOINT: await startSink(context, bodies),
        OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer hunter22-hunter22",
        SEISMO_JOURNAL_PATH: join(folder, "journal.jsonl"),
        SEISMO_JOURNAL_FALLBACK_PATH: join(folder, "fallback.txt"),
        LOG_FILE_PATH: join(folder, "seismo.log"),
        SEISMO_CAPTURE_REQUEST_HEADERS: "x-shop-note,baggage",
        SEISMO_CAPTURE_RESPONSE_HEADERS: "x-shop-note",
        SEISMO_LOCAL_VARIABLES: "all",
        SEISMO_SLOW_REQUEST_MS: "password=hunter22",
        SEISMO_RECURRING_AFTER: CONTROL,
        LOG_LEVEL: "debug",
        ...env,
      },
    });
    await app.fetch("/healthy");
    for (const [index, { text }] of PLANTED.entries()) {
      const line = text.replaceAll("\n", " ");
      const headers = { "x-shop-note": line, "user-agent": line, baggage: `note=${encodeURIComponent(text)}` };
      for (const path of ["fail", "capture", "query", "call"]) {
        await app.fetch(`/${path}/${index}?note=${encodeURIComponent(text)}`, { headers });
      }
    }
    const port = Number(await app.line(/metrics on http:\/\/127\.0\.0\.1:(\d+)\/metrics/, "stderr"));
    const [metrics, openmetrics] = [
      await send(port, "/metrics"),
      await send(port, "/metrics", { headers: { accept: "application/openmetrics-text" } }),
    ];
    const { stderr, stdout } = await app.stop();

    const files = filesUnder(folder);
    const surfaces: readonly Surface[] = [
      ...files.map(({ path, bytes }) => ({ name: path, parts: [bytes] })),
      { name: "metrics", parts: [metrics.body] },
      { name: "openmetrics", parts: [openmetrics.body] },
      { name: "stdout", parts: [stdout] },
      { name: "stderr", parts: [stderr] },
      { name: "otlp", parts: bodies },
    ];
    const written = files.find(({ path }) => path === (hasJournal ? "journal.jsonl" : "fallback.txt"));
    const lines = String(written?.bytes).trimEnd().split("\n");
    assert.equal(lines.length, PLANTED.length * 5, "each failure is told of");
    assert.deepEqual(leaksIn(surfaces, SECRETS), []);
    assert.deepEqual([...surfacesWith(CONTROL, surfaces)].sort(), [...tellsOf].sort());
    if (hasJournal) assert.ok(lines.some(hasControlVariable), "in local variables, too");
  });
}

function hasControlVariable(line: string): boolean {
  const { stack } = JSON.parse(line) as { readonly stack: readonly { readonly variables?: object }[] }; // the journal's own format
  return stack.some(({ variables }) => JSON.stringify(variables ?? {}).includes(CONTROL));
}

/** Takes OTLP, and keeps the bodies as they come. */
async function startSink(context: TestContext, bodies: Buffer[]): Promise<string> {
  const sink = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      bodies.push(Buffer.concat(chunks));
      response.end();
    });
  });
  await new Promise<void>((listening) => sink.listen(0, "127.0.0.1", listening));
  context.after(() => {
    sink.closeAllConnections();
    sink.close();
  });
  return `http://127.0.0.1:${(sink.address() as AddressInfo).port}`; // an address of TCP
}
