/**
 * A pool of workers that come to grief: cluster workers that crash and are killed, worker threads that throw, run out of
 * memory or of time. The primary takes the jobs and replaces who dies.
 *
 *   POST /jobs/crash ─► primary ─► cluster worker  ✗  ─► a new one in its place ─► 200
 *   POST /jobs/memory ─► primary ─► worker thread  ✗
 */
import cluster, { type Worker as ClusterWorker } from "node:cluster";
import { once } from "node:events";
import { Worker as Thread } from "node:worker_threads";
import express, { type NextFunction, type Request, type Response } from "express";
import { captureError, trackAnalysisError, trackError } from "seismo";
import { serve } from "./service";
import { threadScript, workOffJobs } from "./worker-jobs";

if (cluster.isPrimary) void startPrimary();
else workOffJobs();

async function startPrimary(): Promise<void> {
  const slots = ["pool-1", "pool-2"];
  const workers = new Map(await Promise.all(slots.map(async (slot) => [slot, await startWorker(slot)] as const)));
  let turn = 0;

  /** Gives a job that kills to the next worker, and puts a new worker in its place. */
  const sacrifice = async (job: string): Promise<void> => {
    const slot = slots[turn++ % slots.length] ?? "pool-1";
    const worker = workers.get(slot);
    if (worker === undefined) return;
    const death = once(worker, "exit");
    worker.send({ job });
    await death;
    workers.set(slot, await startWorker(slot));
  };

  const app = express();
  app.post("/jobs/work", (_request, response) => void response.json({ workers: workers.size }));
  app.post("/jobs/crash", async (_request, response) => void response.json({ died: await sacrifice("crash") }));
  app.post("/jobs/kill", async (_request, response) => void response.json({ died: await sacrifice("kill") }));
  app.post("/jobs/thread", async (_request, response) => void response.json({ result: await runThread("throw") }));
  app.post("/jobs/memory", async (_request, response) => void response.json({ result: await runThread("memory") }));
  app.post("/jobs/endless", async (_request, response) => void response.json({ result: await runThread("endless") }));
  app.post("/jobs/unsendable", (_request, response) => {
    structuredClone(() => {}); // as in worker.postMessage(): a function can't be sent
    response.sendStatus(204);
  });
  app.post("/jobs/forgotten", (_request, response) => {
    void Promise.reject(); // nobody waits for it, and it says nothing
    response.sendStatus(202);
  });
  app.post("/reports/:name", (request, response) => {
    const report = REPORTS.get(request.params.name);
    report?.();
    response.sendStatus(report === undefined ? 404 : 204);
  });
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    response.status(500).json({ error: error instanceof Error ? error.message : "failed" });
  });
  process.on("unhandledRejection", () => {}); // the pool goes on
  serve(app);
}

async function startWorker(slot: string): Promise<ClusterWorker> {
  const worker = cluster.fork({ SEISMO_WORKER_ID: slot });
  await once(worker, "message");
  return worker;
}

const PATIENCE_MILLIS = 400;

class WorkerTimeoutError extends Error {
  override readonly name = "WorkerTimeoutError";
}

async function runThread(job: string): Promise<unknown> {
  const thread = new Thread(threadScript, {
    workerData: job,
    resourceLimits: { maxOldGenerationSizeMb: 32 },
    stderr: true,
  });
  const result = new Promise((resolve, reject) => {
    thread.once("message", resolve);
    thread.once("error", reject);
  });
  if (job !== "endless") return result;
  await Promise.race([once(thread, "online"), result]);
  const timer = AbortSignal.timeout(PATIENCE_MILLIS);
  return Promise.race([
    result,
    once(timer, "abort").then(async () => {
      await thread.terminate();
      throw new WorkerTimeoutError(`the job took more than ${PATIENCE_MILLIS} ms`);
    }),
  ]);
}

/** What machines, analyses and test runs say of themselves, and no code throws. */
const REPORTS: ReadonlyMap<string, () => void> = new Map([
  ["gpu-missing", () => void trackError("DeviceError", "no CUDA-capable device is detected")],
  ["gpu-hot", () => gpu("the GPU is too hot", { overheating: true }, { temperature: 96 })],
  ["gpu-throttled", () => gpu("the GPU runs at half its speed", { throttling: true }, { temperature: 88 })],
  ["gpu-odd", () => gpu("the GPU gave a wrong sum", {}, {})],
  [
    "memory-low",
    () => gpu("the GPU has hardly any memory left", { memory_pressure: true }, { memory_utilization: 99 }),
  ],
  ["analysis", () => void trackAnalysisError("the analysis gave no result", {})],
  ["analysis-step", () => void trackAnalysisError("the step gave no result", { step: "denoise" })],
  ["test-timeout", () => void captureError(named("TestTimeoutError", "the self-test took too long"))],
  ["test-setup", () => void captureError(named("TestSetupError", "the self-test has no fixture"))],
]);

/** As an agent of a test lab reports it, with how the machine and the device are. */
function gpu(
  message: string,
  status: { readonly [flag: string]: boolean },
  device: { readonly temperature?: number; readonly memory_utilization?: number },
): void {
  trackError(
    "DeviceError",
    message,
    {},
    {
      hardwareContext: { hardware_type: "GPU", hardware_status: status },
      systemContext: {
        metrics: { cpu: { percent: 38 }, memory: { used_percent: 61 }, disk: { used_percent: 47 } },
        gpu_metrics: { devices: [{ index: 0, memory_utilization: 52, temperature: 64, ...device }] },
      },
    },
  );
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
