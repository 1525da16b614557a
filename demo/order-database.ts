/**
 * The order service's database: one table in memory behind MySQL's protocol, so that the demo needs nothing installed.
 * It knows the few statements that the service sends, and refuses as MySQL does: by number, through a real driver.
 *
 *   FOR UPDATE ─► free?            taken until COMMIT or ROLLBACK
 *                 owner waits on me?   1213, deadlock
 *                 else                 wait ─► 1205, lock wait timeout
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type Connection, createConnection } from "mysql2";

export interface OrderDatabase {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens on a free port of 127.0.0.1. */
export async function startOrderDatabase(): Promise<OrderDatabase> {
  const orders: Orders = new Map();
  const locks = createRowLocks();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    serve(socket, orders, locks);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // a TCP server's address is never a path
  return {
    port,
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}

type Orders = Map<string, string>;
type Reply =
  | { readonly kind: "ok" }
  | { readonly kind: "orders"; readonly rows: readonly { readonly id: string; readonly item: string }[] }
  | { readonly kind: "error"; readonly code: number; readonly message: string };

const MAX_ORDERS = 10_000;
/** Long enough for a deadlock to close on a busy machine. */
const LOCK_WAIT_MILLIS = 800;
const OK: Reply = { kind: "ok" };

const INSERT = /^INSERT INTO orders \(id, item\) VALUES \('([^']*)', '([^']*)'\)$/;
const SELECT = /^SELECT id, item FROM orders WHERE id = '([^']*)'( FOR UPDATE)?$/;
const EXP = /^SELECT EXP\((\d+)\)$/;
const END_OF_TRANSACTION = /^(?:COMMIT|ROLLBACK)$/;

function serve(socket: Socket, orders: Orders, locks: RowLocks): void {
  const connection = createConnection({ stream: socket, isServer: true });
  connection.on("error", () => locks.release(connection)); // the client is gone
  socket.once("close", () => locks.release(connection));
  connection.serverHandshake({
    protocolVersion: 10,
    serverVersion: "8.0.0-seismo-demo",
    connectionId: 1,
    statusFlags: 2,
    characterSet: 45,
    capabilityFlags: 0xff_ff_ff,
    authCallback(_who: unknown, accept: (error: null) => void) {
      accept(null);
      connection.sequenceId = 0; // each command counts its packets anew, which mysql2 leaves to its server
    },
  });
  connection.on("query", (sql: string) => {
    void answer(sql, connection, orders, locks).then((reply) => {
      if (!socket.destroyed) write(connection, reply);
      connection.sequenceId = 0;
    });
  });
}

async function answer(sql: string, session: object, orders: Orders, locks: RowLocks): Promise<Reply> {
  if (sql === "START TRANSACTION") return OK;
  if (END_OF_TRANSACTION.test(sql)) {
    locks.release(session);
    return OK;
  }
  const [, newId, item] = INSERT.exec(sql) ?? [];
  if (newId !== undefined && item !== undefined) return insert(newId, item, orders);
  const [, id, forUpdate] = SELECT.exec(sql) ?? [];
  if (id !== undefined) {
    const refusal = forUpdate === undefined ? undefined : await locks.take(id, session);
    return refusal ?? { kind: "orders", rows: orders.has(id) ? [{ id, item: orders.get(id) ?? "" }] : [] };
  }
  const exponent = EXP.exec(sql)?.[1];
  if (exponent !== undefined && !Number.isFinite(Math.exp(Number(exponent)))) {
    return { kind: "error", code: 1690, message: `DOUBLE value is out of range in 'exp(${exponent})'` };
  }
  return {
    kind: "error",
    code: 1064,
    message: `You have an error in your SQL syntax; check the manual for the right syntax to use near '${sql.slice(0, 80)}' at line 1`,
  };
}

function insert(id: string, item: string, orders: Orders): Reply {
  if (orders.has(id)) return { kind: "error", code: 1062, message: `Duplicate entry '${id}' for key 'orders.PRIMARY'` };
  const oldest = orders.keys().next();
  if (orders.size >= MAX_ORDERS && oldest.done !== true) orders.delete(oldest.value);
  orders.set(id, item);
  return OK;
}

function write(connection: Connection, reply: Reply): void {
  switch (reply.kind) {
    case "ok":
      connection.writeOk({ affectedRows: 1 });
      return;
    case "orders":
      connection.writeTextResult([...reply.rows], ["id", "item"].map(textColumn));
      return;
    case "error":
      connection.writeError({ code: reply.code, message: reply.message });
      return;
    default:
      reply satisfies never;
  }
}

function textColumn(name: string): object {
  const names = { catalog: "def", schema: "shop", table: "orders", orgTable: "orders", name, orgName: name };
  return { ...names, characterSet: 45, columnLength: 1_024, columnType: 253, flags: 0, decimals: 0 };
}

interface RowLocks {
  /** Resolves to nothing when the row is the session's own, else to the refusal. */
  take(row: string, session: object): Promise<Reply | undefined>;
  /** Gives up all rows of a session, and its place in every queue. */
  release(session: object): void;
}

interface Waiter {
  readonly row: string;
  readonly session: object;
  readonly end: (refusal: Reply | undefined) => void;
}

function createRowLocks(): RowLocks {
  const owners = new Map<string, object>();
  const waiters = new Set<Waiter>();

  /** Whether the owner of a row waits, through however many others, for this session. */
  const waitsFor = (row: string, session: object): boolean => {
    const owner = owners.get(row);
    if (owner === session) return true;
    return [...waiters].some((waiter) => waiter.session === owner && waitsFor(waiter.row, session));
  };
  const release = (session: object): void => {
    for (const waiter of waiters) if (waiter.session === session) waiter.end(undefined);
    for (const [row, owner] of owners) {
      if (owner !== session) continue;
      owners.delete(row);
      const next = [...waiters].find((waiter) => waiter.row === row);
      if (next === undefined) continue;
      owners.set(row, next.session);
      next.end(undefined);
    }
  };
  return {
    release,
    async take(row, session) {
      const owner = owners.get(row);
      if (owner === undefined || owner === session) {
        owners.set(row, session);
        return undefined;
      }
      if (waitsFor(row, session)) {
        release(session);
        return {
          kind: "error",
          code: 1213,
          message: "Deadlock found when trying to get lock; try restarting transaction",
        };
      }
      return new Promise((resolve) => {
        const timer = setTimeout(
          () =>
            waiter.end({
              kind: "error",
              code: 1205,
              message: "Lock wait timeout exceeded; try restarting transaction",
            }),
          LOCK_WAIT_MILLIS,
        );
        const waiter: Waiter = {
          row,
          session,
          end(refusal) {
            clearTimeout(timer);
            waiters.delete(waiter);
            resolve(refusal);
          },
        };
        waiters.add(waiter);
      });
    },
  };
}
