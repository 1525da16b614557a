/**
 * OTLP over HTTP: `POST /v1/traces` and `POST /v1/logs`, on node:http itself, since a framework in front would cost more
 * than the reading of a batch (docs/decisions/0005).
 *
 *   head ──checks──► body ──limits──► inflated ──accept()──► 200, or google.rpc.Status
 *     └── refused: answered at once; what still comes of the body is read and thrown away, within a bound,
 *         because a sender that is cut off while it writes does not see the answer, and would try again for ever
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createBearerCheck } from "../bearer-token";
import type { OtlpEncoding } from "../event";
import type { Telemetry } from "../telemetry";
import {
  type AcceptOtlp,
  createRefusalCounter,
  encodeAccepted,
  encodeRefusal,
  INTERNAL_ERROR,
  OVERLOADED,
  REFUSALS,
  RETRY_MILLIS,
  type Refusal,
  type RefusalCounts,
  refusalOf,
  retryAfterSeconds,
} from "./otlp-response";
import { announcedLength, createByteBudget, createInflate, readBody } from "./request-body";
import { encodingOf, readHead, tooLarge } from "./request-head";

export interface OtlpLimits {
  /** Of a body, both as it was sent and inflated. */
  readonly bodyBytes: number;
  /** Bodies that are complete and not yet answered. Slow senders do not count. */
  readonly requestsInFlight: number;
  /** Of all bodies that are held at once. */
  readonly bufferedBytes: number;
  readonly connections: number;
  readonly headersTimeoutMillis: number;
  readonly requestTimeoutMillis: number;
  readonly keepAliveTimeoutMillis: number;
  /** How long the rest of a refused body is read, so that the sender sees why. */
  readonly drainTimeoutMillis: number;
}

export const OTLP_LIMITS: OtlpLimits = {
  bodyBytes: 20 * 1_048_576,
  requestsInFlight: 64,
  bufferedBytes: 128 * 1_048_576,
  connections: 2_000,
  headersTimeoutMillis: 15_000,
  requestTimeoutMillis: 60_000,
  keepAliveTimeoutMillis: 5_000,
  drainTimeoutMillis: 5_000,
};

export interface OtlpServerOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** When given, every request must carry it as `Authorization: Bearer …`. */
  readonly token?: string | undefined;
  readonly limits?: Partial<OtlpLimits>;
  readonly telemetry: Telemetry;
  /** Called for each well-formed request. A rejection is a bug, and is answered with 500. */
  readonly accept: AcceptOtlp;
}

export type OtlpServerStatus =
  | { readonly status: "listening"; readonly port: number }
  | { readonly status: "failed"; readonly error: Error };

export interface OtlpServerStats {
  readonly accepted: number;
  readonly refused: RefusalCounts;
  /** Senders that went away before their body was complete. */
  readonly aborted: number;
  /** Above the limit, and closed before they said anything. */
  readonly droppedConnections: number;
  readonly requestsInFlight: number;
  readonly bufferedBytes: number;
}

export interface OtlpServer {
  /** Never rejects. */
  start(): Promise<OtlpServerStatus>;
  /** Takes nothing new, lets what is under way finish, then closes what is left after `graceMillis`. */
  stop(graceMillis: number): Promise<void>;
  stats(): OtlpServerStats;
}

