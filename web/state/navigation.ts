/** The place of the page and its URL, kept alike. */
import { type Signal, signal } from "@preact/signals";
import { type Place, readPlace, writePlace } from "./place";

export const place: Signal<Place> = signal(readPlace(location.search));

export function hrefOf(to: Place): string {
  return `${location.pathname}${writePlace(to)}`;
}

/** `replace` for what is typed letter by letter: one step back must not be one letter. */
export function go(to: Place, how: "push" | "replace" = "push"): void {
  if (writePlace(to) === writePlace(place.peek())) return;
  if (how === "push") history.pushState(null, "", hrefOf(to));
  else history.replaceState(null, "", hrefOf(to));
  place.value = to;
}

export function narrow(patch: Partial<Place>, how?: "push" | "replace"): void {
  go({ ...place.peek(), ...patch }, how);
}

addEventListener("popstate", () => {
  place.value = readPlace(location.search);
});
