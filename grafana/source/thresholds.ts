/**
 * Where the colours of the dashboards begin: at the numbers of alerting/thresholds.yaml, so that a panel turns red when the
 * alert goes off. After a change of that file `npm run dashboards` brings them here.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describeProblems } from "../../src/config";
import { type Levels, readThresholds, type Thresholds } from "../../src/monitoring/thresholds";
import { CRITICAL, GOOD, INFO, type State, type Steps, WARNING } from "./panels";

const THRESHOLDS_FILE = "alerting/thresholds.yaml";
/** Of the compiled file: build/grafana/source. */
const REPOSITORY = join(__dirname, "..", "..", "..");

const { requests, workers, hardware, llm, health } = shippedThresholds();

/** Share of requests that fail. */
export const ERROR_SHARE_STEPS: Steps = steps(requests.failing_percent, 0.01);
/** Seconds, of p95. */
export const LATENCY_STEPS: Steps = steps(requests.p95_seconds);
/** Resident bytes of a process. */
export const PROCESS_MEMORY_STEPS: Steps = steps(workers.process_memory_gb, 1e9);
/** Tokens of one call of a language model. */
export const TOKENS_STEPS: Steps = steps(llm.tokens_per_request);
/** Percent; a processor has no alert of its own, and a severity (processors/severity.ts) from these on. */
export const CPU_STEPS: Steps = steps({ warning: 75, critical: 90 });
export const MEMORY_STEPS: Steps = steps({ warning: 80, critical: hardware.memory_used_percent });
export const DISK_STEPS: Steps = [GOOD, [100 - hardware.disk_free_percent, CRITICAL]];
/** Degrees Celsius. */
export const GPU_STEPS: Steps = steps(hardware.gpu_celsius);
/** Share of a queue that is full. */
export const QUEUE_STEPS: Steps = steps({ warning: health.queue_percent, critical: 100 }, 0.01);
/** Seconds since a worker gave a sign of life. */
export const SILENCE_STEPS: Steps = [GOOD, [workers.silent_minutes * 60, WARNING]];
/** For what must be 0. */
export const ANY_IS_CRITICAL: Steps = [GOOD, [1, CRITICAL]];
export const ANY_IS_WARNING: Steps = [GOOD, [1, WARNING]];

export const WORKER_STATES: readonly State[] = [
  { value: 0, text: "stable", color: GOOD },
  { value: 1, text: "warning", color: WARNING },
  { value: 2, text: "critical", color: CRITICAL },
];
export const TARGET_STATES: readonly State[] = [
  { value: 0, text: "down", color: CRITICAL },
  { value: 1, text: "up", color: GOOD },
];

/** Colours of the classes of answers, by the name of the series. */
export const STATUS_COLOURS: readonly (readonly [status: string, color: string])[] = [
  ["2xx", GOOD],
  ["3xx", INFO],
  ["4xx", WARNING],
  ["5xx", CRITICAL],
];

function shippedThresholds(): Thresholds {
  const read = readThresholds(readFileSync(join(REPOSITORY, THRESHOLDS_FILE), "utf8"), THRESHOLDS_FILE);
  if (read.status === "invalid") throw new Error(describeProblems(read.problems).join("\n"));
  return read.thresholds;
}

/** `unit`: how much one of the file is in the panel's unit. */
function steps({ warning, critical }: Levels, unit = 1): Steps {
  return [GOOD, [warning * unit, WARNING], [critical * unit, CRITICAL]];
}
