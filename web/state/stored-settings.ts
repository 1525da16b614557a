/** What one person chose for this browser. What a view shows is in the URL instead, so that it can be shared. */

export type Theme = "dark" | "light" | "system";

export interface Settings {
  /** Undefined: the default of the collector. */
  readonly theme: Theme | undefined;
  /** 0 to 1. */
  readonly volume: number;
  readonly muted: boolean;
  /** Desktop notifications of critical errors and new groups. */
  readonly notifications: boolean;
  readonly autoRefresh: boolean;
}

export function readSettings(): Settings {
  let stored: unknown;
  try {
    stored = JSON.parse(localStorage.getItem(KEY) ?? "{}");
  } catch {
    stored = {}; // storage is blocked, or holds what somebody else wrote: the defaults do
  }
  const found: Readonly<Record<string, unknown>> = isObject(stored) ? stored : {};
  const { theme, volume, muted, notifications, autoRefresh } = found;
  return {
    theme: theme === "dark" || theme === "light" || theme === "system" ? theme : undefined,
    volume: typeof volume === "number" && volume >= 0 && volume <= 1 ? volume : 0.5,
    muted: muted === true,
    notifications: notifications === true,
    autoRefresh: autoRefresh !== false,
  };
}

export function storeSettings(settings: Settings): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // Blocked or full: the choice holds until the page is closed.
  }
}

const KEY = "seismo";

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
