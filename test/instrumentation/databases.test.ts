import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { cannotRunHere } from "../cannot-run-here";
import { freePort } from "../free-port";
import { type Postgres, startPostgres } from "../postgres";
import { type Ended, type JournalEvent, runFixture } from "./fixture-app";
import { mongoPeer, mysqlPeer, type Peer, redisPeer, silentPeer } from "./peers";

const peers: { mysql?: Peer; redis?: Peer; silent?: Peer; postgres?: Postgres } = {};

before(async () => {
  peers.mysql = await mysqlPeer();
  peers.redis = await redisPeer();
  peers.silent = await silentPeer();
  peers.postgres = await startPostgres();
});
after(async () => {
  await Promise.all([peers.mysql?.close(), peers.redis?.close(), peers.silent?.close()]);
  if (peers.postgres?.status === "running") await peers.postgres.stop();
});

/** What a failing call must leave: category, SQLSTATE or number, constraint, query. */
interface Expected {
  readonly path: string;
  readonly category: string;
  readonly system?: string;
  readonly statusCode?: string;
  readonly constraint?: string;
  readonly query?: string;
}

const POSTGRES: readonly Expected[] = [
  {
    path: "/pg/unique",
    category: "database_constraint",
    system: "postgresql",
    statusCode: "23505",
    constraint: "users_email_key",
    query: "INSERT INTO users VALUES ($1, $2)",
  },
  {
    path: "/pg/syntax",
    category: "database_syntax",
    system: "postgresql",
    statusCode: "42601",
    query: "SELEC email FROM users WHERE email = ?",
  },
  {
    path: "/pg/timeout",
    category: "database_timeout",
    system: "postgresql",
    statusCode: "57014",
    query: "SELECT pg_sleep(?)",
  },
  {
    path: "/pg/callback",
    category: "database_syntax",
    system: "postgresql",
    statusCode: "42P01",
    query: "SELECT * FROM nowhere",
  },
  { path: "/pg/refused", category: "database_connection", system: "postgresql" },
  { path: "/pg/pool-refused", category: "database_connection", system: "postgresql" },
];

const OTHERS: readonly Expected[] = [
  {
    path: "/mysql2/unique",
    category: "database_constraint",
    system: "mysql",
    statusCode: "1062",
    query: "INSERT INTO users VALUES (?, ?)",
  },
  {
    path: "/mysql2/execute",
    category: "database_constraint",
    system: "mysql",
    statusCode: "1062",
    query: "INSERT INTO users VALUES (?, ?)",
  },
  {
    path: "/mysql2/deadlock",
    category: "database_deadlock",
    system: "mysql",
    statusCode: "1213",
    query: "UPDATE stock SET deadlock = ?",
  },
  { path: "/mysql2/refused", category: "database_connection", system: "mysql" },
  { path: "/mysql2/pool-refused", category: "database_connection", system: "mysql" },
  { path: "/mysql2/callback-refused", category: "database_connection", system: "mysql" },
  { path: "/mysql2/query-refused", category: "database_connection", system: "mysql", query: "SELECT ?" },
  { path: "/mysql2/timeout", category: "database_timeout", system: "mysql" },
  { path: "/mongodb/refused", category: "database_connection", system: "mongodb" },
  { path: "/mongodb/connect-refused", category: "database_connection", system: "mongodb" },
  { path: "/redis/err", category: "database_other", system: "redis", query: "INCR text" },
  { path: "/redis/oom", category: "resource_exhausted", system: "redis", query: "SET full [1 other arguments]" },
  { path: "/redis/refused", category: "database_connection", system: "redis" },
  { path: "/ioredis/err", category: "database_other", system: "redis", query: "incr text" },
  { path: "/ioredis/oom", category: "resource_exhausted", system: "redis", query: "set full [1 other arguments]" },
  { path: "/ioredis/refused", category: "database_connection", system: "redis", query: "get user" },
];

describe("PostgreSQL", () =>
  testCalls(POSTGRES, () => (peers.postgres?.status === "missing" ? peers.postgres.reason : undefined)));
describe("MySQL, MongoDB and Redis", () => testCalls(OTHERS, () => undefined));

