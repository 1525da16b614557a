/**
 * What is served, and the order in which a request is looked at.
 *
 *   request ─► security headers ─► Host, token, Origin ─► route ─► 404
 *                                                          ├ /metrics  /healthz  /readyz
 *                                                          ├ POST /api/report-error ─► parseReport ─► onReport ─► 200
 *                                                          ├ GET /api/… ─► parameters ─► store ─► 200
 *                                                          └ /error-visualization ─► the page's files
 */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
import { answerHealth, createScrapeAnswer, type ScrapeRender } from "../exporter/scrape-answer";
import type { Telemetry } from "../telemetry";
import { type AccessOptions, createAccess } from "./access";
import { answerJson, onlyMethods, type Refusal, refuse, SECURITY_HEADERS } from "./answer";
import { createInFlight, type InFlight } from "./in-flight";
import { LIVE_PATH } from "./live-socket";
import { addOpenApi } from "./openapi";
import { addPage, PAGE_PATH, type PageOptions } from "./page-routes";
import { addQueries, type QueryOptions } from "./query-routes";
import { addReports, type ReportOptions } from "./report-routes";
import { addSessions, SESSION_PATH } from "./sessions";
import { addStats, type StatsData } from "./stats";

export interface RouteOptions extends AccessOptions, ReportOptions, QueryOptions {
  readonly render: ScrapeRender;
  /** Asked for each `/readyz`: all parts that must be ready before work is sent here. */
  readiness(): readonly Readiness[];
  stats(): StatsData;
  readonly page: PageOptions;
}

export interface Readiness {
  readonly name: string;
  readonly ready: boolean;
  /** Shown to whoever asks, token or not. */
  readonly reason?: string | undefined;
}

/** Throws what is wrong with the files of the page. */
export function createRoutes(options: RouteOptions): (request: IncomingMessage, response: ServerResponse) => void {
  const app = express();
  app.disable("x-powered-by");
  app.enable("case sensitive routing");
  app.enable("strict routing");
  app.use((_request, response, next) => {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    next();
  });
  app.use(guard(options));

  const inFlight = createInFlight(MAX_IN_FLIGHT);
  addHealth(app, options);
  addMetrics(app, options, inFlight);
  addReports(app, options, inFlight, MAX_IN_FLIGHT);
  addSessions(app, options.token, options.nowMillis);
  addStats(app, options.stats);
  addQueries(app, options);
  addOpenApi(app);
  addPage(app, options.page);
  app.get(LIVE_PATH, (request, response) => {
    refuse(request, response, { status: 426, message: "this is a WebSocket", headers: { upgrade: "websocket" } });
  });

  app.use((request, response) => refuse(request, response, { status: 404, message: "not found" }));
  app.use(onFailure(options.telemetry));
  return app;
}

/** What is worked on at once. Bodies on their way do not count, or slow senders could shut out all others. */
const MAX_IN_FLIGHT = 64;
/** Far more than any sender has. Of very many, Node leaves some out, and an important one may be among them. */
const MAX_HEADERS = 256;
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);
/** What anybody may have: it holds no data, or is the way to get in. */
const OPEN = new RegExp(`^(?:/|/healthz|/readyz|${SESSION_PATH}|${PAGE_PATH}(?:/.*)?)$`);

/** What must hold before any route is looked for. */
function guard(options: AccessOptions): RequestHandler {
  const access = createAccess(options);
  return (request, response, next) => {
    const isApi = request.path.startsWith("/api/");
    // A preflight is answered like any other method that is not there: without a word that would allow anything.
    const mayComeFromAnywhere = isApi ? request.method === "OPTIONS" : SAFE_METHODS.has(request.method);
    const refusal =
      refuseHeaders(request) ??
      access.refuseHost(request) ??
      (OPEN.test(request.path) ? undefined : isApi ? access.refuseVisitor(request) : access.refuseToken(request)) ??
      (mayComeFromAnywhere ? undefined : access.refuseOrigin(request));
    if (refusal === undefined) next();
    else refuse(request, response, refusal);
  };
}

function refuseHeaders({ rawHeaders }: IncomingMessage): Refusal | undefined {
  return rawHeaders.length > 2 * MAX_HEADERS ? { status: 431, message: "too many headers" } : undefined;
}

function addHealth(app: Express, { readiness }: RouteOptions): void {
  app.route("/healthz").get(answerHealth).all(onlyMethods("GET, HEAD"));
  app
    .route("/readyz")
    .get((request, response) => {
      const waiting = readiness().filter(({ ready }) => !ready);
      if (waiting.length === 0) return answerJson(request, response, 200, { status: "ready" });
      const parts = waiting.map(({ name, reason }) => ({ name, ...(reason !== undefined && { reason }) }));
      answerJson(request, response, 503, { status: "not ready", not_ready: parts });
    })
    .all(onlyMethods("GET, HEAD"));
}

function addMetrics(app: Express, { render }: RouteOptions, inFlight: InFlight): void {
  const answerScrape = createScrapeAnswer(render);
  app
    .route("/metrics")
    .get(async (request, response) => {
      const refusal = await inFlight(async () => {
        await answerScrape(request, response);
        // Until it is sent: a scraper that does not read holds all of the text.
        if (!response.closed) await once(response, "close");
      });
      if (refusal !== undefined) refuse(request, response, refusal);
    })
    .all(onlyMethods("GET, HEAD"));
}

/** Express knows it for one by its four parameters. */
function onFailure(telemetry: Telemetry): ErrorRequestHandler {
  return (error: unknown, request, response, _next) => {
    if (response.headersSent) response.destroy();
    // What stands for a part of a path cannot be decoded.
    else if (error instanceof URIError) refuse(request, response, { status: 400, message: "the path is not valid" });
    else refuse(request, response, { status: 500, message: "internal error" });
    if (!(error instanceof URIError)) telemetry.internalError("api server", error);
  };
}
