/** One of the HTTP fronts that are compared, with nothing behind it. Speaks to its parent by IPC. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import express, { type ErrorRequestHandler } from "express";
import { createBearerCheck } from "../src/bearer-token";
import { encodeAccepted, encodeRefusal } from "../src/receiver/otlp-response";
import { createOtlpServer, OTLP_LIMITS } from "../src/receiver/otlp-server";
import { createTelemetry } from "../src/telemetry";

/** `bare` is what node:http itself costs: it reads the body and checks nothing. */
export const FRONTS = ["bare", "seismo", "express"] as const;
export type Front = (typeof FRONTS)[number];

/** What the parent hears: once when the server listens, then an answer to each of its messages. */
export type FrontMessage =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "usage"; readonly cpuMicros: number; readonly rssBytes: number; readonly takenBytes: number };

let takenBytes = 0;
const accept = async ({ length }: Buffer): Promise<void> => {
  takenBytes += length;
};

const starts: { readonly [front in Front]: () => Promise<number> } = {
  bare: () =>
    listen(
      createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on("data", (chunk: Buffer) => chunks.push(chunk));
        request.on("end", () => {
          const body = Buffer.concat(chunks);
          void accept(body).then(() => {
            response.writeHead(200, { "content-type": "application/x-protobuf", "content-length": 0 }).end();
          });
        });
      }),
    ),

  async seismo() {
    const server = createOtlpServer({
      host: "127.0.0.1",
      port: 0,
      telemetry: createTelemetry(),
      accept: async ({ body }) => {
        await accept(body);
        return { status: "accepted" };
      },
    });
    const started = await server.start();
    return started.status === "listening" ? started.port : 0;
  },

  /** The same limits, as an Express app has them: what it lacks of the other front's checks is in its favour. */
  express() {
    const isAuthorized = createBearerCheck(undefined);
    const app = express().disable("x-powered-by").disable("etag");
    const onError: ErrorRequestHandler = (error, _request, response, _next) => {
      const isTooLarge = error instanceof Error && "status" in error && error.status === 413;
      const reason = isTooLarge ? "too_large" : "malformed";
      response
        .status(isTooLarge ? 413 : 400)
        .type("json")
        .send(encodeRefusal({ reason, message: "refused" }, "json"));
    };
    app.post(
      ["/v1/traces", "/v1/logs"],
      (request, response, next) => {
        if (isAuthorized(request.headers.authorization)) next();
        else response.sendStatus(401);
      },
      express.raw({ type: ["application/x-protobuf", "application/json"], limit: OTLP_LIMITS.bodyBytes }),
      async (request, response) => {
        await accept(request.body);
        response.set("content-type", "application/x-protobuf").send(encodeAccepted("traces", "protobuf"));
      },
    );
    app.use(onError);
    const server = createServer(
      {
        maxHeaderSize: 16_384,
        headersTimeout: OTLP_LIMITS.headersTimeoutMillis,
        requestTimeout: OTLP_LIMITS.requestTimeoutMillis,
        keepAliveTimeout: OTLP_LIMITS.keepAliveTimeoutMillis,
      },
      app,
    );
    server.maxConnections = OTLP_LIMITS.connections;
    return listen(server);
  },
};

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)); // of TCP, not of a pipe
  });
}

function say(message: FrontMessage): void {
  process.send?.(message);
}

const front = FRONTS.find((name) => name === process.argv[2]);
if (front !== undefined) {
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    say({ kind: "usage", cpuMicros: user + system, rssBytes: process.memoryUsage().rss, takenBytes });
  });
  process.on("disconnect", () => process.exit());
  void starts[front]().then((port) => say({ kind: "listening", port }));
}
