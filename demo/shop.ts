/**
 * The shop's web API: an ordinary Express 5 service. It knows nothing of Seismo but where it says who asks, and in
 * the two handlers that report something no code has thrown. Its failures are as real as one machine can make them.
 */
import assert from "node:assert";
import { mkdirSync, writeFileSync } from "node:fs";
import { link, readFile, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { SpanKind, trace } from "@opentelemetry/api";
import express, { type NextFunction, type Request, type Response } from "express";
import { captureError, setUser, trackUiError } from "seismo";
import { ZodError, z } from "zod";
import { serve, setting } from "./service";

const ordersUrl = setting("ORDERS_URL");
const folder = setting("DATA_FOLDER");

interface Uploads {
  (options: { readonly limits: { readonly fileSize: number } }): { single(field: string): express.RequestHandler };
  readonly MulterError: new () => Error;
}
const multer = require("multer") as Uploads; // the package has no types of its own

const app = express();
const upload = multer({ limits: { fileSize: 8_192 } });
app.use(express.json({ limit: "8kb" }));
app.use((request, _response, next) => {
  const visitor = request.get("x-visitor");
  if (visitor !== undefined) setUser({ id: visitor }, request.get("x-visit"));
  next();
});

// What works.

/** A call of a language model as its SDK traces it; the answer is made up. */
function askModel(promptTokens: number): void {
  trace.getTracer("demo").startActiveSpan("chat teapot-1", { kind: SpanKind.CLIENT }, (span) => {
    span.setAttributes({
      "gen_ai.operation.name": "chat",
      "gen_ai.request.model": "teapot-1",
      "gen_ai.usage.input_tokens": promptTokens,
      "gen_ai.usage.output_tokens": Math.round(promptTokens / 4),
    });
    span.end();
  });
}
app.get("/summary", (_request, response) => {
  askModel(1_200);
  response.json({ summary: "people like the tea" });
});

const PRODUCTS: ReadonlyMap<string, number> = new Map([
  ["tea", 4],
  ["kettle", 30],
]);
app.get("/products", (_request, response) => void response.json([...PRODUCTS.keys()]));
app.get("/products/:name", (request, response) => {
  const price = PRODUCTS.get(request.params.name);
  if (price === undefined) response.status(404).json({ error: "no such product" });
  else response.json({ price });
});

// Orders are another service's: what it refuses is passed on, what it breaks on is a 502.

const NewOrder = z.object({ id: z.string().max(40), item: z.string().max(40), quantity: z.number().int().positive() });
app.post("/orders", async (request, response) => {
  await forward("/orders", NewOrder.parse(request.body), response);
});
app.post("/orders/:id/:step", async ({ params }, response) => {
  await forward(`/orders/${encodeURIComponent(params.id)}/${encodeURIComponent(params.step)}`, {}, response);
});

async function forward(path: string, body: object, response: Response): Promise<void> {
  const answer = await fetch(ordersUrl + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (answer.status < 500) response.status(answer.status).type("json").send(text);
  else response.status(502).json({ error: "the order service failed" });
}

// What the shop refuses.

app.get("/account", (request, response) => {
  if (request.headers.authorization === undefined) response.status(401).json({ error: "who are you?" });
  else response.status(403).json({ error: "not yours" });
});
app.post("/checkout", (_request, response) => void response.status(402).json({ error: "the gift card is empty" }));
app.post("/pictures", (_request, response) => void response.status(415).json({ error: "only PNG, please" }));
app.post("/reviews/photo", upload.single("photo"), (_request, response) => void response.sendStatus(201));

const SEARCHES_PER_VISITOR = 2;
const MAX_VISITORS = 1_000;
const searches = new Map<string, number>();
app.get("/search", (request, response) => {
  const visitor = String(request.query["visitor"]);
  const count = 1 + (searches.get(visitor) ?? 0);
  if (searches.size >= MAX_VISITORS) searches.clear();
  searches.set(visitor, count);
  if (count > SEARCHES_PER_VISITOR) response.status(429).json({ error: "slow down" });
  else response.json([]);
});

// What it depends on and does not get.

app.get("/recommendations", async (_request, response) => {
  response.json(await (await fetch(setting("REFUSING_URL"))).json());
});
app.get("/prices", async (_request, response) => {
  response.json(await (await fetch(setting("SILENT_URL"), { signal: AbortSignal.timeout(150) })).json());
});
app.get("/shipping", async (_request, response) => {
  response.json(await (await fetch(setting("UNKNOWN_URL"))).json());
});
app.get("/payments", async (_request, response) => {
  response.json(await (await fetch(setting("UNTRUSTED_URL"))).json());
});

// Files.

const cache = join(folder, "cache");
mkdirSync(cache);
writeFileSync(join(cache, "page.html"), "");
app.get("/pictures", async (_request, response) => {
  response.send(await readFile(join(folder, "no-such-picture.png")));
});
app.post("/backups", async (_request, response) => {
  await link(folder, join(folder, "backup")); // a folder can't be linked, whoever asks
  response.sendStatus(201);
});
app.delete("/cache", async (_request, response) => {
  await rmdir(cache); // not empty
  response.sendStatus(204);
});

// Bugs.

app.get("/basket", (request, response) => {
  const basket: { readonly owner?: { readonly name: string } } = {};
  const { name } = basket.owner as { readonly name: string }; // the bug: nobody owns a new basket
  response.json({ name, path: request.path });
});
app.get("/receipt", (_request, response) => {
  assert.strictEqual(4 + 30, 35, "the sum of the receipt");
  response.sendStatus(204);
});
app.get("/labels", (_request, response) => void response.send("-".repeat(2 ** 30)));
app.get("/posters", (_request, response) => void response.json(new ArrayBuffer(Number.MAX_SAFE_INTEGER).byteLength));
app.get("/maintenance", (_request, response) => void response.status(503).json({ error: "back at noon" }));

// Slow, blocking, hanging.

app.get("/catalog", async (_request, response) => {
  await delay(450);
  response.json([...PRODUCTS]);
});
app.get("/statistics", (_request, response) => {
  const end = performance.now() + 400;
  while (performance.now() < end); // nothing else moves meanwhile
  response.json({});
});
app.get("/export", (_request, response) => void response.type("text").write("id,item\n")); // and never more
app.get("/support", (_request, response) => response.flushHeaders()); // and never a body

// What no code throws is reported by hand.

app.post("/reviews", (_request, response) => {
  askModel(240);
  captureError(Object.assign(new Error("the review was rejected by the model"), { code: "content_filter" }));
  response.sendStatus(202);
});
app.post("/page-errors", (request, response) => {
  const { component } = z.object({ component: z.string().optional() }).parse(request.body);
  if (component === undefined) trackUiError("the session has expired", {}, { page: "/basket" });
  else trackUiError("the component did not render", { component }, { page: "/basket" });
  response.sendStatus(204);
});

app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
  if (response.headersSent) response.destroy();
  else response.status(statusOf(error)).json({ error: error instanceof Error ? error.message : "failed" });
});
serve(app);

function statusOf(error: unknown): number {
  if (error instanceof ZodError || error instanceof multer.MulterError) return 400;
  const { status }: { readonly status?: unknown } = Object(error);
  return typeof status === "number" ? status : 500;
}
