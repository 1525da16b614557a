/** The order service: Express 5 on a MySQL database. It knows nothing of Seismo. */
import { Ajv, type AsyncSchema, ValidationError } from "ajv";
import express, { type NextFunction, type Request, type Response } from "express";
import mysql, { type PoolConnection, type RowDataPacket } from "mysql2/promise";
import { serve, setting } from "./service";

const database = { host: "127.0.0.1", user: "orders", database: "shop" };
const pool = mysql.createPool({ ...database, port: Number(setting("DATABASE_PORT")) });

interface Order {
  readonly id: string;
  readonly item: string;
  readonly quantity: number;
}
const orderSchema: AsyncSchema = {
  $async: true,
  type: "object",
  required: ["id", "item", "quantity"],
  properties: { id: { type: "string" }, item: { type: "string" }, quantity: { type: "integer" } },
};
const validate = new Ajv().compile<Order>(orderSchema);

const LOCK = "SELECT id, item FROM orders WHERE id = ? FOR UPDATE";

const app = express();
app.use(express.json());

app.post("/orders", async (request, response) => {
  const { id, item } = await validate(request.body);
  await pool.query("INSERT INTO orders (id, item) VALUES (?, ?)", [id, item]);
  response.status(201).json({ id });
});

app.get("/orders/:id", async (request, response) => {
  const [rows] = await pool.query<RowDataPacket[]>("SELECT id, item FROM orders WHERE id = ?", [request.params.id]);
  if (rows[0] === undefined) response.status(404).json({ error: "no such order" });
  else response.json(rows[0]);
});

/** Two transactions that take the same two rows in opposite order. */
app.post("/orders/:id/swap", async ({ params: { id } }, response) => {
  await inTwoTransactions(async (one, other) => {
    await Promise.all([one.query(LOCK, [id]), other.query(LOCK, [`${id}-new`])]);
    const outcomes = await Promise.allSettled([one.query(LOCK, [`${id}-new`]), other.query(LOCK, [id])]);
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  });
  response.sendStatus(204);
});

/** A row that somebody else does not let go. */
app.post("/orders/:id/reserve", async ({ params: { id } }, response) => {
  await inTwoTransactions(async (one, other) => {
    await one.query(LOCK, [id]);
    await other.query(LOCK, [id]);
  });
  response.sendStatus(204);
});

app.post("/orders/:id/forecast", async (_request, response) => {
  response.json((await pool.query("SELECT EXP(?)", [1_000]))[0]);
});

app.post("/orders/:id/discount", async (request, response) => {
  response.json((await pool.query("UPDAET orders SET discount = 1 WHERE id = ?", [request.params.id]))[0]);
});

/** The archive's database is not running. */
app.post("/orders/:id/archive", async (_request, response) => {
  const archive = await mysql.createConnection({ ...database, port: Number(setting("ARCHIVE_PORT")) });
  await archive.end();
  response.sendStatus(204);
});

app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
  const { code }: { readonly code?: unknown } = Object(error);
  const status = error instanceof ValidationError ? 400 : code === "ER_DUP_ENTRY" ? 409 : 500;
  response.status(status).json({ error: error instanceof Error ? error.message : "failed" });
});
serve(app);

async function inTwoTransactions(work: (one: PoolConnection, other: PoolConnection) => Promise<void>): Promise<void> {
  const [one, other] = await Promise.all([pool.getConnection(), pool.getConnection()]);
  try {
    await Promise.all([one.query("START TRANSACTION"), other.query("START TRANSACTION")]);
    await work(one, other);
  } finally {
    await Promise.all([one.query("ROLLBACK"), other.query("ROLLBACK")]);
    one.release();
    other.release();
  }
}
