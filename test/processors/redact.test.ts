import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Attributes, JsonObject, RawError } from "../../src/event";
import {
  compileRedaction,
  MAX_ATTRIBUTES,
  MAX_BREADCRUMBS,
  MAX_BREADCRUMBS_LENGTH,
  MAX_CAUSES,
  MAX_MESSAGE_LENGTH,
  MAX_TYPE_LENGTH,
  MAX_VALUE_LENGTH,
  redact,
  redactAttributes,
  redactLabel,
  redactResource,
  redactText,
  redactUrl,
} from "../../src/processors/redact";
import { CANARIES, WORD_CANARIES } from "./canaries";
import { rawFrom } from "./raw-error";

const rules = compileRedaction({});
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const raw = (parts: Partial<RawError> = {}): RawError => rawFrom("boom", parts);

/** An error that has the text in every place that can hold one. */
function errorFullOf(text: string): RawError {
  const bag: JsonObject = { note: text, nested: { list: [{ deep: text }, text] }, [text]: 1 };
  return raw({
    type: text,
    message: text,
    stack: `Error: ${text}\n    at pay (/app/pay.js:1:2)`,
    causes: [{ relation: "cause", type: text, message: text, stack: `Error: ${text}`, properties: bag }],
    properties: bag,
    resource: { service: text, worker: text, environment: text, serviceVersion: text },
    spanName: text,
    attributes: { note: text, list: [text, "x"], "url.full": text, [text]: "x" },
    request: { method: text, route: text, url: text, peer: text, headers: { "x-note": text } },
    database: { system: text, namespace: text, operation: text, collection: text, query: text, statusCode: text },
    requestId: text,
    sessionId: text,
    userId: text,
    page: text,
    userAgent: text,
    userContext: bag,
    details: bag,
    systemContext: bag,
    hardwareContext: bag,
    breadcrumbs: [
      {
        ...({ timeUnixMillis: 1, type: "span", level: "info", offsetMillis: 1, durationMillis: 1 } as const),
        ...{ category: text, message: text, data: { ...bag, "url.full": text, "db.query.text": text } },
      },
    ],
    given: { category: text, fingerprint: [text] },
  });
}

test("no secret leaves, whatever part of an error it is in", () => {
  for (const canary of [...CANARIES, ...WORD_CANARIES]) {
    for (const text of [canary.text, `failed with ${canary.text} (try again)`]) {
      const safe = JSON.stringify(redact(errorFullOf(text), rules));
      assert.ok(!safe.includes(JSON.stringify(canary.secret).slice(1, -1)), `${canary.name}: ${safe}`);
      assert.ok(safe.includes("[REDACTED]"), canary.name);
    }
  }
});

test("a secret that the limits cut does not leave by its half", () => {
  for (const canary of [...CANARIES, ...WORD_CANARIES]) {
    for (const limit of [MAX_MESSAGE_LENGTH, MAX_VALUE_LENGTH]) {
      const start = `${canary.text} `.indexOf(canary.secret);
      for (const inside of [7, Math.floor(canary.secret.length / 2), canary.secret.length - 1]) {
        const filler = "w ".repeat(limit).slice(-(limit - start - inside));
        const text = `${filler}${canary.text} and more`;
        const safe = JSON.stringify(redact(errorFullOf(text), rules));
        assert.ok(!safe.includes(canary.secret.slice(0, 6)), `${canary.name} cut behind ${inside} at ${limit}`);
      }
    }
  }
});

test("labels of metrics hold no secrets and are bounded", () => {
  for (const { name, text, secret } of [...CANARIES, ...WORD_CANARIES]) {
    const resource = { service: text, worker: text, serviceVersion: text, environment: text };
    const safe = JSON.stringify([redactLabel(text, rules), redactLabel(text, rules), redactResource(resource, rules)]);
    assert.ok(!safe.includes(JSON.stringify(secret).slice(1, -1)), `${name}: ${safe}`);
  }
  assert.equal(redactLabel("/items/:id", rules), "/items/:id");
  assert.equal(redactLabel("x".repeat(1e6), rules).length, MAX_VALUE_LENGTH);
});