describe("a MySQL pool of one connection", () => {
  for (const way of ["promise", "callback", "connection"]) {
    test(`what waits for the connection fails under its own request, once (${way})`, async () => {
      const app = runFixture("mysql-pool-app.js", { env: { APP_MYSQL_PORT: String(peers.mysql?.port) } });
      const holding = app.fetch("/hold", { headers: { "x-request-id": "holder" } });
      await app.line(/(held for holder)/);
      const waiting = app.fetch(`/wait/${way}`, { headers: { "x-request-id": "waiter" } });
      assert.deepEqual([(await holding).status, (await waiting).status], [500, 500]);
      const { events, stdout } = await app.stop();
      assert.deepEqual(
        events.map((event) => [event.request_id, routeOf(event), event.error_category, event.origin]),
        [
          ["holder", "/hold", "database_constraint", "root"],
          ["waiter", `/wait/${way}`, "database_constraint", "root"],
        ],
      );
      if (way === "callback") assert.match(stdout, /called back for waiter/);
    });
  }

  test("a request that the pool lets wait no more is a failure, also when the application copes with it", async () => {
    const app = runFixture("mysql-pool-app.js", {
      env: { APP_MYSQL_PORT: String(peers.mysql?.port), APP_QUEUE_LIMIT: "1" },
    });
    const holding = app.fetch("/hold?told", { headers: { "x-request-id": "holder" } });
    await app.line(/(held for holder)/);
    const waiting = app.fetch("/wait/promise", { headers: { "x-request-id": "waiter" } });
    await app.line(/(waits for waiter)/);
    const turnedAway = await app.fetch("/wait/connection", { headers: { "x-request-id": "late" } });
    assert.equal(turnedAway.body, "caught Queue limit reached.");
    await app.fetch("/release");
    await Promise.all([holding, waiting]);
    const { events } = await app.stop();
    assert.deepEqual(
      events.map((event) => [event.request_id, event.error_category]),
      [
        ["late", "database_connection"],
        ["holder", "database_constraint"],
        ["waiter", "database_constraint"],
      ],
    );
    assert.deepEqual(poolOf(events[0]), { size: 1, idle: 0, waiting: 1 });
  });
});

test("the failure of a PostgreSQL pool says how full it was", async (context) => {
  const { postgres } = peers;
  if (postgres?.status !== "running") return cannotRunHere(context, postgres?.reason ?? "PostgreSQL was not started");
  const app = runFixture("database-app.js", { env: { APP_POSTGRES: postgres.connectionString } });
  await app.fetch("/pg/unique");
  await Promise.all([app.fetch("/pg/exhausted"), app.fetch("/pg/exhausted")]);
  const { events } = await app.stop();
  const [failed, ...exhausted] = events;
  assert.deepEqual([failed?.error_category, poolOf(failed)?.waiting], ["database_constraint", 0]);
  assert.deepEqual(
    exhausted.map((event) => [event.error_category, poolOf(event)?.size, poolOf(event)?.idle]),
    [
      ["database_timeout", 1, 0],
      ["database_timeout", 1, 0],
    ],
  );
  assert.ok(
    exhausted.some((event) => (poolOf(event)?.waiting ?? 0) > 0),
    JSON.stringify(exhausted.map(poolOf)),
  );
});

function poolOf(event: JournalEvent | undefined): { size: number; idle: number; waiting: number } | undefined {
  const database = event?.["database"];
  return typeof database === "object" && database !== null && "pool" in database
    ? (database.pool as { size: number; idle: number; waiting: number }) // by docs/journal.md
    : undefined;
}

test("a MongoDB connection that breaks off at once is a failure, also when the application copes with it", async () => {
  const mongo = await mongoPeer();
  const app = runFixture("database-app.js", { env: { APP_MONGO_PORT: String(mongo.port) } });
  const { body } = await app.fetch("/mongodb/broken?caught");
  const { events } = await app.stop();
  await mongo.close();
  assert.match(body, /^caught /);
  assert.deepEqual(
    events.map((event) => [event.error_type, event.error_category, event["database"]]),
    [["MongoNetworkError", "database_connection", { system: "mongodb" }]],
  );
});

