import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { messageTemplate } from "../../src/processors/message-template";
import { statementKey } from "../../src/processors/statement-key";
import { assertLinear } from "./linear-time";

/** Each line: a statement, and messages that it made. */
const STATEMENTS: readonly (readonly [template: string, ...messages: readonly string[]])[] = [
  [
    "order <number> not found",
    "order 17 not found",
    "order 4711 not found",
    "order -3 not found",
    "order 1.5e9 not found",
  ],
  [
    "user <uuid> is locked",
    ...["user 8f14e45f-ceea-467f-9575-6a3f1b0d2c11 is locked", "user 00000000-0000-4000-8000-000000000000 is locked"],
  ],
  ["connect to <ip>:<number> failed", "connect to 10.0.0.7:5432 failed", "connect to 192.168.1.20:80 failed"],
  [
    "peer <ip> left",
    "peer 10.0.0.7 left",
    "peer ::1 left",
    "peer fe80::1%eth0 left",
    "peer 2001:db8::8a2e:370:7334 left",
  ],
  [
    "commit <hex> is bad",
    "commit a1b2c3d is bad",
    "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b is bad",
    "commit 0xBEEF is bad",
  ],
  [
    "timeout of <duration> exceeded",
    "timeout of 1000ms exceeded",
    "timeout of 2h30m exceeded",
    "timeout of 1.5s exceeded",
  ],
  [
    "due <date> at the latest",
    "due 2024-11-22 at the latest",
    "due 2024-11-22T10:11:12.123Z at the latest",
    "due 2024-11-22 10:11:12 at the latest",
    "due Fri Nov 22 2024 10:11:12 at the latest",
  ],
  ["no such user: <email>", "no such user: ann@example.com", "no such user: bob.b+x@mail.example.org"],
  ["GET <url> failed", "GET https://a.example/x?y=1&z=2 failed", "GET http://localhost:3000/ failed"],
  [
    "ENOENT: no such file or directory, open <path>",
    "ENOENT: no such file or directory, open '/srv/a b/c.txt'",
    "ENOENT: no such file or directory, open 'C:\\x\\y'",
  ],
  [
    "upload of <path> failed",
    "upload of report.pdf failed",
    "upload of ./in/report-7.csv failed",
    "upload of ../../x failed",
  ],
  ["limit <size> reached", "limit 10MB reached", "limit 512KiB reached"],
  ["customer cus_<id> is gone", "customer cus_9s6XKzkNRiz8i3 is gone", "customer cus_4fG7hJk2LmN is gone"],
  ["pod web-<id> crashed", "pod web-7d4b9c8f5-xkzlp crashed", "pod web-7d4b9c8f5-2m9qk crashed"],
  ["tags <quoted> are unknown", "tags 'a 1' are unknown", "tags 'a 1', 'b 2', 'c 3' are unknown"],
  ["ids [<number>] are unknown", "ids [1] are unknown", "ids [1, 2, 3] are unknown"],
  [
    "Duplicate entry <quoted> for key 'users.email'",
    "Duplicate entry 'bob' for key 'users.email'",
    "Duplicate entry 'x-1' for key 'users.email'",
  ],
  [
    "invalid input syntax for type integer: <quoted>",
    'invalid input syntax for type integer: "abc"',
    'invalid input syntax for type integer: "x y"',
  ],
  ["retry failed user=<value> n=<number>", "retry failed user=ann n=1", "retry failed user=bob n=27"],
  ['{"id":<number>,"name":<quoted>}', '{"id":1,"name":"ann"}', '{"id":22,"name":"bob b"}'],
  [
    "Unexpected token <quoted> is not valid JSON",
    ...['Unexpected token \'a\', "{"x":a}" is not valid JSON', "Unexpected token } in JSON at position 12"],
    "Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",
  ],
  ["用户<number>不存在", "用户42不存在", "用户7不存在"],
  ["it's <quoted> isn't it", "it's 'a b' isn't it", "it's \"c d\" isn't it", "it's “e f” isn't it"],
  [
    "no stock left",
    "no stock left",
    "2024-11-22 10:11:12,123 ERROR [main] com.shop.Stock: no stock left",
    "Nov 22 10:11:12 web-1 stockd[4711]: no stock left",
    "[warn] no stock left",
  ],
  [
    "login of user <name> failed",
    "login of user ann failed",
    "login of user root failed",
    "login of user bob17 failed",
    "login of user müller failed",
  ],
  ["no password for <name> from <ip>", "no password for ann from 10.0.0.7", "no password for admin from 10.0.0.8"],
  ["lost node <host> again", "lost node web-1 again", "lost node db07 again", "lost node ip-10-0-0-7 again"],
  ["peer <host> is gone", "peer web.example.com is gone", "peer db.internal is gone", "peer eu-node-3 is gone"],
  ["stop of process <number> (<name>)", "stop of process 17 (java)", "stop of process 4711 (postgres)"],
  [
    "session: <value>, state: <value>, lag: <number>",
    "session: blue, state: OPEN, lag: 3",
    "session: green, state: closed, lag: 14",
  ],
  [
    "closed uid=<number> ruser=<value> rhost=<ip>",
    "closed uid=0 ruser= rhost=10.0.0.7",
    "closed uid=7 ruser=ann rhost=10.0.0.8",
  ],
  ['msg="disk <number> is full" volume=<value>', 'msg="disk 3 is full" volume=a', 'msg="disk 17 is full" volume=b'],
  [
    '{"msg":"disk <number> is full","ok":<value>}',
    '{"msg":"disk 3 is full","ok":true}',
    '{"msg":"disk 4 is full","ok":false}',
  ],
  ["Unknown currency: <value>", "Unknown currency: EUR", "Unknown currency: CHF"],
  [
    "SELECT * FROM users WHERE name = <quoted> AND id IN (<number>)",
    "SELECT * FROM users WHERE name = 'ann' AND id IN (1, 2, 3)",
    "SELECT * FROM users WHERE name = 'bob b' AND id IN (4)",
  ],
  ["took <duration> of <size>", "took 12 ms of 3 MB", "took 1 second of 17 bytes"],
  ["bug at mm/slab.c:<number>!", "bug at mm/slab.c:17!", "bug at mm/slab.c:4711!"],
  ["bug at mm/page.c:<number>!", "bug at mm/page.c:17!", "bug at mm/page.c:4711!"],
  ["block blk_<number> is lost", "block blk_17 is lost", "block blk_-4711 is lost"],
  ["try attempt_<id> again", "try attempt_17_0009_m_000001_0 again", "try attempt_4_1_r_2_3 again"],
  ["bean com.shop.Stock@<hex> leaks", "bean com.shop.Stock@1b28cdfa leaks", "bean com.shop.Stock@7f leaks"],
  ["role <id> is gone", "role arn:aws:iam::17:role/ann is gone", "role arn:aws:iam::4711:role/bob-1 is gone"],
  ["no account for <quoted>", "no account for 'ann'", "no account for 'bob b'"],
  // What is no word of the language, or stands behind `by`, is a name; and states that something goes between.
  [
    "no route from <name> to <name> today",
    "no route from Rotterdam to Piraeus today",
    "no route from kwame to jiho today",
  ],
  ["seat taken by <name>", "seat taken by victor", "seat taken by oksana", "seat taken by root"],
  ["the ledger is off by <number> <name>", "the ledger is off by 12.5 BRL", "the ledger is off by 3 JPY"],
  [
    "job went from <name> to <name> again",
    "job went from NEW to RUNNING again",
    "job went from RUNNING to KILLED again",
  ],
  ["replica on <host>:<number> fell behind", "replica on tulip:9866 fell behind", "replica on oak:1 fell behind"],
  ["peer <ip> is back", "peer ::ffff:10.0.0.7 is back", "peer 10.0.0.8 is back"],
  [
    "manifest <path> is torn",
    "manifest movie.mkv is torn",
    "manifest list.m3u8 is torn",
    "manifest docker.service is torn",
  ],
  ["mirror <host> is slow", "mirror pay.woodgrove.io is slow", "mirror hub.oksana.dev is slow"],
  ["took <date> for <size>", "took 00:12 for 10 bytes", "took 01:40 for 3 MB"],
  ["write failed", "write failed", "write failed\n    at save (/app/a.js:1:2)\n    at /app/b.js:3:4\n"],
  ["one two", "one two", "  one\r\n\ttwo ", "\u001b[31mone\u001b[0m two", "one\u200b two"],
];

