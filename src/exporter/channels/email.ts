/**
 * Mail over SMTP, by nodemailer. The connection is made here, so that the server's address is checked like any other
 * that Seismo connects to; the mail is encrypted on its way (STARTTLS, or TLS from the start) unless the server is on
 * this host, or insecure connections are allowed.
 */
import type { lookup as dnsLookup } from "node:dns";
import { connect, isIP, type Socket } from "node:net";
import { toError } from "../../node-error";
import { factsOf, headlineOf, type Notification } from "../notification";
import type { NotificationChannel, SendResult } from "../notification-channel";
import { cut } from "../one-line";
import { addressFault, guardedLookup, isLoopbackHost } from "../outgoing-address";

export interface EmailTarget {
  /** `smtp://host[:587]`, or `smtps://host[:465]` for TLS from the start. */
  readonly server: string;
  readonly from: string;
  /** At least one. */
  readonly to: readonly string[];
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Without TLS where the server offers none, also on other hosts than this one. */
  readonly allowInsecure: boolean;
  readonly allowPrivate: boolean;
  /** For each step of the conversation. Default 10 s. */
  readonly timeoutMillis?: number | undefined;
  /** Default: the system's resolver. */
  readonly lookup?: typeof dnsLookup | undefined;
}

/** Throws an Error when the server's address is not allowed. */
export function createEmailChannel(target: EmailTarget): NotificationChannel {
  const { host, port, isTls } = parseServer(target);
  const { timeoutMillis = TIMEOUT_MILLIS, allowPrivate, allowInsecure } = target;
  const isLocal = isLoopbackHost(host);
  const lookup = guardedLookup({ allowPrivate, loopbackOnly: isLocal }, target.lookup);
  // Loaded only where mail is sent. A decoding edge: the package's own type.
  const { createTransport } = require("nodemailer") as typeof import("nodemailer");
  const transport = createTransport({
    ...{ host, port, secure: isTls, requireTLS: !isTls && !isLocal && !allowInsecure },
    // A server on this host has seldom a certificate that says so, and could be talked to in plain text anyway.
    tls: { rejectUnauthorized: !isLocal },
    ...(target.user === undefined ? {} : { auth: { user: target.user, pass: target.password ?? "" } }),
    ...{ connectionTimeout: timeoutMillis, greetingTimeout: timeoutMillis, socketTimeout: timeoutMillis },
    ...{ disableFileAccess: true, disableUrlAccess: true },
    getSocket(_options: unknown, done: (error: Error | null, socket?: { connection: Socket }) => void) {
      const socket = connect({ host, port, lookup });
      const timer = setTimeout(() => socket.destroy(new Error(`no connection in ${timeoutMillis} ms`)), timeoutMillis);
      socket.once("error", done);
      socket.once("close", () => clearTimeout(timer));
      socket.once("connect", () => {
        clearTimeout(timer);
        socket.off("error", done);
        done(null, { connection: socket });
      });
    },
  });
  return {
    name: "email",
    target: `${host}:${port}`,
    wantsRepeats: false,
    async send(notification, abort) {
      if (abort.aborted) return { status: "aborted" };
      const deadline = AbortSignal.any([abort, AbortSignal.timeout(MAX_STEPS * timeoutMillis)]);
      try {
        const { from, to } = target;
        await transport.sendMail({ ...mailOf(notification), from, to: [...to], signal: deadline });
        return { status: "sent" };
      } catch (error) {
        if (abort.aborted) return { status: "aborted" };
        return meaningOf(deadline.aborted ? new Error("it took too long") : toError(error));
      }
    },
    close: () => transport.close(),
  };
}

interface Mail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly messageId: string;
  readonly references: string;
  readonly headers: { readonly [name: string]: string };
}

/** Mails about one group are one thread. The subject is one line: see `headlineOf`. */
function mailOf(notification: Notification): Mail {
  const thread = notification.kind === "digest" ? "digest" : notification.group.fingerprint;
  return {
    subject: cut(`[Seismo] ${headlineOf(notification)}`, MAX_SUBJECT_CHARS),
    text: plainText(notification),
    html: htmlText(notification),
    messageId: `<${notification.id}@seismo.invalid>`,
    references: `<${thread}@seismo.invalid>`,
    headers: { "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All" },
  };
}

const TIMEOUT_MILLIS = 10_000;
/** Of a conversation whose every step takes as long as it may. */
const MAX_STEPS = 3;
const MAX_SUBJECT_CHARS = 200;
const PORTS: { readonly [protocol: string]: number } = { "smtp:": 587, "smtps:": 465 };

function parseServer({ server, allowPrivate }: EmailTarget): { host: string; port: number; isTls: boolean } {
  if (!URL.canParse(server)) throw new Error("expected smtp://host:port or smtps://host:port");
  const { protocol, hostname, port, username, password } = new URL(server);
  const usual = PORTS[protocol];
  if (usual === undefined || hostname === "") throw new Error("expected smtp://host:port or smtps://host:port");
  if (username !== "" || password !== "") throw new Error("expected no user or password in the address");
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const fault = isIP(host) === 0 ? undefined : addressFault(host, { allowPrivate });
  if (fault !== undefined) throw new Error(fault);
  return { host, port: port === "" ? usual : Number(port), isTls: protocol === "smtps:" };
}

/** By the server's code: 5 is for good, unless it is about TLS. What has no code (no answer, no connection) may pass. */
function meaningOf(error: Error): SendResult {
  const { code, responseCode } = error as { readonly code?: unknown; readonly responseCode?: unknown };
  // What the server says is left out: it may quote addresses. Without an answer the words are Node's or nodemailer's.
  const reason = typeof responseCode === "number" ? `SMTP ${responseCode} ${code}` : error.message;
  const isFinal = typeof responseCode === "number" && responseCode >= 500 && code !== "ETLS";
  return isFinal ? { status: "refused", reason } : { status: "retryable", reason, retryAfterMillis: undefined };
}

function plainText(notification: Notification): string {
  const facts = factsOf(notification).map(([name, value]) => `${name}: ${value}`);
  return [headlineOf(notification), "", ...facts, "", ...textBlocks(notification).flatMap((block) => [block, ""])]
    .concat(notification.link, "")
    .join("\n");
}

function htmlText(notification: Notification): string {
  const rows = factsOf(notification).map(
    ([name, value]) => `<tr><th align="left" valign="top">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`,
  );
  const blocks = textBlocks(notification).map(
    (block) => `<pre style="white-space:pre-wrap;font-family:monospace">${escapeHtml(block)}</pre>`,
  );
  return [
    `<!doctype html><html><body style="font-family:sans-serif"><h3>${escapeHtml(headlineOf(notification))}</h3>`,
    `<table cellpadding="3">${rows.join("")}</table>`,
    ...blocks,
    `<p><a href="${escapeHtml(notification.link)}">Open in Seismo</a></p></body></html>`,
  ].join("\n");
}

/** Message, causes and stack: what may have many lines. */
function textBlocks(notification: Notification): readonly string[] {
  if (notification.kind === "digest") return [];
  const { message, causes, stack } = notification.error;
  return [message, causes.map((cause) => `Caused by ${cause}`).join("\n"), stack].filter((block) => block !== "");
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
