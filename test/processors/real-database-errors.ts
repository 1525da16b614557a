/**
 * Errors as databases and their drivers give them: PostgreSQL in person; MySQL and Redis drivers talking to a server of
 * their protocol in this process; the MongoDB driver against a closed port and with its own classes.
 */
import { once } from "node:events";
import net from "node:net";
import Redis from "ioredis";
import { MongoClient, MongoNetworkTimeoutError, MongoOperationTimeoutError, MongoServerError } from "mongodb";
import mysql from "mysql2/promise";
import { Client, Pool } from "pg";
import { createClient } from "redis";
import { freePort } from "../free-port";
import { type Postgres, startPostgres } from "../postgres";
import { type RealError, shaped, thrownBy, withServer } from "./real-errors";

export type DatabaseErrors =
  | { readonly status: "running"; readonly errors: readonly RealError[]; readonly stop: () => Promise<void> }
  | Extract<Postgres, { status: "missing" }>;

/** Each starts its server, lists what it throws, and stops. */
export const DATABASES: readonly { readonly name: string; readonly start: () => Promise<DatabaseErrors> }[] = [
  { name: "PostgreSQL", start: startPostgresErrors },
  { name: "MySQL", start: async () => ({ status: "running", errors: mysqlErrors, stop: async () => {} }) },
  { name: "MongoDB", start: async () => ({ status: "running", errors: mongoErrors, stop: async () => {} }) },
  { name: "Redis", start: async () => ({ status: "running", errors: redisErrors, stop: async () => {} }) },
];

/** Of databases that do not run here, and of spans that other languages sent. */
export const SHAPED_DATABASE_ERRORS: readonly RealError[] = [
  {
    category: "database_constraint",
    title: "node:sqlite",
    make: () =>
      shaped("Error", "UNIQUE constraint failed: orders.id", {
        code: "ERR_SQLITE_ERROR",
        errcode: 2067,
        errstr: "constraint failed",
      }),
  },
  {
    category: "database_timeout",
    title: "better-sqlite3, locked by another process",
    make: () => shaped("SqliteError", "database is locked", { code: "SQLITE_BUSY" }),
  },
  {
    category: "database_syntax",
    title: "node:sqlite",
    make: () =>
      shaped("Error", 'near "SELEC": syntax error', {
        code: "ERR_SQLITE_ERROR",
        errcode: 1,
        errstr: "SQL logic error",
      }),
  },
  {
    category: "database_constraint",
    title: "Prisma",
    make: () => shaped("PrismaClientKnownRequestError", "Unique constraint failed", { code: "P2002" }),
  },
  {
    category: "database_constraint",
    title: "a SQLSTATE as type, by OTLP from a pg span",
    make: () => shaped("23505", "duplicate key value", { stack: "" }),
    extra: { spanKind: "client", database: { system: "postgresql", statusCode: "23505" } },
  },
  {
    category: "database_deadlock",
    title: "a MySQL number as status of a span without an exception",
    make: () => shaped("Error", "", { stack: "" }),
    extra: { spanKind: "client", database: { system: "mysql", statusCode: "1213" } },
  },
  {
    category: "database_other",
    title: "a span of a database that failed without a word",
    make: () => shaped("Error", "", { stack: "" }),
    extra: { spanKind: "client", attributes: { "db.system": "cassandra" } },
  },
  {
    category: "database_constraint",
    title: "tedious",
    make: () => shaped("RequestError", "Violation of UNIQUE KEY constraint", { code: "EREQUEST", number: 2627 }),
  },
  {
    category: "database_timeout",
    title: "tedious",
    make: () => shaped("RequestError", "Timeout: Request failed to complete in 15000ms", { code: "ETIMEOUT" }),
    extra: { spanKind: "client", attributes: { "db.system": "mssql" } },
  },
  {
    category: "database_constraint",
    title: "psycopg2",
    make: () => shaped("psycopg2.errors.UniqueViolation", "duplicate key value violates unique constraint"),
  },
];

