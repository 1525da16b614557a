/** Gathers the HTTP requests of one batch by their labels. */
import type { RequestGroup } from "../event";
import type { HttpRequest } from "./otlp-selection";

/** A group that still grows. `Trace` is whatever names a trace at no cost until the slowest is known. */
export interface OpenGroup<Trace> extends HttpRequest {
  readonly service: string;
  readonly durationsMillis: number[];
  slowestMillis: number;
  slowestTrace: Trace;
}

export interface RequestGroups<Trace> {
  /** The one group of these labels. */
  groupOf(service: string, request: HttpRequest, trace: Trace): OpenGroup<Trace>;
  finish(traceIdOf: (trace: Trace) => string): readonly RequestGroup[];
}

export function createRequestGroups<Trace>(): RequestGroups<Trace> {
  const groups = new Map<string, OpenGroup<Trace>>();
  return {
    groupOf(service, { method, route, statusCode }, trace) {
      const key = JSON.stringify([service, method, route, statusCode]);
      let group = groups.get(key);
      if (group === undefined) {
        group = { service, method, route, statusCode, durationsMillis: [], slowestMillis: -1, slowestTrace: trace };
        groups.set(key, group);
      }
      return group;
    },
    finish(traceIdOf) {
      return Array.from(groups.values(), (group) => ({
        service: group.service,
        method: group.method,
        route: group.route,
        statusCode: group.statusCode,
        durationsMillis: group.durationsMillis,
        slowestTraceId: traceIdOf(group.slowestTrace),
      }));
    },
  };
}

export function addRequest<Trace>(group: OpenGroup<Trace>, durationMillis: number, trace: Trace): void {
  group.durationsMillis.push(durationMillis);
  if (durationMillis <= group.slowestMillis) return;
  group.slowestMillis = durationMillis;
  group.slowestTrace = trace;
}
