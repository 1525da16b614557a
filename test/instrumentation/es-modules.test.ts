import assert from "node:assert/strict";
import { test } from "node:test";
import { cannotRunHere } from "../cannot-run-here";
import { startPostgres } from "../postgres";
import { type FixtureApp, runFixture } from "./fixture-app";

for (const register of ["import", "require"] as const) {
  const run = (args: readonly string[], env: { readonly [name: string]: string } = {}): FixtureApp =>
    runFixture("esm-app.mjs", { register, args, env });

  test(`--${register}: an Express app of ES modules has the routes, counts and propagation of a CommonJS one`, async () => {
    const app = run(["express"]);
    assert.match(String((await app.fetch("/shop/throw/1")).headers["x-request-id"]), /^[0-9a-f-]{36}$/);
    assert.equal((await app.fetch("/shop/call/1")).body, "ECONNREFUSED");
    assert.deepEqual(await routes(app), ["/shop/call/:port", "/shop/throw/:id"]);
    const { events } = await app.stop();
    assert.deepEqual(
      events.map((event) => [event.error_type, event.error_category]),
      [
        ["TypeError", "application_error"],
        ["ECONNREFUSED", "network_connection"],
      ],
    );
  });

  for (const [framework, route, type] of [
    ["fastify", "/throw/:id", "TypeError"],
    ["koa", "unmatched", "TypeError"],
    ["http", "unmatched", "HTTP 500"],
  ] as const) {
    test(`--${register}: ${framework} imported by an ES module gives one event for a failure`, async () => {
      const app = run([framework]);
      assert.equal((await app.fetch("/throw/1")).status, 500);
      assert.deepEqual(await routes(app), [route]);
      const { events } = await app.stop();
      assert.deepEqual(
        events.map((event) => event.error_type),
        [type],
      );
    });
  }

  test(`--${register}: the thread of the module loader starts no second Seismo`, async () => {
    const app = run(["http"]);
    await app.fetch("/");
    const { stderr } = await app.stop();
    assert.match(stderr, /^seismo: metrics on http:\/\/127\.0\.0\.1:\d+\/metrics\n$/, "one line, and no other");
  });

  test(`--${register}: without hooks for ES modules errors of Express and Fastify still count, Express' routes are lost`, async () => {
    const off = { SEISMO_ESM_HOOKS: "off" };
    for (const [framework, path, route] of [
      ["express", "/shop/throw/1", "unmatched"],
      ["fastify", "/throw/1", "/throw/:id"],
    ] as const) {
      const app = run([framework], off);
      await app.fetch(path);
      assert.deepEqual(await routes(app), [route]);
      const { events } = await app.stop();
      assert.deepEqual(
        events.map((event) => event.error_type),
        ["TypeError"],
      );
    }
  });
}

test("pg imported by an ES module: a failed query carries its database context", async (context) => {
  const postgres = await startPostgres();
  if (postgres.status === "missing") return cannotRunHere(context, postgres.reason);
  const app = runFixture("esm-app.mjs", {
    register: "import",
    args: ["express"],
    env: { APP_POSTGRES: postgres.connectionString },
  });
  assert.equal((await app.fetch("/shop/pg")).status, 500);
  const { events } = await app.stop();
  await postgres.stop();
  assert.deepEqual(
    events.map((event) => [event.error_category, event["database"]]),
    [
      [
        "database_syntax",
        {
          ...{ system: "postgresql", namespace: "postgres", query: "SELECT * FROM nowhere", status_code: "42P01" },
          pool: { size: 1, idle: 0, waiting: 0 },
        },
      ],
    ],
  );
});

async function routes(app: FixtureApp): Promise<unknown> {
  const samples = await app.samples("http_request_duration_seconds");
  return samples
    .filter((sample) => sample.name.endsWith("_count"))
    .map((sample) => sample.labels["route"])
    .sort();
}
