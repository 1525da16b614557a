/**
 * Errors as they really come: thrown by the runtime and by libraries, each made on the spot. What cannot run on one
 * machine (a GPU, a model provider, another language) is given the shape that its library gives it.
 */
import assert from "node:assert/strict";
import { exec, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import tls from "node:tls";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { gunzipSync, gzipSync } from "node:zlib";
import Ajv from "ajv";
import express, { type ErrorRequestHandler, type Express } from "express";
import fastify from "fastify";
import createError from "http-errors";
import Joi from "joi";
import { Client, interceptors, request, fetch as undiciFetch } from "undici";
import { z } from "zod";
import type { Category, RawError } from "../../src/event";
import { freePort } from "../free-port";

export interface RealError {
  readonly category: Category;
  readonly title: string;
  /** What was thrown. `undefined` when this machine cannot make it; the title says what it takes. */
  readonly make: () => unknown;
  /** What the surroundings add: the kind of the span, its attributes, how it was seen. */
  readonly extra?: Partial<RawError>;
}

/** What `run` throws or rejects with. */
export async function thrownBy(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

/** An error with the class name and properties that a library gives it. */
export function shaped(name: string, message: string, properties: object = {}): Error {
  return Object.assign(new Error(message), { name }, properties);
}

/** Runs `use` while `server` listens on a free port. */
export async function withServer<T>(server: net.Server, use: (port: number) => T | Promise<T>): Promise<T> {
  const sockets = new Set<net.Socket>();
  server.on("connection", (socket) => sockets.add(socket.on("error", () => sockets.delete(socket))));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await use((server.address() as AddressInfo).port); // a TCP server's address is never a path
  } finally {
    server.close();
    for (const socket of sockets) socket.destroy();
  }
}

const SERVER = { spanKind: "server" } as const;
const CLIENT = { spanKind: "client" } as const;

const resourceErrors: readonly RealError[] = [
  { category: "resource_exhausted", title: "ENOSPC of a full disk", make: () => thrownBy(fillDisk) },
  {
    category: "resource_exhausted",
    title: "EMFILE of a process without descriptors",
    make: () => inChild(EXHAUST_DESCRIPTORS),
  },
  { category: "resource_exhausted", title: "ERR_WORKER_OUT_OF_MEMORY of a worker thread", make: exhaustHeap },
  {
    category: "resource_exhausted",
    title: "an array buffer that the machine cannot hold",
    make: () => thrownBy(() => new ArrayBuffer(Number.MAX_SAFE_INTEGER)),
  },
  {
    category: "resource_exhausted",
    title: "CUDA out of memory, from PyTorch",
    make: () => shaped("torch.cuda.OutOfMemoryError", "CUDA out of memory. Tried to allocate 20.00 MiB"),
  },
  {
    category: "resource_exhausted",
    title: "a V8 heap out of memory, seen by the parent process",
    make: () => shaped("Error", "Reached heap limit Allocation failed - JavaScript heap out of memory"),
    extra: { source: "process", fatal: true },
  },
  {
    category: "resource_memory_pressure",
    title: "a report of a GPU under memory pressure",
    make: () => shaped("RuntimeError", "step took too long"),
    extra: {
      hardwareContext: { hardware_type: "gpu", hardware_status: { overheating: false, memory_pressure: true } },
    },
  },
  {
    category: "resource_memory_pressure",
    title: "an eviction by Kubernetes",
    make: () => shaped("Evicted", "The node was low on resource: memory. Threshold quantity: 100Mi"),
  },
  {
    category: "resource_memory_pressure",
    title: "a node condition",
    make: () => shaped("PodRejected", "Pod was rejected: The node had condition: [MemoryPressure]."),
  },
  {
    category: "resource_limit",
    title: "a string longer than V8 allows",
    make: () => thrownBy(() => "x".repeat(2 ** 30)),
  },
  {
    category: "resource_limit",
    title: "a gzip body that inflates over its limit",
    make: () => thrownBy(() => gunzipSync(gzipSync(Buffer.alloc(100_000)), { maxOutputLength: 1_000 })),
  },
  {
    category: "resource_limit",
    title: "a child process that prints more than maxBuffer",
    make: () => thrownBy(() => promisify(execFile)(process.execPath, ["-p", "'x'.repeat(5000)"], { maxBuffer: 1_000 })),
  },
  {
    category: "resource_limit",
    title: "an answer larger than undici was told to take",
    make: () =>
      withServer(
        http.createServer((_, response) => response.end("x".repeat(1_000))),
        (port) =>
          thrownBy(async () => {
            const client = new Client(`http://127.0.0.1:${port}`, { maxResponseSize: 10 });
            const answer = await client.request({ path: "/", method: "GET" });
            await answer.body.text();
          }),
      ),
  },
];

const workerErrors: readonly RealError[] = [
  {
    category: "worker_crashed",
    title: "a child process killed by a signal",
    make: () => thrownBy(() => promisify(exec)("kill -SEGV $$")),
  },
  {
    category: "worker_crashed",
    title: "an uncaught exception",
    make: () => thrownBy(() => JSON.parse("{")),
    extra: { source: "uncaught", handled: false, fatal: true },
  },
  {
    category: "worker_crashed",
    title: "a cluster worker that went away",
    make: () => shaped("Error", "worker 3 ended with code 1"),
    extra: { source: "process", handled: false, fatal: true },
  },
  {
    category: "worker_timeout",
    title: "execFile over its timeout",
    make: () => thrownBy(() => promisify(execFile)("sleep", ["5"], { timeout: 20 })),
  },
  {
    category: "worker_timeout",
    title: "execFileSync over its timeout",
    make: () => thrownBy(() => execFileSync("sleep", ["5"], { timeout: 20 })),
  },
  {
    category: "worker_timeout",
    title: "a worker that a gunicorn master gave up",
    make: () => shaped("SystemExit", "WORKER TIMEOUT (pid:42)"),
  },
  {
    category: "worker_other",
    title: "a program that is not there",
    make: async () => (await once(spawn("/nonexistent/program"), "error").catch((error: unknown) => [error]))[0],
  },
  {
    category: "worker_other",
    title: "a child process with exit code 3",
    make: () => thrownBy(() => promisify(exec)("exit 3")),
  },
  {
    category: "worker_other",
    title: "a worker of a relative path",
    make: () => thrownBy(() => new Worker("worker.js")),
  },
  {
    category: "worker_other",
    title: "a signal to a process that is gone",
    make: () => thrownBy(() => process.kill(2 ** 30, 0)),
  },
  {
    category: "worker_other",
    title: "a message that cannot be cloned",
    make: () =>
      thrownBy(() => {
        const { port1, port2 } = new MessageChannel();
        port2.close();
        port1.postMessage(() => 1);
      }),
  },
];

const networkErrors: readonly RealError[] = [
  { category: "network_connection", title: "a refused connection", make: () => connectTo({}) },
  {
    category: "network_connection",
    title: "a fetch that is refused",
    make: async () => thrownBy(async () => fetch(`http://127.0.0.1:${await freePort()}/`)),
  },
  {
    category: "network_connection",
    title: "a socket hang up",
    make: () =>
      withServer(
        net.createServer((socket) => socket.destroy()),
        (port) => thrownBy(() => get(port)),
      ),
  },
  {
    category: "network_connection",
    title: "a reset by the service that was called",
    make: () =>
      withServer(
        net.createServer((socket) => socket.resetAndDestroy()),
        (port) => thrownBy(() => get(port)),
      ),
    extra: CLIENT,
  },
  {
    category: "network_connection",
    title: "the other side closed, in undici",
    make: () =>
      withServer(
        net.createServer((socket) => socket.on("data", () => socket.end())),
        (port) => thrownBy(() => request(`http://127.0.0.1:${port}/`)),
      ),
  },
  {
    category: "network_connection",
    title: "a port that is taken",
    make: () =>
      withServer(
        net.createServer(),
        async (port) =>
          (await once(net.createServer().listen(port, "127.0.0.1"), "error").catch((error: unknown) => [error]))[0],
      ),
  },
  {
    category: "network_connection",
    title: "gRPC UNAVAILABLE",
    make: () =>
      shaped("Error", "14 UNAVAILABLE: No connection established", {
        code: 14,
        details: "No connection established",
        metadata: {},
      }),
  },
  {
    category: "network_timeout",
    title: "undici waiting for headers",
    make: () =>
      withSilentServer((port) => thrownBy(() => request(`http://127.0.0.1:${port}/`, { headersTimeout: 10 }))),
  },
  {
    category: "network_timeout",
    title: "AbortSignal.timeout",
    make: () =>
      withSilentServer((port) =>
        thrownBy(() => fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(10) })),
      ),
  },
  {
    category: "network_timeout",
    title: "a connection that never opens, as libuv reports it",
    make: () =>
      shaped("Error", "connect ETIMEDOUT 10.255.255.1:443", {
        code: "ETIMEDOUT",
        errno: -110,
        syscall: "connect",
        port: 443,
      }),
  },
  {
    category: "network_timeout",
    title: "an axios timeout",
    make: () => shaped("AxiosError", "timeout of 1000ms exceeded", { code: "ECONNABORTED", config: { timeout: 1000 } }),
  },
  {
    category: "network_timeout",
    title: "a gRPC span that ended with DEADLINE_EXCEEDED",
    make: () => shaped("Error", "", { stack: "" }),
    extra: { ...CLIENT, attributes: { "rpc.system": "grpc", "rpc.grpc.status_code": 4 } },
  },
  {
    category: "network_dns",
    title: "a host that is not there, in net",
    make: () => connectTo({ host: "nobody.invalid", port: 80 }),
  },
  {
    category: "network_dns",
    title: "a host that is not there, in fetch",
    make: () => thrownBy(() => fetch("http://nobody.invalid/")),
  },
  {
    category: "network_dns",
    title: "a host that is not there, in undici",
    make: () => thrownBy(() => undiciFetch("http://nobody.invalid/")),
  },
  {
    category: "network_dns",
    title: "a name server that does not answer, by c-ares",
    make: () => shaped("Error", "queryA ETIMEOUT shop.test", { code: "ETIMEOUT", syscall: "queryA" }),
  },
  {
    category: "network_dns",
    title: "a host that is not there, by OTLP from Java",
    make: () => shaped("java.net.UnknownHostException", "nobody.invalid: Name or service not known"),
  },
  {
    category: "network_tls",
    title: "a self-signed certificate, in https",
    make: () => withTlsServer((port) => thrownBy(() => get(port, https))),
  },
  {
    category: "network_tls",
    title: "a self-signed certificate, in fetch",
    make: () => withTlsServer((port) => thrownBy(() => fetch(`https://127.0.0.1:${port}/`))),
  },
  {
    category: "network_tls",
    title: "TLS to a server that speaks plain HTTP",
    make: () => withServer(http.createServer(), (port) => thrownBy(() => get(port, https))),
  },
];

