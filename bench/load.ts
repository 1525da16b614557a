/** A closed loop of requests over kept-alive connections: each one sends its next request when it has its answer. */
import { Client } from "undici";

export interface LoadOptions {
  readonly origin: string;
  /** Requested in turn. */
  readonly paths: readonly string[];
  /** Exactly so many are sent and answered. */
  readonly requests: number;
  readonly connections: number;
  readonly expectedStatus: number;
}

export interface LoadResult {
  readonly durationMillis: number;
  /** Of each request, ascending. */
  readonly latenciesMillis: Float64Array;
}

/** Rejects when an answer has another status than the expected one. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const { origin, paths, requests, connections, expectedStatus } = options;
  const latenciesMillis = new Float64Array(requests);
  let next = 0;
  const runConnection = async (): Promise<void> => {
    const client = new Client(origin);
    for (let index = next++; index < requests; index = next++) {
      const path = paths[index % paths.length] ?? "/";
      const started = performance.now();
      const { statusCode, body } = await client.request({ method: "GET", path });
      await body.dump();
      latenciesMillis[index] = performance.now() - started;
      if (statusCode !== expectedStatus) throw new Error(`${path} answered ${statusCode}, expected ${expectedStatus}`);
    }
    await client.close();
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: connections }, runConnection));
  const durationMillis = performance.now() - started;
  return { durationMillis, latenciesMillis: latenciesMillis.sort() };
}
