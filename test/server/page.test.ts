/** The files of the page: a fixed list, whoever asks for whatever. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { freshFolder } from "../fresh-folder";
import { ask, NO_PAGE, serve, speak } from "./ask";

const HTML = '<!doctype html><html lang="en"><script src="/error-visualization/assets/a-1.js"></script></html>';

test("the page and its files are served, the hashed ones for ever", async (context) => {
  const { port } = await serve(context, { page: { ...NO_PAGE, folder: pageFolder() } });
  const root = await ask(port, { path: "/" });
  assert.deepEqual([root.status, root.headers.location], [302, "/error-visualization"]);
  for (const [path, type, cache, text] of [
    ["/error-visualization", "text/html; charset=utf-8", "no-cache", HTML],
    ["/error-visualization/", "text/html; charset=utf-8", "no-cache", HTML],
    ["/error-visualization?view=groups", "text/html; charset=utf-8", "no-cache", HTML],
    [
      "/error-visualization/assets/a-1.js",
      "text/javascript; charset=utf-8",
      "public, max-age=31536000, immutable",
      "a()",
    ],
    ["/error-visualization/sounds/error-info.wav", "audio/wav", "no-cache", "RIFFown"],
  ] as const) {
    const answer = await ask(port, { path });
    assert.deepEqual([answer.status, answer.text], [200, text], path);
    assert.deepEqual([answer.headers["content-type"], answer.headers["cache-control"]], [type, cache], path);
    assert.match(String(answer.headers["content-security-policy"]), /default-src 'none'; script-src 'self'.*media-src/);
    assert.equal(answer.headers["x-content-type-options"], "nosniff");
    const again = await ask(port, { path, headers: { "if-none-match": String(answer.headers.etag) } });
    assert.deepEqual([again.status, again.text], [304, ""], path);
  }
  const zipped = await ask(port, { path: "/error-visualization", headers: { "accept-encoding": "gzip" } });
  assert.equal(zipped.headers["content-encoding"], "gzip");
  assert.equal(gunzipSync(zipped.bytes).toString(), HTML);
  const head = await ask(port, { method: "HEAD", path: "/error-visualization" });
  assert.deepEqual([head.status, head.text], [200, ""]);
  for (const path of ["/", "/error-visualization", "/error-visualization/assets/a-1.js"]) {
    assert.deepEqual((await ask(port, { method: "POST", path })).headers["allow"], "GET, HEAD", path);
  }
});

test("what is not one of its files is not there, however it is written", async (context) => {
  const folder = pageFolder();
  writeFileSync(join(folder, "..", "secret.js"), "secret");
  const { port } = await serve(context, { page: { ...NO_PAGE, folder } });
  for (const path of [
    ...[
      "../secret.js",
      "..%2fsecret.js",
      "%2e%2e/secret.js",
      "%2e%2e%2fsecret.js",
      "..%5csecret.js",
      "....//secret.js",
    ],
    ...[
      "assets/../../secret.js",
      "assets/..%252f..%252fsecret.js",
      "/secret.js",
      ".env",
      ".git/config",
      "index.html%00",
    ],
    ...["assets", "assets/", "Assets/a-1.js", "assets/a-1.js/", "assets/notes.txt", "missing.js", "index.HTML"],
  ]) {
    const heard = await speak(
      port,
      `GET /error-visualization/${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    );
    assert.match(heard, /^HTTP\/1\.1 (?:404|400) /, path);
    assert.equal(heard.includes("secret\n") || heard.endsWith("secret"), false, path);
  }
});

test("the page needs no token, what it shows does; a link from elsewhere opens it", async (context) => {
  const { port } = await serve(context, {
    token: "a-token-of-32-characters-or-more",
    page: { ...NO_PAGE, folder: pageFolder() },
  });
  const headers = { "sec-fetch-site": "cross-site" };
  for (const path of ["/", "/error-visualization", "/error-visualization/assets/a-1.js"]) {
    assert.notEqual((await ask(port, { path, headers })).status, 401, path);
    assert.equal((await ask(port, { path, headers: { host: "evil.example" } })).status, 403, path);
  }
  for (const path of ["/api/errors", "/api/stats", "/metrics", "/anything"]) {
    assert.equal((await ask(port, { path })).status, 401, path);
  }
});

test("a theme is in the page from its first byte", async (context) => {
  const { port } = await serve(context, { page: { ...NO_PAGE, folder: pageFolder(), theme: "dark" } });
  assert.match((await ask(port, { path: "/error-visualization" })).text, /<html data-theme="dark" lang="en">/);
});

test("sounds of one's own take the place of those that came with it", async (context) => {
  const soundsFolder = freshFolder();
  writeFileSync(join(soundsFolder, "error-info.wav"), "RIFFmine");
  writeFileSync(join(soundsFolder, "other.wav"), "RIFFother");
  const { port } = await serve(context, { page: { ...NO_PAGE, folder: pageFolder(), soundsFolder } });
  assert.equal((await ask(port, { path: "/error-visualization/sounds/error-info.wav" })).text, "RIFFmine");
  assert.equal((await ask(port, { path: "/error-visualization/sounds/error-critical.wav" })).text, "RIFFown");
  assert.equal((await ask(port, { path: "/error-visualization/sounds/other.wav" })).status, 404);
  writeFileSync(join(soundsFolder, "error-info.wav"), "MP3");
  await assert.rejects(serve(context, { page: { ...NO_PAGE, soundsFolder } }), /error-info\.wav: expected a WAV file/);
});

test("without its files the page says what is missing", async (context) => {
  for (const folder of [undefined, join(freshFolder(), "nothing")]) {
    const { port } = await serve(context, { page: { ...NO_PAGE, folder } });
    const answer = await ask(port, { path: "/error-visualization" });
    assert.equal(answer.status, 404);
    assert.match(answer.text, /the page is not part of this build/);
  }
});

function pageFolder(): string {
  const folder = join(freshFolder(), "web");
  mkdirSync(join(folder, "assets"), { recursive: true });
  mkdirSync(join(folder, "sounds"));
  writeFileSync(join(folder, "index.html"), HTML);
  writeFileSync(join(folder, "assets", "a-1.js"), "a()");
  writeFileSync(join(folder, "assets", "notes.txt"), "notes");
  for (const name of ["error-info", "error-critical"]) writeFileSync(join(folder, "sounds", `${name}.wav`), "RIFFown");
  return folder;
}
