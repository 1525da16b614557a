/** That errors went by unseen was made good by asking the store; the page says so for a while. */
import { type ReadonlySignal, signal } from "@preact/signals";

const noted = signal(false);
export const hadGap: ReadonlySignal<boolean> = noted;

const SHOWN_MILLIS = 8_000;
let timer: ReturnType<typeof setTimeout> | undefined;

export function noteGap(): void {
  noted.value = true;
  clearTimeout(timer);
  timer = setTimeout(() => {
    noted.value = false;
  }, SHOWN_MILLIS);
}
