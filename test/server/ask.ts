/** A server of the test's own, and what it takes to ask it well and badly. */
import assert from "node:assert/strict";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect } from "node:net";
import type { TestContext } from "node:test";
import type { RawError } from "../../src/event";
import { type ApiServer, type ApiServerOptions, createApiServer } from "../../src/server/api-server";
import { createLiveFeed, type LiveHub } from "../../src/server/live-feed";
import type { StatsData } from "../../src/server/stats";
import { createTelemetry, type Telemetry } from "../../src/telemetry";

export const NOW = Date.UTC(2026, 10, 25, 12);
export const FINGERPRINT = "00112233445566aa";

export const NO_PAGE: ApiServerOptions["page"] = { folder: undefined, theme: "system", soundsFolder: undefined };
export const STATS: StatsData = {
  timestamp: new Date(NOW).toISOString(),
  version: "1.2.3",
  started_at: new Date(NOW - 60_000).toISOString(),
  uptime_seconds: 60,
  memory: { rss_bytes: 90_000_000, heap_used_bytes: 30_000_000, heap_limit_bytes: 4_000_000_000 },
  signals: { errors: { received: 3, kept: 2, forwarded: 0, dropped: 1, dropped_by_reason: { duplicate: 1 } } },
  rates: { errors: 0.3 },
  waiting_errors: 0,
  queues: [],
  store: { status: "off", message: null, lag_bytes: null, file_bytes: null },
  live: { clients: 0, max_clients: 1_000 },
  theme: "system",
};

export interface Served {
  readonly port: number;
  readonly server: ApiServer;
  /** What reached the collector behind the server. */
  readonly reports: readonly RawError[];
  readonly telemetry: Telemetry;
  readonly live: LiveHub;
}

export async function serve(context: TestContext, options: Partial<ApiServerOptions> = {}): Promise<Served> {
  const reports: RawError[] = [];
  const telemetry = createTelemetry();
  const live = createLiveFeed(() => performance.now());
  let ids = 0;
  const server = createApiServer({
    host: "127.0.0.1",
    port: 0,
    async *render() {
      yield "a 1\n";
    },
    readiness: () => [],
    stats: () => STATS,
    queries: undefined,
    page: NO_PAGE,
    live,
    newId: () => `id-${++ids}`,
    nowMillis: () => NOW,
    telemetry,
    ...options,
    onReport(raw) {
      reports.push(raw);
      return options.onReport?.(raw) ?? Promise.resolve({ status: "accepted", fingerprint: FINGERPRINT });
    },
  });
  context.after(() => server.stop(0));
  const status = await server.start();
  assert.equal(status.status, "listening");
  return { port: status.status === "listening" ? status.port : 0, server, reports, telemetry, live };
}

export interface Question {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
}

/** On a connection of its own. Resolves when the answer is there, whether or not all of the body was taken. */
export function ask(port: number, { method = "GET", path = "/", headers = {}, body }: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: "127.0.0.1", port, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const bytes = Buffer.concat(chunks);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes, text: bytes.toString() });
        request.destroy();
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

export function report(port: number, body: unknown, headers: Question["headers"] = {}): Promise<Answer> {
  const isRaw = typeof body === "string" || Buffer.isBuffer(body);
  return ask(port, {
    method: "POST",
    path: "/api/report-error",
    headers: { "content-type": "application/json", ...headers },
    body: isRaw ? body : JSON.stringify(body),
  });
}

/** Sends these bytes and gives what came back until the server closed, or `until` was in it. */
export function speak(port: number, bytes: string | Buffer, until?: RegExp): Promise<string> {
  return new Promise((resolve) => {
    let heard = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    socket.on("data", (chunk) => {
      heard += chunk.toString("latin1");
      if (until?.test(heard)) socket.destroy();
    });
    socket.on("error", () => {}); // a reset is a way to be refused; what was heard says the rest
    socket.on("close", () => resolve(heard));
  });
}

/** The next sender is served, and only its own report arrives. */
export async function assertServesOn({ port, reports }: Served): Promise<void> {
  const before = reports.length;
  const answer = await report(port, { type: "E", message: "the next good one" });
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(
    reports.slice(before).map(({ message }) => message),
    ["the next good one"],
  );
}

/** What every refusal of the API is: JSON, short, and silent about us. */
export function assertRefusal(answer: Answer): void {
  assert.match(answer.headers["content-type"] ?? "", /^application\/json/);
  const said = JSON.parse(answer.text) as { status?: unknown; message?: unknown }; // the shape is what is checked
  assert.equal(said.status, "error");
  assert.equal(typeof said.message, "string");
  assert.ok(answer.bytes.length <= 4_096, "short");
  assert.doesNotMatch(answer.text, /\bat \S+ \(|node_modules|\.js\b|\/home|\/src\//);
}
