/** OTLP requests as services of any language send them, in JSON and, by the schema, in protobuf. */
import { randomBytes } from "node:crypto";

export interface TestSpan {
  readonly traceId?: string;
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly name?: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind?: number;
  readonly startMillis?: number;
  readonly durationMillis?: number;
  readonly attributes?: { readonly [key: string]: string | number | boolean };
  readonly exception?: { readonly type: string; readonly message: string; readonly stack?: string };
  /** 2 is ERROR. */
  readonly status?: number;
}

export interface ServiceSpans {
  readonly service: string;
  readonly worker?: string;
  readonly version?: string;
  readonly spans: readonly TestSpan[];
}

export function hexId(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}

/** The body of a request to `/v1/traces`, in JSON. */
export function tracesBody(services: readonly ServiceSpans[]): string {
  return JSON.stringify({
    resourceSpans: services.map(({ service, worker, version, spans }) => ({
      resource: {
        attributes: attributesOf({
          "service.name": service,
          ...(worker === undefined ? {} : { "service.instance.id": worker }),
          ...(version === undefined ? {} : { "service.version": version }),
        }),
      },
      scopeSpans: [{ scope: { name: "test" }, spans: spans.map(toSpan) }],
    })),
  });
}

/** The body of a request to `/v1/logs`: one exception as a log record. */
export function exceptionLogBody(
  service: string,
  type: string,
  message: string,
  ids: { traceId?: string; spanId?: string } = {},
): string {
  return JSON.stringify({
    resourceLogs: [
      {
        resource: { attributes: attributesOf({ "service.name": service }) },
        scopeLogs: [
          {
            logRecords: [
              {
                timeUnixNano: nanos(Date.now()),
                severityNumber: 17,
                body: { stringValue: "it failed" },
                attributes: attributesOf({ "exception.type": type, "exception.message": message }),
                ...ids,
              },
            ],
          },
        ],
      },
    ],
  });
}

/** What a server answers to an OTLP request; a connection that breaks is `undefined`. */
export async function postOtlp(
  otlpUrl: string,
  body: string | Uint8Array<ArrayBuffer>,
  path: "/v1/traces" | "/v1/logs" = "/v1/traces",
): Promise<number | undefined> {
  const type = typeof body === "string" ? "application/json" : "application/x-protobuf";
  try {
    const response = await fetch(otlpUrl + path, { method: "POST", headers: { "content-type": type }, body });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return undefined; // nobody answered, so nothing was promised
  }
}

function toSpan(span: TestSpan): object {
  const start = span.startMillis ?? Date.now();
  return {
    traceId: span.traceId ?? hexId(16),
    spanId: span.spanId ?? hexId(8),
    ...(span.parentSpanId === undefined ? {} : { parentSpanId: span.parentSpanId }),
    name: span.name ?? "work",
    kind: span.kind ?? 1,
    startTimeUnixNano: nanos(start),
    endTimeUnixNano: nanos(start + (span.durationMillis ?? 5)),
    attributes: attributesOf(span.attributes ?? {}),
    events:
      span.exception === undefined
        ? []
        : [
            {
              name: "exception",
              timeUnixNano: nanos(start + 1),
              attributes: attributesOf({
                "exception.type": span.exception.type,
                "exception.message": span.exception.message,
                "exception.stacktrace": span.exception.stack ?? "",
              }),
            },
          ],
    status: span.status === undefined ? {} : { code: span.status },
  };
}

function attributesOf(attributes: { readonly [key: string]: string | number | boolean }): object[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value:
      typeof value === "string"
        ? { stringValue: value }
        : typeof value === "boolean"
          ? { boolValue: value }
          : { intValue: String(value) },
  }));
}

function nanos(millis: number): string {
  return `${BigInt(Math.round(millis * 1_000)) * 1_000n}`;
}