test("a statement leaves without its values, a row of PostgreSQL without its columns", () => {
  const query = "INSERT INTO users VALUES ('ann', 'hunter22')";
  const detail = "Failing row contains (7, ann, :), two\nlines, hunter22).";
  const safe = redact(
    raw({
      message: `null value in column "id"\nDETAIL:  ${detail}\nCONTEXT:  none`,
      properties: { detail, sql: query },
      attributes: { "db.query.text": query, "db.statement": query },
      database: { query },
    }),
    rules,
  );
  assert.equal(safe.database?.query, "INSERT INTO users VALUES (?, ?)");
  assert.deepEqual(plain(safe.attributes), {
    "db.query.text": safe.database.query,
    "db.statement": safe.database.query,
  });
  assert.deepEqual(plain(safe.properties), { detail: "Failing row contains [REDACTED]).", sql: safe.database.query });
  assert.match(safe.message, /DETAIL: {2}Failing row contains \[REDACTED\]\)\.\nCONTEXT: {2}none$/);
});

test("what stands under a sensitive key is hidden at any depth", () => {
  const bag: JsonObject = {
    password: "x",
    user: { api_key: "x", profile: { sessionId: 7, name: "Ann" } },
    tokens: ["a", "b"],
    credentials: { id: "a", value: "b" },
    headers: [
      { name: "Authorization", value: "x" },
      { name: "accept", value: "json" },
    ],
  };
  assert.deepEqual(plain(redact(raw({ details: bag }), rules).details), {
    password: "[REDACTED]",
    user: { api_key: "[REDACTED]", profile: { sessionId: "[REDACTED]", name: "Ann" } },
    tokens: "[REDACTED]",
    credentials: "[REDACTED]",
    headers: [
      { name: "Authorization", value: "[REDACTED]" },
      { name: "accept", value: "json" },
    ],
  });
});

test("what only looks sensitive stays", () => {
  const bag: JsonObject = {
    monkey: "banana",
    keyboard: "qwerty",
    author: "Ann",
    primaryKey: 5,
    key: 5,
    tokens_used: 512,
    usage: { input_tokens: 12, output_tokens: 4 },
    sessions: 3,
    hasPassword: true,
    secret: null,
    token: "",
    code: "23505",
    status: 500,
    orderId: "4111111111111112",
    constraint: "users_email_key",
  };
  const { details, truncated } = redact(raw({ details: bag }), rules);
  assert.deepEqual(plain(details), bag);
  assert.deepEqual(truncated, []);
});

test("an error without secrets stays as it is", () => {
  const error = raw({
    message: "connect ECONNREFUSED 127.0.0.1:5432",
    stack: "Error: connect ECONNREFUSED\n    at connect (/app/src/auth/session.js:10:5)\n",
    properties: { code: "ECONNREFUSED", errno: -111, address: "127.0.0.1", port: 5432 },
    request: { method: "GET", route: "/orders/:id", url: "/orders/5?page=2", statusCode: 500 },
    requestId: "550e8400-e29b-41d4-a716-446655440000",
    sessionId: "s-81",
    userId: "u-12",
    attributes: { "http.request.method": "GET", "http.response.status_code": 500, list: ["a", "b"] },
  });
  assert.deepEqual(plain(redact(error, rules)), plain({ ...error, truncated: [] }));
});

test("e-mail addresses and IP addresses leave only where the options let them", () => {
  const error = raw({ message: "no mail to ann@shop.example from 10.0.0.1", userId: "ann@shop.example" });
  assert.equal(redact(error, rules).message, "no mail to ann@shop.example from 10.0.0.1");
  const personal = redact(error, compileRedaction({ emails: true, ips: true }));
  assert.equal(personal.message, "no mail to [REDACTED] from [REDACTED]");
  assert.equal(personal.userId, "[REDACTED]");
});

