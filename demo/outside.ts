/** The world outside the services: who they call, and who does not answer as they wish. All on 127.0.0.1. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { startOrderDatabase } from "./order-database";
import { selfSignedCertificate } from "./self-signed-certificate";

export interface Outside {
  /** Settings of the services, by name. */
  readonly settings: { readonly [name: string]: string };
  close(): Promise<void>;
}

export async function startOutside(): Promise<Outside> {
  const [database, silent, untrusted, refusing] = await Promise.all([
    startOrderDatabase(),
    listen(createServer()),
    listen(createTlsServer(selfSignedCertificate(Date.now()))),
    refusingPort(),
  ]);
  return {
    settings: {
      DATABASE_PORT: String(database.port),
      ARCHIVE_PORT: String(refusing),
      REFUSING_URL: `http://127.0.0.1:${refusing}/`,
      SILENT_URL: `http://127.0.0.1:${silent.port}/`,
      UNTRUSTED_URL: `https://localhost:${untrusted.port}/`,
      UNKNOWN_URL: `http://${UNKNOWN_HOST}/`,
    },
    async close() {
      await Promise.all([database.close(), silent.close(), untrusted.close()]);
    },
  };
}

/** No name server knows it (RFC 2606). */
export const UNKNOWN_HOST = "shipping.invalid";

interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

async function listen(server: Server): Promise<Listening> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}); // whoever calls gives up in the end: that is what this server is for
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // a TCP server's address is never a path
  return {
    port,
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}

/** A port where nobody listens, from below those that systems hand out by themselves. */
async function refusingPort(): Promise<number> {
  for (let port = 20_001; port < 20_100; port++) {
    const socket = connect({ host: "127.0.0.1", port });
    const refused = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(false));
      socket.once("error", () => resolve(true));
    });
    socket.destroy();
    if (refused) return port;
  }
  throw new Error("no port between 20001 and 20100 refuses connections");
}
