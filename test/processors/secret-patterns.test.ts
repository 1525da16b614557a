import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hideSecrets, type PatternRules } from "../../src/processors/secret-patterns";
import { compileKeys } from "../../src/processors/sensitive-keys";
import { assertQuick } from "../processor-time";
import { CANARIES, type Canary, WORD_CANARIES } from "./canaries";
import { assertLinear } from "./linear-time";

const rules: PatternRules = { keys: compileKeys({}), emails: false, ips: false };
const hide = (text: string): string => hideSecrets(text, rules);

/** What a text goes through before it is in a message. */
const EMBEDDINGS: Readonly<Record<string, (text: string) => string>> = {
  alone: (text) => text,
  "in a sentence": (text) => `could not connect (${text}) after 3 attempts`,
  "in quotes": (text) => `could not connect to "${text}" at all`,
  "on a line": (text) => `line one\n${text}\n    at connect (/app/src/db.js:10:5)`,
  "behind an escaped line break": (text) => `line one\\n${text}\\nline two`,
  "in JSON": (text) => JSON.stringify({ status: 500, note: text, code: "E1" }),
  "in JSON in JSON": (text) => JSON.stringify({ body: JSON.stringify({ note: text }) }),
  "URL-encoded": (text) => `GET /search?q=${encodeURIComponent(text)}&page=2 failed`,
  "URL-encoded with an equals sign": (text) => `q%3D${encodeURIComponent(text)}%26page%3D2`,
  "behind another secret": (text) => `password=x ${text}`,
};

for (const canary of [...CANARIES, ...WORD_CANARIES]) {
  test(`${canary.name} is hidden in every text`, () => {
    for (const [name, embed] of Object.entries(EMBEDDINGS)) assertHidden(canary, embed(canary.text), name);
  });
}

test("a secret that touches a word is hidden", () => {
  for (const canary of CANARIES) {
    assertHidden(canary, `xyz${canary.text}`, "behind letters");
    assertHidden(canary, `--${canary.text}`, "behind dashes");
  }
});

test("a secret that crosses the end is hidden, wherever the end cuts it", () => {
  for (const canary of [...CANARIES, ...WORD_CANARIES]) {
    const text = `failed: ${canary.text} and more`;
    const start = text.indexOf(canary.secret);
    for (let end = start + 1; end < text.length; end++) {
      const safe = hideSecrets(text, rules, end);
      assert.ok(!safe.includes(canary.secret.slice(0, 6)), `${canary.name} cut at ${end}: ${safe}`);
      assert.ok(
        end - start >= 6 || !safe.endsWith(canary.secret.slice(0, end - start)),
        `${canary.name} cut at ${end}`,
      );
    }
  }
});

test("what helps reading stays", () => {
  const expected: readonly (readonly [text: string, safe: string])[] = [
    ["postgres://app:hunter22@db:5432/shop", "postgres://[REDACTED]@db:5432/shop"],
    ["mongodb://u:p@h1:27017,h2:27017/x", "mongodb://[REDACTED]@h1:27017,h2:27017/x"],
    ["https%3A%2F%2Fu%3Ap%40host%2Fx", "https%3A%2F%2F[REDACTED]%40host%2Fx"],
    ["Bearer abc123.def-4 expired", "Bearer [REDACTED] expired"],
    ["password=hunter22, user=app", "password=[REDACTED], user=app"],
    ["(password=hunter22)", "(password=[REDACTED])"],
    ["Server=db;Password=a b;Pooling=true", "Server=db;Password=[REDACTED] b;Pooling=true"],
    ['{"password":"hunter22","a":1}', '{"password":"[REDACTED]","a":1}'],
    ["/x?token=hunter22&page=2#top", "/x?token=[REDACTED]&page=2#top"],
    ["token%3Dhunter22%26page%3D2", "token%3D[REDACTED]%26page%3D2"],
    ["token%253Dhunter22%2526page%253D2", "token%253D[REDACTED]%2526page%253D2"],
    ["Cookie: sid=1; a=b\r\nHost: shop", "Cookie: [REDACTED]\r\nHost: shop"],
    ["card 4111 1111 1111 1111 123 declined", "card [REDACTED] 123 declined"],
    ["dump --password hunter22 --host db", "dump --password [REDACTED] --host db"],
  ];
  for (const [text, safe] of expected) assert.equal(hide(text), safe);
});

