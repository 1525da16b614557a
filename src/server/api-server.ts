/**
 * The server that people and Prometheus ask, and that errors are reported to by REST: its socket, its limits, its life.
 * What it serves is in `routes.ts`.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { answerClientErrors } from "./client-error";
import { createRoutes, type RouteOptions } from "./routes";

export interface ApiServerOptions extends RouteOptions {
  /** 0 takes any free port. */
  readonly port: number;
}

export type ApiServerStatus =
  | { readonly status: "listening"; readonly port: number }
  | { readonly status: "failed"; readonly error: Error };

export interface ApiServer {
  /** Never rejects. */
  start(): Promise<ApiServerStatus>;
  /** Takes no more connections, finishes what is in flight, and cuts what is not finished after `graceMillis`. */
  stop(graceMillis: number): Promise<void>;
}

export function createApiServer(options: ApiServerOptions): ApiServer {
  const { telemetry } = options;
  const routes = createRoutes(options);
  const open = new Set<ServerResponse>();
  let stopped: Promise<void> | undefined;

  const server = createServer(LIMITS);
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(IDLE_MILLIS);
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    open.add(response);
    response.once("close", () => open.delete(response));
    if (stopped !== undefined) response.setHeader("connection", "close");
    routes(request, response);
  };
  server.on("request", serve);
  // Without this listener Node asks for the body before anybody has looked at the headers.
  server.on("checkContinue", serve);
  server.on("drop", () => telemetry.logLimited("warning", "api server:connections", "closed a connection: too many"));
  answerClientErrors(server);

  const stop = async (graceMillis: number): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    // Else each connection would stay for its keep-alive time after its last answer.
    for (const response of open) if (!response.headersSent) response.setHeader("connection", "close");
    const timer = setTimeout(() => server.closeAllConnections(), graceMillis);
    await closed;
    clearTimeout(timer);
  };

  return {
    async start() {
      try {
        const port = await listen(server, options);
        server.on("error", (error) => telemetry.internalError("api server", error));
        return { status: "listening", port };
      } catch (error) {
        return { status: "failed", error: error instanceof Error ? error : new Error(String(error)) };
      }
    },
    stop(graceMillis) {
      stopped ??= stop(graceMillis);
      return stopped;
    },
  };
}

const LIMITS = {
  maxHeaderSize: 16_384,
  headersTimeout: 15_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 5_000,
} as const;
const MAX_CONNECTIONS = 2_000;
/** For whoever neither sends nor reads. */
const IDLE_MILLIS = 60_000;

function listen(server: Server, { host, port }: ApiServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port); // a TCP server's address is never a path
    });
  });
}
