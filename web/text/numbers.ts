/** Numbers as people read them at a glance. */

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** 1,234 and 1.2M. */
export function count(value: number): string {
  return Math.abs(value) < 100_000 ? WHOLE.format(value) : COMPACT.format(value);
}

/** A minute: 0, 0.4, 12. */
export function rate(value: number): string {
  if (value === 0) return "0";
  if (value < 0.05) return "<0.1";
  return value < 10 ? value.toFixed(1) : count(Math.round(value));
}

export function percent(value: number): string {
  return `${value > 0 && value < 0.1 ? "<0.1" : value < 10 ? trimmed(value) : WHOLE.format(value)} %`;
}

/** 340 ms, 1.2 s, 3 min, 2 h. */
export function duration(millis: number): string {
  if (millis < 1) return "<1 ms";
  if (millis < 1_000) return `${WHOLE.format(millis)} ms`;
  if (millis < 60_000) return `${trimmed(millis / 1_000)} s`;
  if (millis < 3_600_000) return `${trimmed(millis / 60_000)} min`;
  if (millis < 172_800_000) return `${trimmed(millis / 3_600_000)} h`;
  return `${trimmed(millis / 86_400_000)} d`;
}

/** Of text, in UTF-16 units, as it is kept here. */
export function characters(length: number): string {
  return length < 1_000 ? `${length} characters` : `${COMPACT.format(length)} characters`;
}

export function bytes(value: number): string {
  if (value < 1_000) return `${WHOLE.format(value)} B`;
  if (value < 1_000_000) return `${trimmed(value / 1_000)} kB`;
  if (value < 1_000_000_000) return `${trimmed(value / 1_000_000)} MB`;
  return `${trimmed(value / 1_000_000_000)} GB`;
}

function trimmed(value: number): string {
  return value < 10 ? value.toFixed(1).replace(/\.0$/, "") : WHOLE.format(value);
}