test("a private key without an end takes no stack with it", () => {
  const body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC".repeat(2);
  const safe = hide(
    `bad key -----BEGIN RSA ${"PRIVATE"} KEY-----\nProc-Type: 4,ENCRYPTED\n\n${body}\nq7RtYw\n    at sign (/app/sign.js:1:2)`,
  );
  assert.equal(safe, "bad key [REDACTED]\n    at sign (/app/sign.js:1:2)");
});

test("what only looks like a secret stays", () => {
  const harmless = [
    "monkey=banana keyboard: qwerty author=Ann authority: none",
    "Unexpected token: } in JSON at position 5",
    "Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",
    "password: must be at least 8 characters",
    "password is required; Password: too short",
    "bearer token required, basic auth failed, Basic authentication, Bearer authentication",
    "TokenExpiredError: jwt expired",
    "InvalidPasswordError: nope",
    'password authentication failed for user "app"',
    'duplicate key value violates unique constraint "users_email_key"',
    "Key (email)=(a@b.example) already exists.",
    "E11000 duplicate key error collection: shop.users index: email_1 dup key: { email: null }",
    "Duplicate entry 'x' for key 'users.email'",
    "select * from users where password = $1 and token = ? and secret = %s",
    "usage: max_tokens=4096 token_count=12 tokens: 512 keys: 3",
    "auth-service: connection refused, auth-service:8080/health",
    "session: closed, key: email, token: expected",
    "    at login (/app/src/auth/session.js:10:5)",
    "    at Token.verify (file:///srv/secret/token.mjs:1:20)",
    "    at Object.<anonymous> (C:\\new\\token.js:3:4)",
    "ENOENT: no such file or directory, open '/etc/ssl/private.key'",
    "http://localhost:3000",
    "http://localhost:4873/@scope/pkg",
    "http://[::1]:9464/metrics",
    "https://host:port",
    "ssh://git@github.com/org/repo.git",
    "git@github.com:org/repo.git",
    "npm_config_registry npm_lifecycle_event self_hf_tokenizer",
    "task-1234567890abcdef1234 desk-1 risk-free disk-full-on-node-12",
    "eyJpZCI6MX0", // a page cursor
    `-----BEGIN CERTIFICATE-----\n${"MIIDdzCCAl+gAwIBAgIEAgAAuTANBgkq".repeat(2)}\n-----END CERTIFICATE-----`,
    "550e8400-e29b-41d4-a716-446655440000",
    "41111111-1111-4111-8111-111111111111",
    "0af7651916cd43dd8448eb211c80319c b7ad6b7169203331",
    "order 4111111111111112",
    "order 1234567890123456",
    "order 9999999999999995",
    "id x4111111111111111",
    "4111111111111111a",
    "0.4111111111111111",
    "41111111111111111111111111",
    "1700000000000 1700000000000000 1700000000000000000",
    "2024-11-22 17:41:03",
    "+49 30 901820",
    "127.0.0.1:5432",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "Promise<Session> was rejected because it took too long",
    "npm ERR! lodash@4.17.21 and a@b.example",
    "password=[REDACTED] Bearer [REDACTED] ://[REDACTED]@host",
  ];
  for (const text of harmless) assert.equal(hide(text), text);
});

