/** An HTTP server that answers as it is told to: it stands for Slack, a webhook, a receiver that fails. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { TestContext } from "node:test";

export interface SinkRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly atMillis: number;
}

export type SinkAnswer = (response: ServerResponse, request: IncomingMessage) => void;

export interface ScriptedSink {
  readonly url: string;
  readonly requests: SinkRequest[];
  /** Of requests that were answered with 2xx. */
  readonly kept: SinkRequest[];
  /** Answers the requests from now on: the n-th with the n-th, the rest with the last. */
  script(...answers: SinkAnswer[]): void;
}

export async function startSink(context: TestContext, ...answers: SinkAnswer[]): Promise<ScriptedSink> {
  const requests: SinkRequest[] = [];
  const kept: SinkRequest[] = [];
  let left = [...answers];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { url = "", headers } = request;
      const seen = { path: url, headers, body: Buffer.concat(chunks).toString(), atMillis: Date.now() };
      requests.push(seen);
      const [answer = status(200)] = left;
      if (left.length > 1) left = left.slice(1);
      answer(response, request);
      if (response.headersSent && response.statusCode < 300) kept.push(seen);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return {
    ...{ url: `http://127.0.0.1:${address.port}`, requests, kept },
    script(...next) {
      left = next;
    },
  };
}

export function status(code: number, headers: Record<string, string> = {}, body = ""): SinkAnswer {
  return (response) => void response.writeHead(code, headers).end(body);
}

export const hang: SinkAnswer = () => {};
export const reset: SinkAnswer = (_response, request) => void request.socket.destroy();
