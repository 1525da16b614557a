/**
 * Alertmanager's API: a group is an alert that ends by itself when it does not recur for a window, so that routes,
 * silences and grouping stay in one place.
 * https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
 */
import { toJson } from "../journal-line";
import { type Digest, type GroupNotification, headlineOf, type Notification, type Reason } from "../notification";
import type { NotificationChannel } from "../notification-channel";
import { createJsonPoster, type HttpTarget } from "./json-post";

export interface AlertmanagerTarget extends HttpTarget {
  /** How long after its last report an alert ends. */
  readonly windowMillis: number;
}

/** `url` is that of Alertmanager, with its route prefix if it has one. Throws as the other channels do. */
export function createAlertmanagerChannel(target: AlertmanagerTarget): NotificationChannel {
  const { windowMillis, nowMillis } = target;
  const poster = createJsonPoster({ ...target, url: alertsUrl(target.url) });
  return {
    name: "alertmanager",
    target: poster.host,
    wantsRepeats: true,
    send: (notification, abort) => {
      const now = nowMillis();
      return poster.post(toJson([alertOf(notification, now, now + windowMillis)]), {}, abort);
    },
    close: poster.close,
  };
}

/** `endsAt` lies ahead: Alertmanager takes the alert for resolved from then on. */
function alertOf(notification: Notification, nowMillis: number, endsMillis: number): object {
  const { labels, annotations, timestamp } =
    notification.kind === "digest" ? ofDigest(notification) : ofGroup(notification);
  return {
    labels,
    annotations: { ...annotations, time: timestamp, link: notification.link },
    // The clock of a sender may be ahead, and an alert that ends before it starts is refused.
    startsAt: new Date(Math.min(Date.parse(timestamp), nowMillis)).toISOString(),
    endsAt: new Date(endsMillis).toISOString(),
    generatorURL: notification.link,
  };
}

interface AlertText {
  readonly labels: { readonly [name: string]: string };
  readonly annotations: { readonly [name: string]: string };
  readonly timestamp: string;
}

/** The same for every repeat of a notification: by its labels Alertmanager knows an alert again. */
function ofGroup(notification: GroupNotification): AlertText {
  const { error, group, reasons } = notification;
  const [reason = "new"] = reasons;
  const summary = `${error.service}: ${NEWS[reason]}, ${error.title}`;
  return {
    labels: {
      ...{ alertname: "SeismoErrorGroup", severity: error.severity, service: error.service, category: group.category },
      ...{ worker: error.worker_id, fingerprint: group.fingerprint, type: error.type, reason },
    },
    annotations: { summary, message: error.message, advice: error.advice, stack: error.stack },
    timestamp: error.timestamp,
  };
}

/** As the summaries of Prometheus' alerts read; severity and labels are shown beside it. */
const NEWS: { readonly [reason in Reason]: string } = {
  new: "new error group",
  regressed: "an error group is back",
  spiking: "an error group spikes",
  critical: "critical error",
};

function ofDigest(digest: Digest): AlertText {
  const { critical, warning } = digest.by_severity;
  const services = digest.services.map(({ service, count }) => `${service} (${count})`).join(", ");
  return {
    labels: {
      alertname: "SeismoNotificationsHeldBack",
      severity: critical > 0 ? "critical" : warning > 0 ? "warning" : "info",
    },
    annotations: {
      summary: `Seismo held notifications back: ${headlineOf(digest)}`,
      message: services,
      advice: "",
      stack: "",
    },
    timestamp: digest.created,
  };
}

function alertsUrl(base: string): string {
  if (!URL.canParse(base)) return base; // its fault is told by whoever checks it
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/api/v2/alerts`;
  return url.href;
}
