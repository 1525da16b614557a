/**
 * What is kept is asked about here: each question of the store as a route.
 *
 *   GET ─► parameters ─► store ─► {"status":"success","data":…}
 *             └ 400          └ 404 · 429 busy · 503 away, or too slow
 */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Express } from "express";
import type { z } from "zod";
import type { Queries } from "../store/store";
import { answerJson, onlyMethods, type Refusal, refuse } from "./answer";
import { createInFlight, type InFlight } from "./in-flight";
import { createJsonBodyReader } from "./json-body";
import { addLogDownload } from "./log-download";
import * as parameters from "./query-parameters";
import { readParameters } from "./query-parameters";
import { NOTHING_KEPT, refusalOf } from "./store-refusal";

export interface QueryOptions {
  /** Undefined: nothing is kept. */
  readonly queries: Queries | undefined;
  nowMillis(): number;
}

export function addQueries(app: Express, options: QueryOptions): void {
  const queries = options.queries ?? NOTHING_KEPT;
  // Of its own, so that those who ask and do not read the answer keep no report out.
  const inFlight = createInFlight(MAX_QUESTIONS, TOO_MANY);
  const { ERRORS, GROUP_LIST, GROUP_DETAIL, REQUESTS, JOURNEY, LOGS, NONE } = parameters;
  const question = questionsOf(app, inFlight);

  question("/api/errors", ERRORS, (query) => queries.errors(query));
  addReset(app, queries, inFlight);
  question("/api/errors/:id", NONE, (_, { id }) => known(parameters.EVENT_ID, id, () => queries.error(id)));
  question("/api/groups", GROUP_LIST, (query) => queries.groups(query));
  question("/api/groups/:id", GROUP_DETAIL, ({ timeRange }, { id }) =>
    known(parameters.FINGERPRINT, id, () => queries.group(id, timeRange)),
  );
  question("/api/requests", REQUESTS, (query) => queries.requests(query));
  question("/api/journey/:id", JOURNEY, (query, { id: value }) =>
    known(parameters.TEXT, value, async () => {
      const journey = await queries.journey({ ...query, value });
      return journey.steps.length === 0 ? undefined : journey;
    }),
  );
  question("/api/logs", LOGS, (query) => queries.logs(query));
  addLogDownload(app, queries, options.nowMillis);
}

const MAX_QUESTIONS = 64;
const TOO_MANY: Refusal = { status: 429, message: "too many questions at once", headers: { "retry-after": "1" } };
const MAX_RESET_BYTES = 1_024;

type Ask<T> = (given: T, path: { readonly id: string }) => Promise<object | undefined>;

/** A route for each question; its path has one variable part at most, `:id`. */
function questionsOf(app: Express, inFlight: InFlight): <T>(path: string, schema: z.ZodType<T>, ask: Ask<T>) => void {
  return (path, schema, ask) => {
    app
      .route(path)
      .get(async (request, response) => {
        const given = readParameters(schema, request.url);
        if (given.status === "refused") return refuse(request, response, given.refusal);
        const { id } = request.params;
        const busy = await inFlight(async () => {
          const data = await answered(() => ask(given.value, { id: typeof id === "string" ? id : "" }));
          if (data.status === "refused") refuse(request, response, data.refusal);
          else answerJson(request, response, 200, { status: "success", data: data.value });
          await sent(response);
        });
        if (busy !== undefined) refuse(request, response, busy);
      })
      .all(onlyMethods("GET, HEAD"));
  };
}

function addReset(app: Express, queries: Queries, inFlight: InFlight): void {
  const readBody = createJsonBodyReader({ maxBytes: MAX_RESET_BYTES, maxTotalBytes: MAX_QUESTIONS * MAX_RESET_BYTES });
  app
    .route("/api/errors/reset")
    .post(async (request, response) => {
      const body = await readBody(request, response);
      if (body.status === "gone") return;
      if (body.status === "refused") return refuse(request, response, body.refusal);
      if (!isEmptyObject(body.value)) {
        const message = "expected {}: there is nothing to choose";
        return refuse(request, response, { status: 400, message, errors: [{ path: "", message }] });
      }
      const busy = await inFlight(async () => {
        const zero = await answered(() => queries.reset());
        if (zero.status === "refused") refuse(request, response, zero.refusal);
        else answerJson(request, response, 200, { status: "success", data: { counted_since: zero.value } });
      });
      if (busy !== undefined) refuse(request, response, busy);
    })
    .all(onlyMethods("POST"));
}

type Answered<T> =
  | { readonly status: "answered"; readonly value: T }
  | { readonly status: "refused"; readonly refusal: Refusal };

/** Rejects for a fault of ours alone. */
async function answered<T>(ask: () => Promise<T | undefined>): Promise<Answered<T>> {
  try {
    const value = await ask();
    if (value !== undefined) return { status: "answered", value };
    return { status: "refused", refusal: { status: 404, message: "not found" } };
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    return { status: "refused", refusal };
  }
}

/** Until then whoever asked holds all of the answer. */
async function sent(response: ServerResponse): Promise<void> {
  if (!response.closed) await once(response, "close");
}

/** What cannot be a key of anything is not looked up. */
async function known<T>(schema: z.ZodType<string>, value: string, ask: () => Promise<T>): Promise<T | undefined> {
  return schema.safeParse(value).success ? await ask() : undefined;
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}
