/**
 * Tells people of error groups that are new, that came back or that grow, and of critical errors: once for each group and
 * window, over every channel that is configured.
 *
 *   written ──prepare──► draft ─┐
 *   counted as a root ──────────┴─► worth telling? told lately? ──► each channel's delivery (notification-delivery.ts)
 *
 * Costs an ordinary event a comparison or two: nothing here waits, and only what is told touches the disk.
 */
import type { ErrorEvent, EventSummary, Severity } from "../event";
import { attempt } from "../node-error";
import type { Telemetry } from "../telemetry";
import {
  bareDraftOf,
  type Draft,
  joinReasons,
  lastingReasonsOf,
  notificationOf,
  type Reason,
  reasonsOf,
} from "./notification";
import { HOUR_MILLIS } from "./notification-budget";
import type { Delivery } from "./notification-delivery";
import { createDrafts } from "./notification-drafts";

export interface NotifierOptions {
  /** Of this notifier alone: started and stopped with it. */
  readonly deliveries: readonly Delivery[];
  readonly windowMillis: number;
  readonly minSeverity: Severity;
  /** Of the live page's server. */
  readonly pageUrl: string;
  readonly telemetry: Telemetry;
  readonly newId: () => string;
  /** The wall clock. */
  readonly nowMillis: () => number;
}

/** Nothing here throws. */
export interface Notifier {
  /** The event is written; what could be told of it is kept for a while. */
  prepare(event: ErrorEvent): void;
  /** It is counted, and its failure began there. */
  counted(event: EventSummary): void;
  counts(): readonly NotificationCount[];
  queues(): readonly { readonly exporter: string; readonly length: number; readonly capacity: number }[];
  start(): void;
  stop(graceMillis: number): Promise<void>;
}

export interface NotificationCount {
  readonly channel: string;
  readonly outcome: "sent" | "held_back" | "failed";
  readonly count: number;
}

export function createNotifier(options: NotifierOptions): Notifier {
  const { deliveries, windowMillis, telemetry, newId, nowMillis, pageUrl } = options;
  const minSeverity = SEVERITIES.indexOf(options.minSeverity);
  const drafts = createDrafts();
  const told = createTimes(windowMillis);
  const spiked = createTimes(HOUR_MILLIS);
  for (const { fingerprint, millis } of deliveries.flatMap((delivery) => delivery.taken())) {
    told.note(fingerprint, millis);
  }

  function isTold(event: EventSummary): boolean {
    return told.isWithin(event.fingerprint.id, nowMillis());
  }

  function isMinor(event: EventSummary): boolean {
    return SEVERITIES.indexOf(event.rating.severity) < minSeverity;
  }

  /** Of what was known when it was written only this: whether a group is new shows when its first root is counted. */
  function foresees(draft: Draft | undefined, fingerprint: string): readonly Reason[] {
    const isNews = draft?.reasons.includes("spiking") && !spiked.isWithin(fingerprint, nowMillis());
    return isNews ? ["spiking"] : [];
  }

  function guarded(action: () => void): void {
    const error = attempt(action);
    if (error !== undefined) telemetry.internalError("notifier", error);
  }

  function tell(event: EventSummary): void {
    const { id: fingerprint } = event.fingerprint;
    for (const delivery of deliveries) delivery.recurred(fingerprint);
    const draft = drafts.take(event.id);
    if (isMinor(event) || isTold(event)) return;
    const reasons = joinReasons(foresees(draft, fingerprint), lastingReasonsOf(event));
    if (reasons.length === 0) return;
    const now = nowMillis();
    told.note(fingerprint, now);
    if (reasons.includes("spiking")) spiked.note(fingerprint, now);
    const notification = notificationOf(draft ?? bareDraftOf(event), reasons, { id: newId(), nowMillis: now, pageUrl });
    for (const delivery of deliveries) delivery.offer(notification);
  }

  return {
    prepare(event) {
      guarded(() => {
        if (isMinor(event) || isTold(event)) return;
        if (reasonsOf(event).length > 0 || drafts.hasGroup(event.fingerprint.id)) drafts.keep(event);
      });
    },
    counted: (event) => guarded(() => tell(event)),
    counts: () =>
      deliveries.flatMap((delivery): readonly NotificationCount[] => {
        const { channel } = delivery;
        const { sent, heldBack, failed } = delivery.stats();
        return [
          { channel, outcome: "sent", count: sent },
          { channel, outcome: "held_back", count: heldBack },
          { channel, outcome: "failed", count: failed },
        ];
      }),
    queues: () =>
      deliveries.map((delivery) => {
        const { waiting, capacity } = delivery.stats();
        return { exporter: delivery.channel, length: waiting, capacity };
      }),
    start() {
      for (const delivery of deliveries) delivery.start();
    },
    async stop(graceMillis) {
      await Promise.all(deliveries.map((delivery) => delivery.stop(graceMillis)));
    },
  };
}

const SEVERITIES: readonly Severity[] = ["info", "warning", "critical"];
const MAX_TIMES = 10_000;

/** When each of many things happened last. The oldest give way: such a group may be told again early, within the budget. */
function createTimes(windowMillis: number): {
  note(key: string, millis: number): void;
  isWithin(key: string, nowMillis: number): boolean;
} {
  const times = new Map<string, number>();
  return {
    note(key, millis) {
      times.delete(key);
      times.set(key, millis);
      const [oldest] = times.size > MAX_TIMES ? times.keys() : [];
      if (oldest !== undefined) times.delete(oldest);
    },
    isWithin(key, now) {
      const millis = times.get(key);
      return millis !== undefined && millis <= now && now - millis < windowMillis;
    },
  };
}