test("users add keys, and show keys whose values are still searched", () => {
  const own = compileRedaction({ keys: ["iban"], allowKeys: ["session.id"] });
  const attributes: Attributes = { customer_iban: "DE02", "session.id": "s-81", note: "password=x&iban=DE02" };
  assert.deepEqual(plain(redactAttributes(attributes, own)), {
    customer_iban: "[REDACTED]",
    "session.id": "s-81",
    note: "password=[REDACTED]&iban=[REDACTED]",
  });
});

test("attributes without secrets are the same object, others a copy that inherits nothing", () => {
  const healthy: Attributes = {
    "http.route": "/orders/:id",
    "url.path": "/orders/5",
    "http.response.status_code": 200,
  };
  assert.equal(redactAttributes(healthy, rules), healthy);
  const safe = redactAttributes({ "http.request.header.cookie": ["a=b"], "url.query": "key=abc&page=2" }, rules);
  assert.deepEqual(plain(safe), { "http.request.header.cookie": "[REDACTED]", "url.query": "key=[REDACTED]&page=2" });
  assert.equal("toString" in safe, false);
});

test("a URL keeps its host, path and harmless parameters", () => {
  const expected: readonly (readonly [url: string, safe: string])[] = [
    ["https://app:x@shop.example:8443/a?page=2", "https://[REDACTED]@shop.example:8443/a?page=2"],
    ["/a?key=abc&token=d%20e&x=1#access_token=f", "/a?key=[REDACTED]&token=[REDACTED]&x=1#access_token=[REDACTED]"],
    [
      "/a?%74oken=abc&api%5Fkey=d&user[password]=e",
      "/a?%74oken=[REDACTED]&api%5Fkey=[REDACTED]&user[password]=[REDACTED]",
    ],
    ["token=abc&page=2", "token=[REDACTED]&page=2"],
    ["/a;jsessionid=abc?x=1", "/a;jsessionid=[REDACTED]?x=1"],
    [
      "/cb?next=https%3A%2F%2Fu%3Ap%40h%2F%3Ftoken%3Dx",
      "/cb?next=https%3A%2F%2F[REDACTED]%40h%2F%3Ftoken%3D[REDACTED]",
    ],
    [
      "/a?page=2&monkey=b&primary_key=c&key=5&tokens=12&token=",
      "/a?page=2&monkey=b&primary_key=c&key=5&tokens=12&token=",
    ],
  ];
  for (const [url, safe] of expected) assert.equal(redactUrl(url, rules), safe);
});

test("of a pool nothing but its numbers stays", () => {
  const poolOf = (pool: unknown) => redact(raw({ database: { pool } as RawError["database"] }), rules).database?.pool;
  const numbers = { size: 1, idle: 0, waiting: 2 };
  assert.deepEqual(poolOf({ ...numbers, password: "hunter2" }), numbers);
  for (const bad of ["hunter2", null, [], { ...numbers, size: "hunter2" }, { size: 1 }]) {
    assert.equal(poolOf(bad) ?? undefined, undefined);
  }
});

test("headers by which proxies say who asked go the way of the address", () => {
  const header = { "x-forwarded-for": "203.0.113.9, 10.0.0.1", accept: "*/*" };
  const asked = raw({
    ...{ spanKind: "server", request: { method: "GET", headers: header } },
    attributes: { "http.request.header.x-forwarded-for": "203.0.113.9", "http.request.header.accept": "*/*" },
  });
  const without = redact(asked, rules);
  assert.doesNotMatch(JSON.stringify(without), /203\.0\.113/);
  assert.deepEqual({ ...without.request?.headers }, { accept: "*/*" });
  assert.match(JSON.stringify(redact(asked, compileRedaction({ clientAddresses: true }))), /203\.0\.113\.9, 10/);
});