test("messages of one statement have one template", () => {
  for (const [template, ...messages] of STATEMENTS) {
    for (const message of messages) assert.equal(messageTemplate(message), template, message);
  }
});

/** Names that tell one fault from another. */
const UNCHANGED = [
  "Cannot read properties of undefined (reading 'total')",
  "Cannot read properties of undefined (reading 'price')",
  "x.map is not a function",
  "Cannot find module 'lodash'",
  "Cannot find module './routes/v1'",
  'relation "users" does not exist',
  'duplicate key value violates unique constraint "users_email_key1"',
  "Table 'shop.users' doesn't exist",
  "Unknown column 'address2'",
  "no such table: users",
  "Request failed with status code 404",
  "Request failed with status code 500",
  "worker exited with exit code 137",
  "The requested module 'node:fs' does not provide an export named 'x'",
  "unsupported type application/json",
  "code=E_CONFLICT",
  "read/write and/or",
  "invalid header 'content-type'",
  "user session expired",
  "user not found",
  "account frozen",
  "host is unreachable",
  "no handler found for 'click'",
  "name 'basket' is not defined",
  "Path `email` is required.",
  "'courier_id'",
  "gave up: timeout",
  "gave up: ETIMEDOUT",
  "gave up: ECONNRESET",
  'error="disk is read only"',
  "err=EBUSY reason=locked",
  "upstream answered 503",
  "ORA-00942: table or view does not exist",
  "SQLSTATE[42P01]: no such table",
  "sha256 of utf8 over http2",
  "Issuer declined the card",
  "blocked by policy",
  "model gpt-large refused",
  "Datei konnte nicht geschrieben werden",
  "Impossible de se connecter à la base de données",
  "No se puede conectar con el servidor",
  "Соединение с базой потеряно",
  "state.items is undefined",
  "foo2 is not defined",
  "No query results for model [App\\Models\\Track]",
  "",
];

