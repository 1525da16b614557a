/**
 * What a scraper gets, whichever server it asks: the metrics in the format and encoding that it prefers. However many
 * scrape at once, one rendering serves them all.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createGzip } from "node:zlib";
import { acceptsGzip, CONTENT_TYPES, type ExpositionFormat, negotiateFormat } from "./exposition";

/** The text of all metrics, in chunks between which the event loop gets its turn. */
export type ScrapeRender = (format: ExpositionFormat) => AsyncIterable<string> | Promise<AsyncIterable<string>>;

/** Answers GET and HEAD of `/metrics`. Rejects, with nothing sent, when the rendering does. */
export function createScrapeAnswer(
  render: ScrapeRender,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const rendered = createSharedRendering(render);
  return async (request, response) => {
    const format = negotiateFormat(request.headers.accept);
    const gzip = acceptsGzip(headerText(request.headers["accept-encoding"]));
    const headers = {
      "content-type": CONTENT_TYPES[format],
      vary: "Accept, Accept-Encoding",
      ...(gzip ? { "content-encoding": "gzip" } : {}),
    };
    send(request, response, headers, request.method === "HEAD" ? undefined : await rendered(format, gzip));
  };
}

/** Answers GET and HEAD of `/healthz`: the process lives. */
export function answerHealth(request: IncomingMessage, response: ServerResponse): void {
  send(request, response, { "content-type": "application/json" }, HEALTHY);
}

/** Whether a body follows the headers, read or not. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
}

const GZIP_LEVEL = 1;
const HEALTHY = [Buffer.from('{"status":"ok"}\n')];

/** One rendering at a time for each format and encoding; who comes while it runs gets the same bytes. */
function createSharedRendering(
  render: ScrapeRender,
): (format: ExpositionFormat, gzip: boolean) => Promise<readonly Buffer[]> {
  const running = new Map<string, Promise<readonly Buffer[]>>();
  const build = async (format: ExpositionFormat, gzip: boolean): Promise<readonly Buffer[]> => {
    const chunks: Buffer[] = [];
    const text = await render(format);
    if (!gzip) {
      for await (const chunk of text) chunks.push(Buffer.from(chunk));
      return chunks;
    }
    const zip = createGzip({ level: GZIP_LEVEL });
    const done = new Promise<void>((resolve, reject) => zip.on("end", resolve).on("error", reject));
    zip.on("data", (chunk: Buffer) => chunks.push(chunk));
    for await (const chunk of text) zip.write(chunk);
    zip.end();
    await done;
    return chunks;
  };
  return (format, gzip) => {
    const key = `${format} ${gzip}`;
    let result = running.get(key);
    if (result === undefined) {
      result = build(format, gzip).finally(() => running.delete(key));
      running.set(key, result);
    }
    return result;
  };
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  headers: Readonly<Record<string, string>>,
  body: readonly Buffer[] | undefined,
): void {
  const length = body?.reduce((sum, chunk) => sum + chunk.length, 0);
  response.writeHead(200, {
    ...headers,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(length === undefined ? {} : { "content-length": length }),
    ...(hasBody(request) ? { connection: "close" } : {}),
  });
  if (request.method !== "HEAD") for (const chunk of body ?? []) response.write(chunk);
  response.end();
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(",") : value;
}