const connectionErrors: readonly RealError[] = [
  {
    category: "connection_aborted",
    title: "a body that the client never finished, in express.json",
    make: abortedUpload,
  },
  {
    category: "connection_aborted",
    title: "a stream that closed early",
    make: () =>
      thrownBy(() => {
        const stream = new PassThrough();
        setImmediate(() => stream.destroy());
        return pipeline(stream, new PassThrough());
      }),
  },
  {
    category: "connection_aborted",
    title: "an AbortController",
    make: () => thrownBy(() => pipeline(Readable.from(["x"]), new PassThrough(), { signal: AbortSignal.abort() })),
  },
  { category: "connection_aborted", title: "an aborted IncomingMessage", make: abortedRequest, extra: SERVER },
  {
    category: "connection_reset_by_client",
    title: "a client that resets its socket",
    make: resetByClient,
    extra: SERVER,
  },
  {
    category: "connection_reset_by_client",
    title: "a write to a client that went away",
    make: brokenPipe,
    extra: SERVER,
  },
  {
    category: "connection_reset_by_client",
    title: "BrokenPipeError of a Python server",
    make: () => shaped("BrokenPipeError", "[Errno 32] Broken pipe"),
  },
];

const httpErrors: readonly RealError[] = [
  { category: "http_client_error", title: "http-errors 404", make: () => createError(404, "no such order") },
  {
    category: "http_client_error",
    title: "http-errors 409",
    make: () => createError(409, "already shipped"),
    extra: SERVER,
  },
  {
    category: "http_client_error",
    title: "a path that Express cannot decode",
    make: () => fromExpress((app) => app.get("/:id", (_, response) => void response.end()), "/%E0%A4%A"),
  },
  { category: "http_client_error", title: "a server span with 404 and no exception", ...statusOnly("server", 404) },
  { category: "http_server_error", title: "http-errors 500", make: () => createError(500, "out of order") },
  { category: "http_server_error", title: "http-errors 503", make: () => createError(503), extra: SERVER },
  { category: "http_server_error", title: "a server span with 500 and no exception", ...statusOnly("server", 500) },
  { category: "http_upstream_error", title: "http-errors 502", make: () => createError(502), extra: SERVER },
  { category: "http_upstream_error", title: "a client span with 503 and no exception", ...statusOnly("client", 503) },
  {
    category: "http_upstream_error",
    title: "undici's responseError interceptor",
    make: () =>
      withServer(
        http.createServer((_, response) => response.writeHead(500).end("{}")),
        (port) =>
          thrownBy(() => {
            const client = new Client(`http://127.0.0.1:${port}`).compose(interceptors.responseError());
            return client.request({ path: "/", method: "GET" });
          }),
      ),
  },
  {
    category: "http_upstream_error",
    title: "axios with an answer of 500",
    make: () =>
      shaped("AxiosError", "Request failed with status code 500", {
        code: "ERR_BAD_RESPONSE",
        response: { status: 500 },
      }),
  },
];