async function startPostgresErrors(): Promise<DatabaseErrors> {
  const server = await startPostgres();
  if (server.status === "missing") return server;
  const { connectionString } = server;
  const [one, other] = [new Client({ connectionString }), new Client({ connectionString })];
  await Promise.all([one.connect(), other.connect()]);
  await one.query(`
    CREATE TABLE customers (id int PRIMARY KEY);
    CREATE TABLE orders (id int PRIMARY KEY, amount int NOT NULL CHECK (amount > 0), customer int REFERENCES customers);
    INSERT INTO orders VALUES (1, 1), (2, 1);
    CREATE ROLE limited LOGIN PASSWORD 'limited' CONNECTION LIMIT 0`);
  const query = (category: RealError["category"], title: string, sql: string): RealError => ({
    category,
    title,
    make: () => thrownBy(() => one.query(sql)),
  });
  const connect = (category: RealError["category"], title: string, change: (url: URL) => void): RealError => ({
    category,
    title,
    make: () => {
      const url = new URL(connectionString);
      change(url);
      return thrownBy(() => new Client({ connectionString: url.href }).connect());
    },
  });
  return {
    status: "running",
    stop: async () => {
      await Promise.all([one.end(), other.end()]);
      await server.stop();
    },
    errors: [
      query("database_constraint", "a primary key twice", "INSERT INTO orders VALUES (1, 1)"),
      query("database_constraint", "a foreign key to nothing", "INSERT INTO orders VALUES (3, 1, 9)"),
      query("database_constraint", "a null where none may be", "INSERT INTO orders VALUES (3, NULL)"),
      query("database_constraint", "a check that fails", "INSERT INTO orders VALUES (3, 0)"),
      query("database_syntax", "a misspelt keyword", "SELEC 1"),
      query("database_syntax", "a table that is not there", "SELECT * FROM nowhere"),
      query("database_timeout", "statement_timeout", "SET statement_timeout = 20; SELECT pg_sleep(5)"),
      query("database_other", "a division by zero", "SELECT 1 / 0"),
      query("database_other", "a text that is no number", "SELECT 'x'::int"),
      query("database_other", "an exception of a procedure", "DO $$ BEGIN RAISE EXCEPTION 'no'; END $$"),
      connect("database_connection", "a wrong password", (url) => {
        url.password = "wrong";
      }),
      connect("database_connection", "a database that is not there", (url) => {
        url.pathname = "/nowhere";
      }),
      connect("database_connection", "a role without connections left", (url) => {
        url.username = "limited";
        url.password = "limited";
      }),
      {
        category: "database_connection",
        title: "a server that is not there",
        make: async () => {
          const pool = new Pool({ host: "127.0.0.1", port: await freePort() });
          return thrownBy(() => pool.query("SELECT 1"));
        },
      },
      { category: "database_deadlock", title: "two that wait for each other", make: () => deadlock(one, other) },
      {
        category: "database_deadlock",
        title: "two that cannot be put in order",
        make: () => serializationFailure(one, other),
      },
      { category: "database_timeout", title: "lock_timeout", make: () => lockTimeout(one, other) },
    ],
  };
}

async function deadlock(one: Client, other: Client): Promise<unknown> {
  await Promise.all([one.query("BEGIN"), other.query("BEGIN")]);
  await one.query("UPDATE orders SET amount = 2 WHERE id = 1");
  await other.query("UPDATE orders SET amount = 2 WHERE id = 2");
  const outcomes = await Promise.allSettled([
    one.query("UPDATE orders SET amount = 2 WHERE id = 2"),
    other.query("UPDATE orders SET amount = 2 WHERE id = 1"),
  ]);
  await Promise.all([one.query("ROLLBACK"), other.query("ROLLBACK")]);
  return outcomes.find((outcome) => outcome.status === "rejected")?.reason;
}

