/**
 * Errors and log lines as they happen, by WebSocket. Messages are gathered and handed on once a frame, so that a burst
 * costs one drawing. A connection that is lost is tried again, sooner at first; what may have been missed meanwhile is
 * told of by `onGap`.
 *
 *   /ws/error-visualization ─► queue ─► once a frame: onErrors, onJudgements, onLogs
 */
import { type ReadonlySignal, signal } from "@preact/signals";
import type { ErrorRow, LogRow } from "../../src/store/answers";
import type { JudgedError } from "./apply-errors";

export type Connection = "connecting" | "live" | "lost";

export interface LiveFeed {
  readonly connection: ReadonlySignal<Connection>;
  /** The latest that was heard of the collector; undefined before the first. */
  readonly heardAt: ReadonlySignal<number | undefined>;
  /** Log lines come only while somebody wants them. Returns what ends it. */
  followLogs(onLogs: (rows: readonly LogRow[]) => void): () => void;
  /** Now, not when its turn comes. */
  connect(): void;
}

export interface LiveFeedOptions {
  onErrors(rows: readonly ErrorRow[]): void;
  onJudgements(changed: readonly JudgedError[]): void;
  /** Something may have been missed. */
  onGap(): void;
}

export function createLiveFeed({ onErrors, onJudgements, onGap }: LiveFeedOptions): LiveFeed {
  const connection = signal<Connection>("connecting");
  const heardAt = signal<number | undefined>(undefined);
  const logListeners = new Set<(rows: readonly LogRow[]) => void>();
  let socket: WebSocket | undefined;
  let failures = 0;
  let retry: ReturnType<typeof setTimeout> | undefined;
  /** By topic: each counts for itself. */
  const lastSeqs = new Map<Topic, number>();
  let heartbeat: ReturnType<typeof setInterval> | undefined;

  let errors: ErrorRow[] = [];
  let judged: JudgedError[] = [];
  let logs: LogRow[] = [];
  let isScheduled = false;
  const flush = (): void => {
    isScheduled = false;
    const [newErrors, newJudged, newLogs] = [errors, judged, logs];
    [errors, judged, logs] = [[], [], []];
    if (newErrors.length > 0) onErrors(newErrors);
    if (newJudged.length > 0) onJudgements(newJudged);
    if (newLogs.length > 0) for (const listener of logListeners) listener(newLogs);
  };
  const schedule = (): void => {
    if (isScheduled) return;
    isScheduled = true;
    // Frames stand still in a tab that nobody sees, but its sounds and notifications must not.
    if (document.hidden) setTimeout(flush, HIDDEN_MILLIS);
    else requestAnimationFrame(flush);
  };

  const send = (message: object): void => {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };

  /** Counts on; tells of a gap. */
  const follow = (topic: Topic, seq: unknown): void => {
    if (typeof seq !== "number") return;
    const last = lastSeqs.get(topic);
    lastSeqs.set(topic, seq);
    if (last !== undefined && seq > last + 1) onGap();
  };

  const receive = (text: unknown): void => {
    const message = parsed(text);
    if (message === undefined) return;
    heardAt.value = Date.now();
    const { type, seq } = message;
    const data = isObject(message["data"]) ? message["data"] : {};
    // The shapes below are those of src/store/answers.ts, from the collector that this page came from.
    switch (type) {
      case "subscribed":
        if (isTopic(message["topic"]) && typeof seq === "number") lastSeqs.set(message["topic"], seq);
        break;
      case "error_visualization_update": {
        follow("error_visualization", seq);
        // One, or several that came within one sending.
        const rows = Array.isArray(data["errors"]) ? data["errors"] : [data["error"]];
        errors = [...errors, ...(rows.filter(isObject) as unknown as ErrorRow[])].slice(-MAX_QUEUED);
        if (Number(data["skipped"]) > 0) onGap();
        schedule();
        break;
      }
      case "error_visualization_judged":
        follow("error_visualization", seq);
        if (Array.isArray(data["changed"])) {
          judged.push(...(data["changed"].filter(isObject) as unknown as JudgedError[]));
        }
        schedule();
        break;
      case "logs_update":
        follow("logs", seq);
        if (Array.isArray(data["logs"])) {
          logs = [...logs, ...(data["logs"].filter(isObject) as unknown as LogRow[])].slice(-MAX_QUEUED);
        }
        schedule();
        break;
      case "resync":
        lastSeqs.clear();
        onGap();
        break;
    }
  };

  /** A connection may be cut without a word, by a laptop that slept or a network that changed. */
  const beat = (): void => {
    if (Date.now() - (heardAt.peek() ?? 0) > 2.5 * HEARTBEAT_MILLIS) socket?.close();
    else send({ type: "ping" });
  };

  const connect = (): void => {
    clearTimeout(retry);
    retry = undefined;
    if (socket !== undefined && socket.readyState <= WebSocket.OPEN) return;
    lastSeqs.clear();
    const opened = new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws/error-visualization`);
    socket = opened;
    opened.onopen = () => {
      send({ type: "subscribe", topic: "error_visualization" });
      if (logListeners.size > 0) send({ type: "subscribe", topic: "logs" });
      if (failures > 0 || heardAt.peek() !== undefined) onGap();
      failures = 0;
      heardAt.value = Date.now();
      connection.value = "live";
      clearInterval(heartbeat);
      heartbeat = setInterval(beat, HEARTBEAT_MILLIS);
    };
    opened.onmessage = ({ data }: MessageEvent<unknown>) => receive(data);
    opened.onclose = () => {
      if (socket !== opened) return;
      clearInterval(heartbeat);
      connection.value = "lost";
      failures += 1;
      const wait = Math.min(MAX_WAIT_MILLIS, FIRST_WAIT_MILLIS * 2 ** (failures - 1));
      retry = setTimeout(connect, wait * (0.75 + Math.random() / 2));
    };
  };
  addEventListener("online", connect);

  return {
    connection,
    heardAt,
    followLogs(onLogs) {
      if (logListeners.size === 0) send({ type: "subscribe", topic: "logs" });
      logListeners.add(onLogs);
      return () => {
        logListeners.delete(onLogs);
        if (logListeners.size === 0) send({ type: "unsubscribe", topic: "logs" });
      };
    },
    connect,
  };
}

type Topic = "error_visualization" | "logs";

const MAX_QUEUED = 1_000;
const HEARTBEAT_MILLIS = 15_000;
const HIDDEN_MILLIS = 250;
const FIRST_WAIT_MILLIS = 500;
const MAX_WAIT_MILLIS = 15_000;

function isTopic(value: unknown): value is Topic {
  return value === "error_visualization" || value === "logs";
}

function parsed(text: unknown): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(String(text));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined; // not of the collector: there is nothing to make of it
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
