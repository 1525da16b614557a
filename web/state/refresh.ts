/**
 * When what is shown is asked for again: every fifteen seconds while auto-refresh is on and somebody looks, soon after
 * errors came in (their lists are right at once, what only the store can count follows), and when told to.
 */
import { effect, type ReadonlySignal, signal } from "@preact/signals";
import { settings } from "./settings";

const rounds = signal(0);
export const refreshes: ReadonlySignal<number> = rounds;

const REFRESH_MILLIS = 15_000;
const SOON_MILLIS = 4_000;

let latest = Date.now();
let soon: ReturnType<typeof setTimeout> | undefined;

export function refreshNow(): void {
  clearTimeout(soon);
  soon = undefined;
  latest = Date.now();
  rounds.value += 1;
}

/** However often it is asked for, once in a few seconds. */
export function refreshSoon(): void {
  if (soon !== undefined || !settings.peek().autoRefresh) return;
  soon = setTimeout(refreshNow, Math.max(500, latest + SOON_MILLIS - Date.now()));
}

effect(() => {
  if (!settings.value.autoRefresh) return;
  const timer = setInterval(() => {
    if (!document.hidden && Date.now() - latest >= REFRESH_MILLIS) refreshNow();
  }, 1_000);
  return () => clearInterval(timer);
});

// Who comes back to a tab sees what is true now.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && settings.peek().autoRefresh && Date.now() - latest >= REFRESH_MILLIS) refreshNow();
});
