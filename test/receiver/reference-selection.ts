/** What a batch must hold, said plainly over fully decoded messages. */
import { emptyBag } from "../../src/bag";
import type {
  Attributes,
  AttributeValue,
  LogRecord,
  RecordedException,
  RequestGroup,
  Resource,
  SpanKind,
  SpanRecord,
} from "../../src/event";
import type { LogBatch, ReceivedLine, ReceivedLog, ReceivedSpan, TraceBatch } from "../../src/receiver/otlp-batch";
import type { LogReadOptions, TraceReadOptions } from "../../src/receiver/otlp-selection";
import type { Message } from "./reference-decoder";

const KINDS: readonly SpanKind[] = ["internal", "internal", "server", "client", "producer", "consumer"];
const TELLTALES = [
  "exception.type",
  "exception.message",
  "gen_ai.operation.name",
  "error.category",
  "error.fingerprint",
];

export function expectedTraces(request: Message, { slowMillis, maxSamples }: TraceReadOptions): TraceBatch {
  const spans: ReceivedSpan[] = [];
  const others: ReceivedSpan[] = [];
  const groups = new Map<string, { group: RequestGroup; durations: number[]; traceId: string }>();
  let spanCount = 0;
  const senders = forEachItem(request, ["resourceSpans", "scopeSpans", "spans"], (item, resourceAttributes, place) => {
    spanCount += 1;
    const span = expectedSpan(item);
    const { attributes } = span;
    const resource = expectedResource(resourceAttributes);
    const rawStatus = attributes["http.response.status_code"] ?? attributes["http.status_code"];
    const number = typeof rawStatus === "string" ? Number(rawStatus) : rawStatus;
    const status = typeof number === "number" && Number.isInteger(number) ? number : undefined;
    const method = attributes["http.request.method"] ?? attributes["http.method"];
    const isRequest = span.kind === "server" && method !== undefined;
    if (isRequest) {
      const route = attributes["http.route"];
      const labels = {
        service: resource.service,
        method: typeof method === "string" ? method : "",
        route: typeof route === "string" && route !== "" ? route : "unmatched",
        statusCode:
          attributes["http.client_aborted"] === true ? 499 : (status ?? (span.status === "error" ? 500 : 200)),
      };
      const key = JSON.stringify(Object.values(labels));
      const known = groups.get(key);
      if (known === undefined) {
        const durations = [span.durationMillis];
        const group = { ...labels, durationsMillis: durations, slowestTraceId: "" };
        groups.set(key, { group, durations, traceId: span.traceId });
      } else {
        if (span.durationMillis > Math.max(...known.durations)) known.traceId = span.traceId;
        known.durations.push(span.durationMillis);
      }
    }
    const matters =
      span.status === "error" ||
      span.exceptions.length > 0 ||
      TELLTALES.some((key) => attributes[key] !== undefined) ||
      (span.kind === "server" && status !== undefined && status >= 400) ||
      (isRequest && span.durationMillis >= slowMillis);
    if (matters) spans.push({ resource, resourceAttributes, span, place });
    else if (isRequest) others.push({ resource, resourceAttributes, span, place });
  });
  const requests = [...groups.values()].map(({ group, traceId }) => ({ ...group, slowestTraceId: traceId }));
  return { senders, spanCount, requests, spans, samples: others.slice(0, maxSamples) };
}

export function expectedLogs(request: Message, { lineSeverity, maxLines }: LogReadOptions): LogBatch {
  const logs: ReceivedLog[] = [];
  const lines: ReceivedLine[] = [];
  let logCount = 0;
  const senders = forEachItem(
    request,
    ["resourceLogs", "scopeLogs", "logRecords"],
    (item, resourceAttributes, place, scope) => {
      logCount += 1;
      const log = expectedLog(item);
      const resource = expectedResource(resourceAttributes);
      const severity = log.severityNumber <= 0 ? 9 : log.severityNumber;
      if (severity >= lineSeverity) lines.push({ resource, log, logger: String(scope["name"] ?? "") });
      const matters =
        log.attributes["exception.type"] !== undefined ||
        log.attributes["exception.message"] !== undefined ||
        /(^|\.)exception$/.test(log.eventName);
      if (matters) logs.push({ resource, resourceAttributes, log, place });
    },
  );
  return { senders, logCount, logs, lineCount: lines.length, lines: lines.slice(0, maxLines) };
}

/** Gives the resources that have items. */
function forEachItem(
  request: Message,
  [resources, scopes, items]: readonly [string, string, string],
  onItem: (item: Message, resourceAttributes: Attributes, place: ReceivedSpan["place"], scope: Message) => void,
): readonly Resource[] {
  const senders: Resource[] = [];
  for (const [resource, ofResource] of list(request[resources]).entries()) {
    const attributes = expectedAttributes(message(ofResource["resource"])["attributes"]);
    for (const [scope, ofScope] of list(ofResource[scopes]).entries()) {
      for (const [item, value] of list(ofScope[items]).entries()) {
        onItem(value, attributes, { resource, scope, item }, message(ofScope["scope"]));
      }
    }
    if (list(ofResource[scopes]).some((ofScope) => list(ofScope[items]).length > 0)) {
      senders.push(expectedResource(attributes));
    }
  }
  return senders;
}

