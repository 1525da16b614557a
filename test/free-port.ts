/**
 * A port of 127.0.0.1 to listen on in a moment, or to be refused by. It lies below those that a system gives away by itself
 * (Linux from 32768, others from 49152), to who listens on port 0 or connects: they would take it in the meantime.
 */
import { randomInt } from "node:crypto";
import { createServer } from "node:net";

const LOWEST = 16_384;
const HIGHEST = 32_767;
const MAX_ATTEMPTS = 100;
const given = new Set<number>();

export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const port = randomInt(LOWEST, HIGHEST + 1); // at random, since tests of other files choose as well
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no free port from ${LOWEST} to ${HIGHEST} in ${MAX_ATTEMPTS} attempts`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const probe = createServer();
    probe.once("error", () => done(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => done(true)));
  });
}
