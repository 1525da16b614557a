import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { Client, compressionAlgorithms, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { createOtlpGrpcServer } from "../../src/receiver/otlp-grpc";
import type { OtlpAnswer } from "../../src/receiver/otlp-response";
import { createTelemetry } from "../../src/telemetry";
import { type DecodedStatus, decode, type Receiver, type ReceiverOptions, startReceiver, until } from "./otlp-peer";

const TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

interface GrpcReceiver extends Receiver {
  call(path: string, body: Buffer, metadata?: { readonly [key: string]: string }): Promise<Buffer>;
}

async function startGrpc(context: TestContext, options: ReceiverOptions = {}, isGzip = false): Promise<GrpcReceiver> {
  const receiver = await startReceiver(context, options, createOtlpGrpcServer);
  const client = new Client(`127.0.0.1:${receiver.port}`, credentials.createInsecure(), {
    "grpc.default_compression_algorithm": isGzip ? compressionAlgorithms.gzip : compressionAlgorithms.identity,
    "grpc.max_send_message_length": -1,
    "grpc.enable_retries": 0,
  });
  context.after(() => client.close());
  const asIs = (bytes: Buffer): Buffer => bytes;
  return {
    ...receiver,
    call(path, body, entries = {}) {
      const metadata = new Metadata();
      for (const [key, value] of Object.entries(entries)) metadata.set(key, value);
      return new Promise((resolve, reject) => {
        client.makeUnaryRequest(path, asIs, asIs, body, metadata, (error, response) => {
          if (error !== null || response === undefined) reject(error);
          else resolve(response);
        });
      });
    },
  };
}

/** The error that a call ends with. */
async function refusalOf(call: Promise<Buffer>): Promise<ServiceError> {
  try {
    await call;
  } catch (error) {
    return error as ServiceError; // all that grpc-js rejects with
  }
  return assert.fail("the call succeeded");
}

function detailsOf(error: ServiceError): DecodedStatus {
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  assert.ok(Buffer.isBuffer(bytes));
  return decode("Status", bytes) as DecodedStatus;
}

test("traces and logs are taken, as they are and with gzip", async (context) => {
  for (const isGzip of [false, true]) {
    const { call, taken, server } = await startGrpc(context, {}, isGzip);
    assert.equal((await call(TRACES, Buffer.from("spans"))).length, 0);
    assert.equal((await call(LOGS, Buffer.alloc(1_000_000, "log"))).length, 0);
    assert.equal((await call(TRACES, Buffer.alloc(0))).length, 0);
    assert.deepEqual(
      taken.map(({ signal, encoding, body }) => [signal, encoding, body.length]),
      [
        ["traces", "protobuf", 5],
        ["logs", "protobuf", 1_000_000],
        ["traces", "protobuf", 0],
      ],
    );
    const { accepted, requestsInFlight, bufferedBytes, aborted } = server.stats();
    assert.deepEqual([accepted, requestsInFlight, bufferedBytes, aborted], [3, 0, 0, 0]);
  }
});

test("what was rejected is told as partial success", async (context) => {
  const { call } = await startGrpc(context, { answer: { status: "accepted", rejected: 2, message: "too deep" } });
  assert.deepEqual(decode("Response", await call(TRACES, Buffer.from("x"))), {
    partialSuccess: { rejected: "2", errorMessage: "too deep" },
  });
});

test("a malformed message is an invalid argument", async (context) => {
  const { call } = await startGrpc(context, { answer: { status: "malformed", message: "field 2: \ud83d cut off" } });
  const error = await refusalOf(call(TRACES, Buffer.from("x")));
  assert.equal(error.code, status.INVALID_ARGUMENT);
  assert.match(error.details, /^field 2: . cut off$/);
  assert.equal(detailsOf(error).details?.[0]?.typeUrl, "type.googleapis.com/google.rpc.BadRequest");
});

test("who is to come again is told when, by RetryInfo", async (context) => {
  let answer: OtlpAnswer = { status: "unavailable", retryAfterMillis: 4_100, message: "the disk is full" };
  const { call } = await startGrpc(context, { accept: async () => answer });
  for (const [answered, code] of [
    ["unavailable", status.UNAVAILABLE],
    ["throttled", status.RESOURCE_EXHAUSTED],
  ] as const) {
    answer = { status: answered, retryAfterMillis: 4_100, message: "later" };
    const error = await refusalOf(call(TRACES, Buffer.from("x")));
    assert.deepEqual([error.code, error.details], [code, "later"]);
    const [detail] = detailsOf(error).details ?? [];
    assert.ok(detail);
    assert.deepEqual(decode("RetryInfo", detail.value), { retryDelay: { seconds: "5" } });
  }
});

test("with a token, calls without it are unauthenticated and not taken", async (context) => {
  const { call, taken, server } = await startGrpc(context, { token: "a-token" });
  for (const metadata of [
    {},
    { authorization: "Bearer a-tokenX" },
    { authorization: "Basic a-token" },
    { token: "a-token" },
  ]) {
    assert.equal((await refusalOf(call(TRACES, Buffer.from("x"), metadata))).code, status.UNAUTHENTICATED);
  }
  assert.deepEqual([taken.length, server.stats().refused.unauthenticated, server.stats().aborted], [0, 4, 0]);
  await call(TRACES, Buffer.from("x"), { authorization: "Bearer a-token" });
  assert.equal(taken.length, 1);
});

test("a message above the limit, as sent or inflated, exhausts what there is and is not to be sent again", async (context) => {
  for (const isGzip of [false, true]) {
    const { call, taken, server } = await startGrpc(context, { limits: { bodyBytes: 100_000 } }, isGzip);
    const error = await refusalOf(call(TRACES, Buffer.alloc(100_001)));
    assert.equal(error.code, status.RESOURCE_EXHAUSTED);
    assert.deepEqual(error.metadata.get("grpc-status-details-bin"), [], "no RetryInfo");
    assert.equal(taken.length, 0);
    await call(TRACES, Buffer.alloc(100_000));
    assert.deepEqual([taken.length, server.stats().aborted, server.stats().requestsInFlight], [1, 1, 0]);
  }
});

test("a call above the bound is unavailable for a second", async (context) => {
  let finish = (): void => undefined;
  const accept = (): Promise<OtlpAnswer> =>
    new Promise((resolve) => {
      finish = () => resolve({ status: "accepted" });
    });
  const receiver = await startGrpc(context, { accept, limits: { requestsInFlight: 1 } });
  // A connection of its own, since one connection would wait for its turn.
  const other = await otherClient(context, receiver.port);
  const first = receiver.call(TRACES, Buffer.from("x"));
  await until(() => receiver.taken.length === 1);
  const error = await refusalOf(other(Buffer.from("y")));
  assert.equal(error.code, status.UNAVAILABLE);
  assert.equal(detailsOf(error).details?.[0]?.typeUrl, "type.googleapis.com/google.rpc.RetryInfo");
  finish();
  await first;
  assert.equal(receiver.server.stats().refused.overloaded, 1);
});

test("messages over the bound of all that is held are unavailable", async (context) => {
  const { call, taken, server } = await startGrpc(context, { limits: { bufferedBytes: 1_000 } });
  assert.equal((await refusalOf(call(TRACES, Buffer.alloc(1_001)))).code, status.UNAVAILABLE);
  await call(TRACES, Buffer.alloc(1_000));
  assert.deepEqual([taken.length, server.stats().bufferedBytes], [1, 0]);
});

test("a message that never ends is given up", async (context) => {
  const { port, server, call } = await startGrpc(context, { limits: { requestTimeoutMillis: 50 } });
  const session = openSession(context, port);
  const stream = session.request({
    ":method": "POST",
    ":path": TRACES,
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => undefined);
  stream.write(Buffer.from([0, 0, 0, 1, 0, 1, 2, 3]));
  const [headers] = await once(stream, "response");
  assert.equal(headers["grpc-status"], String(status.DEADLINE_EXCEEDED));
  await until(() => server.stats().requestsInFlight === 0);
  assert.equal(server.stats().refused.timeout, 1);
  await call(TRACES, Buffer.from("x"));
});

test("broken compression, a cut-off message and noise are not taken, and do no harm", async (context) => {
  const { port, server, taken, call } = await startGrpc(context);
  const session = openSession(context, port);
  const request = { ":method": "POST", ":path": TRACES, "content-type": "application/grpc", "grpc-encoding": "gzip" };
  const broken = gzipSync(Buffer.alloc(1_000)).fill(7, 12);
  const length = Buffer.alloc(5);
  length.writeUInt8(1);
  length.writeUInt32BE(broken.length, 1);
  for (const bytes of [Buffer.concat([length, broken]), Buffer.concat([length, broken.subarray(0, 5)]), length]) {
    const stream = session.request(request).on("error", () => undefined);
    stream.end(bytes);
    const [headers] = await once(stream, "response");
    assert.notEqual(headers["grpc-status"], "0");
  }
  for (const noise of ["GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00", "\0".repeat(1_000)]) {
    const socket = connect(port, "127.0.0.1").on("error", () => undefined);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.end(noise);
    socket.resume();
    await closed;
  }
  assert.equal(taken.length, 0);
  await call(TRACES, Buffer.from("x"));
  await until(() => server.stats().requestsInFlight === 0);
});

test("other services and methods are not implemented", async (context) => {
  const { call } = await startGrpc(context);
  for (const path of [
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "/x/y",
    TRACES.toLowerCase(),
  ]) {
    assert.equal((await refusalOf(call(path, Buffer.from("x")))).code, status.UNIMPLEMENTED);
  }
});

test("a fault of ours is internal, says nothing about itself and is counted", async (context) => {
  const telemetry = createTelemetry();
  const { call, server } = await startGrpc(context, { telemetry, accept: () => Promise.reject(new Error("secret")) });
  const error = await refusalOf(call(TRACES, Buffer.from("x")));
  assert.deepEqual([error.code, error.details], [status.INTERNAL, "internal error"]);
  assert.equal(telemetry.snapshot().dropped[0]?.reason, "internal_error");
  assert.equal(server.stats().bufferedBytes, 0);
});

test("stopping lets what is under way finish, and closes what is left when the time is over", async (context) => {
  let finish = (): void => undefined;
  const accept = (): Promise<OtlpAnswer> =>
    new Promise((resolve) => {
      finish = () => resolve({ status: "accepted" });
    });
  const first = await startGrpc(context, { accept });
  const pending = first.call(TRACES, Buffer.from("x"));
  await until(() => first.taken.length === 1);
  const stopped = first.server.stop(60_000);
  finish();
  await pending;
  await stopped;

  const second = await startGrpc(context, { accept });
  const cut = refusalOf(second.call(TRACES, Buffer.from("x")));
  await until(() => second.taken.length === 1);
  await second.server.stop(20);
  await cut;
});

test("a port that is taken, or none at all, fails the start", async (context) => {
  const receiver = await startGrpc(context);
  const telemetry = createTelemetry();
  const accept = async (): Promise<OtlpAnswer> => ({ status: "accepted" });
  for (const port of [receiver.port, 70_000]) {
    const server = createOtlpGrpcServer({ host: "127.0.0.1", port, telemetry, accept });
    assert.equal((await server.start()).status, "failed");
    await server.stop(60_000);
  }
});

function openSession(context: TestContext, port: number): ClientHttp2Session {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on("error", () => undefined); // the server may end it first
  context.after(() => session.destroy());
  return session;
}

async function otherClient(context: TestContext, port: number): Promise<(body: Buffer) => Promise<Buffer>> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_retries": 0,
  });
  context.after(() => client.close());
  const asIs = (bytes: Buffer): Buffer => bytes;
  return (body) =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(TRACES, asIs, asIs, body, (error, response) => {
        if (error !== null || response === undefined) reject(error);
        else resolve(response);
      });
    });
}
