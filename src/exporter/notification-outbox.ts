/**
 * What a channel has still to send and what it has spent of its budget, in one small file that is written anew with
 * every change: a process that is killed leaves either the state before or the state after.
 *
 *   state ──► slack.json.new ──rename──► slack.json
 *
 * At most some fifty notifications of 12 kB wait, so that a write takes less than a millisecond. It is not synced: a power
 * cut can bring back the state of some seconds before.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attempt, codeOf, toError } from "../node-error";
import type { Telemetry } from "../telemetry";
import type { Notification, Tally } from "./notification";

export interface OutboxState {
  /** The oldest first. */
  readonly waiting: readonly Waiting[];
  /** Groups that were taken in, with their times: at least those of the last window. */
  readonly taken: readonly Taken[];
  /** When notifications were sent, in the last hour. */
  readonly sent: readonly number[];
  /** When digests were sent, likewise. */
  readonly digests: readonly number[];
  readonly heldBack: Tally | undefined;
}

export interface Waiting {
  readonly notification: Notification;
  readonly takenMillis: number;
  /** It was sent before, and goes again only so that its receiver keeps it: outside the budget. */
  readonly isRepeat: boolean;
}

export interface Taken {
  readonly fingerprint: string;
  readonly millis: number;
}

export interface Outbox {
  /** What was found at open. */
  readonly found: OutboxState;
  /** A disk that takes nothing costs only what survives a crash: the notifications go on from memory. */
  save(state: OutboxState): void;
}

/** One process at a time: whoever opens outboxes locks their folder. Throws what the file system says but for a file that is not there. */
export function openOutbox(folder: string, channel: string, telemetry: Telemetry, nowMillis: () => number): Outbox {
  const path = join(folder, `${channel}.json`);
  const fresh = `${path}.new`;
  return {
    found: read(),
    save(state) {
      const text = JSON.stringify({ version: VERSION, ...state });
      const error = attempt(() => {
        writeFileSync(fresh, text, { mode: 0o600 });
        renameSync(fresh, path);
      });
      if (error === undefined) return;
      telemetry.logLimited("error", `outbox:${channel}`, `cannot write ${path}: ${error.message}`);
    },
  };

  function read(): OutboxState {
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      if (codeOf(error) === "ENOENT") return EMPTY;
      throw toError(error);
    }
    const state = parseState(text);
    if (state !== undefined) return state;
    const aside = `${path}.corrupt-${nowMillis()}`;
    renameSync(path, aside);
    telemetry.log("warning", `${path} cannot be understood; it is set aside as ${aside}`);
    return EMPTY;
  }
}

const VERSION = 1;
const EMPTY: OutboxState = { waiting: [], taken: [], sent: [], digests: [], heldBack: undefined };

/** Undefined for what is torn, damaged or of another version. What it holds is as trusted as the file. */
function parseState(text: string): OutboxState | undefined {
  let state: unknown;
  try {
    state = JSON.parse(text);
  } catch {
    return undefined; // the caller sets the file aside
  }
  if (typeof state !== "object" || state === null || !("version" in state) || state.version !== VERSION) {
    return undefined;
  }
  // A decoding edge: this program wrote it, under this version.
  const { waiting, taken, sent, digests, heldBack } = state as unknown as OutboxState;
  const isWhole = [waiting, taken, sent, digests].every(Array.isArray);
  return isWhole ? { waiting, taken, sent, digests, heldBack } : undefined;
}
