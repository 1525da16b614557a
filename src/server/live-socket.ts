/**
 * The WebSocket at `/ws/error-visualization`: who may connect, what clients may say, and the end of those who are silent.
 * What is told is in `live-feed.ts`.
 *
 *   upgrade ─► Host, token or session, Origin, room ─► client ⇄ { error_visualization_init, subscribe, unsubscribe, ping }
 */
import { once } from "node:events";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { z } from "zod";
import { jsonFault } from "../receiver/json-shape";
import { TIME_RANGES, type TimeRange } from "../store/answers";
import type { Queries } from "../store/store";
import type { Telemetry } from "../telemetry";
import type { Access } from "./access";
import type { Refusal } from "./answer";
import { type LiveHub, MAX_BUFFERED_BYTES, TOPICS } from "./live-feed";
import { NOTHING_KEPT, refusalOf } from "./store-refusal";

export const LIVE_PATH = "/ws/error-visualization";
export const MAX_LIVE_CLIENTS = 1_000;
/** The client did not read for too long: it is to connect again and ask for all. */
export const TOO_SLOW = 4_008;

export interface LiveSocketOptions {
  readonly access: Access;
  readonly hub: LiveHub;
  /** Undefined: nothing is kept. */
  readonly queries: Queries | undefined;
  readonly telemetry: Telemetry;
  readonly monotonicMillis: () => number;
}

export interface LiveSocket {
  /** Undefined when it is taken care of; the socket is untouched when it is refused. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Refusal | undefined;
  /** Says good-bye, and cuts who does not answer in time. */
  stop(graceMillis: number): Promise<void>;
}

export function createLiveSocket(options: LiveSocketOptions): LiveSocket {
  const { access, hub, telemetry, monotonicMillis } = options;
  const wss = new WebSocketServer(LIMITS);
  const clients = new Map<WebSocket, OpenClient>();
  const askErrors = createSharedQuestion(options.queries ?? NOTHING_KEPT, hub, monotonicMillis);
  let isStopping = false;
  const pings = setInterval(pingAll, PING_MILLIS);
  pings.unref();

  function pingAll(): void {
    for (const [socket, client] of clients) {
      if (!client.isAlive) {
        socket.terminate();
        continue;
      }
      if (access.refuseVisitor(client) !== undefined) {
        socket.close(POLICY_VIOLATION, "the session has ended");
        continue;
      }
      client.isAlive = false;
      socket.ping();
    }
  }

  function open(socket: WebSocket, { headers }: IncomingMessage): void {
    const cut = (): void => {
      // Its farewell waits behind what it has not read; it gets a moment to read on.
      socket.close(TOO_SLOW, "too slow: connect again and ask for all");
      setTimeout(() => socket.terminate(), FAREWELL_MILLIS).unref();
    };
    const send = (message: string | Buffer): void => {
      if (socket.readyState !== socket.OPEN) return;
      if (socket.bufferedAmount > MAX_BUFFERED_BYTES) cut();
      else socket.send(message, { binary: false });
    };
    const member = hub.join({ send, cut, bufferedBytes: () => socket.bufferedAmount });
    const client: OpenClient = { isAlive: true, headers };
    clients.set(socket, client);
    const takesMessage = createAllowance(monotonicMillis);
    const answer = createAnswers({ member, send, askErrors, telemetry });
    socket.on("message", (data, isBinary) => {
      client.isAlive = true;
      if (!takesMessage()) return socket.close(POLICY_VIOLATION, "too many messages");
      try {
        answer(data, isBinary);
      } catch (error) {
        telemetry.internalError("live socket", error);
        socket.terminate();
      }
    });
    socket.on("pong", () => {
      client.isAlive = true;
    });
    // What breaks the protocol is closed with its code by `ws`; what is left here is a broken connection.
    socket.on("error", () => {});
    socket.on("close", () => {
      member.leave();
      clients.delete(socket);
    });
  }

  return {
    upgrade(request, socket, head) {
      const refusal =
        access.refuseHost(request) ??
        access.refuseVisitor(request) ??
        access.refuseOrigin(request) ??
        (clients.size >= MAX_LIVE_CLIENTS || isStopping ? FULL : undefined);
      if (refusal !== undefined) return refusal;
      wss.handleUpgrade(request, socket, head, open);
      return undefined;
    },
    async stop(graceMillis) {
      isStopping = true;
      clearInterval(pings);
      hub.stop();
      const closed = [...clients.keys()].map((socket) => once(socket, "close"));
      for (const socket of clients.keys()) socket.close(GOING_AWAY, "the collector stops");
      const timer = setTimeout(
        () => {
          for (const socket of clients.keys()) socket.terminate();
        },
        Math.min(graceMillis, FAREWELL_MILLIS),
      );
      await Promise.all(closed);
      clearTimeout(timer);
    },
  };
}

const LIMITS = {
  noServer: true,
  clientTracking: false,
  maxPayload: 65_536,
  maxFragments: 64,
  maxBufferedChunks: 1_024,
  perMessageDeflate: false,
} as const;
const PING_MILLIS = 30_000;
const FAREWELL_MILLIS = 1_000;
const GOING_AWAY = 1_001;
const POLICY_VIOLATION = 1_008;
const FULL: Refusal = { status: 503, message: "too many watch already", headers: { "retry-after": "5" } };

