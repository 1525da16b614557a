/** A port of 127.0.0.1 that was free a moment ago: to listen on, or to be refused by. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo; // a TCP server's address is never a path
  probe.close();
  await once(probe, "close");
  return port;
}
