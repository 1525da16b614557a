/**
 * How full the connection pools of the application's drivers are, told with each failure of their database.
 *
 *   a pool is asked for a connection ──notePool()──► pools that are known ──poolStateOf(attributes)──► database.pool
 */
import type { Attributes, PoolState } from "../event";

/** What is not known agrees with anything. */
export interface PooledDatabase {
  readonly system: string;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly database?: string | undefined;
}

interface KnownPool {
  readonly of: PooledDatabase;
  readonly state: () => PoolState;
}

/** Called for each connection that is asked for: cheap for a pool that is known. It is let go of with its owner. */
export function notePool<P extends object>(
  pool: P,
  of: (pool: P) => PooledDatabase,
  state: (pool: P) => PoolState,
): void {
  if (KNOWN.has(pool)) return;
  const reference = new WeakRef(pool);
  KNOWN.set(pool, {
    of: of(pool),
    state: () => {
      const owner = reference.deref();
      return owner === undefined ? NOTHING : state(owner);
    },
  });
  if (POOLS.length === MAX_POOLS) POOLS.shift();
  POOLS.push(reference);
}

const KNOWN = new WeakMap<object, KnownPool>();
/** The latest; an application with more has more than people look at. */
const POOLS: WeakRef<object>[] = [];
const MAX_POOLS = 64;
const NOTHING: PoolState = { size: 0, idle: 0, waiting: 0 };

/** Of the pools of the database that a span names, the one with most to do. Undefined when none is known. */
export function poolStateOf(attributes: Attributes): PoolState | undefined {
  const system = attributes["db.system.name"] ?? attributes["db.system"];
  if (system === undefined || POOLS.length === 0) return undefined;
  const host = attributes["server.address"] ?? attributes["net.peer.name"];
  const port = attributes["server.port"] ?? attributes["net.peer.port"];
  const database = attributes["db.namespace"] ?? attributes["db.name"];
  let fullest: PoolState | undefined;
  for (const reference of POOLS) {
    const pool = reference.deref();
    const known = pool && KNOWN.get(pool);
    if (known === undefined || known.of.system !== system) continue;
    const { of } = known;
    if (!agrees(of.host, host) || !agrees(of.port, port) || !agrees(of.database, database)) continue;
    const state = known.state();
    if (fullest === undefined || load(state) > load(fullest)) fullest = state;
  }
  return fullest;
}

function load({ size, idle, waiting }: PoolState): number {
  return size - idle + waiting;
}

function agrees(own: string | number | undefined, told: unknown): boolean {
  return own === undefined || told === undefined || String(own) === String(told);
}