interface OpenClient {
  isAlive: boolean;
  /** It was let in by them; a session may end while it watches. */
  readonly headers: IncomingHttpHeaders;
}

/** Far more than a person can cause: so many at once, and so many a second after that. */
const MESSAGE_BURST = 100;
const MESSAGES_A_SECOND = 20;

function createAllowance(monotonicMillis: () => number): () => boolean {
  let left = MESSAGE_BURST;
  let atMillis = monotonicMillis();
  return () => {
    const now = monotonicMillis();
    left = Math.min(MESSAGE_BURST, left + ((now - atMillis) / 1_000) * MESSAGES_A_SECOND);
    atMillis = now;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}

const timeRange = z.literal([...TIME_RANGES], "expected 1, 6, 24 or 168");
const topic = z.enum(TOPICS, `expected ${TOPICS.join(", ")}`);
/** What a client may say; further fields are passed over. */
const MESSAGE = z.discriminatedUnion(
  "type",
  [
    z.object({ type: z.literal("error_visualization_init"), time_range: timeRange.default(24) }),
    z.object({ type: z.literal("subscribe"), topic }),
    z.object({ type: z.literal("unsubscribe"), topic }),
    z.object({ type: z.literal("ping") }),
  ],
  "expected error_visualization_init, subscribe, unsubscribe or ping",
);
type Message = z.infer<typeof MESSAGE>;

const NESTING = { nesting: 32, containers: 1_000 };

interface AnswerOptions {
  readonly member: ReturnType<LiveHub["join"]>;
  readonly send: (message: string) => void;
  readonly askErrors: SharedQuestion;
  readonly telemetry: Telemetry;
}

function createAnswers({ member, send, askErrors, telemetry }: AnswerOptions) {
  const say = (message: object): void => send(JSON.stringify(message));
  let isAsking = false;
  let next: TimeRange | undefined;

  /** One question at a time; of those that come meanwhile the last one counts. */
  async function init(range: TimeRange): Promise<void> {
    next = range;
    if (isAsking) return;
    isAsking = true;
    while (next !== undefined) {
      const asked: TimeRange = next;
      next = undefined;
      try {
        send(await askErrors(asked));
      } catch (error) {
        const refusal = refusalOf(error);
        if (refusal === undefined) telemetry.internalError("live socket", error);
        const { message = "internal error", headers } = refusal ?? {};
        const seconds = Number(headers?.["retry-after"] ?? 5);
        say({ type: "error", message, about: "error_visualization_init", retry_after_seconds: seconds });
      }
    }
    isAsking = false;
  }

  function follow(message: Message): void {
    switch (message.type) {
      case "error_visualization_init":
        void init(message.time_range);
        break;
      case "subscribe":
        say({ type: "subscribed", topic: message.topic, seq: member.subscribe(message.topic) });
        break;
      case "unsubscribe":
        member.unsubscribe(message.topic);
        say({ type: "unsubscribed", topic: message.topic });
        break;
      case "ping":
        say({ type: "pong" });
        break;
    }
  }

  return (data: RawData, isBinary: boolean): void => {
    const read = isBinary || !Buffer.isBuffer(data) ? "expected text" : readMessage(data);
    if (typeof read === "string") say({ type: "error", message: read });
    else follow(read);
  };
}

/** A text is why it cannot be followed. */
function readMessage(bytes: Buffer): Message | string {
  const fault = jsonFault(bytes, NESTING);
  if (fault !== undefined) return fault;
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    return "expected JSON"; // the parser's own message quotes what was sent
  }
  const read = MESSAGE.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  return `${issue?.path.join(".") || "message"}: ${issue?.message ?? "not valid"}`;
}

/** The answer as a message. */
type SharedQuestion = (range: TimeRange) => Promise<string>;

/** Many ask at the same time, after a restart for example: for a second they get the same answer. */
function createSharedQuestion(queries: Queries, hub: LiveHub, monotonicMillis: () => number): SharedQuestion {
  const answers = new Map<TimeRange, { readonly askedMillis: number; readonly message: Promise<string> }>();
  const ask = async (range: TimeRange): Promise<string> => {
    // What is told after this may be missing in the answer.
    const seq = hub.seq("error_visualization");
    const data = await queries.errors({ timeRange: range, limit: FIRST_ERRORS });
    return `{"type":"error_visualization_init","seq":${seq},"data":${JSON.stringify(data)}}`;
  };
  return (range) => {
    const known = answers.get(range);
    if (known !== undefined && monotonicMillis() - known.askedMillis < SHARED_MILLIS) return known.message;
    const message = ask(range);
    answers.set(range, { askedMillis: monotonicMillis(), message });
    message.then(
      () => setTimeout(() => forget(range, message), SHARED_MILLIS).unref(),
      () => forget(range, message),
    );
    return message;
  };

  function forget(range: TimeRange, message: Promise<string>): void {
    if (answers.get(range)?.message === message) answers.delete(range);
  }
}

const SHARED_MILLIS = 1_000;
const FIRST_ERRORS = 100;
