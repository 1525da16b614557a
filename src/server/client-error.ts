/**
 * What is not HTTP, too large in its headers or too slow never becomes a request. Its sender gets an answer where one
 * is due, and its connection ends; a request before it on the same connection keeps its own answer.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { SECURITY_HEADERS } from "./answer";

export function answerClientErrors(server: Server): void {
  const latest = new WeakMap<Duplex, { readonly request: IncomingMessage; readonly response: ServerResponse }>();
  const ending = new WeakSet<Duplex>();
  const remember = (request: IncomingMessage, response: ServerResponse): void => {
    latest.set(request.socket, { request, response });
  };
  server.on("request", remember);
  server.on("checkContinue", remember);
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (error.code === "ECONNRESET") return void socket.destroy();
    // Each further piece of what cannot be read comes here too.
    if (ending.has(socket) || !socket.writable) return;
    ending.add(socket);
    const exchange = latest.get(socket);
    if (exchange === undefined || exchange.response.closed) return end(socket, refusal(error.code));
    // Junk behind a whole request: what it did and what it is told must agree.
    if (exchange.request.complete) return void exchange.response.once("close", () => end(socket, ""));
    end(socket, exchange.response.headersSent ? "" : refusal(error.code));
  });
}

const STATUSES: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  HPE_CHUNK_EXTENSIONS_OVERFLOW: "413 Payload Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};
const LINGER_MILLIS = 5_000;

function refusal(code = ""): string {
  const status = STATUSES[code] ?? "400 Bad Request";
  const body = `${status.slice(4).toLowerCase()}\n`;
  const headers = Object.entries({
    ...SECURITY_HEADERS,
    "content-type": "text/plain; charset=utf-8",
    "content-length": body.length,
    connection: "close",
  });
  return `HTTP/1.1 ${status}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}`;
}

/** Closed at once, the sender would see a reset before the answer; left to the sender, it might never close. */
function end(socket: Duplex, lastWords: string): void {
  socket.end(lastWords);
  const timer = setTimeout(() => socket.destroy(), LINGER_MILLIS).unref();
  socket.once("close", () => clearTimeout(timer));
}