export function createOtlpServer(options: OtlpServerOptions): OtlpServer {
  const { accept, telemetry } = options;
  const limits: OtlpLimits = { ...OTLP_LIMITS, ...options.limits };
  const isAuthorized = createBearerCheck(options.token);
  const budget = createByteBudget(limits.bufferedBytes);
  const inflate = createInflate(limits.bodyBytes);
  const refusals = createRefusalCounter();
  const sockets = new Set<Duplex>();
  /** The last request of a connection, while its answer is not out: those before it are answered first. */
  const exchanges = new Map<Duplex, ServerResponse>();
  const broken = new WeakSet<Duplex>();
  let accepted = 0;
  let aborted = 0;
  let droppedConnections = 0;
  let requestsInFlight = 0;
  let isStopping = false;

  async function serve(request: IncomingMessage, response: ServerResponse, expectation: Expectation): Promise<void> {
    const { socket } = request;
    exchanges.set(socket, response);
    response.once("close", () => {
      if (exchanges.get(socket) === response) exchanges.delete(socket);
    });
    try {
      const refusal = await take(request, response, expectation);
      if (refusal !== undefined) await refuse(request, response, refusal, expectation);
    } catch (error) {
      telemetry.internalError("OTLP receiver", error);
      if (response.headersSent) socket.destroy();
      else await refuse(request, response, INTERNAL_ERROR, expectation);
    }
  }

  /** Answers what was accepted; returns why it was not. */
  async function take(
    request: IncomingMessage,
    response: ServerResponse,
    expectation: Expectation,
  ): Promise<Refusal | undefined> {
    const head = readHead(request, isAuthorized, limits.bodyBytes);
    if (head.status === "refused") return head;
    if (expectation === "unknown") return EXPECTATION_FAILED;
    if (isStopping) return STOPPING;
    if (requestsInFlight >= limits.requestsInFlight) return OVERLOADED;
    if (expectation === "continue") response.writeContinue();

    const sent = await readBody(request, limits.bodyBytes, budget);
    switch (sent.status) {
      case "aborted":
        if (!response.headersSent) aborted += 1;
        return undefined;
      case "too_large":
        return tooLarge(limits.bodyBytes);
      case "over_budget":
        return OVERLOADED;
    }
    let { heldBytes } = sent;
    if (requestsInFlight >= limits.requestsInFlight) {
      budget.give(heldBytes);
      return OVERLOADED;
    }
    requestsInFlight += 1;
    try {
      let { body } = sent;
      if (head.contentEncoding !== "identity") {
        const inflated = await inflate(body, head.contentEncoding);
        if (inflated.status === "too_large") return tooLarge(limits.bodyBytes);
        if (inflated.status === "broken")
          return { reason: "malformed", message: `the body is not valid ${head.contentEncoding}` };
        if (!budget.take(inflated.body.length)) return OVERLOADED;
        body = inflated.body;
        heldBytes += body.length;
      }
      const answer = await accept({ signal: head.signal, encoding: head.encoding, body });
      if (answer.status !== "accepted") return refusalOf(answer);
      accepted += 1;
      const reply = encodeAccepted(head.signal, head.encoding, answer.rejected, answer.message);
      writeHead(response, 200, head.encoding, reply).end(reply);
      return undefined;
    } finally {
      budget.give(heldBytes);
      requestsInFlight -= 1;
    }
  }

  async function refuse(
    request: IncomingMessage,
    response: ServerResponse,
    refusal: Refusal,
    expectation: Expectation,
  ): Promise<void> {
    refusals.count(refusal.reason);
    const encoding = encodingOf(request.headers["content-type"]) ?? "json";
    // Who still waits for leave to send may send its body or not: what comes next on this connection has two meanings.
    const isUnsent = expectation !== "none" && !request.readableDidRead;
    const mostBytes = 2 * limits.bodyBytes;
    const isEndless = (announcedLength(request) ?? 0) > mostBytes;
    if (isUnsent || isEndless) response.shouldKeepAlive = false;
    const body = encodeRefusal(refusal, encoding);
    writeHead(response, REFUSALS[refusal.reason].httpStatus, encoding, body, headersOf(refusal)).write(body);
    if (isUnsent || (await drain(request, mostBytes, limits.drainTimeoutMillis))) response.end();
    else request.socket.destroy();
  }

  function writeHead(
    response: ServerResponse,
    status: number,
    encoding: OtlpEncoding,
    body: Buffer,
    headers: Headers = {},
  ): ServerResponse {
    if (isStopping) response.shouldKeepAlive = false;
    return response.writeHead(status, {
      ...headers,
      "content-type": CONTENT_TYPES[encoding],
      "content-length": body.length,
    });
  }

  /** What the parser could not read, or what took too long. */
  function onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (broken.has(socket)) return;
    broken.add(socket);
    const response = exchanges.get(socket);
    if (!socket.writable) return void socket.destroy();
    if (response?.req.complete) {
      // Junk behind a request that is whole: it gets its answer, and then the connection ends.
      response.shouldKeepAlive = false;
      if (response.headersSent && response.socket !== null) closeSoon(socket);
      return;
    }
    if (!response?.headersSent) {
      const refusal = refusalOfParser(error.code);
      refusals.count(refusal.reason);
      const status = REFUSALS[refusal.reason].httpStatus;
      const encoding = encodingOf(response?.req.headers["content-type"]) ?? "json";
      const body = encodeRefusal(refusal, encoding);
      if (response === undefined) socket.write(rawAnswer(status, body));
      else {
        response.shouldKeepAlive = false;
        writeHead(response, status, encoding, body).write(body);
        // Behind another answer on the same connection: Node sends this one after it, and then closes.
        if (response.socket === null) return void response.end();
      }
    }
    closeSoon(socket);
  }

  function createListener(): Server {
    const server = createServer({
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: limits.headersTimeoutMillis,
      requestTimeout: limits.requestTimeoutMillis,
      keepAliveTimeout: limits.keepAliveTimeoutMillis,
      connectionsCheckingInterval: Math.min(MAX_CHECK_MILLIS, limits.headersTimeoutMillis),
      requireHostHeader: false, // looked at in readHead(), which answers in the sender's encoding
    });
    server.maxConnections = limits.connections;
    server.on("request", (request, response) => void serve(request, response, "none"));
    server.on("checkContinue", (request, response) => void serve(request, response, "continue"));
    server.on("checkExpectation", (request, response) => void serve(request, response, "unknown"));
    server.on("clientError", onClientError);
    server.on("drop", () => {
      droppedConnections += 1;
    });
    server.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.once("close", () => {
        sockets.delete(socket);
        exchanges.delete(socket);
      });
    });
    return server;
  }

  let server: Server | undefined;
  return {
    start: () =>
      new Promise((resolve) => {
        const listener = createListener();
        server = listener;
        const fail = (error: Error): void => resolve({ status: "failed", error });
        listener.once("error", fail);
        try {
          listener.listen({ host: options.host, port: options.port, exclusive: true }, () => {
            listener.off("error", fail).on("error", (error) => telemetry.internalError("OTLP listener", error));
            resolve({ status: "listening", port: (listener.address() as AddressInfo).port }); // of TCP, not of a pipe
          });
        } catch (error) {
          fail(error instanceof Error ? error : new Error(String(error))); // a port out of range is thrown, not emitted
        }
      }),
    stop: (graceMillis) =>
      new Promise((resolve) => {
        isStopping = true;
        if (server === undefined) return resolve();
        const timer = setTimeout(() => {
          for (const socket of sockets) socket.destroy();
        }, graceMillis);
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        for (const socket of sockets) if (!exchanges.has(socket)) socket.destroy();
      }),
    stats: () => ({
      accepted,
      refused: refusals.counts(),
      aborted,
      droppedConnections,
      requestsInFlight,
      bufferedBytes: budget.taken(),
    }),
  };
}

