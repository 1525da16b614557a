/** Threads of Seismo's own: without Seismo inside, without the application's streams, and of no weight when the process ends. */
import { join } from "node:path";
import { Worker } from "node:worker_threads";

/** `script`: a file of this folder, without extension. May throw where threads are not permitted. */
export function startOwnThread(script: string, workerData: unknown): Worker {
  const thread = new Worker(join(__dirname, `${script}.js`), {
    workerData,
    // Preloads and NODE_OPTIONS are the application's, and would load Seismo into its own thread.
    execArgv: [],
    env: {},
    stdin: false,
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MEGABYTES },
  });
  own.add(thread);
  thread.unref();
  return thread;
}

/** Not to be told of as a worker of the application. */
export function isOwnThread(thread: Worker): boolean {
  return own.has(thread);
}

const own = new WeakSet<Worker>();
/** A source map of 32 MB becomes several times as much when it is read. */
const MAX_HEAP_MEGABYTES = 256;
