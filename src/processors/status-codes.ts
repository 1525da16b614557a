/** HTTP and gRPC statuses, and where errors and spans keep them. */
import type { Attributes, Category, JsonObject, JsonValue } from "../event";

/** Of an answer with 400 to 599. `upstream`: another service gave it to us. */
export function categoryOfHttpStatus(status: number, upstream: boolean): Category {
  const known = HTTP.get(status);
  if (known !== undefined) return known;
  if (status < 500) return "http_client_error";
  return upstream ? "http_upstream_error" : "http_server_error";
}

/** Of a status code from 1 to 16. */
export function categoryOfGrpcStatus(status: number, upstream: boolean): Category {
  const known = GRPC.get(status);
  if (known !== undefined) return known;
  return GRPC_CLIENT_FAULTS.has(status) ? "http_client_error" : upstream ? "http_upstream_error" : "http_server_error";
}

/** The HTTP status that an error carries as its own, where http-errors, axios, boom or the AWS SDK put it. */
export function httpStatusOf(properties: JsonObject): number | undefined {
  return (
    errorStatus(properties["status"]) ??
    errorStatus(properties["statusCode"]) ??
    errorStatus(properties["httpCode"]) ??
    errorStatus(member(properties["response"], "status")) ??
    errorStatus(member(properties["response"], "statusCode")) ??
    errorStatus(member(properties["output"], "statusCode")) ??
    errorStatus(member(properties["$metadata"], "httpStatusCode"))
  );
}

/** The status in the class name of http-errors and its kin, which keep the number on the prototype. */
export function httpStatusOfName(type: string): number | undefined {
  return HTTP_NAMES.get(type);
}

/** 400 to 599, given as a number or in digits. */
export function errorStatus(value: unknown): number | undefined {
  const status = typeof value === "string" && value.length === 3 ? Number(value) : value;
  return typeof status === "number" && Number.isInteger(status) && status >= 400 && status <= 599 ? status : undefined;
}

/** The status of a gRPC ServiceError, or the one in a Google API's `{ code: 429, status: "RESOURCE_EXHAUSTED" }`. */
export function grpcStatusOf(properties: JsonObject): number | undefined {
  const code = properties["code"];
  if (typeof code !== "number") return undefined; // numbers are anybody's: only their company tells
  if (properties["details"] !== undefined && properties["metadata"] !== undefined) return grpcStatus(code);
  const name = properties["status"];
  return typeof name === "string" ? grpcStatus(GRPC_NAMES.indexOf(name) + 1) : undefined;
}

/** The gRPC status of a span, by its stable name and by its older one; a number, digits or a name. */
export function grpcStatusOfSpan(attributes: Attributes): number | undefined {
  const value = attributes["rpc.response.status_code"] ?? attributes["rpc.grpc.status_code"];
  if (value === undefined) return undefined;
  return grpcStatus(typeof value === "string" ? GRPC_NAMES.indexOf(value) + 1 || Number(value) : value);
}

/** A member of a JSON object, `undefined` for anything else. */
export function member(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isObject(value) ? value[key] : undefined;
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function grpcStatus(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 16 ? value : undefined;
}

const HTTP: ReadonlyMap<number, Category> = new Map([
  [401, "auth_unauthenticated"],
  [402, "quota_exhausted"],
  [403, "auth_forbidden"],
  [407, "auth_unauthenticated"],
  [413, "file_too_large"],
  [415, "file_unsupported_format"],
  [422, "validation_input"],
  [429, "quota_rate_limited"],
  [499, "connection_aborted"], // nginx: the client closed the request
  [502, "http_upstream_error"],
  [504, "http_upstream_error"],
  [507, "resource_exhausted"],
]);

/** Those that no other table knows. */
const HTTP_NAMES: ReadonlyMap<string, number> = new Map([
  ["NotFoundError", 404],
  ["MethodNotAllowedError", 405],
  ["NotAcceptableError", 406],
  ["ConflictError", 409],
  ["GoneError", 410],
  ["PreconditionFailedError", 412],
  ["InternalServerError", 500],
  ["BadGatewayError", 502],
  ["ServiceUnavailableError", 503],
  ["GatewayTimeoutError", 504],
]);

const GRPC: ReadonlyMap<number, Category> = new Map([
  [1, "connection_aborted"],
  [3, "validation_input"],
  [4, "network_timeout"],
  [7, "auth_forbidden"],
  [8, "quota_exhausted"],
  [11, "validation_input"],
  [14, "network_connection"],
  [16, "auth_unauthenticated"],
]);

/** NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION, ABORTED: 4xx in Google's mapping to HTTP. */
const GRPC_CLIENT_FAULTS: ReadonlySet<number> = new Set([5, 6, 9, 10]);

/** From 1, in order. */
const GRPC_NAMES: readonly string[] =
  `CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED
  FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED`.split(/\s+/);
