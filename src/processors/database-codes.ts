/**
 * What databases say: SQLSTATE, MySQL numbers and names, MongoDB codes and classes, Redis replies, SQLite results.
 * A code decides where there is one; the wording of a driver only when the error is known to come from a database.
 */
import type { Category, JsonObject } from "../event";

/** What decided, and for what. */
export interface Evidence {
  readonly category: Category;
  readonly reason: string;
}

/** The error itself or one of its causes. */
export interface Link {
  readonly type: string;
  readonly message: string;
  readonly stack: string;
  readonly properties: JsonObject;
}

/**
 * `system` is the `db.system.name` of the span, `undefined` when no database is known to be involved;
 * `statusCode` its `db.response.status_code`.
 */
export function databaseEvidence(link: Link, system?: string, statusCode?: string): Evidence | undefined {
  const code = link.properties["code"];
  const word = typeof code === "string" ? code : link.type;
  return (
    (system === "mongodb" || link.type.startsWith("Mongo") ? mongo(link, statusCode) : undefined) ??
    mysql(link.properties, word, system, statusCode) ??
    sqlServer(link.properties, word, system, statusCode) ??
    sqlState(link.properties, word, system, statusCode) ??
    sqlite(link, word) ??
    redis(link, system) ??
    named(PRISMA.get(word), "code", word) ??
    named(CLASSES.get(lastPart(link.type)), "type", link.type)
  );
}

/** The wording of a driver or server that gave no code. For errors that are known to come from a database. */
export function databaseWording(message: string): Evidence | undefined {
  const text = message.slice(0, MAX_TEXT).toLowerCase();
  for (const [phrase, category] of WORDING) {
    if (text.includes(phrase)) return { category, reason: `message "${phrase}"` };
  }
  return undefined;
}

/** A socket that failed on the way to a database: its well-known port, or a driver's marks or frames. */
export function leadsToDatabase(link: Link): boolean {
  const { port, fatal } = link.properties;
  if (typeof fatal === "boolean") return true; // mysql and mysql2: whether the connection is lost
  const target = typeof port === "number" ? port : Number(link.message.slice(link.message.lastIndexOf(":") + 1));
  return DATABASE_PORTS.has(target) || hasDriverFrames(link.stack);
}

function hasDriverFrames(stack: string): boolean {
  return DRIVER_FRAME.test(stack.slice(0, MAX_TEXT));
}

const MAX_TEXT = 8_192;
const DATABASE_PORTS: ReadonlySet<number> = new Set([1433, 1521, 3306, 5432, 6379, 9042, 26257, 27017, 27018, 27019]);
const DRIVER_FRAME =
  /node_modules[\\/](?:pg|pg-pool|pg-protocol|postgres|mysql|mysql2|mariadb|mongodb|ioredis|@redis|tedious|oracledb|cassandra-driver)[\\/]/;

function named(category: Category | undefined, what: string, name: string): Evidence | undefined {
  return category && { category, reason: `${what} ${name}` };
}

function lastPart(type: string): string {
  return type.slice(type.lastIndexOf(".") + 1);
}

function mongo({ type, properties }: Link, statusCode: string | undefined): Evidence | undefined {
  const code = Number(properties["code"] ?? statusCode ?? Number.NaN);
  const byCode = named(MONGO_CODES.get(code), "MongoDB code", String(code));
  if (byCode !== undefined) return byCode;
  return named(MONGO_CLASSES.get(type) ?? (type.startsWith("Mongo") ? "database_other" : undefined), "type", type);
}

