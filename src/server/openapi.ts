/**
 * `GET /api/openapi.json`: the API for machines, made of the schemas that check what is asked and describe what is answered,
 * so that it cannot say anything else.
 */
import type { Express } from "express";
import { z } from "zod";
import type { JsonObject } from "../event";
import { VERSION } from "../version";
import { answerJson, onlyMethods, refuse } from "./answer";
import * as answers from "./answer-schemas";
import * as parameters from "./query-parameters";
import { REPORT_BODY } from "./report-error";
import { SESSION_BODY, SESSION_PATH } from "./sessions";

export const OPENAPI_PATH = "/api/openapi.json";

export function addOpenApi(app: Express): void {
  let document: object | undefined;
  app
    .route(OPENAPI_PATH)
    .get((request, response) => {
      const given = parameters.readParameters(parameters.NONE, request.url);
      if (given.status === "refused") return refuse(request, response, given.refusal);
      document ??= openApiDocument();
      answerJson(request, response, 200, document);
    })
    .all(onlyMethods("GET, HEAD"));
}

export function openApiDocument(): JsonObject {
  return {
    openapi: "3.1.0",
    info: {
      title: "Seismo collector",
      version: VERSION,
      description: "What a collector keeps, asked by REST. Live news come by the WebSocket /ws/error-visualization.",
    },
    security: [{}, { token: [] }, { session: [] }],
    paths: paths(),
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        token: { type: "http", scheme: "bearer" },
        session: { type: "apiKey", in: "cookie", name: "seismo_session_8080", description: "By POST /api/session." },
      },
    },
  };
}

interface Operation {
  readonly path: string;
  readonly method: "get" | "post" | "delete";
  readonly id: string;
  readonly about: string;
  readonly parameters?: z.ZodType;
  readonly pathParameter?: { readonly name: string; readonly schema: z.ZodType };
  readonly body?: z.ZodType;
  /** Of the data of an answer, or of all of it. */
  readonly answer:
    | { readonly data: keyof typeof COMPONENTS }
    | { readonly whole: keyof typeof COMPONENTS }
    | { readonly types: readonly string[] }
    | "this";
  readonly refusals: readonly number[];
}

const COMPONENTS = {
  ErrorRow: answers.ERROR_ROW,
  TimelinePoint: answers.TIMELINE_POINT,
  WorkerRow: answers.WORKER_ROW,
  MachineRow: answers.MACHINE_ROW,
  GroupRow: answers.GROUP_ROW,
  ErrorsSummary: answers.ERRORS_SUMMARY,
  ErrorsData: answers.ERRORS_DATA,
  ErrorDetail: answers.ERROR_DETAIL,
  GroupsData: answers.GROUPS_DATA,
  GroupDetail: answers.GROUP_DETAIL_DATA,
  RequestRow: answers.REQUEST_ROW,
  EndpointRow: answers.ENDPOINT_ROW,
  RequestsData: answers.REQUESTS_DATA,
  LogRow: answers.LOG_ROW,
  LogsData: answers.LOGS_DATA,
  JourneyData: answers.JOURNEY_DATA,
  StatsData: answers.STATS_DATA,
  ResetData: answers.RESET_DATA,
  Reported: answers.REPORTED,
  Done: answers.DONE,
  Failure: answers.FAILURE,
} as const;

const ASKED = [400, 401, 403, 429, 503] as const;
const NOTHING = z.strictObject({});

const OPERATIONS: readonly Operation[] = [
  {
    ...{
      path: "/api/errors",
      method: "get",
      id: "listErrors",
      about: "Summary, recent errors, distribution, timeline",
    },
    ...{ parameters: parameters.ERRORS, answer: { data: "ErrorsData" }, refusals: ASKED },
  },
  {
    ...{ path: "/api/errors/{id}", method: "get", id: "getError", about: "One error whole" },
    ...{ pathParameter: { name: "id", schema: parameters.EVENT_ID }, answer: { data: "ErrorDetail" } },
    refusals: [...ASKED, 404],
  },
  {
    ...{
      path: "/api/errors/reset",
      method: "post",
      id: "resetCounts",
      about: "A new zero for counts; deletes nothing",
    },
    ...{ body: NOTHING, answer: { data: "ResetData" }, refusals: [...ASKED, 413, 415] },
  },
  {
    ...{ path: "/api/groups", method: "get", id: "listGroups", about: "Groups of errors by fingerprint" },
    ...{ parameters: parameters.GROUP_LIST, answer: { data: "GroupsData" }, refusals: ASKED },
  },
  {
    ...{ path: "/api/groups/{fingerprint}", method: "get", id: "getGroup", about: "One group of errors" },
    ...{ parameters: parameters.GROUP_DETAIL, answer: { data: "GroupDetail" }, refusals: [...ASKED, 404] },
    pathParameter: { name: "fingerprint", schema: parameters.FINGERPRINT },
  },
  {
    ...{
      path: "/api/requests",
      method: "get",
      id: "listRequests",
      about: "Endpoints, and slow, failed and some requests",
    },
    ...{ parameters: parameters.REQUESTS, answer: { data: "RequestsData" }, refusals: ASKED },
  },
  {
    ...{ path: "/api/journey/{request_id}", method: "get", id: "getJourney", about: "All that shares an id, in order" },
    ...{ parameters: parameters.JOURNEY, answer: { data: "JourneyData" }, refusals: [...ASKED, 404] },
    pathParameter: { name: "request_id", schema: parameters.TEXT },
  },
  {
    ...{ path: "/api/logs", method: "get", id: "listLogs", about: "Log lines, the newest first" },
    ...{ parameters: parameters.LOGS, answer: { data: "LogsData" }, refusals: ASKED },
  },
  {
    ...{ path: "/api/logs/download", method: "get", id: "downloadLogs", about: "Log lines as a file" },
    ...{ parameters: parameters.LOG_DOWNLOAD, answer: { types: ["text/plain", "application/jsonl"] }, refusals: ASKED },
  },
  {
    ...{ path: "/api/stats", method: "get", id: "getStats", about: "How the collector is" },
    ...{ parameters: parameters.NONE, answer: { data: "StatsData" }, refusals: [400, 401, 403] },
  },
  {
    ...{ path: "/api/report-error", method: "post", id: "reportError", about: "Reports one error" },
    ...{ body: REPORT_BODY, answer: { whole: "Reported" }, refusals: [400, 401, 403, 413, 415, 503] },
  },
  {
    ...{
      path: SESSION_PATH,
      method: "post",
      id: "openSession",
      about: "Exchanges the token for the cookie of a session",
    },
    ...{ body: SESSION_BODY, answer: { whole: "Done" }, refusals: [400, 401, 403, 413, 415] },
  },
  {
    ...{ path: SESSION_PATH, method: "delete", id: "closeSession", about: "Takes the cookie away" },
    ...{ answer: { whole: "Done" }, refusals: [403] },
  },
  {
    ...{ path: OPENAPI_PATH, method: "get", id: "getDocument", about: "This document" },
    ...{ answer: "this", refusals: [400, 401, 403] },
  },
];

