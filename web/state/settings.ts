/** The settings as they are now; a change is kept for the next visit and seen by everything that reads it. */
import { computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { readSettings, type Settings, storeSettings, type Theme } from "./stored-settings";

export const settings: Signal<Settings> = signal(readSettings());

export function change(patch: Partial<Settings>): void {
  settings.value = { ...settings.value, ...patch };
  storeSettings(settings.value);
}

/** What the collector was started with (`--theme`), as its page says. */
const defaultTheme: Theme = themeOf(document.documentElement.dataset["themeDefault"]);
const prefersLight = matchMedia("(prefers-color-scheme: light)");
const systemTheme = signal<"dark" | "light">(prefersLight.matches ? "light" : "dark");
prefersLight.addEventListener("change", () => {
  systemTheme.value = prefersLight.matches ? "light" : "dark";
});

export const chosenTheme: ReadonlySignal<Theme> = computed(() => settings.value.theme ?? defaultTheme);
/** What is seen. */
export const theme: ReadonlySignal<"dark" | "light"> = computed(() =>
  chosenTheme.value === "system" ? systemTheme.value : chosenTheme.value,
);

effect(() => {
  document.documentElement.dataset["theme"] = chosenTheme.value;
});

function themeOf(text: string | undefined): Theme {
  return text === "dark" || text === "light" ? text : "system";
}
