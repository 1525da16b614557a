/**
 * What happens, told to those who watch at once. A row becomes JSON once, however many watch; with nobody there, nothing
 * is made at all. News of a quarter of a second go out together, and who does not read is passed over, then cut: nobody
 * waits for anybody else.
 *
 *   errors, judgements, logs, requests ──► pending, per topic ──4 a second──► message, numbered ──► each client that
 *                                          └ over the bound: skipped, counted                       reads; others: resync
 */
import type { ErrorEvent, ErrorOrigin } from "../event";
import type { LogRow, RequestRow } from "../store/answers";
import { errorRow } from "./error-row";

export const TOPICS = ["error_visualization", "logs", "requests"] as const;
export type Topic = (typeof TOPICS)[number];

/** For whoever has something to tell. */
export interface LiveFeed {
  /** Makes rows of these events where somebody watches. To be called back when they are acknowledged. */
  prepare(events: readonly ErrorEvent[]): () => void;
  /** What the judge of origins made of events that were told of as roots. */
  judged(changed: readonly { readonly id: string; readonly origin: ErrorOrigin | "duplicate" }[]): void;
  log(row: LogRow): void;
  request(row: RequestRow): void;
  stats(): LiveStats;
}

export interface LiveStats {
  readonly clients: number;
  /** Rows that came too thick to be told of. */
  readonly skipped: number;
  /** Messages that a client did not get since it was behind. */
  readonly passedOver: number;
  /** Clients that were cut since they did not read. */
  readonly cut: number;
}

/** For whoever brings the clients. */
export interface LiveHub extends LiveFeed {
  /** Until it leaves. */
  join(client: LiveClient): LiveMember;
  /** The number of the latest message of a topic. */
  seq(topic: Topic): number;
  stop(): void;
}

export interface LiveClient {
  send(message: string | Buffer): void;
  /** What was sent and is not on its way yet. */
  bufferedBytes(): number;
  /** It does not read. */
  cut(): void;
}

export interface LiveMember {
  /** The number of the latest message of the topic. */
  subscribe(topic: Topic): number;
  unsubscribe(topic: Topic): void;
  leave(): void;
}

/** A client is passed over while so much waits for it. */
export const BEHIND_BYTES = 262_144;
/** And cut when it is more than this, or for longer than this. */
export const MAX_BUFFERED_BYTES = 1_048_576;
export const MAX_BEHIND_MILLIS = 30_000;
export const FLUSH_INTERVAL_MILLIS = 250;
/** Of one request: the rest are counted as skipped. */
export const MAX_PREPARED_ROWS = 200;
/** UTF-16 units of what waits in one topic for the next message. */
export const MAX_PENDING_CHARS = 262_144;