test("of breadcrumbs the latest stay, as many as have room, each within limits", () => {
  const crumb = (n: number, data: JsonObject = {}) =>
    ({ timeUnixMillis: n, type: "custom", category: "custom", message: String(n), level: "info", data }) as const;
  const few = redact(raw({ breadcrumbs: [crumb(1), crumb(2)] }), rules);
  assert.deepEqual([few.breadcrumbs?.map(({ message }) => message), few.truncated], [["1", "2"], []]);
  const many = redact(raw({ breadcrumbs: Array.from({ length: 10_000 }, (_, n) => crumb(n)) }), rules);
  assert.deepEqual([many.breadcrumbs?.length, many.breadcrumbs?.at(-1)?.message], [MAX_BREADCRUMBS, "9999"]);
  assert.deepEqual(many.truncated, ["breadcrumbs"]);
  const large = Array.from({ length: 50 }, (_, n) => crumb(n, { text: "x".repeat(5_000) }));
  for (const safe of [1, 2].map(() => redact(raw({ breadcrumbs: large }), rules))) {
    assert.ok(JSON.stringify(safe.breadcrumbs).length <= MAX_BREADCRUMBS_LENGTH + 2);
    assert.equal(safe.breadcrumbs?.at(-1)?.message, "49");
    assert.deepEqual(safe.truncated, ["breadcrumbs"]);
  }
});

test("the limits cut, and name what they cut", () => {
  const cause = { relation: "cause", type: "E", message: "m", stack: "", properties: {} } as const;
  const deep = Array.from({ length: 20 }).reduce<JsonObject>((inner) => ({ inner }), { end: 1 });
  const safe = redact(
    raw({
      type: "T".repeat(1_000),
      message: "m".repeat(50_000_000),
      causes: Array.from({ length: 1_000 }, () => cause),
      attributes: Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`a${index}`, "v".repeat(5_000)])),
      details: {
        deep,
        list: Array.from({ length: 100_000 }, () => 1),
        ...Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`d${index}`, index])),
      },
      userContext: { note: "n".repeat(5_000), ["k".repeat(1_000_000)]: 1 },
    }),
    rules,
  );
  assert.equal(safe.type.length, MAX_TYPE_LENGTH);
  assert.equal(safe.message.length, MAX_MESSAGE_LENGTH);
  assert.equal(safe.causes.length, MAX_CAUSES);
  assert.equal(Object.keys(safe.attributes).length, MAX_ATTRIBUTES);
  assert.equal(String(safe.attributes["a0"]).length, MAX_VALUE_LENGTH);
  assert.ok(JSON.stringify(safe.details).length < 20_000);
  assert.ok(JSON.stringify(safe.userContext).length < 2_000);
  assert.deepEqual([...safe.truncated].sort(), ["attributes", "causes", "details", "message", "type", "userContext"]);
});

test("a long stack keeps its header and its first and last 25 frames", () => {
  const frame = (n: number): string => `    at f${n} (/app/f.js:${n}:1)`;
  const frames = (count: number): string => Array.from({ length: count }, (_, index) => frame(index)).join("\n");
  for (const count of [60, 20_000]) {
    const { stack, truncated } = redact(raw({ stack: `Error: boom\nsecond line\n${frames(count)}` }), rules);
    const lines = stack.split("\n");
    assert.deepEqual(lines.slice(0, 3), ["Error: boom", "second line", frame(0)]);
    assert.equal(lines.at(-1), frame(count - 1));
    assert.equal(lines.filter((line) => line.includes("(/app/")).length, 50);
    assert.deepEqual(truncated, ["stack"]);
  }
  const short = `Error: boom\n${frames(50)}`;
  assert.equal(redact(raw({ stack: short }), rules).stack, short);
});

test("a stack stays small whatever it is made of", () => {
  const stacks = [
    "x".repeat(1_000_000),
    "line\n".repeat(20_000),
    `Error: ${"m".repeat(1_000_000)}\n    at f (/app/f.js:1:1)`,
    `    at ${"f".repeat(1_000_000)}`,
    `Traceback (most recent call last):\n${'  File "/app/f.py", line 1, in f\n    f()\n'.repeat(5_000)}RecursionError: too deep`,
  ];
  for (const stack of stacks) {
    const safe = redact(raw({ stack }), rules);
    assert.ok(safe.stack.length < 50_000, `${safe.stack.length}`);
    assert.deepEqual(safe.truncated, ["stack"]);
  }
  assert.match(redact(raw({ stack: stacks[4] ?? "" }), rules).stack, /RecursionError: too deep$/);
});