const MAX_HEADER_BYTES = 16_384;
const MAX_CHECK_MILLIS = 5_000;
/** For the other side to read an answer before its connection is gone. */
const LINGER_MILLIS = 1_000;

/** What the header `Expect` asks for. */
type Expectation = "none" | "continue" | "unknown";
type Headers = { readonly [name: string]: string | number };

const CONTENT_TYPES: { readonly [encoding in OtlpEncoding]: string } = {
  protobuf: "application/x-protobuf",
  json: "application/json",
};
const STOPPING: Refusal = {
  reason: "unavailable",
  message: "the receiver is stopping",
  retryAfterMillis: RETRY_MILLIS,
};
const EXPECTATION_FAILED: Refusal = {
  reason: "expectation_failed",
  message: "the only expectation met is 100-continue",
};

function headersOf({ reason, retryAfterMillis }: Refusal): Headers {
  switch (reason) {
    case "unauthenticated":
      return { "www-authenticate": "Bearer" };
    case "method_not_allowed":
      return { allow: "POST" };
    case "unsupported_encoding":
      return { "accept-encoding": "gzip, deflate" };
    default:
      return retryAfterMillis === undefined ? {} : { "retry-after": retryAfterSeconds(retryAfterMillis) };
  }
}

/** Reads on and keeps nothing. True when the end came; false when it took too much or too long, or the sender left. */
function drain(request: IncomingMessage, maxBytes: number, maxMillis: number): Promise<boolean> {
  if (request.readableEnded) return Promise.resolve(true);
  if (request.destroyed) return Promise.resolve(false);
  return new Promise((resolve) => {
    let bytes = 0;
    const settle = (isDrained: boolean): void => {
      clearTimeout(timer);
      request.off("data", onData).off("end", onEnd).off("close", onClose);
      resolve(isDrained);
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > maxBytes) settle(false);
    };
    const onEnd = (): void => settle(true);
    const onClose = (): void => settle(false);
    const timer = setTimeout(onClose, maxMillis);
    request.on("data", onData).on("end", onEnd).on("close", onClose);
  });
}

function refusalOfParser(code: string | undefined): Refusal {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return { reason: "headers_too_large", message: `the headers are larger than ${MAX_HEADER_BYTES} bytes` };
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return { reason: "too_large", message: "the extensions of a chunk are too large" };
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return { reason: "timeout", message: "the request took too long" };
    default:
      return { reason: "bad_request", message: "this is not a valid HTTP/1.1 request" };
  }
}

/** For a connection on which no request has begun. */
function rawAnswer(status: number, body: Buffer): string {
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    "Connection: close",
    `Content-Type: ${CONTENT_TYPES.json}`,
    `Content-Length: ${body.length}`,
    "",
    body.toString(),
  ].join("\r\n");
}

/** What is still unread when a socket is closed makes the other side lose the answer: it may close first. */
function closeSoon(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MILLIS);
  socket.once("close", () => clearTimeout(timer));
  socket.end();
}
