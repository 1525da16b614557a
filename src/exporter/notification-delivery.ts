/**
 * Brings notifications to one channel, at its own pace: a channel that hangs delays no other.
 *
 *   offer ──budget──► outbox on disk ──pace──► channel ──sent──► out of the outbox
 *             │            ▲                      └── 429, 5xx, no answer: back-off, 1 s to 30 s, for a day
 *             └► tally ──digest, when the budget allows
 *
 * At least once: an answer that got lost, or a crash between the answer and the outbox, sends a notification twice.
 */

import type { Telemetry } from "../telemetry";
import { backOffMillis, waitFor } from "./back-off";
import { digestOf, type GroupNotification } from "./notification";
import {
  allowedPerHour,
  type Budget,
  digestGapMillis,
  HOUR_MILLIS,
  MINUTE_MILLIS,
  mayTake,
  pauseMillis,
  within,
} from "./notification-budget";
import type { NotificationChannel, SendResult } from "./notification-channel";
import type { Outbox, Taken, Waiting } from "./notification-outbox";
import { createTally } from "./notification-tally";
import { createSendingLoop } from "./sending-loop";

export interface DeliveryOptions {
  /** Of this delivery alone; closed with it. */
  readonly channel: NotificationChannel;
  readonly outbox: Outbox;
  readonly budget: Budget;
  /** For which a group is told once. */
  readonly windowMillis: number;
  readonly pageUrl: string;
  readonly telemetry: Telemetry;
  readonly newId: () => string;
  /** The wall clock. */
  readonly nowMillis: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Ends early when it is told to. Default: a timer. */
  readonly wait?: ((millis: number, abort: AbortSignal) => Promise<void>) | undefined;
}

export interface Delivery {
  readonly channel: string;
  /** Takes it in, on the disk when this returns, or counts it for the digest. */
  offer(notification: GroupNotification): void;
  /** The group was seen again. */
  recurred(fingerprint: string): void;
  /** Groups that were taken in within the window, by a predecessor as well. */
  taken(): readonly Taken[];
  stats(): DeliveryStats;
  start(): void;
  /** Sends what waits for as long as that, unless the channel is away; what is left stays on the disk. */
  stop(graceMillis: number): Promise<void>;
}

export interface DeliveryStats {
  readonly waiting: number;
  /** As many may wait; critical ones may go over it. */
  readonly capacity: number;
  /** Messages, digests among them. */
  readonly sent: number;
  readonly heldBack: number;
  /** Refused for good, or given up after a day. */
  readonly failed: number;
}

