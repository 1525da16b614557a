/** The other end of an OTLP receiver: starts one that remembers what it was given, and speaks to it over real sockets. */
import assert from "node:assert/strict";
import { request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from "node:http";
import { connect } from "node:net";
import type { TestContext } from "node:test";
import protobuf from "protobufjs";
import type { AcceptOtlp, OtlpAnswer, OtlpRequest } from "../../src/receiver/otlp-response";
import { createOtlpServer, type OtlpServer, type OtlpServerOptions } from "../../src/receiver/otlp-server";
import { createTelemetry } from "../../src/telemetry";

export interface Receiver {
  readonly server: OtlpServer;
  readonly port: number;
  /** What `accept` was called with. */
  readonly taken: OtlpRequest[];
}

export type ReceiverOptions = Partial<OtlpServerOptions> & { readonly answer?: OtlpAnswer };

export async function startReceiver(
  context: TestContext,
  options: ReceiverOptions = {},
  create: (options: OtlpServerOptions) => OtlpServer = createOtlpServer,
): Promise<Receiver> {
  const taken: OtlpRequest[] = [];
  const { answer = { status: "accepted" }, accept, ...rest } = options;
  const remember: AcceptOtlp = (request) => {
    taken.push(request);
    return accept?.(request) ?? Promise.resolve(answer);
  };
  const telemetry = createTelemetry();
  const server = create({ host: "127.0.0.1", port: 0, telemetry, ...rest, accept: remember });
  context.after(() => server.stop(0));
  const started = await server.start();
  assert.equal(started.status, "listening");
  return { server, port: started.status === "listening" ? started.port : 0, taken };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Post extends RequestOptions {
  readonly body?: Buffer | string;
  /** Without a Content-Length. */
  readonly chunked?: boolean;
}

/** A request with a protobuf body to `/v1/traces`, unless it says otherwise; on a connection of its own without an `agent`. */
export function post(port: number, options: Post = {}): Promise<Answer> {
  const { body = "spans", chunked = false, headers, ...rest } = options;
  const bytes = Buffer.from(body as Buffer);
  const length = chunked ? {} : { "content-length": bytes.length };
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      {
        host: "127.0.0.1",
        port,
        path: "/v1/traces",
        method: "POST",
        agent: false,
        ...rest,
        headers: { "content-type": "application/x-protobuf", ...length, ...headers } as IncomingHttpHeaders,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
        );
      },
    );
    sent.on("error", reject);
    sent.end(bytes);
  });
}

/** Sends bytes as they are; resolves with all that came back when the other side has closed. */
export function sendRaw(port: number, ...parts: readonly (string | Buffer)[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let heard = "";
    socket.on("data", (chunk: Buffer) => {
      heard += chunk.toString("latin1");
    });
    socket.on("error", () => undefined); // a reset is a way to close
    socket.on("close", () => resolve(heard));
    for (const part of parts) socket.write(typeof part === "string" ? Buffer.from(part, "latin1") : part);
  });
}

/** Of each response in what came back. */
export function statusesOf(heard: string): readonly number[] {
  return [...heard.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
}

export function head(...lines: readonly string[]): string {
  return `${["POST /v1/traces HTTP/1.1", ...lines].join("\r\n")}\r\n\r\n`;
}
export const HOST = "Host: 127.0.0.1";
export const PROTOBUF = "Content-Type: application/x-protobuf";

/** The next good request works, and only it is taken. */
export async function assertStillTakes(receiver: Receiver): Promise<void> {
  const before = receiver.taken.length;
  const answer = await post(receiver.port, { body: "next" });
  assert.equal(answer.status, 200);
  assert.deepEqual(
    receiver.taken.slice(before).map(({ body }) => body.toString()),
    ["next"],
  );
}

const MESSAGES = protobuf.parse(`
  syntax = "proto3";
  message PartialSuccess { int64 rejected = 1; string error_message = 2; }
  message Response { PartialSuccess partial_success = 1; }
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message Violation { string field = 1; string description = 2; }
  message BadRequest { repeated Violation field_violations = 1; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }
`).root;

/** By a full decoder; 64-bit numbers as text. */
export function decode(message: "Response" | "Status" | "BadRequest" | "RetryInfo", bytes: Uint8Array): unknown {
  const type = MESSAGES.lookupType(message);
  return type.toObject(type.decode(bytes), { longs: String, bytes: Buffer });
}

export interface DecodedStatus {
  readonly code: number;
  readonly message: string;
  readonly details?: readonly { readonly typeUrl: string; readonly value: Buffer }[];
}

/** The `google.rpc.Status` of an answer, whose encoding its content type says. */
export function statusOf(answer: Answer): DecodedStatus {
  assert.ok(answer.body.length <= 4_096, "at most 4 kB");
  const isJson = answer.headers["content-type"] === "application/json";
  if (!isJson) assert.equal(answer.headers["content-type"], "application/x-protobuf");
  const status = isJson ? JSON.parse(answer.body.toString()) : decode("Status", answer.body);
  assert.equal(typeof status.code, "number");
  assert.doesNotMatch(status.message, /node:|\.[jt]s\b|\bat \w|\/home|\/tmp/);
  return status;
}

/** For what a peer does in its own time; the test's time limit ends it. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}
