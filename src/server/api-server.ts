/**
 * The server that people and Prometheus ask, and that errors are reported to by REST: its socket, its limits, its life.
 * What it serves is in `routes.ts`.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { hasBody } from "../exporter/scrape-answer";
import { createAccess } from "./access";
import { refuse, SECURITY_HEADERS } from "./answer";
import { answerClientErrors } from "./client-error";
import type { LiveHub } from "./live-feed";
import { createLiveSocket, LIVE_PATH } from "./live-socket";
import { createRoutes, type RouteOptions } from "./routes";

export interface ApiServerOptions extends RouteOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** Whose news the WebSocket tells. */
  readonly live: LiveHub;
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
  const { live: hub, queries } = options;
  const monotonicMillis = (): number => performance.now();
  const live = createLiveSocket({ access: createAccess(options), hub, queries, telemetry, monotonicMillis });
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
  // Whoever offers another protocol than WebSocket is served by the one that it came with.
  server.on("upgrade", (request, socket, head) => {
    const isLive = request.url?.split("?")[0] === LIVE_PATH && request.headers.upgrade?.toLowerCase() === "websocket";
    const refusal = isLive ? live.upgrade(request, socket, head) : undefined;
    if (isLive && refusal === undefined) return;
    const response = responseOn(socket, request);
    if (refusal !== undefined) return refuse(request, response, refusal);
    // Node has stopped to read what comes after the headers.
    if (hasBody(request)) return refuse(request, response, { status: 400, message: "only WebSocket is upgraded to" });
    serve(request, response);
  });
  server.on("drop", () => telemetry.logLimited("warning", "api server:connections", "closed a connection: too many"));
  answerClientErrors(server);

  const stop = async (graceMillis: number): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    const left = live.stop(graceMillis);
    // Else each connection would stay for its keep-alive time after its last answer.
    for (const response of open) if (!response.headersSent) response.setHeader("connection", "close");
    const timer = setTimeout(() => server.closeAllConnections(), graceMillis);
    await Promise.all([closed, left]);
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

/** Of a request that Node has handed over with its socket. */
function responseOn(socket: Duplex, request: IncomingMessage): ServerResponse {
  const response = new ServerResponse(request);
  socket.on("error", () => {}); // the sender went away
  response.assignSocket(socket as Socket); // what a server of node:http hands over is a socket
  response.shouldKeepAlive = false;
  response.once("finish", () => socket.end());
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
  return response;
}

function listen(server: Server, { host, port }: ApiServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port); // a TCP server's address is never a path
    });
  });
}
