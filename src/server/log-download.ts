/**
 * `GET /api/logs/download`: what `GET /api/logs` shows, as a file. It is sent page by page, as fast as it is read, so
 * that a long one needs no more memory than a short one; the newest line comes first.
 */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Express } from "express";
import type { LogRow, LogsData, LogsQuery } from "../store/answers";
import type { Queries } from "../store/store";
import { escapeControls } from "../telemetry";
import { onlyMethods, type Refusal, refuse } from "./answer";
import { createInFlight } from "./in-flight";
import { LOG_DOWNLOAD, readParameters } from "./query-parameters";
import { refusalOf } from "./store-refusal";

export const MAX_DOWNLOAD_LINES = 100_000;

export function addLogDownload(app: Express, queries: Queries, nowMillis: () => number): void {
  const inFlight = createInFlight(MAX_DOWNLOADS, TOO_MANY);
  app
    .route("/api/logs/download")
    .get(async (request, response) => {
      const given = readParameters(LOG_DOWNLOAD, request.url);
      if (given.status === "refused") return refuse(request, response, given.refusal);
      const { format, ...filter } = given.value;
      const kind = FORMATS[format];
      const busy = await inFlight(async () => {
        const query = { ...filter, limit: PAGE_LINES };
        const first = await queries.logs(query).catch(orRefusal);
        if ("status" in first) return refuse(request, response, first);
        response.writeHead(200, {
          "content-type": kind.type,
          "content-disposition": `attachment; filename="${fileName(nowMillis(), kind.ending)}"`,
        });
        if (request.method === "HEAD") return void response.end();
        await sendPages(queries, query, first, kind, response);
      });
      if (busy !== undefined) refuse(request, response, busy);
    })
    .all(onlyMethods("GET, HEAD"));
}

const MAX_DOWNLOADS = 4;
const TOO_MANY: Refusal = { status: 429, message: "too many downloads at once", headers: { "retry-after": "5" } };
const PAGE_LINES = 500;

interface Format {
  readonly type: string;
  readonly ending: string;
  toLine(row: LogRow): string;
  /** The last line of a file that does not hold all. */
  readonly cut: string;
}

const FORMATS: { readonly [format in "text" | "jsonl"]: Format } = {
  text: {
    type: "text/plain; charset=utf-8",
    ending: "log",
    toLine: ({ timestamp, level, service, worker_id, message }) =>
      escapeControls(`${timestamp} ${level.padEnd(5)} ${service} ${worker_id} ${message}`),
    cut: `… cut after ${MAX_DOWNLOAD_LINES} lines`,
  },
  jsonl: {
    type: "application/jsonl; charset=utf-8",
    ending: "jsonl",
    toLine: (row) => escapeControls(JSON.stringify(row)),
    cut: JSON.stringify({ cut_after_lines: MAX_DOWNLOAD_LINES }),
  },
};

/** Once it has begun, a fault can only cut the connection: the file then has no end, and who reads it is told so. */
async function sendPages(
  queries: Queries,
  query: LogsQuery,
  first: LogsData,
  { toLine, cut }: Format,
  response: ServerResponse,
): Promise<void> {
  let page = first;
  for (let lines = 0; ; ) {
    lines += page.logs.length;
    await write(response, page.logs.map((row) => `${toLine(row)}\n`).join(""));
    if (response.closed || page.next_cursor === null) break;
    if (lines >= MAX_DOWNLOAD_LINES) {
      await write(response, `${cut}\n`);
      break;
    }
    page = await queries.logs({ ...query, cursor: page.next_cursor });
  }
  response.end();
}

async function write(response: ServerResponse, text: string): Promise<void> {
  if (response.closed || response.write(text)) return;
  await Promise.race([once(response, "drain"), once(response, "close")]);
}

function orRefusal(error: unknown): Refusal {
  const refusal = refusalOf(error);
  if (refusal === undefined) throw error;
  return refusal;
}

function fileName(unixMillis: number, ending: string): string {
  const time = new Date(unixMillis).toISOString().slice(0, 19).replaceAll(":", "-");
  return `seismo-logs-${time}Z.${ending}`;
}