function paths(): JsonObject {
  const names = new Set(OPERATIONS.map(({ path }) => path));
  return Object.fromEntries(
    [...names].map((name) => {
      const here = OPERATIONS.filter(({ path }) => path === name);
      return [name, Object.fromEntries(here.map((operation) => [operation.method, operationObject(operation)]))];
    }),
  );
}

function operationObject(operation: Operation): JsonObject {
  const { path, id, about, pathParameter, body } = operation;
  const inPath = pathParameter && {
    ...{ name: pathParameter.name, in: "path", required: true },
    schema: jsonSchema(pathParameter.schema),
  };
  const list = [...(inPath === undefined ? [] : [inPath]), ...queryParameters(operation.parameters)];
  return {
    operationId: id,
    summary: about,
    // The way in.
    ...(path === SESSION_PATH ? { security: [] } : {}),
    ...(list.length === 0 ? {} : { parameters: list }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { "application/json": { schema: jsonSchema(body) } } } }),
    responses: {
      "200": { description: "Success", content: contentOf(operation.answer) },
      ...Object.fromEntries(operation.refusals.map((status) => [String(status), refusal(status)])),
    },
  };
}

function contentOf(answer: Operation["answer"]): JsonObject {
  if (answer === "this") return { "application/json": { schema: { type: "object" } } };
  if ("types" in answer) return Object.fromEntries(answer.types.map((type) => [type, { schema: { type: "string" } }]));
  if ("whole" in answer) return { "application/json": { schema: refTo(answer.whole) } };
  const properties = { status: { const: "success" }, data: refTo(answer.data) };
  const schema = { type: "object", properties, required: ["status", "data"], additionalProperties: false };
  return { "application/json": { schema } };
}

const REFUSALS: { readonly [status: number]: string } = {
  400: "Something is wrong with what was sent; `errors` names it",
  401: "The token is missing or wrong",
  403: "Asked by another host or origin",
  404: "Not known",
  413: "The body is too large",
  415: "The body is not application/json",
  429: "Too much at once; `Retry-After`",
  503: "The store is away, or nothing can be taken now; `Retry-After`",
};

function refusal(status: number): JsonObject {
  const content = { "application/json": { schema: refTo("Failure") } };
  const headers = { "Retry-After": { description: "Seconds", schema: { type: "integer" } } };
  return {
    description: REFUSALS[status] ?? "Refused",
    ...(status === 429 || status === 503 ? { headers } : {}),
    content,
  };
}

function refTo(name: keyof typeof COMPONENTS): JsonObject {
  return { $ref: `#/components/schemas/${name}` };
}

/** The fields of what is checked, before it is changed into what the store is asked. */
function queryParameters(schema: z.ZodType | undefined): JsonObject[] {
  if (schema === undefined) return [];
  const { properties = {} } = jsonSchema(schema);
  return Object.entries(properties as JsonObject).map(([name, of]) => ({ name, in: "query", schema: of })); // as JSON Schema has it
}

function jsonSchema(schema: z.ZodType): JsonObject {
  const { $schema, ...rest } = z.toJSONSchema(schema, { ...AS_JSON_SCHEMA, io: "input", unrepresentable: "any" });
  return rest as JsonObject; // a schema is JSON
}

function componentSchemas(): JsonObject {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(COMPONENTS)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { ...AS_JSON_SCHEMA, uri: (id) => `#/components/schemas/${id}` });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $schema, $id, ...rest }]) => [id, rest as JsonObject]), // a schema is JSON
  );
}

const AS_JSON_SCHEMA = {
  override({ jsonSchema: made }: { readonly jsonSchema: z.core.JSONSchema.BaseSchema }): void {
    // What TypeScript calls readonly is nothing that OpenAPI would mean by it.
    delete made.readOnly;
    delete made.propertyNames;
    if (made.maximum === Number.MAX_SAFE_INTEGER) delete made.maximum;
    if (made.minimum === Number.MIN_SAFE_INTEGER) delete made.minimum;
    // Parameters come as texts, and their defaults with them.
    if (made.type === "integer" && typeof made.default === "string") made.default = Number(made.default);
  },
} as const;