function mysql(properties: JsonObject, word: string, system = "", statusCode = ""): Evidence | undefined {
  const errno = properties["sqlMessage"] !== undefined ? Number(properties["errno"]) : Number.NaN;
  const number = Number.isNaN(errno) && MYSQL_SYSTEMS.has(system) ? Number(statusCode || Number.NaN) : errno;
  const category = MYSQL_NAMES.get(word) ?? MYSQL_NUMBERS.get(number);
  if (category !== undefined) return { category, reason: `MySQL error ${MYSQL_NAMES.has(word) ? word : number}` };
  if (!word.startsWith("ER_") && Number.isNaN(number)) return undefined;
  const state = properties["sqlState"];
  return {
    category: (typeof state === "string" ? categoryOfSqlState(state) : undefined) ?? "database_other",
    reason: `MySQL error ${word.startsWith("ER_") ? word : number}`,
  };
}

/** tedious and mssql: `EREQUEST` with the server's number. */
function sqlServer(properties: JsonObject, word: string, system = "", statusCode = ""): Evidence | undefined {
  const isSpan = SQL_SERVER_SYSTEMS.has(system);
  if (word !== "EREQUEST" && word !== "ELOGIN" && !isSpan) return undefined;
  const number = Number(properties["number"] ?? statusCode);
  const category = SQL_SERVER_NUMBERS.get(number);
  if (category !== undefined) return { category, reason: `SQL Server error ${number}` };
  if (isSpan) return undefined;
  return { category: word === "ELOGIN" ? "database_connection" : "database_other", reason: `code ${word}` };
}

function sqlState(properties: JsonObject, word: string, system?: string, statusCode = ""): Evidence | undefined {
  const own = properties["sqlState"];
  const isStated = typeof own === "string" || system !== undefined || typeof properties["severity"] === "string";
  const state = typeof own === "string" ? own : isSqlState(word) ? word : statusCode;
  if (!isSqlState(state)) return undefined;
  // Five characters alone may be anybody's code: without a database around, only the common ones count.
  const category = isStated ? categoryOfSqlState(state) : SQL_STATES.get(state);
  return category && { category, reason: `SQLSTATE ${state}` };
}

function isSqlState(text: string): boolean {
  return text.length === 5 && /^[0-9A-Z]{5}$/.test(text);
}

function categoryOfSqlState(state: string): Category | undefined {
  return SQL_STATES.get(state) ?? SQL_STATE_CLASSES.get(state.slice(0, 2));
}

function sqlite({ message, properties }: Link, word: string): Evidence | undefined {
  if (!word.startsWith("SQLITE_") && word !== "ERR_SQLITE_ERROR") return undefined;
  const errcode = properties["errcode"];
  // The low byte of an extended result code is the primary one.
  const primary = typeof errcode === "number" ? SQLITE_RESULTS[errcode & 0xff] : word.split("_", 2)[1];
  return {
    category: SQLITE_NAMES.get(primary ?? "") ?? databaseWording(message)?.category ?? "database_other",
    reason: typeof errcode === "number" ? `SQLite result ${errcode}` : `code ${word}`,
  };
}

/** A Redis error reply begins with a word in capitals. */
function redis({ type, message, stack }: Link, system: string | undefined): Evidence | undefined {
  const isReply = type === "ReplyError" || type === "ErrorReply" || type === "SimpleError" || system === "redis";
  const space = message.indexOf(" ");
  const word = message.slice(0, space < 0 ? MAX_REPLY_WORD : Math.min(space, MAX_REPLY_WORD));
  const known = REDIS_WORDS.get(word);
  if (!isReply && (known === undefined || !REDIS_FRAME.test(stack.slice(0, MAX_TEXT)))) return undefined;
  if (word !== "ERR" && known !== undefined) return { category: known, reason: `Redis reply ${word}` };
  if (!/^[A-Z]+$/.test(word)) return undefined;
  return { category: databaseWording(message)?.category ?? "database_other", reason: `Redis reply ${word}` };
}

const MAX_REPLY_WORD = 20;
const REDIS_FRAME = /node_modules[\\/](?:ioredis|redis-parser|@redis)[\\/]/;

