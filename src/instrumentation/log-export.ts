/**
 * Puts the export of events as log records together. Loaded only where an endpoint for them is known: OpenTelemetry's
 * serializers are a third of all that is loaded at start-up.
 */
import { parseKeyPairsIntoRecord } from "@opentelemetry/core";
import { JsonLogsSerializer } from "@opentelemetry/otlp-transformer";
import type { ReadableLogRecord } from "@opentelemetry/sdk-logs";
import type { Config } from "../config";
import { eventLogRecord } from "../exporter/event-log-record";
import { createOtlpLogs, type OtlpLogs } from "../exporter/otlp-logs";
import type { Telemetry } from "../telemetry";
import { CrashSafeExporter, type OtlpExporter } from "./crash-safe-exporter";
import type { LastRequests } from "./last-requests";
import { otelResource } from "./otel-resource";

export interface LogExportOptions {
  readonly config: Config;
  readonly url: string;
  readonly protocol: "http/json" | "http/protobuf";
  readonly telemetry: Telemetry;
  readonly lastRequests: LastRequests;
  readonly onExported: (exporter: string, durationMillis: number) => void;
}

export function createLogExport(options: LogExportOptions): OtlpLogs {
  const { config, url, protocol, telemetry, lastRequests, onExported } = options;
  const { env, logsHeaders } = config.otel;
  const resource = otelResource(config);
  const outgoing = new CrashSafeExporter<ReadableLogRecord>({
    signal: "logs",
    inner: otlpExporter(protocol, url),
    url,
    headers: parseKeyPairsIntoRecord(logsHeaders?.reveal()),
    redact: (record) => record, // events hold no secrets any more
    isFailure: () => true,
    toJson: (records) => JsonLogsSerializer.serializeRequest(records),
    lastRequests,
    telemetry,
    onExported: (durationMillis) => onExported("otlp_logs", durationMillis),
  });
  return createOtlpLogs({
    toRecord: (event) => eventLogRecord(event, resource),
    outgoing,
    telemetry,
    delayMillis: numberOf(env["OTEL_BLRP_SCHEDULE_DELAY"]) ?? DELAY_MILLIS,
    maxWaiting: numberOf(env["OTEL_BLRP_MAX_QUEUE_SIZE"]) ?? MAX_WAITING,
    later: (callback, millis) => void setTimeout(callback, millis).unref(),
  });
}

/** The defaults of OpenTelemetry's specification. */
const DELAY_MILLIS = 1_000;
export const MAX_WAITING = 2_048;

/** They read the headers and the timeout from the environment themselves, and retry what may pass. */
function otlpExporter(protocol: LogExportOptions["protocol"], url: string): OtlpExporter<ReadableLogRecord> {
  switch (protocol) {
    case "http/json": {
      const { OTLPLogExporter } =
        require("@opentelemetry/exporter-logs-otlp-http") as typeof import("@opentelemetry/exporter-logs-otlp-http");
      return new OTLPLogExporter({ url });
    }
    case "http/protobuf": {
      const { OTLPLogExporter } =
        require("@opentelemetry/exporter-logs-otlp-proto") as typeof import("@opentelemetry/exporter-logs-otlp-proto");
      return new OTLPLogExporter({ url });
    }
    default:
      return protocol satisfies never;
  }
}

function numberOf(text: string | undefined): number | undefined {
  const value = Number(text);
  return text !== undefined && Number.isInteger(value) && value > 0 ? value : undefined;
}
