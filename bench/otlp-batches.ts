/** OTLP trace requests for the benchmarks, in both encodings. */
import { randomBytes } from "node:crypto";
import { TRACES } from "../test/receiver/otlp-schema";

export interface Batch {
  readonly protobuf: Uint8Array<ArrayBuffer>;
  readonly json: Uint8Array<ArrayBuffer>;
}

const SERVER_KIND = 2;

type Value = { readonly stringValue: string } | { readonly intValue: number };
interface KeyValue {
  readonly key: string;
  readonly value: Value;
}
interface Span {
  readonly traceId: Uint8Array;
  readonly spanId: Uint8Array;
  readonly parentSpanId?: Uint8Array;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly events?: readonly { timeUnixNano: string; name: string; attributes: readonly KeyValue[] }[];
  readonly status: { code?: number; message?: string };
  readonly flags: number;
}

const ROUTES = ["/items", "/items/:id", "/users/:id/orders", "/search", "/cart", "/checkout", "/login", "/healthz"];
const METHODS = ["GET", "GET", "GET", "POST", "PUT"];
const STACK = [
  "TypeError: Cannot read properties of undefined (reading 'total')",
  "    at priceOf (/srv/shop/src/price.js:41:19)",
  "    at /srv/shop/src/cart.js:112:24",
  "    at Layer.handle [as handle_request] (/srv/shop/node_modules/express/lib/router/layer.js:95:5)",
  "    at next (/srv/shop/node_modules/express/lib/router/route.js:149:13)",
  "    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)",
].join("\n");

/**
 * Traces as services send them: a server span, and in it spans of the framework, of clients and of databases. `failing`
 * is the share of spans that have recorded an exception.
 */
export function makeBatch(count: number, failing: number): Batch {
  const spans: Span[] = [];
  while (spans.length < count) spans.push(...makeTrace(failing));
  spans.length = count;
  const resource = {
    attributes: attributes({
      "service.name": "shop",
      "service.version": "4.2.0",
      "service.instance.id": "shop-7f9c6d-x2x8v",
      "deployment.environment.name": "production",
      "telemetry.sdk.language": "nodejs",
      "telemetry.sdk.name": "opentelemetry",
      "telemetry.sdk.version": "2.12.0",
      "host.name": "shop-7f9c6d-x2x8v",
      "process.pid": 4_711,
    }),
  };
  const scopes = ["http", "express", "pg", "undici"].map((name, index, names) => ({
    scope: { name: `@opentelemetry/instrumentation-${name}`, version: "0.223.0" },
    spans: spans.slice((count * index) / names.length, (count * (index + 1)) / names.length),
  }));
  const request = (idOf: (id: Uint8Array) => unknown): object => ({
    resourceSpans: [
      { resource, scopeSpans: scopes.map((of) => ({ ...of, spans: of.spans.map((span) => withIds(span, idOf)) })) },
    ],
  });
  return {
    protobuf: Buffer.from(TRACES.encode(TRACES.fromObject(request((id) => id))).finish()),
    json: Buffer.from(JSON.stringify(request((id) => Buffer.from(id).toString("hex")))),
  };
}

function withIds({ traceId, spanId, parentSpanId, ...span }: Span, idOf: (id: Uint8Array) => unknown): object {
  const ids = { traceId: idOf(traceId), spanId: idOf(spanId) };
  return { ...span, ...ids, ...(parentSpanId === undefined ? {} : { parentSpanId: idOf(parentSpanId) }) };
}

function makeTrace(failing: number): Span[] {
  const traceId = randomBytes(16);
  const root = randomBytes(8);
  const started = BigInt(Date.now()) * 1_000_000n + BigInt(Math.floor(Math.random() * 1e9));
  const route = pick(ROUTES);
  const method = pick(METHODS);
  const make = (name: string, kind: number, values: Readonly<Record<string, string | number>>): Span => {
    const hasFailed = Math.random() < failing;
    const end = started + BigInt(Math.floor(Math.random() * 80e6));
    return {
      ...{ traceId, spanId: kind === SERVER_KIND ? root : randomBytes(8), name, kind, flags: 0x101 },
      ...(kind === SERVER_KIND ? {} : { parentSpanId: root }),
      startTimeUnixNano: String(started),
      endTimeUnixNano: String(end),
      attributes: attributes(values),
      ...(hasFailed ? { events: [exceptionEvent(String(end))] } : {}),
      status: hasFailed ? { code: 2, message: "Cannot read properties of undefined (reading 'total')" } : {},
    };
  };
  return [
    make(`${method} ${route}`, 2, {
      "http.request.method": method,
      "url.scheme": "http",
      "server.address": "shop.example",
      "server.port": 8_080,
      "network.peer.address": "10.0.0.7",
      "network.peer.port": 51_126,
      "network.protocol.version": "1.1",
      "url.path": route.replace(":id", String(Math.floor(Math.random() * 1e6))),
      "user_agent.original":
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36",
      "http.response.status_code": 200,
      "http.route": route,
      "request.id": randomBytes(16).toString("hex"),
    }),
    make("middleware - jsonParser", 1, {
      "express.name": "jsonParser",
      "express.type": "middleware",
      "http.route": route,
      "code.function.name": "jsonParser",
      "code.file.path": "/srv/shop/node_modules/body-parser/lib/types/json.js",
      "request.id": "b7ad6b7169203331b7ad6b7169203331",
    }),
    make("pg.query:SELECT shop", 3, {
      "db.system.name": "postgresql",
      "db.namespace": "shop",
      "db.query.text": "SELECT id, name, price, stock FROM items WHERE id = $1 AND shop = $2 ORDER BY name LIMIT 50",
      "db.operation.name": "SELECT",
      "db.collection.name": "items",
      "server.address": "db.internal",
      "server.port": 5_432,
      "network.peer.address": "10.0.0.9",
      "network.peer.port": 5_432,
      "request.id": "b7ad6b7169203331b7ad6b7169203331",
    }),
    make("GET", 3, {
      "http.request.method": "GET",
      "http.response.status_code": 200,
      "url.full": "http://prices.internal:8080/prices?item=42&currency=EUR",
      "server.address": "prices.internal",
      "server.port": 8_080,
      "network.peer.address": "10.0.0.12",
      "network.peer.port": 8_080,
      "user_agent.original": "undici",
      "request.id": "b7ad6b7169203331b7ad6b7169203331",
    }),
  ];
}

function exceptionEvent(timeUnixNano: string): { timeUnixNano: string; name: string; attributes: readonly KeyValue[] } {
  const values = {
    "exception.type": "TypeError",
    "exception.message": "Cannot read properties of undefined (reading 'total')",
    "exception.stacktrace": STACK,
  };
  return { timeUnixNano, name: "exception", attributes: attributes(values) };
}

function attributes(values: Readonly<Record<string, string | number>>): KeyValue[] {
  return Object.entries(values).map(([key, value]) => ({
    key,
    value: typeof value === "string" ? { stringValue: value } : { intValue: value },
  }));
}

function pick<T>(list: readonly T[]): T {
  const item = list[Math.floor(Math.random() * list.length)];
  if (item === undefined) throw new Error("nothing to pick from");
  return item;
}
