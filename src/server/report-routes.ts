/** `POST /api/report-error`: one error as JSON, answered when it is decided what becomes of it. */
import type { Express } from "express";
import type { JsonObject, RawError } from "../event";
import type { Telemetry } from "../telemetry";
import { answerJson, onlyMethods, type Refusal, refuse } from "./answer";
import type { InFlight } from "./in-flight";
import { createJsonBodyReader } from "./json-body";
import { parseReport, type ReportSurroundings } from "./report-error";

export interface ReportOptions {
  /** Settles when it is decided what becomes of the error. What is accepted must be durable by then. */
  onReport(raw: RawError): Promise<ReportOutcome>;
  /** Whose error it is when a report does not say so. Default: service `reported`, worker `unknown`. */
  readonly reportedResource?: ReportSurroundings["resource"] | undefined;
  newId(): string;
  nowMillis(): number;
  readonly telemetry: Telemetry;
}

export type ReportOutcome =
  | { readonly status: "accepted"; readonly fingerprint: string }
  /** By a rule of the user. */
  | { readonly status: "ignored" }
  /** Not kept; the sender may try again. The reason is told to the sender. */
  | { readonly status: "unavailable"; readonly reason: string; readonly retryAfterSeconds?: number | undefined };

/** `maxReports`: bodies that are read at once. */
export function addReports(app: Express, options: ReportOptions, inFlight: InFlight, maxReports: number): void {
  const { newId, nowMillis, onReport, telemetry } = options;
  const resource = options.reportedResource ?? { service: "reported", worker: "unknown" };
  const readBody = createJsonBodyReader({ maxBytes: MAX_REPORT_BYTES, maxTotalBytes: maxReports * MAX_REPORT_BYTES });

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

const MAX_REPORT_BYTES = 1_048_576;

type Outcome<S extends ReportOutcome["status"]> = Extract<ReportOutcome, { status: S }>;

function success({ id }: RawError, outcome: Outcome<"accepted" | "ignored">): JsonObject {
  if (outcome.status === "ignored")
    return { status: "success", message: "Error ignored by a rule of the configuration" };
  return { status: "success", message: "Error reported successfully", id, fingerprint: outcome.fingerprint };
}

function unavailable({ reason, retryAfterSeconds = 1 }: Outcome<"unavailable">): Refusal {
  return { status: 503, message: reason, headers: { "retry-after": String(Math.ceil(retryAfterSeconds)) } };
}
