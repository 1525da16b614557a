/** Notes the pools of pg as the application uses them. */
import { InstrumentationBase, InstrumentationNodeModuleDefinition } from "@opentelemetry/instrumentation";
import { VERSION } from "../version";
import { notePool, type PooledDatabase } from "./connection-pools";

interface Pool {
  readonly options?: {
    readonly connectionString?: unknown;
    readonly host?: unknown;
    readonly port?: unknown;
    readonly database?: unknown;
  };
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
}
type Connect = (this: Pool, ...args: unknown[]) => unknown;
type PoolClass = { readonly prototype: { connect: Connect } };

const VERSIONS = [">=2 <4"];

export class PgPoolsInstrumentation extends InstrumentationBase {
  constructor() {
    super("seismo/pg-pools", VERSION, {});
  }

  protected init(): InstrumentationNodeModuleDefinition {
    return new InstrumentationNodeModuleDefinition(
      "pg-pool",
      VERSIONS,
      (module: PoolClass) => {
        // Not by _wrap(): OpenTelemetry's own instrumentation takes away what is wrapped so.
        module.prototype.connect = noteAsked(module.prototype.connect);
        return module;
      },
      undefined, // what is noted harms nobody
    );
  }
}

function noteAsked(original: Connect): Connect {
  return function connect(...args) {
    notePool(this, databaseOf, ({ totalCount, idleCount, waitingCount }) => ({
      size: totalCount,
      idle: idleCount,
      waiting: waitingCount,
    }));
    return original.apply(this, args);
  };
}

function databaseOf({ options = {} }: Pool): PooledDatabase {
  const { connectionString, host, port, database } = options;
  const url = typeof connectionString === "string" ? parsed(connectionString) : undefined;
  return {
    system: "postgresql",
    host: textOf(host) ?? textOf(url?.hostname),
    port: numberOf(port) ?? numberOf(url?.port),
    database: textOf(database) ?? textOf(url && decodeURIComponent(url.pathname.slice(1))),
  };
}

/** Undefined for what is no URL, such as a socket's path. */
function parsed(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === "string" && value !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isInteger(number) ? number : undefined;
}
