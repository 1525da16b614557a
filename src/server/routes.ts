/**
 * What is served, and the order in which a request is looked at.
 *
 *   request ─► security headers ─► Host, token, Origin ─► route ─► 404
 *                                                          ├ /metrics  /healthz  /readyz
 *                                                          └ POST /api/report-error ─► parseReport ─► onReport ─► 200
 */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
import type { JsonObject, RawError } from "../event";
import { answerHealth, createScrapeAnswer, type ScrapeRender } from "../exporter/scrape-answer";
import type { Telemetry } from "../telemetry";
import { type AccessOptions, createAccess } from "./access";
import { answerJson, type Refusal, refuse, SECURITY_HEADERS } from "./answer";
import { BUSY, createJsonBodyReader } from "./json-body";
import { parseReport, type ReportSurroundings } from "./report-error";

export interface RouteOptions extends AccessOptions {
  readonly render: ScrapeRender;
  /** Asked for each `/readyz`: all parts that must be ready before work is sent here. */
  readiness(): readonly Readiness[];
  /** Settles when it is decided what becomes of the error. What is accepted must be durable by then. */
  onReport(raw: RawError): Promise<ReportOutcome>;
  /** Whose error it is when a report does not say so. Default: service `reported`, worker `unknown`. */
  readonly reportedResource?: ReportSurroundings["resource"] | undefined;
  newId(): string;
  nowMillis(): number;
  readonly telemetry: Telemetry;
}

export interface Readiness {
  readonly name: string;
  readonly ready: boolean;
  /** Shown to whoever asks, token or not. */
  readonly reason?: string | undefined;
}

export type ReportOutcome =
  | { readonly status: "accepted"; readonly fingerprint: string }
  /** By a rule of the user. */
  | { readonly status: "ignored" }
  /** Not kept; the sender may try again. The reason is told to the sender. */
  | { readonly status: "unavailable"; readonly reason: string; readonly retryAfterSeconds?: number | undefined };

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
  addReports(app, options, inFlight);
  // The page and its queries belong here.

  app.use((request, response) => refuse(request, response, { status: 404, message: "not found" }));
  app.use(onFailure(options.telemetry));
  return app;
}

/** What is worked on at once. Bodies on their way do not count, or slow senders could shut out all others. */
const MAX_IN_FLIGHT = 64;
const MAX_REPORT_BYTES = 1_048_576;
/** Far more than any sender has. Of very many, Node leaves some out, and an important one may be among them. */
const MAX_HEADERS = 256;
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** What must hold before any route is looked for. */
function guard(options: AccessOptions): RequestHandler {
  const access = createAccess(options);
  return (request, response, next) => {
    const isProbe = request.path === "/healthz" || request.path === "/readyz";
    const refusal =
      refuseHeaders(request) ??
      access.refuseHost(request) ??
      (isProbe ? undefined : access.refuseToken(request)) ??
      (SAFE_METHODS.has(request.method) ? undefined : access.refuseOrigin(request));
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

function addReports(app: Express, options: RouteOptions, inFlight: InFlight): void {
  const { newId, nowMillis, onReport, telemetry } = options;
  const resource = options.reportedResource ?? { service: "reported", worker: "unknown" };
  const readBody = createJsonBodyReader({
    maxBytes: MAX_REPORT_BYTES,
    maxTotalBytes: MAX_IN_FLIGHT * MAX_REPORT_BYTES,
  });

  app
    .route("/api/report-error")
    .post(async (request, response) => {
      const say = (refusal: Refusal): void => {
        telemetry.received("reports");
        telemetry.dropped("reports", "refused");
        refuse(request, response, refusal);
      };
      const body = await readBody(request, response);
      if (body.status === "gone") return;
      if (body.status === "refused") return say(body.refusal);
      const report = parseReport(body.value, { resource, newId, nowMillis });
      if (report.status === "invalid") {
        return say({ status: 400, message: "the report is not valid", errors: report.errors });
      }
      const busy = await inFlight(async () => {
        const outcome = await onReport(report.raw);
        if (outcome.status === "unavailable") return say(unavailable(outcome));
        telemetry.received("reports");
        if (outcome.status === "accepted") telemetry.kept("reports");
        else telemetry.dropped("reports", "ignored");
        answerJson(request, response, 200, success(report.raw, outcome));
      });
      if (busy !== undefined) say(busy);
    })
    .all(onlyMethods("POST"));
}

type Outcome<S extends ReportOutcome["status"]> = Extract<ReportOutcome, { status: S }>;

function success({ id }: RawError, outcome: Outcome<"accepted" | "ignored">): JsonObject {
  if (outcome.status === "ignored")
    return { status: "success", message: "Error ignored by a rule of the configuration" };
  return { status: "success", message: "Error reported successfully", id, fingerprint: outcome.fingerprint };
}

function unavailable({ reason, retryAfterSeconds = 1 }: Outcome<"unavailable">): Refusal {
  return { status: 503, message: reason, headers: { "retry-after": String(Math.ceil(retryAfterSeconds)) } };
}

/** Does the work, or says why not. */
type InFlight = (work: () => Promise<void>) => Promise<Refusal | undefined>;

function createInFlight(limit: number): InFlight {
  let running = 0;
  return async (work) => {
    if (running >= limit) return BUSY;
    running += 1;
    try {
      await work();
    } finally {
      running -= 1;
    }
    return undefined;
  };
}

function onlyMethods(allow: string): RequestHandler {
  return (request, response) =>
    refuse(request, response, { status: 405, message: "method not allowed", headers: { allow } });
}

/** Express knows it for one by its four parameters. */
function onFailure(telemetry: Telemetry): ErrorRequestHandler {
  return (error: unknown, request, response, _next) => {
    telemetry.internalError("api server", error);
    if (response.headersSent) response.destroy();
    else refuse(request, response, { status: 500, message: "internal error" });
  };
}
