/** The document of the API against what a collector answers: empty, full, and when it refuses. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import Ajv2020 from "ajv/dist/2020";
import { eventually } from "../instrumentation/fixture-app";
import { hexId, postOtlp, tracesBody } from "./otlp-requests";
import { type RunningCollector, startCollector } from "./running-collector";

interface Document {
  readonly openapi: string;
  readonly paths: { readonly [path: string]: { readonly [method: string]: OperationObject } };
  readonly components: { readonly schemas: { readonly [name: string]: object } };
}

interface OperationObject {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly responses: {
    readonly [status: string]: { readonly content: { readonly [type: string]: { schema: object } } };
  };
}

const JSON_TYPE = "application/json";

test("every answer is as the document says: of an empty collector, of a full one, and of refusals", async (context) => {
  const collector = await startCollector(context, { env: { SEISMO_ORIGIN_HOLD_MS: "100" } });
  const document = (await (await fetch(`${collector.apiUrl}/api/openapi.json`)).json()) as Document; // is held against answers below
  assert.equal(document.openapi, "3.1.0");
  const check = checker(document);
  const unknown = { id: "00000000-0000-4000-8000-000000000000", fingerprint: "0011223344556677", request_id: "nobody" };

  await eventually("the store", async () => (await ask(collector, "get", "/api/errors")).status === 200 || undefined);
  const empty = await checkAll(collector, document, check, unknown);
  assert.deepEqual(empty.statuses["getError"], 404);
  assert.deepEqual(empty.statuses["listErrors"], 200);

  const known = await fill(collector);
  const full = await checkAll(collector, document, check, known);
  for (const [operation, status] of Object.entries(full.statuses)) {
    if (operation !== "openSession" && operation !== "reportError") assert.equal(status, 200, operation);
  }
  assert.ok(full.texts["listErrors"]?.includes('"recent_errors":[{'));
  assert.ok(full.texts["getJourney"]?.includes('"kind":"request"'));

  for (const [path, { get }] of Object.entries(document.paths)) {
    if (get === undefined) continue;
    const bad = await ask(collector, "get", `${filled(path, known)}?nothing=1`);
    assert.equal(bad.status, 400, path);
    check(get, 400, bad.text);
    const foreign = await ask(collector, "get", filled(path, known), { origin: "https://evil.example" });
    assert.equal(foreign.status, 403, path);
    check(get, 403, foreign.text);
  }
});

test("the document lists each parameter that is taken, and no other", async (context) => {
  const collector = await startCollector(context, { args: ["--no-store"] });
  const document = (await (await fetch(`${collector.apiUrl}/api/openapi.json`)).json()) as Document;
  const check = checker(document);
  for (const [path, { get }] of Object.entries(document.paths)) {
    if (get === undefined) continue;
    const named = (get.parameters ?? []).filter((parameter) => parameter.in === "query").map(({ name }) => name);
    const query = named.map((name) => `${name}=%00`).join("&");
    const answer = await ask(collector, "get", `${filled(path, KEYS)}?${query}`);
    if (named.length === 0) continue;
    const { errors } = JSON.parse(answer.text) as { errors: readonly { path: string; message: string }[] };
    assert.deepEqual(errors.map((error) => error.path).sort(), [...named].sort(), path);
    assert.equal(
      errors.some(({ message }) => message === "unknown parameter"),
      false,
      path,
    );
    check(get, 400, answer.text);
  }
  const away = await ask(collector, "get", "/api/errors");
  assert.equal(away.status, 503);
  check(document.paths["/api/errors"]?.["get"] ?? assert.fail(), 503, away.text);
});

test("people and machines are told of the same questions", async (context) => {
  const collector = await startCollector(context, { args: ["--no-store"] });
  const document = (await (await fetch(`${collector.apiUrl}/api/openapi.json`)).json()) as Document;
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(?:\w+)\}/, ":key")}`),
  );
  const rows = readFileSync("docs/rest.md", "utf8").matchAll(/^\| `(GET|POST) (\/api\/\S+)`(.*?)\|/gm);
  const told = [...rows].flatMap(([, method, path = "", more = ""]) => [
    `${method} ${path.replace(/:\w+/, ":key")}`,
    ...(more.includes("DELETE") ? [`DELETE ${path}`] : []),
  ]);
  assert.deepEqual(operations.sort(), told.sort());
});

const KEYS = { id: "e-1", fingerprint: "0011223344556677", request_id: "r-1" };

type Check = (operation: OperationObject, status: number, text: string) => void;

function checker(document: Document): Check {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema({ $id: "api", ...document });
  return (operation, status, text) => {
    const { schema } =
      operation.responses[status]?.content[JSON_TYPE] ?? assert.fail(`${operation.operationId}: ${status}`);
    const rooted = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"api#/')) as object; // what it was
    const validate = ajv.compile(rooted);
    const isValid = validate(JSON.parse(text));
    assert.ok(isValid, `${operation.operationId} ${status}: ${ajv.errorsText(validate.errors).slice(0, 1_000)}`);
  };
}

async function checkAll(
  collector: RunningCollector,
  document: Document,
  check: Check,
  keys: typeof KEYS,
): Promise<{ readonly statuses: Record<string, number>; readonly texts: Record<string, string> }> {
  const statuses: Record<string, number> = {};
  const texts: Record<string, string> = {};
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const { status, text, type } = await ask(collector, method, filled(path, keys));
      if (type.startsWith(JSON_TYPE)) check(operation, status, text);
      else assert.ok(operation.responses[status]?.content[type.split(";")[0] ?? ""], `${path}: ${type}`);
      statuses[operation.operationId] = status;
      texts[operation.operationId] = text;
    }
  }
  return { statuses, texts };
}

function filled(path: string, keys: typeof KEYS): string {
  return path.replace(/\{(\w+)\}/g, (_, name: keyof typeof KEYS) => keys[name]);
}

async function ask(collector: RunningCollector, method: string, path: string, headers: Record<string, string> = {}) {
  const answer = await fetch(collector.apiUrl + path, {
    method,
    headers: { ...headers, ...(method === "post" ? { "content-type": JSON_TYPE } : {}) },
    ...(method === "post" ? { body: "{}" } : {}),
  });
  return { status: answer.status, text: await answer.text(), type: answer.headers.get("content-type") ?? "" };
}

/** An error with all that a report can say, one of a request, and a line. */
async function fill(collector: RunningCollector): Promise<typeof KEYS> {
  const answer = await fetch(`${collector.apiUrl}/api/report-error`, {
    method: "POST",
    headers: { "content-type": JSON_TYPE },
    body: JSON.stringify({
      ...{ type: "GPUError", error_category: "HARDWARE_OVERHEATING", message: "too hot", worker_id: "lab-7" },
      ...{ request_id: "r-1", session_id: "s-1", user_id: "anna", endpoint: "/infer", method: "POST" },
      hardware_context: { hardware_type: "gpu", hardware_status: { overheating: true } },
      system_context: {
        hostname: "lab-7",
        metrics: { cpu: { percent: 42 }, memory: { used_percent: 50 }, disk: { used_percent: 60 } },
        gpu_metrics: { devices: [{ index: 0, name: "A100", memory_utilization: 80, temperature: 96 }] },
      },
    }),
  });
  const { id, fingerprint } = (await answer.json()) as { id: string; fingerprint: string };
  const attributes = { "http.request.method": "GET", "http.route": "/", "request.id": "r-1" };
  const spans = [{ traceId: hexId(16), kind: 2, status: 2, exception: { type: "E", message: "m" }, attributes }];
  assert.equal(await postOtlp(collector.otlpUrl, tracesBody([{ service: "shop", spans }])), 200);
  await eventually("all of it", async () => {
    const journey = await ask(collector, "get", "/api/journey/r-1");
    const isThere = journey.text.includes('"kind":"request"') && journey.text.includes('"GPUError"');
    return isThere || undefined;
  });
  return { id, fingerprint, request_id: "r-1" };
}
