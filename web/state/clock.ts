/** The time of "3 min ago", the same for all that is on the page; it moves every five seconds while somebody looks. */
import { type ReadonlySignal, signal } from "@preact/signals";

const time = signal(Date.now());
export const now: ReadonlySignal<number> = time;

const STEP_MILLIS = 5_000;
setInterval(() => {
  if (!document.hidden) time.value = Date.now();
}, STEP_MILLIS);