function table<K>(names: { readonly [C in Category]?: readonly K[] }): ReadonlyMap<K, Category> {
  // Object.entries forgets that the keys are categories.
  const entries = Object.entries(names) as [Category, readonly K[]][];
  return new Map(entries.flatMap(([category, list]) => list.map((name) => [name, category] as const)));
}

/** Where a code differs from its class, and the codes that are known well enough to stand alone. */
const SQL_STATES: ReadonlyMap<string, Category> = table({
  resource_exhausted: ["53000", "53100", "53200"],
  resource_limit: ["53400"],
  database_connection: [
    "08000",
    "08001",
    "08003",
    "08004",
    "08006",
    "08P01",
    "28000",
    "28P01",
    "3D000",
    "53300",
    "57P01",
    "57P02",
    "57P03",
  ],
  database_timeout: ["57014", "55P03", "25P03", "25P04", "57P05", "HYT00", "HYT01"],
  database_constraint: ["23000", "23001", "23502", "23503", "23505", "23514", "23P01", "40002", "44000"],
  database_deadlock: ["40001", "40P01"],
  database_syntax: ["42601", "42703", "42883", "42P01", "42P02", "42P18"],
  database_other: ["42501", "22001", "22003", "22012", "22P02", "25P02", "P0001", "XX000"],
});

const SQL_STATE_CLASSES: ReadonlyMap<string, Category> = table({
  resource_exhausted: ["53"],
  resource_limit: ["54"],
  database_connection: ["08", "28", "3D"],
  database_constraint: ["23", "27", "44"],
  database_deadlock: ["40"],
  database_syntax: ["42", "26", "2A", "37", "3F"],
  database_other: [
    "0A",
    "21",
    "22",
    "24",
    "25",
    "2D",
    "34",
    "38",
    "39",
    "55",
    "57",
    "58",
    "F0",
    "HV",
    "HY",
    "P0",
    "XX",
  ],
});

const MYSQL_SYSTEMS: ReadonlySet<string> = new Set(["mysql", "mariadb"]);

const MYSQL_NAMES: ReadonlyMap<string, Category> = table({
  resource_exhausted: ["ER_DISK_FULL", "ER_OUTOFMEMORY", "ER_OUT_OF_RESOURCES", "ER_RECORD_FILE_FULL"],
  database_connection: [
    ...["ER_CON_COUNT_ERROR", "ER_TOO_MANY_USER_CONNECTIONS", "ER_USER_LIMIT_REACHED", "ER_ACCESS_DENIED_ERROR"],
    ...[
      "ER_DBACCESS_DENIED_ERROR",
      "ER_BAD_DB_ERROR",
      "ER_HANDSHAKE_ERROR",
      "ER_HOST_IS_BLOCKED",
      "ER_SERVER_SHUTDOWN",
    ],
    ...["PROTOCOL_CONNECTION_LOST", "PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR", "POOL_CLOSED"],
  ],
  database_timeout: ["ER_LOCK_WAIT_TIMEOUT", "ER_QUERY_TIMEOUT", "ER_QUERY_INTERRUPTED", "PROTOCOL_SEQUENCE_TIMEOUT"],
  database_constraint: [
    ...["ER_DUP_ENTRY", "ER_DUP_ENTRY_WITH_KEY_NAME", "ER_BAD_NULL_ERROR", "ER_NO_DEFAULT_FOR_FIELD", "ER_DUP_UNIQUE"],
    ...["ER_NO_REFERENCED_ROW", "ER_NO_REFERENCED_ROW_2", "ER_ROW_IS_REFERENCED", "ER_ROW_IS_REFERENCED_2"],
    ...["ER_CHECK_CONSTRAINT_VIOLATED", "ER_CONSTRAINT_FAILED"],
  ],
  database_deadlock: ["ER_LOCK_DEADLOCK", "ER_XA_RBDEADLOCK"],
  database_syntax: [
    "ER_PARSE_ERROR",
    "ER_SYNTAX_ERROR",
    "ER_NO_SUCH_TABLE",
    "ER_BAD_FIELD_ERROR",
    "ER_BAD_TABLE_ERROR",
  ],
});