function expectedSpan(span: Message): SpanRecord {
  const end = nanos(span["endTimeUnixNano"]);
  const start = nanos(span["startTimeUnixNano"]);
  const status = message(span["status"]);
  const code = status["code"];
  return {
    traceId: id(span["traceId"], 16),
    spanId: id(span["spanId"], 8),
    parentSpanId: id(span["parentSpanId"], 8) || undefined,
    name: String(span["name"] ?? ""),
    kind: KINDS[Number(span["kind"] ?? 0)] ?? "internal",
    endUnixMillis: millis(end),
    durationMillis: start === 0n || end < start ? 0 : Number(end - start) / 1e6,
    status: code === 2 ? "error" : code === 1 ? "ok" : "unset",
    statusMessage: String(status["message"] ?? ""),
    attributes: expectedAttributes(span["attributes"]),
    exceptions: list(span["events"])
      .filter((event) => event["name"] === "exception")
      .slice(0, 128)
      .map((event) => expectedException(event, end)),
  };
}

function expectedException(event: Message, end: bigint): RecordedException {
  const attributes = expectedAttributes(event["attributes"]);
  return {
    timeUnixMillis: millis(nanos(event["timeUnixNano"]) || end),
    type: asText(attributes["exception.type"]),
    message: asText(attributes["exception.message"]),
    stack: asText(attributes["exception.stacktrace"]),
  };
}

function expectedLog(log: Message): LogRecord {
  return {
    timeUnixMillis: millis(nanos(log["timeUnixNano"]) || nanos(log["observedTimeUnixNano"])),
    eventName: String(log["eventName"] ?? ""),
    severityNumber: Number(log["severityNumber"] ?? 0),
    body: asText(attributeValue(plain(log["body"]))),
    attributes: expectedAttributes(log["attributes"]),
    traceId: id(log["traceId"], 16) || undefined,
    spanId: id(log["spanId"], 8) || undefined,
  };
}

function expectedResource(attributes: Attributes): ReceivedSpan["resource"] {
  const first = (...names: string[]): string | undefined =>
    names
      .map((name) => attributes[name])
      .filter((value) => typeof value === "number" || (typeof value === "string" && value !== ""))
      .map(String)[0];
  return {
    service: first("service.name") ?? "unknown_service",
    serviceVersion: first("service.version"),
    environment: first("deployment.environment.name", "deployment.environment"),
    worker: first("seismo.worker.id", "service.instance.id", "host.name") ?? "unknown",
  };
}

/** Within the limits alone; what goes over them has tests of its own. */
function expectedAttributes(entries: unknown): Attributes {
  const attributes = emptyBag<AttributeValue>();
  for (const entry of list(entries)) {
    const value = attributeValue(plain(entry["value"]));
    if (value !== undefined) attributes[String(entry["key"] ?? "")] = value;
  }
  return attributes;
}

function attributeValue(value: unknown): AttributeValue | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "object") return value as AttributeValue; // plain() made it
  const isFlat = Array.isArray(value) && value.every((item) => typeof item !== "object" || item === null);
  return isFlat ? (value as AttributeValue) : JSON.stringify(value); // plain() made it
}

function plain(value: unknown): unknown {
  const [name, member] = Object.entries(message(value))[0] ?? [];
  switch (name) {
    case "intValue": {
      const number = Number(member);
      return Number.isSafeInteger(number) ? number : String(member);
    }
    case "doubleValue":
      return Number.isFinite(member) ? member : String(member);
    case "bytesValue":
      return Buffer.from(member as Uint8Array).toString("base64"); // the schema says so
    case "arrayValue":
      return list(message(member)["values"]).map((item) => plain(item) ?? null);
    case "kvlistValue": {
      const entries = emptyBag<unknown>();
      for (const entry of list(message(member)["values"])) {
        entries[String(entry["key"] ?? "")] = plain(entry["value"]) ?? null;
      }
      return entries;
    }
    default:
      return member;
  }
}

function asText(value: unknown): string {
  if (value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function id(value: unknown, length: number): string {
  const bytes = Buffer.from((value ?? []) as Uint8Array); // the schema says so
  return bytes.length === length && bytes.some((byte) => byte !== 0) ? bytes.toString("hex") : "";
}

function nanos(value: unknown): bigint {
  return BigInt((value ?? 0) as bigint); // the schema says so
}

function millis(value: bigint): number {
  return Number(value / 1_000_000_000n) * 1e3 + Number(value % 1_000_000_000n) / 1e6;
}

function list(value: unknown): Message[] {
  return (value ?? []) as Message[]; // the schema says so
}

function message(value: unknown): Message {
  return (value ?? {}) as Message; // the schema says so
}