test("names that identify the fault stay", () => {
  for (const message of UNCHANGED) assert.equal(messageTemplate(message), message);
});

test("a template is its own template", () => {
  for (const [template] of STATEMENTS) assert.equal(messageTemplate(template), template);
});

test("different statements have different templates", () => {
  const messages = [...STATEMENTS.map(([, message]) => message ?? ""), ...UNCHANGED];
  assert.equal(new Set(messages.map((message) => messageTemplate(message))).size, messages.length);
});

test("values of every shape leave the template alone", () => {
  const value = fc.oneof(
    fc.uuid(),
    fc.ipV4(),
    fc.integer().map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  );
  const shape = (text: string): string => messageTemplate(`fetching item ${text} for you`);
  const known = new Set(["uuid", "ip", "number", "date"].map((name) => `fetching item <${name}> for you`));
  // Years before 1 and after 9999 are no dates that a log would hold.
  fc.assert(
    fc.property(
      value.filter((text) => !/^[+-]\d{6}/.test(text)),
      (text) => known.has(shape(text)),
    ),
  );
});

test("any message has a template, the same each time and of bounded length", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary", maxLength: 300 }),
        fc.string({ unit: fc.constantFrom(..."aZ09'\"`=:/\\.@-_ ,{}[]()\n\u001b%<>é“「\ud800"), maxLength: 100 }),
      ),
      (message) => {
        const template = messageTemplate(message);
        assert.equal(messageTemplate(message), template);
        assert.ok(template.length <= 8_192);
      },
    ),
    { numRuns: 3_000 },
  );
});

/** Lines that no exception stands behind. */
const LOG_LINES: readonly (readonly [template: string, ...lines: readonly string[]])[] = [
  ["frame <name> stays on disk", "frame stock_levels stays on disk", "frame audit.eu stays on disk"],
  ["action <name> gave <number>", "action RegisterFonts gave 3", "action CopyFiles gave 1603"],
  ["got <number> samples from <name>", "got 3 samples from null", "got 12 samples from com.partner.health"],
  ["volume <name> is <number>% full", "volume scratch is 91% full", "volume oak is 3% full"],
  ["queue <name>, <number> unacked", "queue thumbs, 3 unacked", "queue order-events, 12 unacked"],
  ["disk detached from <name>", "disk detached from aspen", "disk detached from kwame"],
  [
    "stage <number> (save at <path>) is done",
    "stage 3 (save at Report.scala:17) is done",
    "stage 4 (save at Sums.java:9) is done",
  ],
  ["lock of queue <quoted> is lost", "lock of queue 'invoices' is lost", 'lock of queue "rpc_reply" is lost'],
  ["answer to <ip>: <name> <url> took <duration>", "answer to 10.0.0.7: GET /a/b?c=d took 3ms"],
  ["the standby lags behind <hex>", "the standby lags behind 2F/A90B77C0", "the standby lags behind AC/1D"],
  ["cannot run the job, errno <number>", "cannot run the job, errno 12", "cannot run the job, errno 5"],
  ["(<name>) RUNS the nightly job", "(root) RUNS the nightly job", "(kwame) RUNS the nightly job"],
  ["<name>[<number>] trapped at <hex>", "java[12] trapped at 0xbeef", "chrome[4711] trapped at 0x7f31"],
  ["lock freed, ws=<value> pid=<number>", "lock freed, ws=null pid=3", "lock freed, ws=WS(10 com.a.b) pid=12"],
  ['"Mounted volume" pod=<quoted>', '"Mounted volume" pod="shop/cart-7c9d"', '"Mounted volume" pod="ml/x"'],
];