const validationErrors: readonly RealError[] = [
  {
    category: "validation_input",
    title: "malformed JSON, in express.json",
    make: () => fromExpress((app) => app.use(express.json()), "/", jsonPost("{")),
  },
  {
    category: "validation_input",
    title: "too many form fields, in express.urlencoded",
    make: () =>
      fromExpress((app) => app.use(express.urlencoded({ extended: false, parameterLimit: 1 })), "/", {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: "a=1&b=2",
      }),
  },
  { category: "validation_input", title: "malformed JSON, in Fastify", make: () => fromFastify("{") },
  { category: "validation_input", title: "http-errors 422", make: () => createError(422, "quantity must be positive") },
  {
    category: "validation_schema",
    title: "zod",
    make: () => thrownBy(() => z.object({ id: z.number() }).parse({ id: "x" })),
  },
  {
    category: "validation_schema",
    title: "ajv, asynchronously",
    make: () => thrownBy(() => new Ajv().compile({ $async: true, type: "object", required: ["id"] })({})),
  },
  { category: "validation_schema", title: "joi", make: () => thrownBy(() => Joi.assert("x", Joi.number())) },
  { category: "validation_schema", title: "Fastify's schema", make: () => fromFastify("{}") },
];

const authErrors: readonly RealError[] = [
  { category: "auth_unauthenticated", title: "http-errors 401", make: () => createError(401) },
  {
    category: "auth_unauthenticated",
    title: "an expired token, from jsonwebtoken",
    make: () => shaped("TokenExpiredError", "jwt expired", { expiredAt: new Date(0) }),
  },
  {
    category: "auth_unauthenticated",
    title: "a bad signature, from jose",
    make: () =>
      shaped("JWSSignatureVerificationFailed", "signature verification failed", {
        code: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
      }),
  },
  { category: "auth_unauthenticated", title: "a called service that answered 401", ...statusOnly("client", 401) },
  { category: "auth_forbidden", title: "http-errors 403", make: () => createError(403) },
  {
    category: "auth_forbidden",
    title: "a CSRF token that is missing, from csurf",
    make: () => createError(403, "invalid csrf token", { code: "EBADCSRFTOKEN" }),
  },
  {
    category: "auth_forbidden",
    title: "gRPC PERMISSION_DENIED",
    make: () => shaped("Error", "7 PERMISSION_DENIED: not yours", { code: 7, details: "not yours", metadata: {} }),
  },
];

