/**
 * Everything that the traffic does, and which failures each act makes: the demo's truth.
 * Each service counts its own failures: when the order service fails, the shop counts a failed call (root), and its
 * own answer of 502 is an echo of that, which is not in these lists. The collector sees both services, and that the call
 * failed only because of what it called: what is passed on so is an echo there.
 */
import { get } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Category } from "seismo";
import type { Failure } from "./comparison";
import { LAB_REPORTS, type LabReport } from "./lab";

export type ServiceName = "shop" | "orders" | "pool";

/** Where the services are, and numbers that never come twice. */
export interface Surroundings {
  readonly urls: { readonly [name in ServiceName]: string };
  /** Of the collector, for reports by REST. */
  readonly reportUrl: string;
  readonly next: () => number;
}

export interface Action {
  /** `GET /products`, as docs/demo.md lists it. */
  readonly name: string;
  /** Acts of the pool kill workers, so they come one after the other. */
  readonly lane: "web" | "pool";
  /** Times in each round. */
  readonly weight: number;
  readonly makes: readonly Failure[];
  /** Rejects when a service does not answer as it should. */
  readonly run: (around: Surroundings) => Promise<void>;
}

export const ACTIONS: readonly Action[] = [
  // Nothing fails.
  healthy("GET /products", 14, (around) => expect(200, `${around.urls.shop}/products`)),
  healthy("GET /products/tea", 6, (around) => expect(200, `${around.urls.shop}/products/tea`)),
  healthy("POST /orders", 6, (around) => order(around, String(around.next()))),
  healthy("GET /summary", 1, (around) => expect(200, `${around.urls.shop}/summary`)),
  healthy("GET /catalog", 1, (around) => expect(200, `${around.urls.shop}/catalog`)),
  healthy("GET /statistics", 1, (around) => expect(200, `${around.urls.shop}/statistics`)),
  {
    ...healthy("POST /jobs/work", 3, (around) => expect(200, `${around.urls.pool}/jobs/work`, { method: "POST" })),
    lane: "pool",
  },

  // The shop refuses.
  shop("GET /products/sofa", "http_client_error", 404),
  shop("GET /account", "auth_unauthenticated", 401),
  {
    ...shop("GET /account", "auth_forbidden", 403, { headers: { authorization: "Bearer guest" } }),
    name: "GET /account as a guest",
  },
  shop("POST /checkout", "quota_exhausted", 402),
  web("GET /search", made("shop", "quota_rate_limited"), async ({ urls, next }) => {
    const url = `${urls.shop}/search?visitor=${next()}`;
    await expect(200, url);
    await expect(200, url);
    await expect(429, url);
  }),
  {
    ...shop("POST /orders", "validation_schema", 400, json({ id: 1, item: "tea" })),
    name: "POST /orders without a quantity",
  },
  {
    ...shop("POST /orders", "validation_input", 400, { ...json({}), body: "{" }),
    name: "POST /orders that is no JSON",
  },
  { ...shop("POST /orders", "file_too_large", 413, json({ id: "x".repeat(10_000) })), name: "POST /orders of 10 kB" },
  shop("POST /pictures", "file_unsupported_format", 415),
  {
    ...shop("POST /reviews/photo", "file_upload", 400, form("picture", 10)),
    name: "POST /reviews/photo in a wrong field",
  },
  {
    ...shop("POST /reviews/photo", "file_too_large", 400, form("photo", 10_000)),
    name: "POST /reviews/photo of 10 kB",
  },

  // What the shop depends on fails.
  shop("GET /recommendations", "network_connection", 500),
  shop("GET /prices", "network_timeout", 500),
  shop("GET /shipping", "network_dns", 500),
  shop("GET /payments", "network_tls", 500),

  // The shop fails.
  shop("GET /pictures", "file_not_found", 500),
  shop("POST /backups", "file_permission", 500),
  shop("DELETE /cache", "file_cleanup", 500),
  shop("GET /basket", "application_error", 500),
  shop("GET /receipt", "test_assertion", 500),
  shop("GET /labels", "resource_limit", 500),
  shop("GET /posters", "resource_exhausted", 500),
  shop("GET /maintenance", "http_server_error", 503),
  shop("POST /reviews", "content_filter", 202),
  {
    ...shop("POST /page-errors", "ui_component", 204, json({ component: "Basket" })),
    name: "POST /page-errors of a component",
  },
  { ...shop("POST /page-errors", "ui_session", 204, json({})), name: "POST /page-errors of a session" },

  // The client goes away.
  web("GET /export, closed", made("shop", "connection_aborted"), ({ urls }) => abandon(`${urls.shop}/export`, close)),
  web("GET /export, reset", made("shop", "connection_reset_by_client"), ({ urls }) =>
    abandon(`${urls.shop}/export`, reset),
  ),
  web("GET /support, given up", made("shop", "connection_aborted"), ({ urls }) =>
    abandon(`${urls.shop}/support`, async (socket) => {
      await delay(PATIENCE_MILLIS);
      socket.destroy();
    }),
  ),

  // The order service fails, and with it the shop's call.
  throughShop("swap", "database_deadlock"),
  throughShop("reserve", "database_timeout"),
  throughShop("forecast", "database_other"),
  throughShop("discount", "database_syntax"),
  throughShop("archive", "database_connection"),
  web(
    "POST /orders twice",
    [...made("orders", "database_constraint"), ...passedOn("shop", "http_client_error")],
    async (around) => {
      const id = String(around.next());
      await order(around, id);
      await order(around, id, 409);
    },
  ),
  web("POST /orders past the shop", made("orders", "validation_schema"), ({ urls }) =>
    expect(400, `${urls.orders}/orders`, json({ id: "1", item: "tea", quantity: "many" })),
  ),
  web("GET /orders/none", made("orders", "http_client_error"), ({ urls }) => expect(404, `${urls.orders}/orders/none`)),

  // Workers die.
  pool("/jobs/crash", "worker_crashed", 200),
  pool("/jobs/kill", "worker_crashed", 200),
  pool("/jobs/thread", "worker_crashed", 500),
  pool("/jobs/memory", "resource_exhausted", 500),
  pool("/jobs/endless", "worker_timeout", 500),
  pool("/jobs/unsendable", "worker_other", 500),
  pool("/jobs/forgotten", "unknown_error", 202),

  // Machines, analyses and test runs report.
  pool("/reports/gpu-missing", "hardware_not_available", 204),
  pool("/reports/gpu-hot", "hardware_overheating", 204),
  pool("/reports/gpu-throttled", "hardware_throttled", 204),
  pool("/reports/gpu-odd", "hardware_other", 204),
  pool("/reports/memory-low", "resource_memory_pressure", 204),
  pool("/reports/analysis", "analysis_failed", 204),
  pool("/reports/analysis-step", "analysis_step", 204),
  pool("/reports/test-timeout", "test_timeout", 204),
  pool("/reports/test-setup", "test_setup", 204),
];

