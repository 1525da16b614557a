/**
 * The small HTTP server that Prometheus scrapes: `/metrics` and `/healthz`, nothing else. It never keeps the process
 * alive and never fails it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createBearerCheck } from "../bearer-token";
import type { Telemetry } from "../telemetry";
import { answerHealth, createScrapeAnswer, type ScrapeRender } from "./scrape-answer";

export interface ScrapeServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** When given, `/metrics` wants it as `Authorization: Bearer …`. */
  readonly token?: string | undefined;
  readonly render: ScrapeRender;
  readonly telemetry: Telemetry;
}

export type ScrapeServerStatus =
  | { readonly status: "listening"; readonly port: number }
  | { readonly status: "unavailable"; readonly reason: string };

export interface ScrapeServer {
  /** Never rejects: a taken port is a warning, and the app goes on without. */
  start(): Promise<ScrapeServerStatus>;
  stop(): Promise<void>;
}

/**
 * Whether a request came in at a scrape server of this process. HTTP instrumentation patches every server there is, so
 * its hook for requests to be ignored should ask this: a scrape is not a request of the app.
 */
export function isScrapeRequest(request: IncomingMessage): boolean {
  return scrapeSockets.has(request.socket);
}
const scrapeSockets = new WeakSet<object>();

export function createScrapeServer(options: ScrapeServerOptions): ScrapeServer {
  const { host, telemetry } = options;
  const isAuthorized = createBearerCheck(options.token);
  const answerScrape = createScrapeAnswer(options.render);

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = (request.url ?? "").split("?", 1)[0];
    if (isLoopback(host) && !isLoopbackHostHeader(request.headers.host)) return refuse(response, 403, "unknown host");
    if (path !== "/metrics" && path !== "/healthz") return refuse(response, 404, "not found");
    if (request.method !== "GET" && request.method !== "HEAD") {
      return refuse(response, 405, "method not allowed", { allow: "GET, HEAD" });
    }
    if (path === "/healthz") return answerHealth(request, response);
    if (!isAuthorized(request.headers.authorization)) {
      return refuse(response, 401, "unauthorized", { "www-authenticate": "Bearer" });
    }
    await answerScrape(request, response);
  };

  let server: Server | undefined;
  return {
    start: () =>
      new Promise((resolve) => {
        const unavailable = (reason: string): void => {
          telemetry.log("warning", `metrics are not served on ${host}:${options.port}: ${reason}`, {
            host,
            port: options.port,
          });
          resolve({ status: "unavailable", reason });
        };
        try {
          const listening = createServer(LIMITS, (request, response) => {
            respond(request, response).catch((error: unknown) => {
              telemetry.internalError("scrape server", error);
              if (response.headersSent) response.destroy();
              else refuse(response, 500, "internal error");
            });
          });
          server = listening;
          listening.maxConnections = MAX_CONNECTIONS;
          listening.setTimeout(IDLE_MILLIS, (socket) => socket.destroy());
          listening.on("connection", (socket) => {
            scrapeSockets.add(socket);
            socket.unref();
          });
          listening.once("error", (error: NodeJS.ErrnoException) =>
            unavailable(error.code === "EADDRINUSE" ? "the port is taken" : error.message),
          );
          // Exclusive: in a cluster worker the port would else be the primary's, and each scrape another worker's.
          listening.listen({ host, port: options.port, exclusive: true }, () => {
            listening.removeAllListeners("error");
            listening.on("error", (error) => telemetry.internalError("scrape server", error));
            resolve({ status: "listening", port: (listening.address() as AddressInfo).port });
          });
          listening.unref();
        } catch (error) {
          // A port out of range is thrown, not emitted.
          unavailable(error instanceof Error ? error.message : String(error));
        }
      }),
    stop: () =>
      new Promise((resolve) => {
        if (server === undefined) return resolve();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const LIMITS = {
  maxHeaderSize: 16_384,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 65_000,
} as const;
const IDLE_MILLIS = 70_000;
const MAX_CONNECTIONS = 64;

function refuse(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { ...headers, "content-type": "text/plain; charset=utf-8", connection: "close" });
  response.end(`${text}\n`);
}

/** A page elsewhere may point a name of its own at 127.0.0.1; it cannot make the browser send one of these. */
function isLoopbackHostHeader(header: string | undefined): boolean {
  return header === undefined || /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/i.test(header);
}
/** Whether only this machine reaches a server that is bound to this address. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
