import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { freePort } from "../free-port";
import { CANARIES } from "../processors/canaries";
import { runFixture, send } from "./fixture-app";

test("a secret that the application lets slip is on no surface: metrics, journal, log, stderr, exported spans", async (t) => {
  let exported = "";
  const sink = createServer((request, response) => {
    request.setEncoding("utf8").on("data", (text: string) => {
      exported += text;
    });
    request.on("end", () => response.end("{}"));
  });
  await new Promise<void>((listening) => sink.listen(0, "127.0.0.1", listening));
  t.after(() => sink.close());
  const app = runFixture("secret-app.js", {
    env: {
      SECRETS: JSON.stringify(CANARIES),
      CLOSED_PORT: String(await freePort()),
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(sink.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer hunter22-hunter22",
      SEISMO_CAPTURE_REQUEST_HEADERS: "x-shop-note",
      SEISMO_CAPTURE_RESPONSE_HEADERS: "x-shop-note",
      LOG_LEVEL: "debug",
    },
  });
  await app.fetch("/healthy");
  for (const [index, { text }] of CANARIES.entries()) {
    const headers = { "x-shop-note": text.replaceAll("\n", " "), "user-agent": text.replaceAll("\n", " ") };
    for (const path of ["fail", "capture", "call"]) {
      await app.fetch(`/${path}/${index}?note=${encodeURIComponent(text)}`, { headers });
    }
  }
  const port = Number(await app.line(/metrics on http:\/\/127\.0\.0\.1:(\d+)\/metrics/, "stderr"));
  const scrape = await send(port, "/metrics", { headers: { accept: "application/openmetrics-text" } });
  const log = readFileSync(join(app.folder, "seismo.log"), "utf8");
  app.process.kill("SIGTERM");
  await new Promise((closed) => app.process.once("close", closed));
  const journal = readdirSync(app.folder)
    .filter((name) => name !== "seismo.log")
    .map((name) => readFileSync(join(app.folder, name), "utf8"))
    .join("");
  const { stderr, events } = await app.ended();

  assert.equal(events.length, CANARIES.length * 4);
  const surfaces = { metrics: scrape.body, journal, log, stderr, spans: exported };
  assert.match(exported, /REDACTED/);
  const leaks = Object.entries(surfaces).flatMap(([surface, content]) =>
    CANARIES.filter(({ secret }) => holds(content, secret)).map(({ name, secret }) => {
      const at = content.indexOf(secret);
      return `${surface}: ${name}: ${content.slice(Math.max(0, at - 150), at + 60)}`;
    }),
  );
  assert.deepEqual(leaks, []);
});

/** As it is, within JSON, or within a URL. */
function holds(content: string, secret: string): boolean {
  const forms = [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)];
  return forms.some((form) => content.includes(form));
}
