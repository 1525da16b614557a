/**
 * Servers that MongoDB's driver cannot find or connect to. It makes spans of commands only, and needs a server
 * and a connection before there is one to send:
 *
 *   operation ─► selectServer() ─► checkOut() ─► command (OpenTelemetry's span)
 *                    └────────────────┴─ fails: told here
 */
import type { Attributes } from "@opentelemetry/api";
import {
  InstrumentationBase,
  InstrumentationNodeModuleDefinition,
  InstrumentationNodeModuleFile,
} from "@opentelemetry/instrumentation";
import { readError } from "../processors/read-error";
import { VERSION } from "../version";
import { type Asked, askedNow, noteConnectionFailure } from "./connection-failure";

type Step<Host> = (this: Host, ...args: unknown[]) => unknown;

interface Topology {
  readonly s?: { readonly seedlist?: readonly Seed[] };
}
interface Seed {
  readonly host?: string;
  readonly port?: number;
}
interface Pool {
  /** `host:port`. */
  readonly address: string;
}
type TopologyModule = { readonly Topology: { readonly prototype: { selectServer: Step<Topology> } } };
type PoolModule = { readonly ConnectionPool: { readonly prototype: { checkOut: Step<Pool> } } };

/** Before, selectServer() took a callback. */
const VERSIONS = [">=6.6.0 <8"];

export class MongoDBConnectionsInstrumentation extends InstrumentationBase {
  constructor() {
    super("seismo/mongodb-connections", VERSION, {});
  }

  protected init(): InstrumentationNodeModuleDefinition {
    return new InstrumentationNodeModuleDefinition("mongodb", VERSIONS, undefined, undefined, [
      new InstrumentationNodeModuleFile(
        "mongodb/lib/sdam/topology.js",
        VERSIONS,
        (module: TopologyModule) => {
          this._wrap(module.Topology.prototype, "selectServer", (original) => this.#watch(original, firstSeed));
          return module;
        },
        (module?: TopologyModule) => {
          if (module !== undefined) this._unwrap(module.Topology.prototype, "selectServer");
        },
      ),
      new InstrumentationNodeModuleFile(
        "mongodb/lib/cmap/connection_pool.js",
        VERSIONS,
        (module: PoolModule) => {
          this._wrap(module.ConnectionPool.prototype, "checkOut", (original) => this.#watch(original, addressOfPool));
          return module;
        },
        (module?: PoolModule) => {
          if (module !== undefined) this._unwrap(module.ConnectionPool.prototype, "checkOut");
        },
      ),
    ]);
  }

  #watch<Host>(original: Step<Host>, addressOf: (host: Host) => Attributes): Step<Host> {
    const note = (error: unknown, host: Host, asked: Asked): void => {
      if (!isConnectionFailure(error)) return;
      const attributes = (): Attributes => addressOf(host);
      noteConnectionFailure(this.tracer, { error, system: "mongodb", attributes, ...asked });
    };
    return function watched(...args) {
      const asked = askedNow();
      const result = original.apply(this, args);
      if (result instanceof Promise) result.then(undefined, (error: unknown) => note(error, this, asked));
      return result;
    };
  }
}

/**
 * What the application aborts rejects with a reason of its own. What a server answers, to a login say, is told by the
 * command's span.
 */
function isConnectionFailure(error: unknown): boolean {
  const { type } = readError(error);
  return type.startsWith("Mongo") && type !== "MongoServerError";
}

/** No server was found: the first of those that the application named. */
function firstSeed({ s }: Topology): Attributes {
  const seed = s?.seedlist?.[0];
  return { "server.address": seed?.host, "server.port": seed?.port };
}

function addressOfPool({ address }: Pool): Attributes {
  const colon = address.lastIndexOf(":");
  const port = Number(address.slice(colon + 1));
  return Number.isInteger(port)
    ? { "server.address": address.slice(0, colon), "server.port": port }
    : { "server.address": address };
}
