/** What the workers of the pool do, in a cluster worker and in a thread. This file is also the script of the threads. */
import { isMainThread, parentPort, workerData } from "node:worker_threads";

export const threadScript: string = __filename;

/** In a cluster worker: says that it is ready, then does what it is sent. */
export function workOffJobs(): void {
  process.on("message", (message) => {
    const { job }: { readonly job?: unknown } = Object(message);
    if (job === "crash") throw new RangeError("the job asked for a page that is not there");
    if (job === "kill") process.kill(process.pid, "SIGKILL"); // as the kernel does when memory runs out
  });
  process.send?.("ready");
}

if (!isMainThread) runThreadJob(workerData);

function runThreadJob(job: unknown): void {
  if (job === "throw") throw new TypeError("the job has no input");
  // In small pieces: a large one past the limit ends the whole process on Node 24.
  if (job === "memory") for (let hoard: object = {}; ; ) hoard = { hoard };
  if (job === "endless") for (;;);
  parentPort?.postMessage("done");
}
