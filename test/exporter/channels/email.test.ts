import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { simpleParser } from "mailparser";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { createEmailChannel, type EmailTarget } from "../../../src/exporter/channels/email";
import { digestOf } from "../../../src/exporter/notification";
import type { NotificationChannel } from "../../../src/exporter/notification-channel";
import { freePort } from "../../free-port";
import { NOW } from "../error-event";
import { HOSTILE_TEXT, hostileNotification, plainNotification } from "./hostile";

const ALWAYS = new AbortController().signal;

interface Mailbox {
  readonly port: number;
  readonly mails: { readonly recipients: readonly string[]; readonly source: string; readonly isSecure: boolean }[];
}

/** With smtp-server's own certificate, which nobody trusts. */
async function startMailbox(context: TestContext, options: SMTPServerOptions = {}): Promise<Mailbox> {
  const mails: Mailbox["mails"] = [];
  const server = new SMTPServer({
    authOptional: true,
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const recipients = session.envelope.rcptTo.map(({ address }) => address);
        mails.push({ recipients, source: Buffer.concat(chunks).toString(), isSecure: session.secure });
        done();
      });
    },
    ...options,
  });
  server.on("error", () => undefined); // connections that a test breaks
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  context.after(() => new Promise<void>((closed) => server.close(() => closed())));
  return { port: (server.server.address() as AddressInfo).port, mails }; // an address of TCP
}

function channelTo(context: TestContext, server: string, extra: Partial<EmailTarget> = {}): NotificationChannel {
  const target = { from: "seismo@example.com", to: ["ops@example.com", "dev@example.com"] };
  const channel = createEmailChannel({ server, ...target, allowInsecure: false, allowPrivate: false, ...extra });
  context.after(() => channel.close());
  return channel;
}

test("a mail carries the facts, the message and the stack as text and as HTML, to all recipients, over STARTTLS", async (context) => {
  const { port, mails } = await startMailbox(context);
  const channel = channelTo(context, `smtp://127.0.0.1:${port}`);
  assert.equal(channel.target, `127.0.0.1:${port}`);
  assert.deepEqual(await channel.send(plainNotification(), ALWAYS), { status: "sent" });
  const [mail] = mails;
  assert.deepEqual(mail?.recipients, ["ops@example.com", "dev@example.com"]);
  assert.equal(mail?.isSecure, true);
  const parsed = await simpleParser(mail?.source ?? "");
  assert.equal(parsed.subject, "[Seismo] TypeError: x is not a function – critical in shop (new, critical)");
  assert.equal(parsed.from?.text, "seismo@example.com");
  assert.equal(parsed.messageId, "<00000000-0000-4000-8000-000000000001@seismo.invalid>");
  const link = "http://seismo.example/error-visualization?fingerprint=00112233445566aa";
  for (const part of ["Worker: shop-1", "x is not a function", "    at pay (/srv/pay.js:3:9)", link]) {
    assert.ok(parsed.text?.includes(part), part);
  }
  assert.ok(typeof parsed.html === "string" && parsed.html.includes(`<a href="${link}">`));
  assert.ok(parsed.html.includes("at pay (/srv/pay.js:3:9)"));
});

test("TLS from the start, and a user with a password, work as well", async (context) => {
  const logins: string[] = [];
  const { port, mails } = await startMailbox(context, {
    ...{ secure: true, authOptional: false },
    onAuth({ username = "", password = "" }, _session, done) {
      logins.push(`${username}:${password}`);
      done(null, { user: username });
    },
  });
  const channel = channelTo(context, `smtps://127.0.0.1:${port}`, { user: "seismo", password: "s3cret word" });
  assert.deepEqual(await channel.send(plainNotification(), ALWAYS), { status: "sent" });
  assert.deepEqual([logins, mails.length], [["seismo:s3cret word"], 1]);
});

test("a server that demands TLS is given it", async (context) => {
  const { port, mails } = await startMailbox(context, {
    onMailFrom: (_address, session, done) =>
      done(
        session.secure ? null : Object.assign(new Error("Must issue a STARTTLS command first"), { responseCode: 530 }),
      ),
  });
  assert.deepEqual(await channelTo(context, `smtp://localhost:${port}`).send(plainNotification(), ALWAYS), {
    status: "sent",
  });
  assert.equal(mails[0]?.isSecure, true);
});

test("to another host than this one nothing goes without TLS, or under a certificate that nobody trusts, unless that is allowed", async (context) => {
  // A name that is not of this host by its text; the resolver of the test leads it here.
  const lookup: EmailTarget["lookup"] = ((_name: string, _options: object, done: (...found: unknown[]) => void) =>
    done(null, [{ address: "127.0.0.1", family: 4 }])) as never; // of Node's many forms the one that is asked for
  const plain = await startMailbox(context, { disabledCommands: ["STARTTLS"] });
  const server = `smtp://mail.example:${plain.port}`;
  const refused = await channelTo(context, server, { lookup }).send(plainNotification(), ALWAYS);
  assert.deepEqual([refused.status, plain.mails.length], ["retryable", 0]);
  const allowed = await channelTo(context, server, { lookup, allowInsecure: true }).send(plainNotification(), ALWAYS);
  assert.deepEqual([allowed, plain.mails.length], [{ status: "sent" }, 1]);
  const unknown = await startMailbox(context);
  const result = await channelTo(context, `smtp://mail.example:${unknown.port}`, { lookup }).send(
    ...([plainNotification(), ALWAYS] as const),
  );
  assert.deepEqual([result.status, unknown.mails.length], ["retryable", 0]);
  assert.match(JSON.stringify(result), /certificate/);
});

