/** Times as people read them, in the zone of the browser. An unreadable time is shown as it came. */

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const HOUR = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric" });
const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const FULL = new Intl.DateTimeFormat("en-GB", {
  dateStyle: "medium",
  timeStyle: "long",
});

export function clock(unixMillis: number): string {
  return CLOCK.format(unixMillis);
}

export function hour(unixMillis: number): string {
  return HOUR.format(unixMillis);
}

export function day(unixMillis: number): string {
  return DAY.format(unixMillis);
}

export function full(iso: string): string {
  const time = Date.parse(iso);
  return Number.isNaN(time) ? iso : FULL.format(time);
}

/** "now", "40 s ago", "3 min ago", "5 h ago", "12 May". */
export function ago(iso: string, nowMillis: number): string {
  const time = Date.parse(iso);
  if (Number.isNaN(time)) return iso;
  const seconds = Math.round((nowMillis - time) / 1_000);
  if (seconds < -60) return DATE.format(time);
  if (seconds < 5) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ago`;
  if (seconds < 14 * 86_400) return `${Math.floor(seconds / 86_400)} d ago`;
  return DATE.format(time);
}

/** "last hour", "last 24 hours", "last 7 days". */
export function lastHours(hours: number): string {
  return hours === 1 ? "last hour" : hours === 168 ? "last 7 days" : `last ${hours} hours`;
}