test("hostile keys are keys like any other", () => {
  const bag: JsonObject = JSON.parse(
    '{"__proto__":{"polluted":true},"constructor":{"a":1},"toString":"x","a":{"__proto__":"y"}}',
  );
  const attributes: Attributes = JSON.parse('{"__proto__":"a","constructor":"b","hasOwnProperty":"c"}');
  const safe = redact(raw({ details: bag, attributes }), rules);
  assert.deepEqual(Object.keys(safe.details), ["__proto__", "constructor", "toString", "a"]);
  assert.deepEqual(Object.keys(safe.attributes), ["__proto__", "constructor", "hasOwnProperty"]);
  assert.equal(JSON.stringify(safe.details), JSON.stringify(bag));
  assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
});

test("what JSON has no word for does no harm", () => {
  const cyclic: Record<string, unknown> = {
    count: 10n,
    nothing: undefined,
    run: () => 1,
    infinite: Number.POSITIVE_INFINITY,
  };
  cyclic["self"] = cyclic;
  // Decoders give JSON values only; this is what a mistake in one would look like.
  const safe = redact(raw({ details: cyclic as JsonObject, attributes: { nan: Number.NaN } }), rules);
  assert.equal(typeof JSON.stringify(safe), "string");
  assert.equal(safe.details["infinite"], null);
  assert.deepEqual(safe.truncated, ["details"]);
});

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom(...CANARIES.map((canary) => canary.text)),
  fc.constantFrom("__proto__", "password", "token", "a=b&c=d", "%", "://"),
);
const anyBag = fc.dictionary(anyText, fc.jsonValue()).map((bag) => bag as JsonObject);

test("any error is redacted without a throw, and redacting it again changes nothing", () => {
  fc.assert(
    fc.property(anyText, anyBag, fc.dictionary(anyText, anyText), (text, bag, attributes) => {
      const error = { ...errorFullOf(text), details: bag, attributes };
      const safe = redact(error, rules);
      const again = redact(safe, rules);
      assert.equal(JSON.stringify({ ...again, truncated: [] }), JSON.stringify({ ...safe, truncated: [] }));
      assert.equal(redactText(safe.message, rules), safe.message);
    }),
    { numRuns: 500 },
  );
});

test("no canary survives in any bag", () => {
  fc.assert(
    fc.property(fc.constantFrom(...CANARIES), fc.jsonValue(), fc.string(), (canary, other, key) => {
      const details: JsonObject = JSON.parse(
        JSON.stringify({ other, list: [other, { [key]: canary.text }], [canary.text]: other }),
      );
      const safe = JSON.stringify(redact(raw({ details }), rules).details);
      assert.ok(!safe.includes(JSON.stringify(canary.secret).slice(1, -1)), `${canary.name}: ${safe}`);
    }),
    { numRuns: 1_000 },
  );
});

test("addresses of who asked are kept where that is asked for, and nowhere else", () => {
  const attributes = {
    ...{ "client.address": "203.0.113.9", "client.port": 4711, "network.peer.address": "203.0.113.9" },
    ...{ "server.address": "shop", "http.route": "/pay" },
  };
  const asked = raw({
    ...{ attributes, spanKind: "server", request: { method: "GET", clientAddress: "203.0.113.9" } },
  });
  const without = redact(asked, rules);
  assert.deepEqual(Object.keys(without.attributes), ["server.address", "http.route"]);
  assert.doesNotMatch(JSON.stringify(without), /203\.0\.113/);
  const withAddress = redact(asked, compileRedaction({ clientAddresses: true }));
  assert.equal(withAddress.request?.clientAddress, "203.0.113.9");
  assert.deepEqual(plain(withAddress.attributes), attributes);
  // Of a call of our own it is whom we asked.
  const called = redact(raw({ attributes: { "network.peer.address": "10.0.0.7" }, spanKind: "client" }), rules);
  assert.deepEqual(plain(called.attributes), { "network.peer.address": "10.0.0.7" });
});