async function serializationFailure(one: Client, other: Client): Promise<unknown> {
  await one.query("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM orders");
  await other.query("UPDATE orders SET amount = amount + 1 WHERE id = 1");
  const error = await thrownBy(() => one.query("UPDATE orders SET amount = 5 WHERE id = 1"));
  await one.query("ROLLBACK");
  return error;
}

async function lockTimeout(one: Client, other: Client): Promise<unknown> {
  await one.query("BEGIN; LOCK TABLE orders");
  const error = await thrownBy(() => other.query("SET lock_timeout = 20; SELECT * FROM orders"));
  await one.query("ROLLBACK");
  return error;
}

const mysqlErrors: readonly RealError[] = [
  {
    category: "database_constraint",
    title: "ER_DUP_ENTRY",
    make: () => fromMysql(1062, "Duplicate entry '1' for key 'PRIMARY'"),
  },
  {
    category: "database_constraint",
    title: "a foreign key",
    make: () => fromMysql(1452, "Cannot add or update a child row"),
  },
  {
    category: "database_deadlock",
    title: "ER_LOCK_DEADLOCK",
    make: () => fromMysql(1213, "Deadlock found when trying to get lock"),
  },
  {
    category: "database_syntax",
    title: "ER_PARSE_ERROR",
    make: () => fromMysql(1064, "You have an error in your SQL syntax"),
  },
  {
    category: "database_timeout",
    title: "ER_LOCK_WAIT_TIMEOUT",
    make: () => fromMysql(1205, "Lock wait timeout exceeded"),
  },
  { category: "database_connection", title: "ER_CON_COUNT_ERROR", make: () => fromMysql(1040, "Too many connections") },
  {
    category: "database_other",
    title: "a number that is not in the table",
    make: () => fromMysql(1305, "FUNCTION x does not exist"),
  },
  {
    category: "database_connection",
    title: "a server that is not there",
    make: async () => thrownBy(async () => mysql.createConnection({ host: "127.0.0.1", port: await freePort() })),
  },
  {
    category: "database_connection",
    title: "a server that hangs up",
    make: () =>
      withServer(
        net.createServer((socket) => socket.end()),
        (port) => thrownBy(() => mysql.createConnection({ host: "127.0.0.1", port })),
      ),
  },
];

/** What mysql2 makes of an error packet: mysql2 on both ends of the wire. */
async function fromMysql(code: number, message: string): Promise<unknown> {
  const { createServer } = await import("mysql2");
  const server = createServer((connection) => {
    connection.serverHandshake({
      protocolVersion: 10,
      serverVersion: "8.0.0",
      connectionId: 1,
      statusFlags: 2,
      characterSet: 8,
      capabilityFlags: 0xff_ff_ff,
    });
    connection.on("query", () => connection.writeError({ code, message }));
    connection.on("error", () => {});
  });
  server.listen(0);
  // The typings leave out the socket server below, which alone knows its port.
  const { _server: sockets } = server as unknown as { readonly _server: net.Server };
  if (!sockets.listening) await once(sockets, "listening");
  const { port } = sockets.address() as net.AddressInfo;
  const connection = await mysql.createConnection({ host: "127.0.0.1", port });
  const error = await thrownBy(() => connection.query("SELECT 1"));
  connection.destroy();
  sockets.close();
  return error;
}

