import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, assertServesOn, FINGERPRINT, report, serve, speak } from "./ask";

const GOOD = { type: "E", message: "m" };

test("only names that are ours are answered, whatever the port", async (context) => {
  const served = await serve(context, { allowedHosts: ["Seismo.example"] });
  const { port, reports } = served;
  for (const host of ["localhost", "LOCALHOST:8080", `127.0.0.1:${port}`, "[::1]:1", "seismo.example:443"]) {
    assert.equal((await ask(port, { path: "/metrics", headers: { host } })).status, 200, host);
  }
  for (const host of [
    ...["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost@evil", "localhost:8080:1"],
    ...["10.0.0.1", "[fe80::1]", "sub.seismo.example"],
  ]) {
    for (const path of ["/metrics", "/healthz", "/readyz", "/api/errors", "/"]) {
      assert.equal((await ask(port, { path, headers: { host } })).status, 403, `${host} ${path}`);
    }
    assert.equal((await report(port, GOOD, { host })).status, 403, host);
  }
  assert.equal(reports.length, 0);
  assert.match(await speak(port, "GET /metrics HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n"), /^HTTP\/1\.1 403 /);
  await assertServesOn(served);
});

test("a server that others may reach is asked by address too, which nobody can have pointed elsewhere", async (context) => {
  const { port } = await serve(context, { host: "0.0.0.0", token: "t" });
  for (const host of ["10.0.0.1:8080", "[fe80::1]", "localhost"]) {
    assert.equal((await ask(port, { path: "/healthz", headers: { host } })).status, 200, host);
  }
  assert.equal((await ask(port, { path: "/healthz", headers: { host: "evil.example" } })).status, 403);
});

test("two Host headers are refused, and none is too", async (context) => {
  const served = await serve(context);
  const two = `GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n`;
  assert.match(await speak(served.port, two), /^HTTP\/1\.1 400 [\s\S]*more than one Host/);
  assert.match(await speak(served.port, "GET /metrics HTTP/1.1\r\n\r\n"), /^HTTP\/1\.1 400 /);
  await assertServesOn(served);
});

test("a report from a foreign page is refused and not reported", async (context) => {
  const served = await serve(context, { allowedOrigins: ["https://Dash.example"] });
  const { port, reports } = served;
  for (const origin of [
    ...["https://evil.example", "null", `http://127.0.0.1:${port}.evil.example`, `http://localhost:${port}`],
    ...["http://127.0.0.1", "https://dash.example.evil", "file://"],
  ]) {
    const answer = await report(port, GOOD, { origin });
    assert.equal(answer.status, 403, origin);
    assert.equal(answer.headers["access-control-allow-origin"], undefined);
  }
  assert.equal((await report(port, GOOD, { "sec-fetch-site": "cross-site" })).status, 403);
  const own = `http://127.0.0.1:${port}`;
  assert.equal((await report(port, GOOD, { origin: own, "sec-fetch-site": "cross-site" })).status, 403);
  assert.equal(reports.length, 0);
  assert.equal((await report(port, GOOD, { origin: own, "sec-fetch-site": "same-origin" })).status, 200);
  const listed = { origin: "https://dash.example", "sec-fetch-site": "cross-site" };
  assert.equal((await report(port, GOOD, listed)).status, 200);
  await assertServesOn(served);
});

test("no page elsewhere is allowed to read an answer", async (context) => {
  const { port } = await serve(context, { allowedOrigins: ["https://dash.example"] });
  for (const origin of ["https://evil.example", "null", "https://dash.example"]) {
    const headers = {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type",
    };
    const preflight = await ask(port, { method: "OPTIONS", path: "/api/report-error", headers });
    assert.equal(preflight.status, 405);
    for (const answer of [preflight, await ask(port, { path: "/metrics", headers })]) {
      assert.deepEqual(
        Object.keys(answer.headers).filter((name) => name.startsWith("access-control-")),
        [],
      );
    }
  }
});

test("with a token, all but the probes are for those who have it", async (context) => {
  const served = await serve(context, { token: "s3cret-token" });
  const { port, reports } = served;
  for (const authorization of [
    ...[
      undefined,
      "",
      "Bearer",
      "Bearer ",
      "Bearer s3cret-toke",
      "Bearer s3cret-token-and-more",
      "Bearer S3CRET-TOKEN",
    ],
    ...["Basic s3cret-token", "s3cret-token", "Bearer wrong"],
  ]) {
    const headers = { "x-forwarded-for": "127.0.0.1", ...(authorization === undefined ? {} : { authorization }) };
    const answers = [
      await report(port, GOOD, headers),
      await ask(port, { path: "/metrics?token=s3cret-token&access_token=s3cret-token", headers }),
      await ask(port, { path: "/api/errors", headers }),
    ];
    for (const answer of answers) {
      assert.equal(answer.status, 401, authorization);
      assert.equal(answer.headers["www-authenticate"], "Bearer");
    }
  }
  assert.equal(reports.length, 0);
  assert.equal((await ask(port, { path: "/healthz" })).status, 200);
  assert.equal((await ask(port, { path: "/readyz" })).status, 200);
  const authorization = "bearer s3cret-token";
  assert.equal((await ask(port, { path: "/metrics", headers: { authorization } })).status, 200);
  const taken = await report(port, GOOD, { authorization });
  assert.equal(JSON.parse(taken.text).fingerprint, FINGERPRINT);
});

test("without the token the answer comes before the body is asked for or read", async (context) => {
  const { port } = await serve(context, { token: "s3cret-token" });
  const head = "POST /api/report-error HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  const announced = `${head}Content-Length: 1000\r\n\r\n`;
  assert.match(await speak(port, announced, /\n\{.*\n$/), /^HTTP\/1\.1 401 Unauthorized[\s\S]*"unauthorized"/);
  const expecting = `${head}Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n`;
  assert.match(await speak(port, expecting, /\n\{.*\n$/), /^HTTP\/1\.1 401 /);
});

test("a sender that asks first is told to go on", async (context) => {
  const { port, reports } = await serve(context);
  const body = JSON.stringify(GOOD);
  const head = "POST /api/report-error HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  const heard = await speak(
    port,
    `${head}Expect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`,
    /100 Continue/,
  );
  assert.match(heard, /^HTTP\/1\.1 100 Continue/);
  const both = `${head}Expect: 100-continue\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  assert.match(await speak(port, both), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
  assert.equal(reports.length, 1);
});
