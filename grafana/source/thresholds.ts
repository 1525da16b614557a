/**
 * Where the colours of the dashboards begin. The alerts have their numbers in alerting/thresholds.yaml; these are what
 * that file ships with, so that a panel turns red when the alert would go off.
 */
import { CRITICAL, GOOD, INFO, type State, type Steps, WARNING } from "./panels";

/** Share of requests that fail. */
export const ERROR_SHARE_STEPS: Steps = [GOOD, [0.02, WARNING], [0.05, CRITICAL]];
/** Seconds, of p95. */
export const LATENCY_STEPS: Steps = [GOOD, [3, WARNING], [5, CRITICAL]];
/** Resident bytes of a process. */
export const PROCESS_MEMORY_STEPS: Steps = [GOOD, [1.5e9, WARNING], [2e9, CRITICAL]];
/** Tokens of one call of a language model. */
export const TOKENS_STEPS: Steps = [GOOD, [3_500, WARNING], [5_000, CRITICAL]];
/** Percent. */
export const CPU_STEPS: Steps = [GOOD, [75, WARNING], [90, CRITICAL]];
export const MEMORY_STEPS: Steps = [GOOD, [80, WARNING], [95, CRITICAL]];
export const DISK_STEPS: Steps = [GOOD, [95, CRITICAL]];
/** Degrees Celsius. */
export const GPU_STEPS: Steps = [GOOD, [85, WARNING], [90, CRITICAL]];
/** Share of a queue that is full. */
export const QUEUE_STEPS: Steps = [GOOD, [0.8, WARNING], [1, CRITICAL]];
/** Seconds since a worker gave a sign of life. */
export const SILENCE_STEPS: Steps = [GOOD, [600, WARNING]];
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
