/** How a page gets in where a token is asked for. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { SESSION_SECONDS } from "../../src/server/sessions";
import { type Answer, ask, NOW, serve } from "./ask";
import { watch } from "./live-client";

const TOKEN = "a-token-of-32-characters-or-more";

test("the token opens a session, whose cookie opens the API, and nothing else does", async (context) => {
  const { port } = await serve(context, { token: TOKEN });
  const stats = (headers: Record<string, string> = {}) => ask(port, { path: "/api/stats", headers });
  assert.equal((await stats()).status, 401);
  const opened = await openSession(port, { token: TOKEN });
  assert.equal(opened.status, 200, opened.text);
  const [setCookie = ""] = opened.headers["set-cookie"] ?? [];
  assert.match(
    setCookie,
    new RegExp(`^seismo_session_${port}=\\d+\\.[\\w-]{43}; Max-Age=604800; Path=/; HttpOnly; SameSite=Strict$`),
  );
  assert.equal(setCookie.includes(TOKEN), false);
  const cookie = setCookie.split(";")[0] ?? "";
  assert.equal((await stats({ cookie })).status, 200);
  assert.equal((await stats({ cookie: `other=1; ${cookie}` })).status, 200);
  for (const bad of [
    cookie.slice(0, -1),
    `${cookie}x`,
    cookie.replace(/=\d/, "=9"),
    cookie.replace(String(port), "1"),
    `seismo_session_${port}=`,
    `seismo_session_${port}=.`,
    `seismo_session_${port}=${TOKEN}`,
  ]) {
    assert.equal((await stats({ cookie: bad })).status, 401, bad);
  }
  assert.equal((await ask(port, { path: "/metrics", headers: { cookie } })).status, 401, "pages need no metrics");
});

test("a wrong token, or a body that is none, opens nothing", async (context) => {
  const { port } = await serve(context, { token: TOKEN });
  for (const [body, status] of [
    [{ token: "wrong" }, 401],
    [{ token: "" }, 401],
    [{ token: `${TOKEN} ` }, 401],
    [{ token: 7 }, 400],
    [{ token: "x".repeat(600) }, 400],
    [{ token: TOKEN, more: 1 }, 400],
    [{}, 400],
    [[TOKEN], 400],
  ] as const) {
    const answer = await openSession(port, body);
    assert.equal(answer.status, status, JSON.stringify(body));
    assert.equal(answer.headers["set-cookie"], undefined);
    assert.equal(answer.text.includes(TOKEN), false);
  }
  for (const headers of [{ origin: "https://evil.example" }, { "sec-fetch-site": "cross-site" }]) {
    assert.equal((await openSession(port, { token: TOKEN }, headers)).status, 403);
  }
  const form = { "content-type": "application/x-www-form-urlencoded" };
  assert.equal((await openSession(port, { token: TOKEN }, form)).status, 415);
  assert.equal((await ask(port, { path: `/api/stats?token=${TOKEN}` })).status, 401, "never by the address");
});

test("a session ends after a week, with another token, and when it is closed", async (context) => {
  let now = NOW;
  const served = await serve(context, { token: TOKEN, nowMillis: () => now });
  const { port } = served;
  const cookie = cookieOf(await openSession(port, { token: TOKEN }));
  const status = async (at: number, value = cookie) =>
    (await ask(at, { path: "/api/stats", headers: { cookie: value } })).status;
  now += SESSION_SECONDS * 1_000 - 1_000;
  assert.equal(await status(port), 200);
  now += 2_000;
  assert.equal(await status(port), 401);
  now = NOW;
  const other = await serve(context, { token: `${TOKEN}-other` });
  assert.equal(await status(other.port, cookie.replace(String(port), String(other.port))), 401);
  const same = await serve(context, { token: TOKEN });
  const moved = cookie.replace(String(port), String(same.port));
  assert.equal(await status(same.port, moved), 200, "a restart logs nobody out");
  const closed = await ask(port, { method: "DELETE", path: "/api/session" });
  assert.match(String(closed.headers["set-cookie"]), new RegExp(`^seismo_session_${port}=; Max-Age=0; `));
});

test("who watches within a session is sent away soon after its end", async (context) => {
  let now = NOW;
  context.mock.timers.enable({ apis: ["setInterval"] });
  const { port } = await serve(context, { token: TOKEN, nowMillis: () => now });
  const cookie = cookieOf(await openSession(port, { token: TOKEN }));
  const { socket } = await watch(context, port, { headers: { cookie } });
  const { socket: other, say, first } = await watch(context, port, { headers: { authorization: `Bearer ${TOKEN}` } });
  context.mock.timers.tick(30_000);
  await once(socket, "ping");
  now += SESSION_SECONDS * 1_000;
  const closed = once(socket, "close");
  const pinged = once(other, "ping");
  // An answer over the same connection: what was sent before it, the pong too, has arrived.
  say({ type: "ping" });
  await first("pong");
  context.mock.timers.tick(30_000);
  const [code, reason] = await closed;
  assert.deepEqual([code, String(reason)], [1_008, "the session has ended"]);
  await pinged;
  assert.equal(other.readyState, other.OPEN);
});

test("behind a proxy that speaks https, the cookie is for https alone", async (context) => {
  const { port } = await serve(context, { token: TOKEN, allowedHosts: ["seismo.example"] });
  const headers = { "x-forwarded-proto": "https", host: "seismo.example", origin: "https://seismo.example" };
  const opened = await openSession(port, { token: TOKEN }, headers);
  assert.match(String(opened.headers["set-cookie"]), /^seismo_session_default=.*; SameSite=Strict; Secure$/);
});

test("a session changes nothing for pages elsewhere", async (context) => {
  const { port } = await serve(context, { token: TOKEN });
  const cookie = cookieOf(await openSession(port, { token: TOKEN }));
  for (const headers of [{ origin: "http://localhost:3000" }, { "sec-fetch-site": "cross-site" }]) {
    assert.equal((await ask(port, { path: "/api/stats", headers: { cookie, ...headers } })).status, 403);
  }
});

test("without a token a session is not needed, and given to whoever asks", async (context) => {
  const { port } = await serve(context);
  assert.equal((await openSession(port, { token: "any" })).status, 200);
  assert.equal((await ask(port, { path: "/api/stats" })).status, 200);
});

function openSession(port: number, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return ask(port, {
    method: "POST",
    path: "/api/session",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

function cookieOf({ headers }: Answer): string {
  return headers["set-cookie"]?.[0]?.split(";")[0] ?? "";
}