test("e-mail and IP addresses are hidden where the options ask for it", () => {
  const personal: PatternRules = { ...rules, emails: true, ips: true };
  const text =
    "mail to ann.lee+x@shop.example (from 10.1.2.3, 2001:db8::8a2e:370:7334) lodash@4.17.21 at 12:30:45, v1.2.3";
  assert.equal(
    hideSecrets(text, personal),
    "mail to [REDACTED] (from [REDACTED], [REDACTED]) lodash@4.17.21 at 12:30:45, v1.2.3",
  );
  assert.equal(hideSecrets("?to=ann%40shop.example&a=1", personal), "?to=[REDACTED]&a=1");
  assert.equal(
    hideSecrets("std::string Face::Bad 1.2.3.4.5 999.1.1.1 ::", personal),
    "std::string Face::Bad 1.2.3.4.5 999.1.1.1 ::",
  );
  assert.equal(hide(text), text);
});

/** Texts that keep almost matching: each is the beginning of something that never comes. */
const NEAR_MATCHES = [
  "eyJ",
  "eyJa.",
  "eyJaaaa-",
  "-----BEGIN PRIVATE KEY-----",
  "-----BEGIN A-----x",
  "-----END",
  "--password -",
  "Bearer ",
  "Basic aaaaaaa ",
  "://a:b",
  "://",
  "://aaaaaaaa:bbbbbbbb/",
  "%3A//a%3A",
  "%3A%2F%2F",
  "a@",
  "aaaa.aaaa@aaaa.",
  "@a.a",
  "password",
  "password=",
  'password="',
  "password='a\n",
  '"password":',
  '\\"password\\":\\"',
  "password:{",
  "password=[",
  "cookie: {",
  "token%3D",
  "%22token%22%3A%22",
  "%2525252525253D",
  "<password>",
  "<password>[",
  ",a=",
  "=,",
  "key: a ",
  "4111 ",
  "4111-",
  "41111111111111",
  "1.1.1.",
  "::",
  "a:",
  "ghp_",
  "AKIA",
  "SG.aaaaaaaaaaaaaaaaaaaa",
  "sk-",
  "xoxb-",
  '\\\\\\\\\\\\"',
  'password:\\"\\\\',
  "slack.com/services/",
  "[REDACTED]",
  "password=[REDACTED]",
];

test("time grows with the length of the text and no faster, also for texts that almost match", () => {
  const personal: PatternRules = { ...rules, emails: true, ips: true };
  for (const unit of NEAR_MATCHES) assertLinear((text) => hideSecrets(text, personal), unit, 100_000);
});

test("256 kB of near-match text take far less than a second of the processor", () => {
  for (const unit of NEAR_MATCHES) {
    const text = unit.repeat(262_144 / unit.length);
    assertQuick(500, () => hide(text), JSON.stringify(unit)); // ten times the target
  }
});

const piece = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.constantFrom(...NEAR_MATCHES, ..."\"\\\\'@:/?#&=%;,{}[]()<>- \n"),
  fc.constantFrom(...[...CANARIES, ...WORD_CANARIES].map((canary) => canary.text)),
);
const anyText = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));

test("hiding twice changes nothing, for any text", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const safe = hide(text);
      assert.equal(hide(safe), safe);
    }),
    { numRuns: 2_000 },
  );
});

test("no canary survives between any texts", () => {
  fc.assert(
    fc.property(fc.constantFrom(...CANARIES), fc.string(), fc.string(), (canary, before, after) => {
      assertHidden(canary, `${before} ${canary.text} ${after}`, "between texts");
    }),
    { numRuns: 2_000 },
  );
});

function assertHidden(canary: Canary, text: string, where: string): void {
  const safe = hide(text);
  for (const secret of [canary.secret, encodeURIComponent(canary.secret), JSON.stringify(canary.secret).slice(1, -1)]) {
    assert.ok(!safe.includes(secret), `${canary.name}, ${where}: ${safe}`);
  }
}

test("a private key that is assigned to a key is hidden to its end", () => {
  const lines = Array.from({ length: 20 }, (_, index) => `MIIEvQIBADANBgkqhkiG9w0BAQEFAASC${index}`);
  const text = `const key = \`-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\`;\nuse(key);`;
  assert.equal(hideSecrets(text, rules), "const key = `[REDACTED]`;\nuse(key);");
});