export function createDelivery(options: DeliveryOptions): Delivery {
  const { channel, outbox, budget, windowMillis, telemetry, nowMillis } = options;
  const wait = options.wait ?? waitFor;
  const waiting: Waiting[] = [...outbox.found.waiting];
  let taken = outbox.found.taken;
  let sent = outbox.found.sent;
  let digests = outbox.found.digests;
  const tally = createTally(outbox.found.heldBack, nowMillis);
  const alive = createAlive(windowMillis);
  const counts = { sent: 0, heldBack: 0, failed: 0 };
  let failures = 0;

  const loop = createSendingLoop();
  const { stopping, stopped } = loop;
  let wake: (() => void) | undefined;
  let saving: NodeJS.Timeout | undefined;

  function save(): void {
    clearTimeout(saving);
    saving = undefined;
    const now = nowMillis();
    const oldest = now - Math.max(windowMillis, MINUTE_MILLIS);
    taken = taken.filter(({ millis }) => millis > oldest);
    sent = within(sent, HOUR_MILLIS, now);
    digests = within(digests, HOUR_MILLIS, now);
    outbox.save({ waiting, taken, sent, digests, heldBack: tally.snapshot() });
  }

  function take(entry: Waiting): void {
    waiting.push(entry);
    save();
    wake?.();
  }

  function spent(): Parameters<typeof mayTake>[1] {
    return {
      taken: taken.map(({ millis }) => millis),
      sent,
      waiting: waiting.filter(({ notification, isRepeat }) => notification.kind !== "digest" && !isRepeat).length,
    };
  }

  function holdBack(notification: GroupNotification): void {
    counts.heldBack += 1;
    if (tally.sinceMillis() === undefined) wake?.();
    tally.add(notification);
    saving ??= setTimeout(save, SAVE_INTERVAL_MILLIS).unref();
  }

  /** Milliseconds until a digest is due; undefined while nothing is held back, or an earlier digest still waits. */
  function digestDueIn(): number | undefined {
    const since = tally.sinceMillis();
    if (since === undefined || waiting.some(({ notification }) => notification.kind === "digest")) return undefined;
    const gap = digestGapMillis(budget);
    const dueIn = Math.max(since + DIGEST_DELAY_MILLIS, (digests.at(-1) ?? 0) + gap) - nowMillis();
    return dueIn > Math.max(gap, DIGEST_DELAY_MILLIS) ? 0 : dueIn; // the clock was set back
  }

  function takeDigestWhenDue(): void {
    const heldBack = (digestDueIn() ?? 1) > 0 ? undefined : tally.snapshot();
    if (heldBack === undefined) return;
    const now = nowMillis();
    const notification = digestOf(heldBack, { id: options.newId(), nowMillis: now, pageUrl: options.pageUrl });
    tally.clear();
    take({ notification, takenMillis: now, isRepeat: false });
  }

  /** Until there is something to do. */
  async function idle(): Promise<void> {
    const dueIn = digestDueIn();
    const awake = new AbortController();
    const woken = new Promise<void>((resolve) => {
      wake = () => {
        awake.abort();
        resolve();
      };
    });
    await (dueIn === undefined ? woken : wait(dueIn, awake.signal));
    wake = undefined;
  }

  function warn(what: string, reason: string): void {
    telemetry.logLimited(
      "warning",
      `notify:${channel.name}:${what}`,
      `${channel.name} ${channel.target} ${what}: ${reason}`,
    );
  }

  async function send({ notification }: Waiting): Promise<SendResult> {
    try {
      return await channel.send(notification, stopped);
    } catch (error) {
      telemetry.internalError(`notify ${channel.name}`, error);
      return { status: "refused", reason: "internal error" };
    }
  }

  function leave(outcome: "sent" | "failed"): void {
    const done = waiting.shift();
    if (done?.isRepeat === false) {
      counts[outcome] += 1;
      if (outcome === "sent" && done.notification.kind === "digest") digests = [...digests, nowMillis()];
      else if (outcome === "sent") sent = [...sent, nowMillis()];
    }
    save();
  }

  /** False when it was stopped before it was done. */
  async function deliver(next: Waiting): Promise<boolean> {
    const result = await send(next);
    switch (result.status) {
      case "aborted":
        return false;
      case "sent":
        failures = 0;
        leave("sent");
        return true;
      case "refused":
        failures = 0;
        warn("refused a notification", result.reason);
        leave("failed");
        return true;
      case "retryable":
        failures += 1;
        putOff(next, result.reason);
        await wait(backOffMillis(failures, result.retryAfterMillis, options.random), stopping);
        return !stopping.aborted;
    }
  }

  /** One that its receiver cannot bear must not stand in the way of those behind it. */
  function putOff(next: Waiting, reason: string): void {
    if (nowMillis() - next.takenMillis >= MAX_AGE_MILLIS) {
      warn("was away for too long", reason);
      leave("failed");
      return;
    }
    warn("is away", reason);
    if (failures % FAILURES_A_TURN !== 0) return;
    waiting.shift();
    waiting.push(next);
  }

  function pauseNow(): number {
    const messages = [...sent, ...digests].sort((a, b) => a - b);
    return pauseMillis(budget, messages, nowMillis());
  }

  async function run(): Promise<void> {
    while (!stopped.aborted) {
      takeDigestWhenDue();
      const [next] = waiting;
      const pause = next === undefined || next.isRepeat ? 0 : pauseNow();
      if (next === undefined || pause > 0) {
        if (stopping.aborted) return;
        await (next === undefined ? idle() : wait(pause, stopping));
      } else if (!(await deliver(next))) {
        return;
      }
    }
  }

  return {
    channel: channel.name,
    offer(notification) {
      const { fingerprint } = notification.group;
      if (channel.wantsRepeats && alive.has(fingerprint, nowMillis())) return;
      const now = nowMillis();
      if (!mayTake(budget, spent(), notification.error.severity === "critical", now)) return holdBack(notification);
      taken = [...taken, { fingerprint, millis: now }];
      if (channel.wantsRepeats) alive.set(notification, now);
      take({ notification, takenMillis: now, isRepeat: false });
    },
    recurred(fingerprint) {
      if (!channel.wantsRepeats) return;
      const again = alive.due(fingerprint, nowMillis());
      if (again === undefined || waiting.some(({ notification }) => notification.id === again.id)) return;
      take({ notification: again, takenMillis: nowMillis(), isRepeat: true });
    },
    taken: () => taken,
    stats: () => ({ ...counts, waiting: waiting.length, capacity: allowedPerHour(budget, false) }),
    start() {
      loop.start(() => run().catch((error: unknown) => telemetry.internalError(`notify ${channel.name}`, error)));
    },
    async stop(graceMillis) {
      const ended = loop.stop(graceMillis);
      wake?.();
      await ended;
      if (saving !== undefined) save();
      channel.close();
    },
  };
}

const SAVE_INTERVAL_MILLIS = 1_000;
/** From the first that is held back: a storm is told by its size, not by its first gust. */
const DIGEST_DELAY_MILLIS = 60_000;
const MAX_AGE_MILLIS = 86_400_000;
const FAILURES_A_TURN = 5;

/** What a channel that forgets still holds, and when it is to be told again. */
function createAlive(windowMillis: number): {
  has(fingerprint: string, nowMillis: number): boolean;
  set(notification: GroupNotification, nowMillis: number): void;
  /** What to send again now; undefined for what is not held, or was sent just now. */
  due(fingerprint: string, nowMillis: number): GroupNotification | undefined;
} {
  /** Told least recently first. */
  const told = new Map<string, { readonly notification: GroupNotification; readonly millis: number }>();
  const forget = (now: number): void => {
    for (const [fingerprint, { millis }] of told) {
      if (now - millis < windowMillis && told.size <= MAX_ALIVE) return;
      told.delete(fingerprint);
    }
  };
  const set = (notification: GroupNotification, millis: number): void => {
    const { fingerprint } = notification.group;
    told.delete(fingerprint);
    told.set(fingerprint, { notification, millis });
    forget(millis);
  };
  return {
    has(fingerprint, now) {
      forget(now);
      return told.has(fingerprint);
    },
    set,
    due(fingerprint, now) {
      forget(now);
      const last = told.get(fingerprint);
      if (last === undefined || now - last.millis < windowMillis / REPEATS_A_WINDOW) return undefined;
      set(last.notification, now);
      return last.notification;
    },
  };
}

const MAX_ALIVE = 1_000;
const REPEATS_A_WINDOW = 5;
