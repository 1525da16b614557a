/**
 * A real PostgreSQL of one's own: a fresh cluster in a temporary folder, on a free port of 127.0.0.1, gone when stopped.
 * As root it runs as the user `postgres`, since the server refuses to run as root.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { freePort } from "./free-port";

export type Postgres =
  | { readonly status: "running"; readonly connectionString: string; readonly stop: () => Promise<void> }
  | { readonly status: "missing"; readonly reason: string };

/** Takes two seconds. Throws when PostgreSQL is there but does not start. */
export async function startPostgres(): Promise<Postgres> {
  const bin = findPrograms();
  if (bin === undefined) return { status: "missing", reason: "no initdb and postgres found (Debian: postgresql)" };
  const owner = serverUser();
  if (owner === undefined)
    return { status: "missing", reason: "running as root, and there is no user postgres to run the server" };

  const folder = mkdtempSync(join(tmpdir(), "seismo-postgres-"));
  const data = join(folder, "data");
  const passwordFile = join(folder, "password");
  const password = randomBytes(8).toString("hex");
  writeFileSync(passwordFile, password);
  if (owner.uid !== undefined) for (const path of [folder, passwordFile]) chownSync(path, owner.uid, owner.gid);
  chmodSync(passwordFile, 0o600);
  const options = { cwd: folder, env: { PATH: process.env["PATH"], LC_ALL: "C" }, ...owner };
  const credentials = ["--username=seismo", `--pwfile=${passwordFile}`, "--auth=scram-sha-256"];
  execFileSync(
    join(bin, "initdb"),
    [`--pgdata=${data}`, "--no-sync", "--encoding=UTF8", "--locale=C", ...credentials],
    {
      ...options,
      stdio: "pipe",
    },
  );

  const port = await freePort();
  const settings = [
    `port=${port}`,
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "deadlock_timeout=100ms",
  ];
  const server = spawn(join(bin, "postgres"), ["-D", data, ...settings.flatMap((setting) => ["-c", setting])], {
    ...options,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const killWithUs = (): boolean => server.kill("SIGQUIT");
  process.once("exit", killWithUs);
  await isReady(server);
  return {
    status: "running",
    connectionString: `postgres://seismo:${password}@127.0.0.1:${port}/postgres`,
    async stop() {
      process.off("exit", killWithUs);
      if (server.exitCode === null) {
        server.kill("SIGINT"); // fast: clients are disconnected
        await once(server, "exit");
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Debian keeps them off the PATH, a folder for each version. */
function findPrograms(): string | undefined {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(debian, version, "bin")),
    ...(process.env["PATH"] ?? "").split(delimiter),
  ];
  return folders.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres")));
}

type ServerUser = { readonly uid: number; readonly gid: number } | { readonly uid?: never; readonly gid?: never };

function serverUser(): ServerUser | undefined {
  if (process.getuid?.() !== 0) return {};
  try {
    const id = (flag: string): number => Number(execFileSync("id", [flag, "postgres"], { stdio: "pipe" }));
    return { uid: id("-u"), gid: id("-g") };
  } catch {
    return undefined; // no such user
  }
}

async function isReady(server: ChildProcess): Promise<void> {
  let log = "";
  await new Promise<void>((resolve, reject) => {
    server.once("exit", () => reject(new Error(`postgres ended:\n${log}`)));
    server.stderr?.setEncoding("utf8").on("data", (text: string) => {
      log = (log + text).slice(-8_192);
      if (log.includes("ready to accept connections")) resolve();
    });
  });
}
