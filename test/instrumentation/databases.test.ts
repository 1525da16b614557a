import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Postgres, startPostgres } from "../postgres";
import { type Ended, type JournalEvent, runFixture } from "./fixture-app";
import { closedPort, mysqlPeer, type Peer, redisPeer } from "./peers";

const peers: { mysql?: Peer; redis?: Peer; postgres?: Postgres } = {};

before(async () => {
  peers.mysql = await mysqlPeer();
  peers.redis = await redisPeer();
  peers.postgres = await startPostgres();
});
after(async () => {
  await Promise.all([peers.mysql?.close(), peers.redis?.close()]);
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
  /** Without a span for it, a caught error is not seen. */
  readonly isUnseenWhenCaught?: boolean;
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
    query: "SELEC email FROM users WHERE email = '[REDACTED]'",
  },
  {
    path: "/pg/timeout",
    category: "database_timeout",
    system: "postgresql",
    statusCode: "57014",
    query: "SELECT pg_sleep(10)",
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
    query: "UPDATE stock SET deadlock = 1",
  },
  { path: "/mysql2/refused", category: "database_connection", isUnseenWhenCaught: true },
  { path: "/mongodb/refused", category: "database_connection", isUnseenWhenCaught: true },
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

/** `missing` says why the tests cannot run here; on CI they must. */
function testCalls(calls: readonly Expected[], missing: () => string | undefined): void {
  const testHere = (title: string, run: () => Promise<void>): void => {
    test(title, (context) => {
      const reason = missing();
      if (reason === undefined) return run();
      assert.notEqual(process.env["CI"], "true", reason);
      return context.skip(reason);
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
    const seen = calls.filter((call) => call.isUnseenWhenCaught !== true);
    assert.deepEqual(
      events.map((event) => [routeOf(event), event.error_category, event.origin]),
      seen.map((call) => [call.path, call.category, "root"]),
    );
  });

  testHere("a failed call behind an answer of 500 is the failure, and the answer its echo", async () => {
    const { events, statuses } = await runCalls(calls, "?answered");
    assert.deepEqual(new Set(statuses), new Set([500]));
    assert.deepEqual(
      events.map((event) => [routeOf(event), event.error_category, event.origin]),
      calls.flatMap((call) =>
        call.isUnseenWhenCaught === true
          ? [[call.path, "http_server_error", "root"]]
          : [
              [call.path, call.category, "root"],
              [call.path, "http_server_error", "echo"],
            ],
      ),
    );
  });
}

async function runCalls(
  calls: readonly Expected[],
  query: string,
): Promise<Ended & { readonly statuses: readonly number[] }> {
  const { postgres, mysql, redis } = peers;
  const app = runFixture("database-app.js", {
    env: {
      CLOSED_PORT: String(await closedPort()),
      APP_POSTGRES: postgres?.status === "running" ? postgres.connectionString : "",
      APP_MYSQL_PORT: String(mysql?.port),
      APP_REDIS_PORT: String(redis?.port),
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