const mongoErrors: readonly RealError[] = [
  {
    category: "database_connection",
    title: "a server that is not there",
    make: async () => {
      const client = new MongoClient(`mongodb://127.0.0.1:${await freePort()}`, { serverSelectionTimeoutMS: 50 });
      return thrownBy(() => client.connect()).finally(() => client.close());
    },
  },
  {
    category: "database_constraint",
    title: "a key twice",
    make: () => new MongoServerError({ message: "E11000 duplicate key error", code: 11000 }),
  },
  {
    category: "database_deadlock",
    title: "a write conflict",
    make: () => new MongoServerError({ message: "WriteConflict", code: 112 }),
  },
  {
    category: "database_timeout",
    title: "maxTimeMS",
    make: () => new MongoServerError({ message: "operation exceeded time limit", code: 50 }),
  },
  {
    category: "database_timeout",
    title: "a socket timeout",
    make: () => new MongoNetworkTimeoutError("connection 1 timed out"),
  },
  { category: "database_timeout", title: "timeoutMS", make: () => new MongoOperationTimeoutError("timed out") },
  {
    category: "database_syntax",
    title: "an operator that is not there",
    make: () => new MongoServerError({ message: "unknown operator: $x", code: 2 }),
  },
  {
    category: "database_other",
    title: "a code that is not in the table",
    make: () => new MongoServerError({ message: "no", code: 26 }),
  },
];

const redisErrors: readonly RealError[] = [
  { category: "database_connection", title: "ioredis without a server", make: ioredisWithoutServer },
  {
    category: "database_connection",
    title: "redis without a server, on its span",
    make: redisWithoutServer,
    extra: { spanKind: "client", attributes: { "db.system.name": "redis" } },
  },
  ...(["ioredis", "redis"] as const).flatMap((driver): readonly RealError[] => [
    {
      category: "resource_exhausted",
      title: `OOM, in ${driver}`,
      make: () => fromRedis(driver, "OOM command not allowed when used memory > 'maxmemory'."),
    },
    {
      category: "database_timeout",
      title: `BUSY, in ${driver}`,
      make: () => fromRedis(driver, "BUSY Redis is busy running a script."),
    },
    {
      category: "database_other",
      title: `WRONGTYPE, in ${driver}`,
      make: () => fromRedis(driver, "WRONGTYPE Operation against a key holding the wrong kind of value"),
    },
    {
      category: "database_syntax",
      title: `an unknown command, in ${driver}`,
      make: () => fromRedis(driver, "ERR unknown command 'FOO'"),
    },
    {
      category: "database_connection",
      title: `LOADING, in ${driver}`,
      make: () => fromRedis(driver, "LOADING Redis is loading the dataset in memory"),
    },
  ]),
];

async function ioredisWithoutServer(): Promise<unknown> {
  const client = new Redis({
    port: await freePort(),
    host: "127.0.0.1",
    maxRetriesPerRequest: 0,
    disconnectTimeout: 10,
    retryStrategy: () => 1,
  });
  client.on("error", () => {});
  const error = await thrownBy(() => client.get("x"));
  client.disconnect();
  return error;
}

async function redisWithoutServer(): Promise<unknown> {
  const client = createClient({ socket: { host: "127.0.0.1", port: await freePort(), reconnectStrategy: false } });
  client.on("error", () => {});
  return thrownBy(() => client.connect());
}

/** What a driver makes of an error reply to `GET`; everything else is answered `OK`. */
async function fromRedis(driver: "ioredis" | "redis", reply: string): Promise<unknown> {
  const server = net.createServer((socket) => {
    socket.setEncoding("utf8").on("data", (text: string) => {
      for (const command of text.split(/^\*/m).slice(1)) {
        socket.write(/\r\nget\r\n/i.test(command) ? `-${reply}\r\n` : "+OK\r\n");
      }
    });
  });
  return withServer(server, async (port) => {
    if (driver === "ioredis") {
      const client = new Redis({
        port,
        host: "127.0.0.1",
        enableReadyCheck: false,
        disableClientInfo: true,
        disconnectTimeout: 10,
      });
      const error = await thrownBy(() => client.get("x"));
      client.disconnect();
      return error;
    }
    const client = createClient({ socket: { host: "127.0.0.1", port } });
    client.on("error", () => {});
    await client.connect();
    const error = await thrownBy(() => client.get("x"));
    client.destroy();
    return error;
  });
}
