/** New errors for who listens to the page: one sentence of what came, at most every ten seconds. */
import { type ReadonlySignal, signal } from "@preact/signals";
import type { ErrorRow } from "../../src/store/answers";
import { oneLine } from "../text/visible-text";

const sentence = signal("");
export const announcement: ReadonlySignal<string> = sentence;

let gathered: ErrorRow[] = [];
let latest = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

export function announceErrors(rows: readonly ErrorRow[]): void {
  gathered = [...gathered, ...rows].slice(-MAX_GATHERED);
  if (timer === undefined) timer = setTimeout(say, Math.max(1_000, latest + QUIET_MILLIS - Date.now()));
}

/** What somebody has just done, at once. */
export function announce(text: string): void {
  sentence.value = text;
}

function say(): void {
  timer = undefined;
  latest = Date.now();
  const rows = gathered;
  gathered = [];
  const critical = rows.filter(({ severity }) => severity === "critical").length;
  const last = rows.at(-1);
  if (last === undefined) return;
  const number = rows.length === 1 ? "1 new error" : `${rows.length} new errors`;
  const grave = critical > 0 ? `, ${critical} critical` : "";
  sentence.value = `${number}${grave}: ${oneLine(last.title, MAX_CHARS)} in ${oneLine(last.service, MAX_CHARS)}`;
}

const MAX_GATHERED = 500;
const MAX_CHARS = 120;
const QUIET_MILLIS = 10_000;