/** The numbers of the names above, and those of the C client (2xxx). */
const MYSQL_NUMBERS: ReadonlyMap<number, Category> = table({
  resource_exhausted: [1021, 1037, 1041, 1114],
  database_connection: [1040, 1203, 1226, 1045, 1044, 1049, 1043, 1129, 1053, 2002, 2003, 2005, 2006, 2013],
  database_timeout: [1205, 3024, 1317, 1969],
  database_constraint: [1062, 1586, 1048, 1364, 1169, 1216, 1452, 1217, 1451, 3819, 4025],
  database_deadlock: [1213, 1614],
  database_syntax: [1064, 1149, 1146, 1054, 1051],
});

const SQL_SERVER_SYSTEMS: ReadonlySet<string> = new Set(["mssql", "microsoft.sql_server"]);

const SQL_SERVER_NUMBERS: ReadonlyMap<number, Category> = table({
  resource_exhausted: [701, 1105, 9002],
  database_connection: [233, 4060, 18456],
  database_timeout: [-2, 1222],
  database_constraint: [515, 547, 2601, 2627],
  database_deadlock: [1205, 3960],
  database_syntax: [102, 156, 207, 208, 2812],
});

const MONGO_CODES: ReadonlyMap<number, Category> = table({
  resource_exhausted: [146, 14031],
  database_connection: [6, 7, 13, 18, 91, 189, 9001, 10107, 11600, 11602, 13435, 13436],
  database_timeout: [24, 50, 89, 202, 262],
  database_constraint: [121, 11000, 11001, 12582],
  database_deadlock: [112],
  database_syntax: [2, 9, 14, 15, 40, 59, 168, 40324],
});

const MONGO_CLASSES: ReadonlyMap<string, Category> = table({
  database_connection: [
    ...["MongoNetworkError", "MongoServerSelectionError", "MongoNotConnectedError", "MongoTopologyClosedError"],
    ...["MongoClientClosedError", "MongoServerClosedError", "MongoPoolClosedError", "MongoPoolClearedError"],
    ...["MongoStalePrimaryError", "MongoMissingCredentialsError", "PoolClearedOnNetworkError"],
  ],
  database_timeout: ["MongoNetworkTimeoutError", "MongoOperationTimeoutError", "MongoWaitQueueTimeoutError"],
  database_syntax: ["MongoInvalidArgumentError", "MongoParseError"],
});

const REDIS_WORDS: ReadonlyMap<string, Category> = table({
  resource_exhausted: ["OOM"],
  database_connection: ["LOADING", "MASTERDOWN", "CLUSTERDOWN", "NOAUTH", "WRONGPASS", "DENIED"],
  database_timeout: ["BUSY"], // a script that ran over its time
  database_constraint: ["BUSYKEY", "BUSYGROUP"],
  database_syntax: ["NOSCRIPT"],
  database_other: [
    "ERR",
    "WRONGTYPE",
    "READONLY",
    "MISCONF",
    "EXECABORT",
    "NOPERM",
    "CROSSSLOT",
    "NOREPLICAS",
    "NOTBUSY",
  ],
});

/** Primary result codes by number, from 0. */
const SQLITE_RESULTS: readonly string[] =
  `OK ERROR INTERNAL PERM ABORT BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT NOTFOUND FULL CANTOPEN PROTOCOL EMPTY SCHEMA
  TOOBIG CONSTRAINT MISMATCH MISUSE NOLFS AUTH FORMAT RANGE NOTADB`.split(/\s+/);

const SQLITE_NAMES: ReadonlyMap<string, Category> = table({
  resource_exhausted: ["FULL", "NOMEM"],
  resource_limit: ["TOOBIG"],
  database_connection: ["CANTOPEN", "AUTH", "PERM"],
  database_timeout: ["BUSY", "INTERRUPT"],
  database_constraint: ["CONSTRAINT"],
  database_deadlock: ["LOCKED"],
  database_syntax: ["RANGE"],
});

