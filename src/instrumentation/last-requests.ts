/**
 * The last that a dying process sends. It runs no more callbacks, so all of it goes out through one short-lived child
 * process that is waited for (bounded): the only synchronous HTTP that Node has.
 */
import { spawnSync } from "node:child_process";

export interface LastRequest {
  readonly url: string;
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
  /** Told once, by send(). */
  onDone(isSent: boolean): void;
}

export interface LastRequests {
  add(request: LastRequest): void;
  /** Sends what was added, all at once, before it returns: within CRASH_FLUSH_MILLIS. */
  send(): void;
}

/** The longest that a dying process waits for what it sends last. */
export const CRASH_FLUSH_MILLIS = 1_500;

export function createLastRequests(): LastRequests {
  let requests: LastRequest[] = [];
  return {
    add: (request) => void requests.push(request),
    send() {
      if (requests.length === 0) return;
      const sending = requests;
      requests = [];
      const { stdout } = spawnSync(process.execPath, ["-e", SEND], {
        input: JSON.stringify(sending),
        timeout: CRASH_FLUSH_MILLIS,
        stdio: ["pipe", "pipe", "ignore"],
        encoding: "utf8",
        env: {},
      });
      const sent = new Set((stdout ?? "").split("\n")); // nothing when there was no child
      for (const [index, request] of sending.entries()) request.onDone(sent.has(String(index)));
    },
  };
}

/** Runs in the child and says which were taken. Headers may hold secrets, so they come by standard input. */
const SEND = `let s="";process.stdin.on("data",d=>s+=d).on("end",()=>{for(const [i,r] of JSON.parse(s).entries())
fetch(r.url,{method:"POST",headers:r.headers,body:r.body,redirect:"manual"}).then(a=>a.ok&&process.stdout.write(i+"\\n"),()=>{})})`;
