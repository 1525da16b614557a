/**
 * The same code means other things elsewhere: on the way to a database, at the server's end of a connection, in a
 * clean-up, in a spawn.
 */
import type { Category, RedactedError } from "../event";
import { type Evidence, type Link, leadsToDatabase } from "./database-codes";

/** What `category`, found by `code` in a link of the error's chain, comes to where it was found. `""` for no code. */
export function inContext(
  error: RedactedError,
  link: Link,
  category: Category,
  reason: string,
  code: string,
): Evidence {
  const syscall = code === "" ? "" : syscallOf(link, code);
  if (PROCESS_CALL.test(syscall)) {
    if (code === "EAGAIN" || category === "resource_exhausted") return { category: "resource_exhausted", reason };
    return { category: code === "ETIMEDOUT" ? "worker_timeout" : "worker_other", reason: `${reason} of ${syscall}` };
  }
  if (category.startsWith("file_")) {
    if (CLEANUP_CALLS.has(syscall)) return { category: "file_cleanup", reason: `${reason} of ${syscall}` };
    if (!SOCKET_CALLS.has(syscall)) return { category, reason };
    return inNetwork(error, link, "network_connection", `${reason} of ${syscall}`, code);
  }
  if (category.startsWith("network_") || category === "connection_aborted") {
    return inNetwork(error, link, category, reason, code);
  }
  if (code.startsWith("HPE_") && (error.spanKind === "client" || link !== error)) {
    return { category: "http_upstream_error", reason };
  }
  if (code === "RESOURCE_EXHAUSTED" && isRemoteCall(error, link)) return { category: "quota_exhausted", reason };
  return { category, reason };
}

/** The `db.system.name`; `""` when there is a database and nobody says which; `undefined` without one. */
export function databaseSystem({ database, attributes }: RedactedError): string | undefined {
  if (database !== undefined) return database.system ?? "";
  const system = attributes["db.system.name"] ?? attributes["db.system"];
  return typeof system === "string" ? system : undefined;
}

function inNetwork(error: RedactedError, link: Link, category: Category, reason: string, code: string): Evidence {
  if (databaseSystem(error) !== undefined || leadsToDatabase(link)) {
    const database = category === "network_timeout" ? "database_timeout" : "database_connection";
    return { category: database, reason: `${reason} on the way to a database` };
  }
  if (code === "ETIMEOUT" && syscallOf(link, code).startsWith("query")) return { category: "network_dns", reason };
  if (category === "connection_aborted") {
    if (link.message.startsWith("timeout of ")) return { category: "network_timeout", reason }; // axios
    if (code === "ERR_STREAM_PREMATURE_CLOSE" && error.spanKind === "client") {
      return { category: "network_connection", reason };
    }
  }
  if (code === "ECONNRESET" && link.message === "aborted" && error.spanKind !== "client") {
    return { category: "connection_aborted", reason: `${reason} of a request` };
  }
  const isReset = code === "ECONNRESET" || code === "EPIPE";
  if (isReset && error.spanKind === "server" && link === error && link.message !== "socket hang up") {
    return { category: "connection_reset_by_client", reason: `${reason} of a server's connection` };
  }
  return { category, reason };
}

const MAX_SYSCALL = 64;
/** Node adds the program: `spawnSync git`. */
const PROCESS_CALL = /^(?:spawn|spawnSync|kill)(?: |$)/;
const CLEANUP_CALLS: ReadonlySet<string> = new Set(["unlink", "rmdir", "rm"]);
const SOCKET_CALLS: ReadonlySet<string> = new Set(["connect", "listen", "bind", "accept"]);

/** From the property, else from Node's wording: `ENOENT: no such file…, unlink 'x'`, `connect ECONNREFUSED …`. */
function syscallOf({ properties, message }: Link, code: string): string {
  const own = properties["syscall"];
  if (typeof own === "string") return own;
  const start = message.startsWith(`${code}: `) ? message.indexOf(", ") + 2 : 0;
  const end = message.indexOf(" ", start);
  return message.slice(start, end < 0 ? undefined : end).slice(0, MAX_SYSCALL);
}

function isRemoteCall({ spanKind, attributes }: RedactedError, { properties }: Link): boolean {
  return (
    spanKind === "client" ||
    attributes["gen_ai.operation.name"] !== undefined ||
    attributes["gen_ai.system"] !== undefined ||
    (attributes["rpc.system.name"] ?? attributes["rpc.system"]) !== undefined ||
    properties["status"] !== undefined
  );
}