const providerErrors: readonly RealError[] = [
  { category: "quota_rate_limited", title: "http-errors 429", make: () => createError(429) },
  {
    category: "quota_rate_limited",
    title: "OpenAI's rate limit",
    make: () =>
      shaped("RateLimitError", "429 Rate limit reached for requests", {
        status: 429,
        code: "rate_limit_exceeded",
        type: "requests",
      }),
  },
  {
    category: "quota_rate_limited",
    title: "Anthropic's rate limit",
    make: () =>
      shaped("RateLimitError", "429", {
        status: 429,
        error: { type: "error", error: { type: "rate_limit_error", message: "slow down" } },
      }),
  },
  {
    category: "quota_rate_limited",
    title: "AWS throttling",
    make: () =>
      shaped("ThrottlingException", "Rate exceeded", { $fault: "client", $metadata: { httpStatusCode: 400 } }),
  },
  {
    category: "quota_exhausted",
    title: "OpenAI's spent budget",
    make: () =>
      shaped("RateLimitError", "429 You exceeded your current quota", {
        status: 429,
        code: "insufficient_quota",
        type: "insufficient_quota",
      }),
  },
  {
    category: "quota_exhausted",
    title: "gRPC RESOURCE_EXHAUSTED of a model",
    make: () =>
      shaped("Error", "8 RESOURCE_EXHAUSTED: Quota exceeded", { code: 8, details: "Quota exceeded", metadata: {} }),
    extra: { ...CLIENT, attributes: { "gen_ai.operation.name": "chat" } },
  },
  {
    category: "quota_exhausted",
    title: "the answer of a Google API",
    make: () => shaped("ApiError", "got status: 429", { error: { code: 429, status: "RESOURCE_EXHAUSTED" } }),
  },
  { category: "quota_exhausted", title: "http-errors 402", make: () => createError(402) },
  {
    category: "content_filter",
    title: "OpenAI's content policy",
    make: () =>
      shaped("BadRequestError", "400 Your request was rejected", { status: 400, code: "content_policy_violation" }),
  },
  {
    category: "content_filter",
    title: "Azure's content filter",
    make: () =>
      shaped("BadRequestError", "400 The response was filtered", {
        status: 400,
        error: { code: "400", innererror: { code: "ResponsibleAIPolicyViolation" } },
      }),
  },
  {
    category: "content_filter",
    title: "a model's span that finished with content_filter",
    make: () => shaped("Error", "empty answer"),
    extra: { ...CLIENT, attributes: { "gen_ai.response.finish_reasons": ["content_filter"] } },
  },
];

