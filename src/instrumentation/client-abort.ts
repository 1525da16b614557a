/** A client that went away before its answer was complete: counted as its own doing, not as a failure of the server. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Span } from "@opentelemetry/api";
import { CLIENT_ABORTED } from "../processors/slow-request-span-processor";
import { scopeOf } from "../processors/span-scope";
import { noteError } from "./request-errors";

class ClientAborted extends Error {
  override readonly name = "ClientAborted";
  readonly code: "ECONNABORTED" | "ECONNRESET";
  constructor(code: "ECONNABORTED" | "ECONNRESET") {
    super("the client closed the connection before the response was complete");
    this.code = code;
    this.stack = `${this.name}: ${this.message}`; // where we noticed says nothing
  }
}

/** For a response that is closed, before its span ends. Unless the application failed, the client went away. */
export function noteIfAborted(span: Span, request: IncomingMessage, response: ServerResponse): void {
  const scope = scopeOf(span);
  if (response.writableFinished || scope === undefined || scope.lastNoted !== undefined) return;
  const code = [response.errored, request.errored, request.socket?.errored].some(isReset)
    ? "ECONNRESET"
    : "ECONNABORTED";
  scope.lastNoted = new ClientAborted(code);
  span.setAttribute(CLIENT_ABORTED, true);
  noteError(span, scope.lastNoted);
}

function isReset(error: Error | null | undefined): boolean {
  return error !== null && error !== undefined && "code" in error && error.code === "ECONNRESET" && "syscall" in error;
}
