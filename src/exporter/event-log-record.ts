/**
 * An event as the log record that OpenTelemetry's conventions have for exceptions, with what they have no name for in
 * attributes of Seismo's own: read back by a collector, it is the same event.
 *
 *   ErrorEvent ──eventLogRecord()──► OTLP /v1/logs ──extractLogErrors()──► RawError
 */
import type { SeverityNumber } from "@opentelemetry/api-logs";
import { type InstrumentationScope, millisToHrTime } from "@opentelemetry/core";
import type { Resource } from "@opentelemetry/resources";
import type { ReadableLogRecord } from "@opentelemetry/sdk-logs";
import type { AttributeValue, DatabaseContext, ErrorEvent, RequestContext, Severity } from "../event";
import { VERSION } from "../version";
import { carriedAttributes } from "./carried-attributes";

/** `resource` is the same object for all records of a batch. */
export function eventLogRecord(event: ErrorEvent, resource: Resource): ReadableLogRecord {
  const { severityNumber, severityText } = SEVERITIES[event.rating.severity];
  const { attributes, dropped } = attributesOf(event);
  return {
    hrTime: millisToHrTime(event.timeUnixMillis),
    hrTimeObserved: millisToHrTime(event.timeUnixMillis),
    severityNumber,
    severityText,
    eventName: "exception",
    body: event.message,
    resource,
    instrumentationScope: SCOPE,
    attributes,
    droppedAttributesCount: dropped,
    ...spanContextOf(event),
  };
}

/** Nothing that a person should look at is below WARN; what an application cannot go on from is FATAL. */
const SEVERITIES: {
  readonly [severity in Severity]: { readonly severityNumber: SeverityNumber; readonly severityText: string };
} = {
  critical: { severityNumber: 21, severityText: "FATAL" },
  warning: { severityNumber: 17, severityText: "ERROR" },
  info: { severityNumber: 13, severityText: "WARN" },
};

const SCOPE: InstrumentationScope = { name: "seismo", version: VERSION };
const SAMPLED = 1;

function spanContextOf({ traceId, spanId }: ErrorEvent): Pick<ReadableLogRecord, "spanContext"> {
  if (traceId === undefined || spanId === undefined) return {};
  return { spanContext: { traceId, spanId, traceFlags: SAMPLED } };
}

type OpenAttributes = { [key: string]: string | number | boolean | (string | number | boolean | null | undefined)[] };

/** Those that decide come first: whoever keeps only some of them keeps these. */
function attributesOf(event: ErrorEvent): { readonly attributes: OpenAttributes; readonly dropped: number } {
  const attributes: OpenAttributes = {};
  const carried = carriedAttributes(event);
  const put = (values: { readonly [key: string]: AttributeValue | undefined }): void => {
    for (const [key, value] of Object.entries(values)) {
      if (value === undefined || value === "") continue;
      attributes[key] ??= typeof value === "object" ? [...value] : value;
    }
  };

  put({
    "exception.type": event.type,
    "exception.message": event.message,
    "exception.stacktrace": event.stack,
    "error.category": event.given.category ?? event.classification.category,
    "error.group": event.classification.group,
    "error.severity": event.rating.severity,
    "error.fingerprint": event.fingerprint.id,
    "error.fingerprint_previous": event.fingerprint.previous,
    "error.origin": event.origin,
    "request.id": event.requestId,
    "user_agent.original": event.userAgent,
  });
  put(carried.attributes);
  if (event.request !== undefined) put(requestAttributes(event.request));
  if (event.database !== undefined) put(databaseAttributes(event.database));
  put(event.attributes);
  return { attributes, dropped: carried.dropped };
}

function requestAttributes(request: RequestContext): { readonly [key: string]: AttributeValue | undefined } {
  const { method, route, url = "", statusCode, peer, clientAddress, headers } = request;
  const isFull = /^[a-z][a-z0-9+.-]*:/i.test(url);
  const query = isFull ? -1 : url.indexOf("?");
  return {
    "http.request.method": method,
    "http.route": route,
    "http.response.status_code": statusCode,
    "server.address": peer,
    "client.address": clientAddress,
    "url.full": isFull ? url : undefined,
    "url.path": isFull ? undefined : url.slice(0, query < 0 ? url.length : query),
    "url.query": query < 0 ? undefined : url.slice(query + 1),
    ...Object.fromEntries(
      Object.entries(headers ?? {}).map(([name, value]) => [`http.request.header.${name}`, String(value)]),
    ),
  };
}

function databaseAttributes(database: DatabaseContext): { readonly [key: string]: AttributeValue | undefined } {
  return {
    "db.system.name": database.system,
    "db.namespace": database.namespace,
    "db.operation.name": database.operation,
    "db.collection.name": database.collection,
    "db.query.text": database.query,
    "db.response.status_code": database.statusCode,
  };
}