const fileErrors: readonly RealError[] = [
  {
    category: "file_upload",
    title: "a file that multer does not expect",
    make: () => upload({}, "photo", [10], "avatar"),
  },
  {
    category: "file_upload",
    title: "more files than multer takes",
    make: () => upload({ files: 1 }, "photo", [10, 10]),
  },
  {
    category: "file_upload",
    title: "a form that ends early",
    make: () =>
      fromExpress((app) => app.use(multer().any()), "/", {
        method: "POST",
        headers: { "content-type": "multipart/form-data; boundary=b" },
        body: '--b\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\nx',
      }),
  },
  {
    category: "file_too_large",
    title: "a file over multer's limit",
    make: () => upload({ fileSize: 5 }, "photo", [10]),
  },
  {
    category: "file_too_large",
    title: "a body over the limit of express.json",
    make: () =>
      fromExpress((app) => app.use(express.json({ limit: 10 })), "/", jsonPost(`{"text":"${"x".repeat(100)}"}`)),
  },
  {
    category: "file_too_large",
    title: "a file over what readFile can take",
    make: () => inFolder((folder) => readHugeFile(folder)),
  },
  {
    category: "file_unsupported_format",
    title: "a charset that express.json does not read",
    make: () =>
      fromExpress(
        (app) => app.use(express.json()),
        "/",
        jsonPost("{}", { "content-type": "application/json; charset=koi8-r" }),
      ),
  },
  {
    category: "file_unsupported_format",
    title: "an encoding that express.json does not read",
    make: () => fromExpress((app) => app.use(express.json()), "/", jsonPost("{}", { "content-encoding": "compress" })),
  },
  { category: "file_unsupported_format", title: "http-errors 415", make: () => createError(415) },
  {
    category: "file_not_found",
    title: "readFile",
    make: () => thrownBy(() => fs.promises.readFile("/nonexistent/file")),
  },
  {
    category: "file_not_found",
    title: "opendir of a file",
    make: () => thrownBy(() => fs.opendirSync(process.execPath)),
  },
  {
    category: "file_not_found",
    title: "sendFile, in Express",
    make: () => fromExpress((app) => app.get("/", (_, response) => response.sendFile("/nonexistent/file")), "/"),
  },
  {
    category: "file_not_found",
    title: "ENOENT by OTLP, where the code is the type",
    make: () => shaped("ENOENT", "ENOENT: no such file or directory, open '/data/prices.csv'"),
  },
  {
    category: "file_permission",
    title: "read without leave",
    make: () => asNobody((folder) => fs.readFileSync(join(folder, "secret"))),
  },
  {
    category: "file_permission",
    title: "mkdir without leave",
    make: () => asNobody((folder) => fs.mkdirSync(join(folder, "new"))),
  },
  {
    category: "file_permission",
    title: "chmod of somebody else's file",
    make: () => asNobody(() => fs.chmodSync("/etc/passwd", 0o644)),
  },
  {
    category: "file_cleanup",
    title: "unlink of a file that is gone",
    make: () => thrownBy(() => fs.promises.unlink("/nonexistent/file")),
  },
  {
    category: "file_cleanup",
    title: "rmdir of a folder that is not empty",
    make: () => inFolder((folder) => thrownBy(() => fs.rmdirSync(join(folder, "..")))),
  },
  {
    category: "file_cleanup",
    title: "unlink without leave",
    make: () => asNobody((folder) => fs.unlinkSync(join(folder, "secret"))),
  },
];