const PRISMA: ReadonlyMap<string, Category> = table({
  database_connection: ["P1000", "P1001", "P1003", "P1010", "P1011", "P1017"],
  database_timeout: ["P1002", "P1008", "P2024", "P2028"],
  database_constraint: ["P2002", "P2003", "P2004", "P2011", "P2014"],
  database_deadlock: ["P2034"],
  database_syntax: ["P2009", "P2010", "P2021", "P2022"],
  database_other: ["P2000", "P2025"],
});

/** Classes of clients and mappers in several languages; without the module in front. */
const CLASSES: ReadonlyMap<string, Category> = table({
  database_connection: [
    ...["MaxRetriesPerRequestError", "ClusterAllFailedError", "ClientClosedError", "ClientOfflineError"],
    ...["SequelizeConnectionError", "SequelizeConnectionRefusedError", "SequelizeHostNotFoundError"],
    ...["SequelizeAccessDeniedError", "PrismaClientInitializationError", "InterfaceError"],
  ],
  database_timeout: [
    "SequelizeTimeoutError",
    "SequelizeConnectionAcquireTimeoutError",
    "KnexTimeoutError",
    "QueryCanceled",
  ],
  database_constraint: [
    ...["SequelizeUniqueConstraintError", "SequelizeForeignKeyConstraintError", "IntegrityError", "UniqueViolation"],
    ...["ForeignKeyViolation", "NotNullViolation", "CheckViolation", "DuplicateKeyError", "DuplicateKeyException"],
    ...["DataIntegrityViolationException", "SQLIntegrityConstraintViolationException"],
  ],
  database_deadlock: ["DeadlockDetected", "DeadlockLoserDataAccessException", "SerializationFailure"],
  database_syntax: [
    "ProgrammingError",
    "UndefinedTable",
    "UndefinedColumn",
    "BadSqlGrammarException",
    "SQLSyntaxErrorException",
  ],
  database_other: [
    ...["SequelizeDatabaseError", "QueryFailedError", "PrismaClientKnownRequestError", "DatabaseError", "SQLException"],
    ...[
      "ReplyError",
      "ErrorReply",
      "SimpleError",
      "MultiErrorReply",
      "WatchError",
      "PostgresException",
      "MySqlException",
    ],
  ],
});

/** First hit wins: what is most telling comes first. Lower case. */
const WORDING: readonly (readonly [phrase: string, category: Category])[] = [
  ["out of memory", "resource_exhausted"],
  ["no space left", "resource_exhausted"],
  ["deadlock", "database_deadlock"],
  ["could not serialize", "database_deadlock"],
  ["duplicate key", "database_constraint"],
  ["duplicate entry", "database_constraint"],
  ["violates", "database_constraint"],
  ["constraint error", "database_constraint"],
  ["constraint failed", "database_constraint"],
  ["foreign key constraint", "database_constraint"],
  ["timeout", "database_timeout"],
  ["timed out", "database_timeout"],
  ["syntax error", "database_syntax"],
  ["error in your sql syntax", "database_syntax"],
  ["unknown command", "database_syntax"],
  ["wrong number of arguments", "database_syntax"],
  ["parser error", "database_syntax"],
  ["binder error", "database_syntax"],
  ["catalog error", "database_syntax"],
  ["no such table", "database_syntax"],
  ["no such column", "database_syntax"],
  ["does not exist", "database_syntax"],
  ["econnre", "database_connection"],
  ["connect", "database_connection"],
  ["max number of clients", "database_connection"],
  ["too many clients", "database_connection"],
  ["socket closed", "database_connection"],
  ["client was closed", "database_connection"],
  ["pool is closed", "database_connection"], // mysql2
  ["queue limit reached", "database_connection"], // mysql2
];