export function createLiveFeed(monotonicMillis: () => number): LiveHub {
  const topics: { readonly [topic in Topic]: OpenTopic } = {
    error_visualization: createTopic(errorMessage),
    logs: createTopic((seq, rows, skipped) => listMessage("logs_update", "logs", seq, rows, skipped)),
    requests: createTopic((seq, rows, skipped) => listMessage("requests_update", "requests", seq, rows, skipped)),
  };
  const judgements = createPending();
  const members = new Set<OpenMember>();
  const counts = { skipped: 0, passedOver: 0, cut: 0 };
  let timer: NodeJS.Timeout | undefined;
  let flushedMillis = Number.NEGATIVE_INFINITY;
  let isStopped = false;

  function isWatched(topic: Topic): boolean {
    return topics[topic].members.size > 0;
  }

  function add(pending: Pending, json: string): void {
    counts.skipped += pending.add(json);
    schedule();
  }

  /** At once after a quiet time. */
  function schedule(): void {
    if (timer !== undefined || isStopped) return;
    const waits = flushedMillis + FLUSH_INTERVAL_MILLIS - monotonicMillis();
    timer = setTimeout(flush, Math.max(0, waits));
    timer.unref();
  }

  function flush(): void {
    timer = undefined;
    flushedMillis = monotonicMillis();
    for (const topic of Object.values(topics)) {
      const messages: Buffer[] = [];
      if (!topic.pending.isEmpty()) messages.push(topic.take());
      if (topic === topics.error_visualization && !judgements.isEmpty()) {
        const { rows, skipped } = judgements.take();
        topic.seq += 1;
        messages.push(Buffer.from(listMessage("error_visualization_judged", "changed", topic.seq, rows, skipped)));
      }
      for (const member of messages.length === 0 ? [] : topic.members) deliver(member, messages);
    }
    let isAnyBehind = false;
    for (const member of members) {
      if (member.behindSinceMillis === undefined) continue;
      catchUp(member);
      isAnyBehind ||= member.behindSinceMillis !== undefined;
    }
    if (isAnyBehind) schedule();
  }

  function deliver(member: OpenMember, messages: readonly Buffer[]): void {
    if (member.behindSinceMillis === undefined && member.client.bufferedBytes() > BEHIND_BYTES) {
      member.behindSinceMillis = flushedMillis;
    }
    if (member.behindSinceMillis !== undefined) counts.passedOver += messages.length;
    else for (const message of messages) member.client.send(message);
  }

  /** When it has read all that it was sent, it is told that there was more. */
  function catchUp(member: OpenMember): void {
    const { client, behindSinceMillis = flushedMillis } = member;
    const buffered = client.bufferedBytes();
    if (buffered === 0) {
      member.behindSinceMillis = undefined;
      const seqs = Object.fromEntries(TOPICS.map((topic) => [topic, topics[topic].seq]));
      client.send(JSON.stringify({ type: "resync", seq: topics.error_visualization.seq, seqs }));
    } else if (buffered > MAX_BUFFERED_BYTES || flushedMillis - behindSinceMillis > MAX_BEHIND_MILLIS) {
      counts.cut += 1;
      leave(member);
      client.cut();
    }
  }

  function leave(member: OpenMember): void {
    members.delete(member);
    for (const topic of TOPICS) unsubscribe(member, topic);
  }

  function unsubscribe(member: OpenMember, topic: Topic): void {
    topics[topic].members.delete(member);
    if (isWatched(topic)) return;
    topics[topic].pending.take();
    if (topic === "error_visualization") judgements.take();
  }

  return {
    prepare(events) {
      if (events.length === 0 || !isWatched("error_visualization")) return () => {};
      const rows = events.slice(0, MAX_PREPARED_ROWS).map((event) => JSON.stringify(errorRow(event)));
      return () => {
        if (!isWatched("error_visualization")) return;
        const { pending } = topics.error_visualization;
        for (const row of rows) add(pending, row);
        counts.skipped += events.length - rows.length;
        pending.skip(events.length - rows.length);
      };
    },
    judged(changed) {
      if (!isWatched("error_visualization")) return;
      for (const { id, origin } of changed) add(judgements, JSON.stringify({ id, origin }));
    },
    log(row) {
      if (isWatched("logs")) add(topics.logs.pending, JSON.stringify(row));
    },
    request(row) {
      if (isWatched("requests")) add(topics.requests.pending, JSON.stringify(row));
    },
    stats: () => ({ clients: members.size, ...counts }),
    join(client) {
      const member: OpenMember = { client, behindSinceMillis: undefined };
      members.add(member);
      return {
        subscribe(topic) {
          if (members.has(member)) topics[topic].members.add(member);
          return topics[topic].seq;
        },
        unsubscribe: (topic) => unsubscribe(member, topic),
        leave: () => leave(member),
      };
    },
    seq: (topic) => topics[topic].seq,
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

/** Within which news belong, whatever a client shows: they are of this moment. */
const NEWS_TIME_RANGE = 24;

interface OpenMember {
  readonly client: LiveClient;
  behindSinceMillis: number | undefined;
}

interface OpenTopic {
  /** Of the latest message. */
  seq: number;
  readonly members: Set<OpenMember>;
  readonly pending: Pending;
  /** All that is pending as one message. */
  take(): Buffer;
}

type Render = (seq: number, rows: readonly string[], skipped: number) => string;

function createTopic(render: Render): OpenTopic {
  const pending = createPending();
  const topic: OpenTopic = {
    seq: 0,
    members: new Set(),
    pending,
    take() {
      const { rows, skipped } = pending.take();
      topic.seq += 1;
      return Buffer.from(render(topic.seq, rows, skipped));
    },
  };
  return topic;
}

/** Rows as JSON texts; of too many the oldest are skipped. */
interface Pending {
  /** How many were skipped for it. */
  add(json: string): number;
  skip(count: number): void;
  isEmpty(): boolean;
  take(): { readonly rows: readonly string[]; readonly skipped: number };
}

function createPending(): Pending {
  let rows: string[] = [];
  let chars = 0;
  let skipped = 0;
  return {
    add(json) {
      rows.push(json);
      chars += json.length;
      let gone = 0;
      while (chars > MAX_PENDING_CHARS && gone < rows.length - 1) chars -= rows[gone++]?.length ?? 0;
      if (gone > 0) rows = rows.slice(gone);
      skipped += gone;
      return gone;
    },
    skip(count) {
      skipped += count;
    },
    isEmpty: () => rows.length === 0,
    take() {
      const taken = { rows, skipped };
      rows = [];
      chars = 0;
      skipped = 0;
      return taken;
    },
  };
}

function head(type: string, seq: number): string {
  return `{"type":"${type}","seq":${seq},"data":`;
}

/** `error`: the latest; `errors`: all of this message, the earliest first. */
function errorMessage(seq: number, rows: readonly string[], skipped: number): string {
  const data = `{"error":${rows.at(-1)},"errors":[${rows.join(",")}],"skipped":${skipped},"time_range":${NEWS_TIME_RANGE}}`;
  return `${head("error_visualization_update", seq)}${data}}`;
}

function listMessage(type: string, field: string, seq: number, rows: readonly string[], skipped: number): string {
  return `${head(type, seq)}{"${field}":[${rows.join(",")}],"skipped":${skipped}}}`;
}
