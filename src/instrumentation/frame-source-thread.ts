/** The thread that reads source files and maps, so that the application's never does. See frame-explainer.ts. */
import { parentPort, workerData } from "node:worker_threads";
import type { Answer, Question } from "./frame-explainer";
import { createFrameSource, type FrameSourceOptions } from "./frame-source";

const source = createFrameSource(workerData as FrameSourceOptions); // as frame-explainer.ts gives it

parentPort?.on("message", ({ id, frames, scripts }: Question) => {
  const answer: Answer = { id, ...source.explain(frames, scripts) };
  parentPort?.postMessage(answer);
});
