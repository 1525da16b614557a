/** The application under test: a small Express service that knows nothing of tracing. Speaks to its parent by IPC. */
import type { AddressInfo } from "node:net";
import express, { type ErrorRequestHandler, type RequestHandler } from "express";

/** What the parent hears: once when the server listens, then an answer to each of its messages. */
export type AppMessage =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "usage"; readonly cpuMicros: number; readonly rssBytes: number };

const items = new Map(
  Array.from({ length: 100 }, (_, id) => [String(id), { id, name: `item ${id}`, inStock: id % 3 }]),
);

const noStore: RequestHandler = (_request, response, next) => {
  response.setHeader("Cache-Control", "no-store");
  next();
};
const answerError: ErrorRequestHandler = (_error, _request, response, _next) => {
  response.status(500).json({ error: "internal" });
};

function priceOf(id: string): number {
  const prices: { [id: string]: { readonly amount: number } | undefined } = {};
  const price = prices[id] as { readonly amount: number }; // the bug that this route is here for
  return price.amount;
}

const app = express();
app.use(express.json(), noStore);
app.get("/status", (_request, response) => void response.json({ status: "ok", items: items.size }));
app.get("/items/:id", (request, response) => void response.json(items.get(request.params.id) ?? null));
app.get("/prices/:id", (request, response) => void response.json({ price: priceOf(request.params.id) }));
app.use(answerError);

const server = app.listen(0, "127.0.0.1", () => {
  say({ kind: "listening", port: (server.address() as AddressInfo).port }); // an address of TCP, not of a pipe
});
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  say({ kind: "usage", cpuMicros: user + system, rssBytes: process.memoryUsage().rss });
});
process.on("disconnect", () => process.exit());

function say(message: AppMessage): void {
  process.send?.(message);
}
