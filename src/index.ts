/** What the library exports. */
import type { SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { runtime } from "./instrumentation/runtime";
import { readProperty } from "./processors/read-error";
import { SlowRequestSpanProcessor } from "./processors/slow-request-span-processor";

export type { Attributes, Category, ErrorEvent, Group, JsonObject, JsonValue, Severity } from "./event";
export { CATEGORIES } from "./event";
export {
  addBreadcrumb,
  addDatabaseContext,
  addErrorContext,
  addRequestContext,
  type BreadcrumbOptions,
  type CaptureOptions,
  captureError,
  type ExpressErrorHandler,
  expressErrorHandler,
  getRequestId,
  metrics,
  type OperationMetrics,
  type OperationStats,
  setErrorFingerprint,
  setUser,
  type TrackContext,
  trackAnalysisError,
  trackError,
  trackFileProcessingError,
  trackPerformance,
  trackUiError,
  type User,
} from "./instrumentation/capture";
export { shutdown } from "./instrumentation/runtime";

/** Counts the failing spans of an OpenTelemetry SDK that the application runs itself. Put it before the exporters. */
export function createErrorSpanProcessor(): SpanProcessor {
  return runtime().errorSpans;
}

/** Gives every span of the application's own SDK its `request.id`. */
export function createRequestIdSpanProcessor(): SpanProcessor {
  return runtime().requestIds;
}

export interface SlowRequestProcessorOptions {
  /** Milliseconds; without it, what the configuration says. */
  readonly slowMillis?: number;
}

/** Flags and counts slow HTTP requests of the application's own SDK. */
export function createSlowRequestSpanProcessor(options: SlowRequestProcessorOptions = {}): SpanProcessor {
  const current = runtime();
  const slowMillis = readProperty(options, "slowMillis");
  if (typeof slowMillis !== "number" || !(slowMillis > 0)) return current.slowRequests;
  return new SlowRequestSpanProcessor(
    {
      service: current.resource.service,
      redaction: current.redaction,
      slowMillis,
      routes: current.config.requests.slowRoutes,
    },
    (request) => current.metrics.recordRequest(request),
    () => performance.now(),
  );
}
