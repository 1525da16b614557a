/**
 * Plays the sounds of errors. Browsers allow sound only after somebody has used the page, so the player is made then;
 * until then, and while muted, nothing is loaded. At most one sound in a few seconds: the gravest of what came.
 */
import { type ReadonlySignal, signal } from "@preact/signals";
import type { ErrorRow } from "../../src/store/answers";
import { settings } from "./settings";

export type SoundName = "error-critical" | "error-warning" | "error-info" | "error-notification";

interface Player {
  readonly context: AudioContext;
  readonly volume: GainNode;
}

const ready = signal(false);
/** Somebody has used the page, so that it may play. */
export const canPlay: ReadonlySignal<boolean> = ready;

let player: Player | undefined;
let quietUntil = 0;
const loaded = new Map<SoundName, Promise<AudioBuffer>>();

export function startSounds(): void {
  const wake = (): void => {
    for (const gesture of GESTURES) removeEventListener(gesture, wake, true);
    const context = new AudioContext();
    const volume = context.createGain();
    volume.connect(context.destination);
    player = { context, volume };
    ready.value = true;
  };
  for (const gesture of GESTURES) addEventListener(gesture, wake, true);
}

/** What comes within the quiet time after a sound is silent; a critical error only waits for the shorter one. */
export function soundErrors(rows: readonly ErrorRow[]): void {
  const name = gravest(rows);
  const at = Date.now();
  if (name === undefined || at < quietUntil - (name === "error-critical" ? QUIET_MILLIS - CRITICAL_QUIET_MILLIS : 0))
    return;
  if (settings.peek().muted || player === undefined) return;
  quietUntil = at + QUIET_MILLIS;
  void play(name);
}

export async function play(name: SoundName): Promise<void> {
  if (player === undefined) return;
  const { context, volume } = player;
  try {
    if (context.state === "suspended") await context.resume();
    const source = context.createBufferSource();
    source.buffer = await load(name, context);
    volume.gain.value = settings.peek().volume;
    source.connect(volume);
    source.start();
  } catch {
    loaded.delete(name); // no such file, or no sound in it: tried again with the next
  }
}

const GESTURES = ["pointerdown", "keydown"];
const QUIET_MILLIS = 4_000;
const CRITICAL_QUIET_MILLIS = 2_000;

function gravest(rows: readonly ErrorRow[]): SoundName | undefined {
  // An echo is heard of by its root.
  const roots = rows.filter(({ origin }) => origin === "root");
  if (roots.some(({ severity }) => severity === "critical")) return "error-critical";
  if (roots.some((row) => row.is_new || row.is_regressed)) return "error-notification";
  if (roots.some(({ severity }) => severity === "warning")) return "error-warning";
  return roots.length > 0 ? "error-info" : undefined;
}

function load(name: SoundName, context: AudioContext): Promise<AudioBuffer> {
  let buffer = loaded.get(name);
  if (buffer === undefined) {
    buffer = fetch(`/error-visualization/sounds/${name}.wav`)
      .then((response) => (response.ok ? response.arrayBuffer() : Promise.reject(new Error(`HTTP ${response.status}`))))
      .then((file) => context.decodeAudioData(file));
    loaded.set(name, buffer);
  }
  return buffer;
}
