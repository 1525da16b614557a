/** Who watches in a test: a WebSocket that writes down what it is told, and bare frames for what no client would send. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { type ClientOptions, WebSocket } from "ws";
import type { ErrorRow, LogRow, RequestRow } from "../../src/store/answers";
import { eventually } from "../instrumentation/fixture-app";

export const LIVE_PATH = "/ws/error-visualization";

/** A message of the server; what of it is there depends on its type, and is what the tests are about. */
export interface Told {
  readonly type: string;
  readonly seq: number;
  readonly message: string;
  readonly data: {
    readonly error: ErrorRow;
    readonly errors: readonly ErrorRow[];
    readonly recent_errors: readonly ErrorRow[];
    readonly changed: readonly { readonly id: string; readonly origin: string }[];
    readonly logs: readonly LogRow[];
    readonly requests: readonly RequestRow[];
    readonly skipped: number;
    readonly time_range: number;
  };
}

export interface Watcher {
  readonly socket: WebSocket;
  readonly told: readonly Told[];
  say(message: unknown): void;
  /** The first of this type, told or to come. */
  first(type: string): Promise<Told>;
  all(type: string): readonly Told[];
}

export async function watch(context: TestContext, port: number, options: ClientOptions = {}): Promise<Watcher> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${LIVE_PATH}`, { perMessageDeflate: false, ...options });
  context.after(() => socket.terminate());
  const told: Told[] = [];
  socket.on("message", (data) => told.push(JSON.parse(data.toString())));
  await once(socket, "open");
  const all = (type: string): readonly Told[] => told.filter((message) => message.type === type);
  return {
    socket,
    told,
    all,
    say: (message) => socket.send(typeof message === "string" ? message : JSON.stringify(message)),
    first: (type) =>
      eventually(
        type,
        async () => all(type)[0],
        () => JSON.stringify(told).slice(0, 500),
      ),
  };
}

export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  await eventually(what, async () => (await isSo()) || undefined);
}

/** Subscribed, with the answer in hand. */
export async function subscribed(
  context: TestContext,
  port: number,
  topic = "error_visualization",
  options: ClientOptions = {},
): Promise<Watcher> {
  const watcher = await watch(context, port, options);
  watcher.say({ type: "subscribe", topic });
  await watcher.first("subscribed");
  return watcher;
}

/** Sends the bytes after a good handshake and gives the code that the server closes with; 0 when there is none. */
export async function closeCodeAfter(port: number, bytes: Buffer | readonly Buffer[]): Promise<number> {
  const socket = await handshake(port);
  const heard: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => heard.push(chunk));
  for (const part of Buffer.isBuffer(bytes) ? [bytes] : bytes) {
    if (socket.destroyed) break;
    if (!socket.write(part)) await Promise.race([once(socket, "drain"), once(socket, "close")]);
  }
  if (!socket.closed) await once(socket, "close");
  const all = Buffer.concat(heard);
  for (let at = 0; at + 2 <= all.length; ) {
    const length = (all[at + 1] ?? 0) & 0x7f;
    if (all[at] === 0x88) return length >= 2 ? all.readUInt16BE(at + 2) : 0;
    at += 2 + (length === 126 ? 2 + all.readUInt16BE(at + 2) : length);
  }
  return 0;
}

/** A connection that has spoken as a WebSocket client, and reads when it is told to. */
export async function handshake(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {}); // a reset is a way to be closed
  const key = randomBytes(16).toString("base64");
  socket.write(
    `GET ${LIVE_PATH} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
  let head = "";
  while (!head.includes("\r\n\r\n")) {
    const [chunk] = await once(socket, "data");
    head += String(chunk);
  }
  assert.match(head, /^HTTP\/1\.1 101 /);
  return socket;
}

export interface FrameOptions {
  readonly opcode?: number;
  readonly isFinal?: boolean;
  readonly reserved?: number;
  readonly isMasked?: boolean;
  /** What it says its length is. */
  readonly claims?: bigint;
}

export function frame(payload: string | Buffer, options: FrameOptions = {}): Buffer {
  const { opcode = 1, isFinal = true, reserved = 0, isMasked = true, claims } = options;
  const data = Buffer.from(payload);
  const first = (isFinal ? 0x80 : 0) | (reserved << 4) | opcode;
  const mask = isMasked ? 0x80 : 0;
  const length = claims ?? BigInt(data.length);
  const head =
    length < 126n
      ? Buffer.from([first, mask | Number(length)])
      : length < 65_536n
        ? Buffer.from([first, mask | 126, Number(length) >> 8, Number(length) & 0xff])
        : Buffer.concat([Buffer.from([first, mask | 127]), bigEndian(length)]);
  if (!isMasked) return Buffer.concat([head, data]);
  // Masked with zeros, the bytes are what they were.
  return Buffer.concat([head, Buffer.alloc(4), data]);
}

function bigEndian(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