const hardwareErrors: readonly RealError[] = [
  {
    category: "hardware_not_available",
    title: "a machine without a GPU, from PyTorch",
    make: () => shaped("RuntimeError", "CUDA error: no CUDA-capable device is detected"),
  },
  {
    category: "hardware_not_available",
    title: "a GPU that fell off the bus",
    make: () => shaped("NVMLError_GpuIsLost", "NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus."),
  },
  { category: "hardware_not_available", title: "ENXIO of a device without a driver", make: openSocketAsFile },
  {
    category: "hardware_overheating",
    title: "a report with the status overheating",
    make: () => shaped("RuntimeError", "inference aborted"),
    extra: { hardwareContext: { hardware_type: "gpu", hardware_status: { overheating: true, throttling: true } } },
  },
  {
    category: "hardware_overheating",
    title: "a sensor's message",
    make: () => shaped("SensorError", "GPU 0 is overheating: 97 °C"),
  },
  {
    category: "hardware_overheating",
    title: "the kernel's message",
    make: () => shaped("KernelError", "CPU3: Core temperature above threshold, cpu clock throttled"),
  },
  {
    category: "hardware_throttled",
    title: "a report with the status throttling",
    make: () => shaped("RuntimeError", "step took 9 s"),
    extra: { hardwareContext: { hardware_types: ["cpu"], hardware_status: { throttling: true } } },
  },
  {
    category: "hardware_throttled",
    title: "thermal throttling",
    make: () => shaped("GpuError", "SW Thermal Throttling active"),
  },
  {
    category: "hardware_throttled",
    title: "a slowdown by nvidia-smi",
    make: () => shaped("GpuError", "HW Slowdown: Active"),
  },
  {
    category: "hardware_other",
    title: "a device-side assert, from PyTorch",
    make: () => shaped("RuntimeError", "CUDA error: device-side assert triggered"),
  },
  {
    category: "hardware_other",
    title: "EIO of a broken disk",
    make: () => shaped("Error", "EIO: i/o error, read", { code: "EIO", syscall: "read" }),
  },
  {
    category: "hardware_other",
    title: "an uncorrectable ECC error",
    make: () => shaped("XidError", "Uncorrectable ECC error encountered"),
  },
];

const pageErrors: readonly RealError[] = [
  {
    category: "analysis_failed",
    title: "trackAnalysisError",
    make: () => shaped("Error", "no rows"),
    extra: { given: { category: "analysis_failed" } },
  },
  {
    category: "analysis_failed",
    title: "a span with error.category",
    make: () => shaped("Error", "no rows"),
    extra: { attributes: { "error.category": "ANALYSIS_FAILED" } },
  },
  { category: "analysis_failed", title: "an AnalysisError", make: () => shaped("AnalysisError", "no rows") },
  {
    category: "analysis_step",
    title: "a report",
    make: () => shaped("Error", "step 3"),
    extra: { source: "report", given: { category: "ANALYSIS_STEP" } },
  },
  {
    category: "analysis_step",
    title: "a step of a span",
    make: () => shaped("Error", "step 3"),
    extra: { attributes: { "error.category": "analysis.step" } },
  },
  { category: "analysis_step", title: "an AnalysisStepError", make: () => shaped("AnalysisStepError", "step 3") },
  {
    category: "ui_component",
    title: "a TypeError that a page reports",
    make: () => thrownBy(() => JSON.parse("null").render()),
    extra: { source: "report", page: "/checkout", userAgent: "Mozilla/5.0" },
  },
  {
    category: "ui_component",
    title: "a chunk that did not load",
    make: () => shaped("ChunkLoadError", "Loading chunk 7 failed."),
  },
  {
    category: "ui_component",
    title: "trackUiError",
    make: () => shaped("Error", "x"),
    extra: { given: { category: "ui_component" } },
  },
  {
    category: "ui_session",
    title: "a report of a lost session",
    make: () => shaped("Error", "x"),
    extra: { source: "report", given: { category: "UI_SESSION" } },
  },
  {
    category: "ui_session",
    title: "a SessionExpiredError",
    make: () => shaped("SessionExpiredError", "sign in again"),
  },
  {
    category: "ui_session",
    title: "a span with error.category",
    make: () => shaped("Error", "x"),
    extra: { attributes: { "error.category": "uiSession" } },
  },
];

const testErrors: readonly RealError[] = [
  { category: "test_assertion", title: "assert.equal", make: () => thrownBy(() => assert.equal(1, 2)) },
  { category: "test_assertion", title: "assert.rejects", make: () => thrownBy(() => assert.rejects(async () => 1)) },
  {
    category: "test_assertion",
    title: "Jest's expect",
    make: () => shaped("JestAssertionError", "expect(received).toBe(expected)", { matcherResult: { pass: false } }),
  },
  {
    category: "test_timeout",
    title: "Jest",
    make: () => shaped("Error", 'thrown: "Exceeded timeout of 5000 ms for a test.'),
  },
  { category: "test_timeout", title: "Vitest", make: () => shaped("Error", "Test timed out in 5000ms.") },
  {
    category: "test_timeout",
    title: "Mocha",
    make: () => shaped("Error", "Timeout of 2000ms exceeded.", { code: "ERR_MOCHA_TIMEOUT", timeout: 2000 }),
  },
  {
    category: "test_timeout",
    title: "node:test",
    make: () =>
      shaped("Error", "test timed out after 10ms", { code: "ERR_TEST_FAILURE", failureType: "testTimeoutFailure" }),
  },
  {
    category: "test_setup",
    title: "node:test",
    make: () => shaped("Error", "failed running before hook", { code: "ERR_TEST_FAILURE", failureType: "hookFailed" }),
  },
  { category: "test_setup", title: "Mocha", make: () => shaped("Error", '"before each" hook for "adds an item"') },
  { category: "test_setup", title: "Vitest", make: () => shaped("Error", "Hook timed out in 10000ms.") },
];

