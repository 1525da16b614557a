/** An event as lists show it: what the store makes of its line in the journal, made of the event itself. */
import type { ErrorEvent } from "../event";
import { titleOf } from "../exporter/error-title";
import { hardwareFaults } from "../exporter/hardware-context";
import { timestampOf } from "../exporter/journal-line";
import type { ErrorRow } from "../store/answers";

export const MAX_ROW_MESSAGE_CHARS = 1_000;

export function errorRow(event: ErrorEvent): ErrorRow {
  const { classification, rating, recurrence, request, resource } = event;
  return {
    id: event.id,
    timestamp: timestampOf(event),
    title: titleOf(event),
    type: event.type,
    message: event.message.slice(0, MAX_ROW_MESSAGE_CHARS),
    error_category: event.given.category ?? classification.category,
    group: classification.group,
    severity: rating.severity,
    is_critical: rating.severity === "critical",
    fingerprint: event.fingerprint.id,
    origin: event.origin,
    service: resource.service,
    worker_id: resource.worker,
    request_id: event.requestId || null,
    session_id: event.sessionId || null,
    user_id: event.userId || null,
    trace_id: event.traceId || null,
    method: request?.method || null,
    route: request?.route || null,
    status_code: request?.statusCode ?? null,
    hardware_type: hardwareFaults(event)[0]?.type ?? null,
    handled: event.handled,
    is_new: recurrence.isNew,
    is_regressed: recurrence.isRegressed,
  };
}
