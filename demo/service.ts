/** What each service of the demo does first and last. */
import type { RequestListener } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** Listens on 127.0.0.1 and tells the demo where. Ends when the demo is gone, however it went. */
export function serve(listener: RequestListener): void {
  const server = createServer(listener).listen(Number(setting("PORT")), "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo; // a TCP server's address is never a path
    process.send?.({ port });
  });
  process.once("disconnect", () => process.exit());
}

/** A setting that the demo gives to its services. */
export function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: this service is started by demo/main`);
  return value;
}