const otherErrors: readonly RealError[] = [
  {
    category: "application_error",
    title: "a TypeError in a route that answered 500",
    make: () => thrownBy(() => JSON.parse("null").price),
    extra: { ...SERVER, handled: false, attributes: { "http.response.status_code": 500 } },
  },
  { category: "application_error", title: "a plain Error", make: () => new Error("cart is empty") },
  {
    category: "application_error",
    title: "a class of the app's own",
    make: () => new (class CartError extends Error {})("cart is empty"),
  },
  { category: "application_error", title: "a thrown text", make: () => "cart is empty" },
  { category: "unknown_error", title: "null", make: () => null },
  { category: "unknown_error", title: "an empty object", make: () => ({}) },
  {
    category: "unknown_error",
    title: "a span that failed without a word",
    make: () => shaped("Error", "", { stack: "" }),
    extra: { spanKind: "internal" },
  },
];

/** All but the databases' own. */
export const REAL_ERRORS: readonly RealError[] = [
  ...resourceErrors,
  ...workerErrors,
  ...networkErrors,
  ...connectionErrors,
  ...httpErrors,
  ...validationErrors,
  ...authErrors,
  ...providerErrors,
  ...fileErrors,
  ...hardwareErrors,
  ...pageErrors,
  ...testErrors,
  ...otherErrors,
];

/** On a small tmpfs where one may mount; else on the device that is always full. */
function fillDisk(): void {
  const folder = fs.mkdtempSync(join(tmpdir(), "seismo-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "none", folder], { stdio: "pipe" });
  } catch {
    fs.rmdirSync(folder); // not root, or in a container that may not mount
    fs.writeFileSync("/dev/full", "x");
  }
  try {
    fs.writeFileSync(join(folder, "file"), Buffer.alloc(100_000));
  } finally {
    execFileSync("umount", [folder]);
    fs.rmdirSync(folder);
  }
}

const EXHAUST_DESCRIPTORS = `
  for (;;) try { fs.openSync(process.execPath) } catch (error) {
    fs.writeSync(1, JSON.stringify({ message: error.message, ...error }));
    process.exit();
  }`;

/** An error of a process that is not allowed many descriptors, sent home as JSON. */
async function inChild(script: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)("sh", [
    "-c",
    `ulimit -n 64 && exec "${process.execPath}" -e '${script}'`,
  ]);
  const { message, ...properties } = JSON.parse(stdout);
  return shaped("Error", message, properties);
}

async function exhaustHeap(): Promise<unknown> {
  const script = "const kept = []; for (;;) kept.push(new Array(1000).fill(kept.length));";
  const worker = new Worker(script, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 8 } });
  return new Promise((resolve) => worker.once("error", resolve));
}

async function connectTo(target: { readonly host?: string; readonly port?: number }): Promise<unknown> {
  const socket = net.connect({ host: "127.0.0.1", port: target.port ?? (await freePort()), ...target });
  return new Promise((resolve) => socket.once("error", resolve));
}

async function get(port: number, client: typeof http | typeof https = http): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    client.get({ host: "127.0.0.1", port, agent: false }, () => resolve()).once("error", reject);
  });
}

async function withSilentServer<T>(use: (port: number) => Promise<T>): Promise<T> {
  return withServer(net.createServer(), use);
}

async function withTlsServer<T>(use: (port: number) => Promise<T>): Promise<T> {
  return withServer(tls.createServer(await inFolder(selfSigned)), use);
}

