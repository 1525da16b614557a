/**
 * The test lab: six machines without Seismo, in whatever language, that report to the collector by REST what goes wrong
 * with them. No service counts these; they are the collector's alone.
 */
import type { Failure } from "./comparison";

export interface LabReport {
  readonly name: string;
  readonly makes: Failure;
  /** The body of `POST /api/report-error`; `turn` decides the machine and its readings. */
  readonly body: (turn: number) => object;
}

export const LAB_REPORTS: readonly LabReport[] = [
  report("a GPU is too hot", "hardware_overheating", (turn) => ({
    type: "ThermalError",
    message: `GPU ${turn % 2} reached ${91 + (turn % 7)} °C`,
    hardware_context: { hardware_type: "GPU", hardware_status: { overheating: true } },
    system_context: machine(turn, { temperature: 91 + (turn % 7) }),
  })),
  report("a GPU slows down", "hardware_throttled", (turn) => ({
    type: "ThrottlingError",
    message: "the GPU runs below its base clock",
    hardware_context: { hardware_type: "GPU", hardware_status: { throttling: true } },
    system_context: machine(turn, { temperature: 84 }),
  })),
  report("a GPU has no memory left", "resource_exhausted", (turn) => ({
    type: "OutOfMemoryError",
    message: `CUDA out of memory. Tried to allocate ${2 + (turn % 6)}.50 GiB`,
    traceback: PYTHON_TRACE,
    hardware_context: { hardware_type: "GPU" },
    system_context: machine(turn, { memory_utilization: 98 }),
  })),
  report("a self-test fails", "test_assertion", (turn) => ({
    type: "AssertionError",
    message: `expected 1024 samples, got ${1_000 + (turn % 20)}`,
    session_id: `lab-run-${Math.floor(turn / 8)}`,
    user_id: "nightly",
    system_context: machine(turn, {}),
  })),
];

function report(name: string, category: Failure["category"], body: LabReport["body"]): LabReport {
  const makes = { service: "lab", category, isRoot: true, isReported: true };
  return {
    name,
    makes,
    body: (turn) => ({ service: "lab", worker_id: nameOf(turn), error_category: category, ...body(turn) }),
  };
}

const MACHINES = 6;

function nameOf(turn: number): string {
  return `rig-${1 + (turn % MACHINES)}`;
}

function machine(turn: number, gpu: { readonly temperature?: number; readonly memory_utilization?: number }): object {
  const sway = (from: number, by: number): number => from + ((turn * 7) % by);
  return {
    hostname: `${nameOf(turn)}.lab.example`,
    platform: "Linux",
    architecture: "x86_64",
    python_version: "3.12.4",
    metrics: {
      cpu: { percent: sway(22, 50), count: 32 },
      memory: { used_percent: sway(35, 40), total_gb: 128 },
      disk: { used_percent: sway(40, 30), total_gb: 1_900 },
    },
    gpu_metrics: {
      count: 2,
      devices: [
        { index: 0, name: "A100", memory_utilization: sway(40, 45), temperature: sway(55, 25), ...gpu },
        { index: 1, name: "A100", memory_utilization: sway(30, 45), temperature: sway(52, 25) },
      ],
    },
  };
}

const PYTHON_TRACE = [
  "Traceback (most recent call last):",
  '  File "/srv/lab/train.py", line 88, in <module>',
  "    fit(model, batches)",
  '  File "/srv/lab/fit.py", line 41, in fit',
  "    loss = model(batch.to(device))",
  "torch.OutOfMemoryError: CUDA out of memory.",
].join("\n");