test("an application that has no answer to a refused connection dies of it as it does without Seismo, and it counts once", async () => {
  const env = { CLOSED_PORT: String(await freePort()) };
  const bare = await runFixture("refused-app.js", { env, register: "none" }).ended();
  const watched = await runFixture("refused-app.js", { env }).ended();
  assert.equal(bare.code, 1);
  assert.equal(watched.code, bare.code);
  assert.match(watched.stderr, /ECONNREFUSED/);
  assert.deepEqual(
    watched.events.map((event) => [event.error_type, event.error_category, event["fatal"]]),
    [["ECONNREFUSED", "worker_crashed", true]],
  );
});

/** `missing` says why the tests cannot run here; on CI they must. */
function testCalls(calls: readonly Expected[], missing: () => string | undefined): void {
  const testHere = (title: string, run: () => Promise<void>): void => {
    test(title, (context) => {
      const reason = missing();
      return reason === undefined ? run() : cannotRunHere(context, reason);
    });
  };

  testHere(
    "a failed call that fails its request is one event: the live error, with the call and the request",
    async () => {
      const { events, statuses } = await runCalls(calls, "");
      assert.deepEqual(new Set(statuses), new Set([500]));
      assert.equal(events.length, calls.length);
      for (const [index, expected] of calls.entries()) {
        const event = events[index];
        assert.deepEqual(shown(event), wanted(expected), expected.path);
        assert.equal(event?.origin, "root");
        assert.ok(stackOf(event).length > 0, `${expected.path} has a stack`);
        assert.match(String(event?.request_id), /^[0-9a-f-]{36}$/);
      }
      assert.doesNotMatch(JSON.stringify(events), /ada@example\.com|hunter2/);
    },
  );

  testHere("a failed call that the application copes with counts once as well", async () => {
    const { events, statuses } = await runCalls(calls, "?caught");
    assert.deepEqual(new Set(statuses), new Set([200]));
    assert.deepEqual(
      events.map((event) => [routeOf(event), event.error_category, event.origin]),
      calls.map((call) => [call.path, call.category, "root"]),
    );
  });

  testHere("a failed call behind an answer of 500 is the failure, and the answer its echo", async () => {
    const { events, statuses } = await runCalls(calls, "?answered");
    assert.deepEqual(new Set(statuses), new Set([500]));
    assert.deepEqual(
      events.map((event) => [routeOf(event), event.error_category, event.origin]),
      calls.flatMap((call) => [
        [call.path, call.category, "root"],
        [call.path, "http_server_error", "echo"],
      ]),
    );
  });
}

async function runCalls(
  calls: readonly Expected[],
  query: string,
): Promise<Ended & { readonly statuses: readonly number[] }> {
  const { postgres, mysql, redis, silent } = peers;
  const app = runFixture("database-app.js", {
    env: {
      CLOSED_PORT: String(await freePort()),
      APP_POSTGRES: postgres?.status === "running" ? postgres.connectionString : "",
      APP_MYSQL_PORT: String(mysql?.port),
      APP_REDIS_PORT: String(redis?.port),
      SILENT_PORT: String(silent?.port),
    },
  });
  const statuses: number[] = [];
  for (const { path } of calls) statuses.push((await app.fetch(path + query)).status);
  return { ...(await app.stop()), statuses };
}

function wanted({ path, category, system, statusCode, constraint, query }: Expected): unknown {
  return { path, category, system, statusCode, constraint, query };
}

function shown(event: JournalEvent | undefined): unknown {
  // The journal's own format.
  const database = (event?.["database"] ?? {}) as { readonly [key: string]: string | undefined };
  return {
    path: routeOf(event),
    category: event?.error_category,
    system: database["system"],
    statusCode: database["status_code"],
    constraint: database["constraint"],
    query: database["query"],
  };
}

function routeOf(event: JournalEvent | undefined): string | undefined {
  return (event?.["request"] as { readonly route?: string } | undefined)?.route; // the journal's format
}

function stackOf(event: JournalEvent | undefined): readonly unknown[] {
  return Array.isArray(event?.["stack"]) ? event["stack"] : [];
}