for (const [code, status] of [
  [421, "retryable"],
  [451, "retryable"],
  [550, "refused"],
  [554, "refused"],
] as const) {
  test(`an answer of ${code} is ${status}`, async (context) => {
    const { port } = await startMailbox(context, {
      onRcptTo: (_address, _session, done) =>
        done(Object.assign(new Error("no such ops@example.com"), { responseCode: code })),
    });
    const result = await channelTo(context, `smtp://127.0.0.1:${port}`).send(plainNotification(), ALWAYS);
    assert.equal(result.status, status);
    assert.match(JSON.stringify(result), new RegExp(`SMTP ${code}`));
    assert.doesNotMatch(JSON.stringify(result), /ops@example/, "what the server says stays with it");
  });
}

test("a wrong password is refused, and not told", async (context) => {
  const { port } = await startMailbox(context, {
    onAuth: (_auth, _session, done) => done(new Error("Invalid username or password")),
  });
  const channel = channelTo(context, `smtp://127.0.0.1:${port}`, { user: "seismo", password: "s3cret" });
  const result = await channel.send(plainNotification(), ALWAYS);
  assert.equal(result.status, "refused");
  assert.doesNotMatch(JSON.stringify(result), /s3cret|seismo/);
});

test("a server that is not there, says nothing, or hangs up may come back", async (context) => {
  const silent = createServer(() => undefined).listen(0, "127.0.0.1");
  const rude = createServer((socket) => void socket.destroy()).listen(0, "127.0.0.1");
  await Promise.all([once(silent, "listening"), once(rude, "listening")]);
  const portOf = (server: typeof silent): number => (server.address() as AddressInfo).port; // an address of TCP
  context.after(() => {
    silent.close();
    rude.close();
  });
  for (const port of [portOf(silent), portOf(rude), await freePort()]) {
    const begun = performance.now();
    const channel = channelTo(context, `smtp://127.0.0.1:${port}`, { timeoutMillis: 300 });
    assert.equal((await channel.send(plainNotification(), ALWAYS)).status, "retryable");
    assert.ok(performance.now() - begun < 5_000);
  }
});

test("hostile text adds no header, no recipient and no markup", async (context) => {
  const { port, mails } = await startMailbox(context);
  assert.deepEqual(await channelTo(context, `smtp://127.0.0.1:${port}`).send(hostileNotification(), ALWAYS), {
    status: "sent",
  });
  const parsed = await simpleParser(mails[0]?.source ?? "");
  assert.deepEqual([mails.length, mails[0]?.recipients.length], [1, 2]);
  assert.equal(parsed.bcc, undefined);
  assert.ok((parsed.subject?.length ?? 0) <= 200);
  assert.ok(typeof parsed.html === "string" && !parsed.html.includes("<script>"));
  assert.ok(parsed.text?.includes("<script>alert(1)</script>"), "as text it is what was said");
  assert.ok(HOSTILE_TEXT.length > 100);
});

test("a digest is a mail as well", async (context) => {
  const { port, mails } = await startMailbox(context);
  const digest = digestOf(
    {
      ...{ sinceMillis: NOW - 60_000, count: 12, groups: 3, bySeverity: { critical: 1, warning: 11, info: 0 } },
      services: [["shop", 12]],
    },
    { id: "d-1", nowMillis: NOW, pageUrl: "http://seismo.example" },
  );
  assert.deepEqual(await channelTo(context, `smtp://127.0.0.1:${port}`).send(digest, ALWAYS), { status: "sent" });
  const parsed = await simpleParser(mails[0]?.source ?? "");
  assert.equal(parsed.subject, "[Seismo] and 12 more of 3 groups");
  assert.match(parsed.text ?? "", /Critical: 1\nWarning: 11\nServices: shop \(12\)/);
});

test("an address that is not allowed is refused", () => {
  const target = { from: "a@example.com", to: ["b@example.com"], allowInsecure: true, allowPrivate: false };
  for (const [server, rule] of [
    ["smtp://169.254.169.254:25", /link-local, metadata/],
    ["smtp://10.0.0.1:25", /private network/],
    ["smtp://user:pass@mail.example", /no user or password/],
    ["http://mail.example", /expected smtp/],
    ["mail.example", /expected smtp/],
  ] as const) {
    assert.throws(() => createEmailChannel({ ...target, server }), rule, server);
  }
});
