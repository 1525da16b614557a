/** What a shop's services would tell a collector in a bad hour: every kind of thing that the page shows. */
import assert from "node:assert/strict";
import { CARRIED_ATTRIBUTES as CARRIED } from "../../src/event";
import { hexId, postOtlp, tracesBody } from "../collector/otlp-requests";

export interface Report {
  readonly [field: string]: unknown;
}

export async function report(
  apiUrl: string,
  body: Report,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const response = await fetch(`${apiUrl}/api/report-error`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as { readonly id?: string }; // of the API
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer.id ?? assert.fail("the answer names no id");
}

/** A request through three services that ended badly. */
export const CHECKOUT = "checkout-7731";

export interface ToldErrors {
  /** How many were reported or told of by spans, roots and echoes. */
  readonly count: number;
  /** The id of the one that has everything. */
  readonly full: string;
}

export async function tellAll(apiUrl: string, otlpUrl: string): Promise<ToldErrors> {
  const now = Date.now();
  const ids: string[] = [];
  let minutes = 0;
  for (const [index, template] of REPORTS.entries()) {
    for (let again = 0; again < template.times; again++) {
      minutes += 2;
      const timestamp = new Date(now - minutes * 60_000 + index * 1_000).toISOString();
      const person = (index + again) % 9;
      ids.push(
        await report(apiUrl, {
          timestamp,
          session_id: `visit-${person}`,
          user_id: `customer-${person}`,
          request_id: `request-${index}-${again}`,
          ...template.report,
        }),
      );
    }
  }
  const full = await report(apiUrl, FULL_REPORT);
  const spans = await tellOfCheckout(otlpUrl, now - 90_000);
  return { count: ids.length + 1 + spans, full };
}

const machine = (cpu: number, memory: number, disk: number, gpus: readonly (readonly [number, number])[]): object => ({
  hostname: "rack-2",
  platform: "linux",
  metrics: { cpu: { percent: cpu }, memory: { used_percent: memory }, disk: { used_percent: disk } },
  gpu_metrics: {
    count: gpus.length,
    devices: gpus.map(([memory_utilization, temperature], index) => ({
      index,
      name: "Accelerator 48 GB",
      memory_utilization,
      temperature,
    })),
  },
});

const REPORTS: readonly { readonly times: number; readonly report: Report }[] = [
  {
    times: 9,
    report: {
      service: "shop",
      worker_id: "web-1",
      type: "TypeError",
      message: "Cannot read properties of undefined (reading 'price')",
      traceback:
        "TypeError: Cannot read properties of undefined\n    at priceOf (/srv/shop/src/cart.js:41:19)\n    at total (/srv/shop/src/cart.js:12:7)",
      endpoint: "/cart/:id",
      method: "GET",
      status_code: 500,
    },
  },
  {
    times: 7,
    report: {
      service: "orders",
      worker_id: "orders-1",
      type: "DatabaseError",
      error_category: "database_constraint",
      message: 'duplicate key value violates unique constraint "orders_number_key"',
      endpoint: "/orders",
      method: "POST",
      status_code: 500,
    },
  },
  {
    times: 6,
    report: {
      service: "shop",
      worker_id: "web-2",
      type: "ValidationError",
      error_category: "validation_input",
      message: "quantity: expected a whole number, 1 or more",
      endpoint: "/cart",
      method: "POST",
      status_code: 422,
    },
  },
  {
    times: 5,
    report: {
      service: "payments",
      worker_id: "payments-1",
      type: "TimeoutError",
      error_category: "network_timeout",
      message: "the payment provider did not answer within 5000 ms",
      endpoint: "/payments",
      method: "POST",
      status_code: 504,
    },
  },
  {
    times: 3,
    report: {
      service: "mailer",
      worker_id: "mailer-1",
      type: "ENOTFOUND",
      error_category: "network_dns",
      message: "getaddrinfo ENOTFOUND mail.internal",
    },
  },
  {
    times: 2,
    report: {
      service: "thumbnails",
      worker_id: "thumbnails-1",
      type: "ENOSPC",
      error_category: "resource_exhausted",
      message: "ENOSPC: no space left on device, write",
      system_context: machine(22, 61, 99, []),
    },
  },
  {
    times: 2,
    report: {
      service: "recommender",
      worker_id: "gpu-node-1",
      type: "DeviceError",
      error_category: "hardware_overheating",
      message: "device 1 reached its shutdown temperature",
      hardware_context: { hardware_type: "gpu", hardware_status: { overheating: true } },
      system_context: machine(82, 91, 44, [
        [71, 78],
        [97, 94],
      ]),
    },
  },
  {
    times: 1,
    report: {
      service: "recommender",
      worker_id: "gpu-node-2",
      type: "DeviceError",
      error_category: "hardware_throttled",
      message: "device 0 runs below its clock",
      hardware_context: { hardware_type: "gpu", hardware_status: { throttling: true } },
      system_context: machine(58, 64, 51, [[62, 81]]),
    },
  },
  {
    times: 1,
    report: {
      service: "shop",
      worker_id: "web-3",
      type: "WorkerCrashed",
      error_category: "worker_crashed",
      message: "worker web-3 ended by SIGSEGV",
      fatal: true,
    },
  },
];

const FULL_REPORT: Report = {
  service: "orders",
  worker_id: "orders-2",
  type: "ConnectionError",
  error_category: "database_connection",
  message: "no connection to the database within 3000 ms",
  traceback:
    "ConnectionError: no connection to the database within 3000 ms\n    at placeOrder (/srv/orders/src/place-order.js:42:19)\n" +
    "    at Layer.handle (/srv/orders/node_modules/express/lib/layer.js:95:5)",
  request_id: "request-full",
  session_id: "visit-full",
  user_id: "customer-full",
  trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
  span_id: "00f067aa0ba902b7",
  page: "/checkout",
  user_agent: "Mozilla/5.0 (X11; Linux x86_64)",
  user_context: { plan: "business" },
  error_details: { code: "ECONNREFUSED", attempts: 3, pool: { size: 10, waiting: 14 } },
  endpoint: "/orders",
  method: "POST",
  status_code: 500,
  system_context: machine(31, 52, 63, []),
};

/** `shop` asks `orders`, which fails; `shop` fails only because of it. */
async function tellOfCheckout(otlpUrl: string, begin: number): Promise<number> {
  const traceId = hexId(16);
  const [root, client, server] = [hexId(8), hexId(8), hexId(8)];
  const ids = { "request.id": CHECKOUT, "session.id": "visit-3", "user.id": "customer-3" };
  const http = (method: string, route: string, status: number): Record<string, string | number> => ({
    "http.request.method": method,
    "http.route": route,
    "http.response.status_code": status,
  });
  const status = await postOtlp(
    otlpUrl,
    tracesBody([
      {
        service: "orders",
        worker: "orders-1",
        spans: [
          {
            traceId,
            spanId: server,
            parentSpanId: client,
            name: "POST /orders",
            kind: 2,
            startMillis: begin + 30,
            durationMillis: 6_900,
            status: 2,
            exception: { type: "PoolTimeout", message: "all 10 connections of the pool are in use" },
            attributes: { ...http("POST", "/orders", 500), ...ids },
          },
        ],
      },
      {
        service: "shop",
        worker: "web-1",
        spans: [
          {
            traceId,
            spanId: client,
            parentSpanId: root,
            name: "POST",
            kind: 3,
            startMillis: begin + 20,
            durationMillis: 6_930,
            status: 2,
            attributes: { "http.request.method": "POST", "http.response.status_code": 500, ...ids },
          },
          {
            traceId,
            spanId: root,
            name: "POST /checkout",
            kind: 2,
            startMillis: begin,
            durationMillis: 7_000,
            status: 2,
            attributes: { ...http("POST", "/checkout", 502), ...ids },
          },
          ...Array.from({ length: 40 }, (_, index) => ({
            name: "GET /products/:id",
            kind: 2,
            startMillis: begin + index * 900,
            durationMillis: 8 + (index % 7) * 5,
            attributes: http("GET", "/products/:id", 200),
          })),
        ],
      },
    ]),
  );
  assert.equal(status, 200);
  return 2;
}

/** As a service with Seismo tells of it: with source lines, variables, causes and what its request did before. */
export async function tellOfExplained(otlpUrl: string): Promise<void> {
  const begin = Date.now() - 5_000;
  const crumb = (after: number, durationMillis: number, rest: object): object => ({
    timeUnixMillis: begin + after,
    type: "span",
    level: "info",
    offsetMillis: after,
    durationMillis,
    data: {},
    ...rest,
  });
  const frame = (name: string, file: string, line: number, rest: object): object => ({
    function: name,
    module: "",
    file,
    line,
    column: 11,
    inApp: true,
    ...rest,
  });
  const explained = {
    [CARRIED.handled]: false,
    [CARRIED.frames]: JSON.stringify([
      frame("priceOf", "/srv/shop/src/basket.ts", 41, {
        context: {
          pre: ["export function priceOf(basket: Basket): Cents {", "  const [first] = basket.items;"],
          line: "  return first.price * basket.amount;",
          post: ["}", ""],
        },
        variables: {
          basket: { items: [], amount: 3, note: "<img src=x onerror=window.attacked=7>" },
          first: "undefined",
        },
      }),
      frame("checkout", "/srv/shop/src/checkout.ts", 17, {
        context: { pre: ["  const basket = await load(id);"], line: "  const total = priceOf(basket);", post: [] },
      }),
      frame("Layer.handle", "node_modules/express/lib/layer.js", 95, { inApp: false }),
    ]),
    [CARRIED.causes]: JSON.stringify([
      {
        relation: "cause",
        type: "EmptyBasket",
        message: "a basket of no items",
        stack: "",
        properties: { basketId: 77 },
      },
    ]),
    [CARRIED.breadcrumbs]: JSON.stringify([
      crumb(2, 3.1, {
        category: "database",
        message: "SELECT shop.baskets",
        data: {
          "db.system.name": "postgresql",
          "db.namespace": "shop",
          "db.query.text": "SELECT * FROM baskets WHERE id = ?",
          "server.address": "db.internal",
          "server.port": 5432,
        },
      }),
      crumb(9, 48, {
        category: "http",
        message: "GET",
        level: "error",
        data: {
          "url.full": "http://prices.internal/v1/prices",
          "http.response.status_code": 503,
          error: "no prices today",
        },
      }),
      {
        ...crumb(60, 0, { type: "log", category: "checkout", level: "warning", message: "going on without prices" }),
        durationMillis: undefined,
      },
      {
        ...crumb(61, 0, { type: "custom", category: "basket", message: "emptied", data: { by: { kind: "customer" } } }),
        durationMillis: undefined,
      },
    ]),
  };
  const span = {
    name: "POST /basket",
    kind: 2,
    startMillis: begin,
    durationMillis: 70,
    status: 2,
    exception: { type: "TypeError", message: "Cannot read properties of undefined (reading 'price') of a basket" },
    attributes: {
      "http.request.method": "POST",
      "http.route": "/basket",
      "http.response.status_code": 500,
      ...explained,
    },
  };
  assert.equal(await postOtlp(otlpUrl, tracesBody([{ service: "shop", worker: "web-1", spans: [span] }])), 200);
}
