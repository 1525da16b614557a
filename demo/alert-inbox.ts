/**
 * Where the demo's alerts arrive: an HTTP endpoint that stands for Slack, and a mail server. Both on 127.0.0.1; what
 * arrives is kept, the newest of it, and goes nowhere.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { type ParsedMail, simpleParser } from "mailparser";
import { SMTPServer } from "smtp-server";

export interface AlertInbox {
  readonly slackUrl: string;
  /** `host:port`; no TLS, no login. */
  readonly smtpAddress: string;
  /** The bodies, parsed; the newest 1,000. */
  readonly slackMessages: readonly unknown[];
  readonly mails: readonly ParsedMail[];
  close(): Promise<void>;
}

const MAX_KEPT = 1_000;

export async function startAlertInbox(): Promise<AlertInbox> {
  const slackMessages: unknown[] = [];
  const mails: ParsedMail[] = [];
  const slack = createServer((request, response) => {
    void text(request).then(
      (body) => {
        keep(slackMessages, parsed(body));
        response.end("ok");
      },
      () => response.destroy(), // the sender went away
    );
  }).listen(0, "127.0.0.1");
  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    onData(stream, _session, done) {
      simpleParser(stream).then((mail) => {
        keep(mails, mail);
        done();
      }, done);
    },
  });
  smtp.on("error", () => {}); // a sender that leaves in the middle
  const mailServer = smtp.listen(0, "127.0.0.1");
  await Promise.all([once(slack, "listening"), once(mailServer, "listening")]);
  return {
    slackUrl: `http://${addressOf(slack)}/`,
    smtpAddress: addressOf(mailServer),
    slackMessages,
    mails,
    async close() {
      slack.close();
      slack.closeAllConnections();
      await Promise.all([once(slack, "close"), new Promise<void>((closed) => smtp.close(() => closed()))]);
    },
  };
}

function keep<T>(list: T[], item: T): void {
  list.push(item);
  if (list.length > MAX_KEPT) list.shift();
}

/** What is no JSON is kept as it came, for a look at it. */
function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

function addressOf(server: { address(): AddressInfo | string | null }): string {
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return `127.0.0.1:${port}`;
}