test("in lines of logs, identifiers are what they are about", () => {
  for (const [template, ...lines] of LOG_LINES) {
    for (const line of lines) assert.equal(messageTemplate(line, true), template, line);
  }
  for (const text of ["frame stock_levels stays on disk", "action RegisterFonts gave up", "shop.tasks.send failed"]) {
    assert.equal(messageTemplate(text), text);
  }
  for (const line of [
    "x_y is not defined",
    "shop.tasks.send failed",
    "process com.shop.till has died",
    "task a_b[x] failed",
  ]) {
    assert.equal(messageTemplate(line, true), line);
  }
});

test("what stands behind 8 kB does not count", () => {
  const start = "word ".repeat(2_000);
  assert.equal(messageTemplate(`${start}one`), messageTemplate(`${start}two`));
});

test("hostile messages take time in proportion to their length", () => {
  const units = [
    ...[
      '"',
      "'a ",
      "`x",
      'a"b ',
      "1:",
      "1.",
      "a1",
      "a@",
      "://",
      "/",
      '= "',
      '\\"',
      "-",
      "a-1-",
      "1s",
      "1.1.",
      "v1.1-",
      "\u001b[",
    ],
    ...[
      "user a",
      "k: v, ",
      "k= ",
      "for a from ",
      "1 ms ",
      "(a)",
      "a.b-1.",
      "é",
      "\n at a:1",
      "WHERE '",
      "'a b' ",
      "a='b c' ",
      "web-1.a ",
      "a-1b-",
      "a\\",
    ],
    ...[
      "Mon ",
      "a=",
      '{"a":',
      "12ab-",
      "1,",
      "<>",
      "ab:",
      "a.b@c.",
      "deadbeef-",
      "'1 \"",
      " ",
      "é",
      "“",
      "1e",
      "0x",
      "aa:",
      ":",
    ],
  ];
  for (const unit of [...units, "Xy ", " by a", "a_b ", "A to ", "root)", "java[1] ", "[]", "kwame-", "<<1"]) {
    assertLinear((text) => statementKey(messageTemplate(text, true)), unit, 8_000);
    assertLinear(messageTemplate, unit, 8_000);
  }
});

test("of one statement, values of several kinds and the number of what is counted do not count", () => {
  for (const messages of [
    ["1 item left", "7 items left"],
    ["1 retry left", "12 retries left"],
    ["register 12345678 is bad", "register 00000a3f is bad", "register 00000012 is bad"],
    ["tenant ann is locked", "tenant 17 is locked", "tenant 8f14e45f-ceea-467f-9575-6a3f1b0d2c11 is locked"],
    ["no price for 17", "no price for a1b2c3d4e5", "no price for [REDACTED]"],
    ["asking for 1 more worker", "asking for 12 more workers"],
    ["runner db03 went away", "runner lon-fe-003 went away", "runner vm_88 went away"],
    ["lobby KER42-3 is full", "lobby SIO7-1 is full"],
    ["10 bytes (0.1 KB) sent", "7 bytes sent"],
    ["took <1 sec", "took 12 sec"],
    ["racks [a1, b2] are left", "racks [] are left"],
  ]) {
    const keys = new Set(messages.map((message) => statementKey(messageTemplate(message))));
    assert.equal(keys.size, 1, [...keys].join("\n"));
  }
});

test("statements keep their keys apart", () => {
  const glued = ["job_12 is gone", "try_12 is gone", "pod api-x7k2p is gone", "pod web-x7k2p is gone"];
  glued.push("cache fault: d-fetch........0", "cache fault: write-back......0");
  const messages = [...glued, ...STATEMENTS.map(([, message]) => message ?? ""), ...UNCHANGED];
  assert.equal(new Set(messages.map((message) => statementKey(messageTemplate(message)))).size, messages.length);
});