/** By machines that have no service: they need nothing but the collector. */
export const LAB_ACTIONS: readonly Action[] = LAB_REPORTS.map(lab);

/** Longer than the threshold of a slow request: while it lasts the request is seen as stuck. */
const PATIENCE_MILLIS = 1_200;
const ANSWER_MILLIS = 20_000;

function made(service: ServiceName, category: Category): readonly Failure[] {
  return [{ service, category, isRoot: true }];
}

/** By a service that failed because another one did. */
function passedOn(service: ServiceName, category: Category): readonly Failure[] {
  return [{ service, category, isRoot: false }];
}

function healthy(name: string, weight: number, run: Action["run"]): Action {
  return { name, lane: "web", weight, makes: [], run };
}

function web(name: string, makes: readonly Failure[], run: Action["run"]): Action {
  return { name, lane: "web", weight: 1, makes, run };
}

function shop(name: string, category: Category, status: number, init: RequestInit = {}): Action {
  const [method = "GET", path = "/"] = name.split(" ");
  return web(name, made("shop", category), ({ urls }) => expect(status, urls.shop + path, { method, ...init }));
}

function throughShop(step: string, category: Category): Action {
  const makes = [...made("orders", category), ...passedOn("shop", "http_upstream_error")];
  return web(`POST /orders/:id/${step}`, makes, ({ urls, next }) =>
    expect(502, `${urls.shop}/orders/${next()}/${step}`, { method: "POST" }),
  );
}

function pool(path: string, category: Category, status: number): Action {
  const run: Action["run"] = ({ urls }) => expect(status, urls.pool + path, { method: "POST" });
  return { name: `POST ${path}`, lane: "pool", weight: 1, makes: made("pool", category), run };
}

function lab({ name, makes, body }: LabReport): Action {
  let turn = 0;
  return web(`report: ${name}`, [makes], ({ reportUrl }) => expect(200, reportUrl, json(body(turn++))));
}

async function order({ urls }: Surroundings, id: string, status = 201): Promise<void> {
  await expect(status, `${urls.shop}/orders`, json({ id, item: "tea", quantity: 1 }));
}

function json(body: object): RequestInit {
  return { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

function form(field: string, bytes: number): RequestInit {
  const body = new FormData();
  body.append(field, new Blob(["x".repeat(bytes)], { type: "image/png" }), "photo.png");
  return { method: "POST", body };
}

/** Who asks, as the shop's visitors go in and out. */
const VISITORS = 12;
const ACTS_A_VISIT = 8;
let acts = 0;

async function expect(status: number, url: string, init: RequestInit = {}): Promise<void> {
  const headers = new Headers(init.headers);
  const visit = Math.floor(acts++ / ACTS_A_VISIT);
  headers.set("x-visitor", `visitor-${visit % VISITORS}`);
  headers.set("x-visit", `visit-${visit}`);
  const answer = await fetch(url, { ...init, headers, signal: AbortSignal.timeout(ANSWER_MILLIS) });
  const text = await answer.text();
  if (answer.status === status) return;
  throw new Error(`${new URL(url).pathname} answered ${answer.status} instead of ${status}: ${text.slice(0, 200)}`);
}

/** Asks, waits until the service has begun to answer, and leaves. */
async function abandon(url: string, leave: (socket: Socket) => void | Promise<void>): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const request = get(url, { agent: false, timeout: ANSWER_MILLIS }, (response) => {
      response.on("error", () => {}); // cut off: by us
      request.off("error", reject).on("error", () => {});
      response.socket.once("close", resolve);
      void leave(response.socket);
    });
    request.once("timeout", () => request.destroy(new Error(`${url} does not answer`)));
    request.once("error", reject);
  });
}

function close(socket: Socket): void {
  socket.destroy();
}

function reset(socket: Socket): void {
  socket.resetAndDestroy();
}