function selfSigned(folder: string): { readonly key: Buffer; readonly cert: Buffer } {
  const files = { key: join(folder, "key.pem"), cert: join(folder, "cert.pem") };
  const subject = ["-nodes", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
  execFileSync("openssl", ["req", "-x509", ...curve, ...subject, "-keyout", files.key, "-out", files.cert], {
    stdio: "pipe",
  });
  return { key: fs.readFileSync(files.key), cert: fs.readFileSync(files.cert) };
}

/** The error that an Express app hands to its error handler. */
async function fromExpress(
  configure: (app: Express) => unknown,
  path: string,
  init: RequestInit = {},
): Promise<unknown> {
  const app = express();
  configure(app);
  return new Promise((resolve, reject) => {
    const keep: ErrorRequestHandler = (error, _request, response, _next) => {
      resolve(error);
      response.status(500).end();
    };
    app.use(keep);
    withServer(http.createServer(app), (port) => fetch(`http://127.0.0.1:${port}${path}`, init)).catch(reject);
  });
}

function jsonPost(body: string, headers: Record<string, string> = {}): RequestInit {
  return { method: "POST", body, headers: { "content-type": "application/json", ...headers } };
}

async function fromFastify(payload: string): Promise<unknown> {
  const app = fastify();
  let caught: unknown;
  app.setErrorHandler((error, _request, reply) => {
    caught = error;
    return reply.send({});
  });
  app.post("/", { schema: { body: { type: "object", required: ["id"] } } }, () => ({}));
  await app.inject({ method: "POST", url: "/", payload, headers: { "content-type": "application/json" } });
  await app.close();
  return caught;
}

async function abortedUpload(): Promise<unknown> {
  const app = express().use(express.json());
  return new Promise((resolve, reject) => {
    const keep: ErrorRequestHandler = (error, _request, _response, _next) => resolve(error);
    app.use(keep);
    whileClientLeaves(http.createServer(app), () => {}).catch(reject);
  });
}

async function abortedRequest(): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const server = http.createServer((message) => message.once("error", resolve).resume());
    whileClientLeaves(server, () => {}).catch(reject);
  });
}

/** A client that promises a body, sends a little and goes away. */
async function whileClientLeaves(server: http.Server, use: () => void): Promise<void> {
  await withServer(server, async (port) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{");
    await once(server, "request");
    use();
    socket.destroy();
    await once(socket, "close");
    await new Promise((resolve) => setImmediate(resolve));
  });
}

async function resetByClient(): Promise<unknown> {
  const server = net.createServer();
  return withServer(server, async (port) => {
    const client = net.connect(port, "127.0.0.1");
    const [socket] = await once(server, "connection");
    const failed = new Promise((resolve) => socket.once("error", resolve));
    socket.resume();
    client.resetAndDestroy();
    return failed;
  });
}

async function brokenPipe(): Promise<unknown> {
  const server = net.createServer();
  return withServer(server, async (port) => {
    const client = net.connect(port, "127.0.0.1");
    const [socket] = await once(server, "connection");
    const failed = new Promise((resolve) => socket.once("error", resolve));
    client.destroy();
    const write = (): void => void (socket.destroyed || socket.write("x".repeat(1_000), () => setImmediate(write)));
    write();
    return failed;
  });
}

// multer has no types of its own; this is what is used of it.
const multer: (options?: { readonly limits?: object }) => {
  any(): express.RequestHandler;
  array(field: string): express.RequestHandler;
} = require("multer");

async function upload(limits: object, field: string, sizes: readonly number[], expected = field): Promise<unknown> {
  const form = new FormData();
  for (const size of sizes) form.append(field, new Blob(["x".repeat(size)]), "photo.png");
  return fromExpress((app) => app.use(multer({ limits }).array(expected)), "/", { method: "POST", body: form });
}

async function inFolder<T>(use: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = fs.mkdtempSync(join(tmpdir(), "seismo-test-"));
  try {
    return await use(folder);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** Sparse: takes no space. */
async function readHugeFile(folder: string): Promise<unknown> {
  const file = join(folder, "huge");
  fs.writeFileSync(file, "");
  fs.truncateSync(file, 3 * 2 ** 30);
  return thrownBy(() => fs.readFileSync(file));
}

/** Opening a socket's file gives the same errno as a device file without a driver. */
async function openSocketAsFile(): Promise<unknown> {
  return inFolder(async (folder) => {
    const path = join(folder, "device");
    const server = net.createServer().listen(path);
    await once(server, "listening");
    const error = await thrownBy(() => fs.openSync(path, "r"));
    server.close();
    return error;
  });
}

/** Runs `use`, which must be synchronous, without root's rights in a folder that belongs to somebody else. */
async function asNobody(use: (folder: string) => void): Promise<unknown> {
  return inFolder((folder) => {
    fs.writeFileSync(join(folder, "secret"), "x", { mode: 0o000 });
    fs.chmodSync(folder, 0o555);
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.("nobody");
    try {
      use(folder);
      throw new Error("nothing was thrown");
    } catch (error) {
      return error;
    } finally {
      if (isRoot) process.seteuid?.(0);
      fs.chmodSync(folder, 0o755);
    }
  });
}

function statusOnly(spanKind: "server" | "client", status: number): Pick<RealError, "make" | "extra"> {
  return {
    make: () => shaped(`HTTP ${status}`, `GET answered ${status}`, { stack: "" }),
    extra: { spanKind, handled: status < 500, attributes: { "http.response.status_code": status } },
  };
}
