/** Small stand-ins for what an application talks to: they speak the real protocol, and fail on demand. */
import { createServer as createHttpServer, type IncomingHttpHeaders } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { BSON } from "mongodb";
import { type Connection, createServer as createMysqlServer } from "mysql2";

export interface Peer {
  readonly port: number;
  close(): Promise<void>;
}

/** Takes connections and never says a word. */
export function silentPeer(): Promise<Peer> {
  return listen(createServer());
}

/** Answers RESP2: `SET` is out of memory, `INCR` meets a text, all else is OK. */
export function redisPeer(): Promise<Peer> {
  return listen(
    createServer((socket) => {
      let rest = "";
      socket.setEncoding("utf8").on("data", (text) => {
        rest += String(text);
        for (let command = takeCommand(rest); command !== undefined; command = takeCommand(rest)) {
          rest = command.rest;
          socket.write(redisAnswer(command.words));
        }
      });
    }),
  );
}

/** A MySQL server that refuses what it is asked: a duplicate key, or a deadlock when the query names one. */
export async function mysqlPeer(): Promise<Peer> {
  const connections = new Set<Connection>();
  const server = createMysqlServer((connection) => {
    connections.add(connection);
    connection.on("error", () => {}); // the client's end
    connection.serverHandshake({
      protocolVersion: 10,
      serverVersion: "8.0.0",
      connectionId: 1,
      statusFlags: 2,
      characterSet: 33,
      capabilityFlags: 0x00ffffff ^ 0x800,
      authCallback: (_login: unknown, accept: (error: null) => void) => {
        accept(null);
        setSequenceId(connection, 0);
      },
    });
    const refuse = (query: string): void => {
      const isDeadlock = query.includes("deadlock");
      setSequenceId(connection, 1);
      connection.writeError({
        code: isDeadlock ? 1213 : 1062,
        message: isDeadlock
          ? "Deadlock found when trying to get lock; try restarting transaction"
          : "Duplicate entry 'ada@example.com' for key 'users.users_email_key'",
      });
      setSequenceId(connection, 0);
    };
    connection.on("query", refuse);
    connection.on("stmt_prepare", refuse);
  });
  server.listen(0);
  const inner = (server as unknown as { readonly _server: Server })._server; // it tells its port no other way
  await new Promise((listening) => inner.once("listening", listening));
  return {
    port: portOf(inner),
    async close() {
      for (const connection of connections) connection.destroy();
      await new Promise((closed) => inner.close(closed));
    },
  };
}

/** A MongoDB server that its driver finds, by the first connection, and whose other connections break off at once. */
export function mongoPeer(): Promise<Peer> {
  let connections = 0;
  return listen(
    createServer((socket) => {
      connections += 1;
      if (connections > 1) return void socket.destroy();
      socket.on("data", (message) => socket.write(mongoHello(message)));
    }),
  );
}

export interface TraceSink extends Peer {
  /** All spans that came as JSON, in order. */
  readonly spans: readonly SinkSpan[];
  readonly requests: readonly { readonly path: string; readonly headers: IncomingHttpHeaders }[];
}
export interface SinkSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly attributes: { readonly [key: string]: unknown };
}

/** Takes OTLP over HTTP and keeps what came as JSON; `status` is its answer. */
export async function traceSink(status = 200): Promise<TraceSink> {
  const spans: SinkSpan[] = [];
  const requests: { path: string; headers: IncomingHttpHeaders }[] = [];
  const server = createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      requests.push({ path: request.url ?? "", headers: request.headers });
      const isReadable = request.url === "/v1/traces" && request.headers["content-type"] === "application/json";
      if (isReadable) spans.push(...spansOf(JSON.parse(Buffer.concat(chunks).toString())));
      response.writeHead(status, { "content-type": "application/json" }).end("{}");
    });
  });
  return { ...(await listen(server)), spans, requests };
}

/** Each command counts from 0, and its answer goes on from there: the server side of mysql2 leaves that to its user. */
function setSequenceId(connection: Connection, sequenceId: number): void {
  Object.assign(connection, { sequenceId });
}

async function listen(server: Server): Promise<Peer> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}); // the client's end
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    port: portOf(server),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port; // a TCP server's address is never a path
}

/** The first command of a RESP array of bulk strings, when all of it is there. */
function takeCommand(text: string): { readonly words: readonly string[]; readonly rest: string } | undefined {
  const lines = text.split("\r\n");
  const count = Number(lines[0]?.slice(1));
  if (!text.startsWith("*") || lines.length < count * 2 + 2) return undefined;
  const words = lines.slice(1, count * 2 + 1).filter((_, index) => index % 2 === 1);
  return { words, rest: lines.slice(count * 2 + 1).join("\r\n") };
}

function redisAnswer([name]: readonly string[]): string {
  switch (name?.toUpperCase()) {
    case "SET":
      return "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    case "INCR":
      return "-ERR value is not an integer or out of range\r\n";
    case "HELLO":
      return "-ERR unknown command 'HELLO'\r\n";
    case "INFO":
      return "$19\r\nredis_version:7.2.0\r\n";
    default:
      return "+OK\r\n";
  }
}

const OP_REPLY = 1;
const OP_MSG = 2013;

/** Answers `hello`, which comes as OP_QUERY first and may come as OP_MSG later, in its own kind. */
function mongoHello(message: Buffer): Buffer {
  const isMessage = message.readInt32LE(12) === OP_MSG;
  const document = BSON.serialize({
    ok: 1,
    helloOk: true,
    isWritablePrimary: true,
    minWireVersion: 0,
    maxWireVersion: 21,
  });
  const between = Buffer.alloc(isMessage ? 5 : 20); // OP_REPLY: flags, cursor, start, count
  if (!isMessage) between.writeInt32LE(1, 16);
  const header = Buffer.alloc(16);
  header.writeInt32LE(header.length + between.length + document.length, 0);
  header.writeInt32LE(message.readInt32LE(4), 8);
  header.writeInt32LE(isMessage ? OP_MSG : OP_REPLY, 12);
  return Buffer.concat([header, between, document]);
}

interface OtlpValue {
  readonly [kind: string]: unknown;
}
interface OtlpSpan extends Omit<SinkSpan, "attributes"> {
  readonly attributes?: readonly { readonly key: string; readonly value: OtlpValue }[];
}

function spansOf(body: unknown): SinkSpan[] {
  const { resourceSpans } = body as { resourceSpans: { scopeSpans: { spans: OtlpSpan[] }[] }[] }; // the protocol's JSON
  return resourceSpans
    .flatMap((resource) => resource.scopeSpans)
    .flatMap((scope) => scope.spans)
    .map((span) => ({
      ...span,
      attributes: Object.fromEntries((span.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]])),
    }));
}
