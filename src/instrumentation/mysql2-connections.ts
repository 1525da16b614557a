/**
 * Whose work mysql2 does, and whose failure it is, on connections that requests share.
 *
 *   request A  getConnection ──────────► query … release ─┐ the callback of B would run in A's async context,
 *   request B  getConnection … waits … callback ◄─────────┘ with A's request id
 *
 * A callback therefore runs in the context of the code that gave it. And a connection that cannot be had, which no
 * command's span tells of, is told here: refused, timed out, denied, or a pool that lets nobody wait any more.
 */
import { type EventEmitter, errorMonitor } from "node:events";
import { type Attributes, context } from "@opentelemetry/api";
import {
  InstrumentationBase,
  InstrumentationNodeModuleDefinition,
  InstrumentationNodeModuleFile,
} from "@opentelemetry/instrumentation";
import type { PoolState } from "../event";
import { VERSION } from "../version";
import { type Asked, askedNow, noteConnectionFailure } from "./connection-failure";
import { notePool, type PooledDatabase } from "./connection-pools";

interface ConnectionConfig {
  readonly host?: string;
  readonly port?: number;
  readonly socketPath?: string;
  readonly database?: string;
  /** Set for the connections of a pool. */
  readonly pool?: object;
}
interface Command {
  onResult?: unknown;
  readonly constructor: { readonly name: string };
}
interface Connection extends EventEmitter {
  readonly config: ConnectionConfig;
}
type AddCommand = (this: Connection, command: Command) => unknown;

interface Pool {
  readonly config: { readonly connectionConfig: ConnectionConfig };
  readonly _allConnections?: List;
  readonly _freeConnections?: List;
  readonly _connectionQueue?: List;
}
interface List {
  readonly length: number;
}
type OnConnection = (error: unknown, connection?: unknown) => void;
type GetConnection = (this: Pool, callback: OnConnection) => unknown;

type ConnectionModule = { readonly prototype: { addCommand: AddCommand } };
type PoolModule = { readonly prototype: { getConnection: GetConnection } };

const VERSIONS = [">=1.4.2 <4"];

export class MySQL2ConnectionsInstrumentation extends InstrumentationBase {
  constructor() {
    super("seismo/mysql2-connections", VERSION, {});
  }

  protected init(): InstrumentationNodeModuleDefinition {
    return new InstrumentationNodeModuleDefinition("mysql2", VERSIONS, undefined, undefined, [
      new InstrumentationNodeModuleFile(
        "mysql2/lib/connection.js",
        VERSIONS,
        (module: ConnectionModule) => {
          const prototype = ownerOf("addCommand", module.prototype);
          this._wrap(prototype, "addCommand", (original) => this.#watchCommands(original));
          return module;
        },
        (module?: ConnectionModule) => {
          if (module !== undefined) this._unwrap(ownerOf("addCommand", module.prototype), "addCommand");
        },
      ),
      new InstrumentationNodeModuleFile(
        "mysql2/lib/pool.js",
        VERSIONS,
        (module: PoolModule) => {
          const prototype = ownerOf("getConnection", module.prototype);
          this._wrap(prototype, "getConnection", (original) => this.#watchPool(original));
          return module;
        },
        (module?: PoolModule) => {
          if (module !== undefined) this._unwrap(ownerOf("getConnection", module.prototype), "getConnection");
        },
      ),
    ]);
  }

  #watchCommands(original: AddCommand): AddCommand {
    const note = this.#note.bind(this);
    return function addCommand(command) {
      if (typeof command.onResult === "function") command.onResult = context.bind(context.active(), command.onResult);
      // The first command of every connection; the pool tells of its own.
      if (command.constructor.name === "ClientHandshake" && this.config.pool === undefined) {
        const asked = askedNow();
        const onError = (error: unknown): void => note(error, this.config, asked);
        // A listener for `error` itself would keep the application from dying of it.
        this.once(errorMonitor, onError);
        this.once("connect", () => this.off(errorMonitor, onError));
      }
      return original.call(this, command);
    };
  }

  #watchPool(original: GetConnection): GetConnection {
    const note = this.#note.bind(this);
    const watched = new WeakSet<OnConnection>();
    return function getConnection(callback) {
      notePool(this, databaseOf, stateOf);
      // One that waited comes back here when the connection that it waited for is lost.
      if (typeof callback !== "function" || watched.has(callback)) return original.call(this, callback);
      const asked = askedNow();
      const onConnection: OnConnection = (error, connection) => {
        if (error) note(error, this.config.connectionConfig, asked);
        context.with(asked.context, callback, undefined, error, connection);
      };
      watched.add(onConnection);
      return original.call(this, onConnection);
    };
  }

  #note(error: unknown, { host, port, socketPath, database }: ConnectionConfig, asked: Asked): void {
    const attributes = (): Attributes => ({
      "server.address": socketPath ?? host,
      "server.port": socketPath === undefined ? port : undefined,
      "db.namespace": database,
    });
    noteConnectionFailure(this.tracer, { error, system: "mysql", attributes, ...asked });
  }
}

function databaseOf({ config: { connectionConfig } }: Pool): PooledDatabase {
  const { host, port, socketPath, database } = connectionConfig;
  return { system: "mysql", database, ...(socketPath === undefined ? { host, port } : {}) };
}

function stateOf({ _allConnections, _freeConnections, _connectionQueue }: Pool): PoolState {
  return {
    size: _allConnections?.length ?? 0,
    idle: _freeConnections?.length ?? 0,
    waiting: _connectionQueue?.length ?? 0,
  };
}

/** Since 3.11.5 most code of the two classes is in a base class, which promises share. */
function ownerOf<T extends object>(method: keyof T, prototype: T): T {
  return Object.hasOwn(prototype, method) ? prototype : Object.getPrototypeOf(prototype);
}
