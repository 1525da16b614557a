/** Tells of critical errors and new groups on the desktop, for whoever chose it, while the page is not looked at. */
import type { ErrorRow } from "../../src/store/answers";
import { oneLine } from "../text/visible-text";
import { go, place } from "./navigation";
import { placeIn } from "./place";
import { change, settings } from "./settings";

export type Permission = "possible" | "granted" | "denied" | "missing";

export function notificationPermission(): Permission {
  if (!("Notification" in globalThis)) return "missing";
  return Notification.permission === "default" ? "possible" : Notification.permission;
}

/** Asks the browser where it has not been asked yet. */
export async function chooseNotifications(wanted: boolean): Promise<void> {
  const isAllowed = wanted && "Notification" in globalThis && (await Notification.requestPermission()) === "granted";
  change({ notifications: isAllowed });
}

export function notifyOfErrors(rows: readonly ErrorRow[]): void {
  if (!settings.peek().notifications || notificationPermission() !== "granted" || document.hasFocus()) return;
  const row = rows.find(({ severity, origin, is_new }) => origin === "root" && (severity === "critical" || is_new));
  const at = Date.now();
  if (row === undefined || at < quietUntil) return;
  quietUntil = at + QUIET_MILLIS;
  const notification = new Notification(oneLine(row.title, MAX_CHARS), {
    body: oneLine(`${row.service} · ${row.message}`, MAX_CHARS),
    tag: row.fingerprint, // the same group replaces its notification
  });
  notification.onclick = () => {
    focus();
    go(placeIn("overview", place.peek(), { error: row.id }));
    notification.close();
  };
}

const MAX_CHARS = 160;
const QUIET_MILLIS = 10_000;
let quietUntil = 0;
