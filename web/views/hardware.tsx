/** The machines under the services: what fails on them, and how full and hot they are. */
import type { JSX } from "preact";
import type { HardwareData, MachineRow } from "../../src/store/answers";
import { Ago } from "../parts/ago";
import { BarList } from "../parts/bar-list";
import { ErrorList } from "../parts/error-list";
import { Gauge, levelOf } from "../parts/gauge";
import { Panel } from "../parts/panel";
import { StatusChip } from "../parts/severity";
import { Line } from "../parts/shown-text";
import { Empty, Failed, Loading } from "../parts/state-notes";
import { errors } from "../state/errors";
import { count, rate } from "../text/numbers";
import { lastHours } from "../text/times";

export function HardwareView(): JSX.Element {
  const { data, problem } = errors.value;
  if (data === undefined) return problem === undefined ? <Loading /> : <Failed problem={problem} />;
  const hardware = data.hardware_errors;
  return (
    <div class="hardware">
      <Panel title="Machines" class="wide" aside={<span class="faint">as each last reported</span>}>
        <Machines machines={hardware.machines} />
      </Panel>
      <Panel
        title="Rate by hardware"
        aside={<span class="faint">errors a minute, {lastHours(data.summary.time_range_hours)}</span>}
      >
        <Counted counts={hardware.errors_per_minute} format={(value) => `${rate(value)}/min`} />
      </Panel>
      <Panel title="Errors by hardware" aside={<span class="faint">{count(hardware.total)} in all</span>}>
        <Counted counts={hardware.by_type} />
      </Panel>
      <Panel title="What is wrong">
        <Counted counts={spaced(hardware.by_status)} />
      </Panel>
      <Panel title="Recent hardware errors" class="wide">
        {hardware.recent.length === 0 ? (
          <Empty title="No hardware errors in this time" />
        ) : (
          <ErrorList rows={hardware.recent.slice(0, MAX_SHOWN)} label="Recent hardware errors" />
        )}
      </Panel>
    </div>
  );
}

const MAX_SHOWN = 50;
const MAX_MACHINES = 48;
const MAX_GPUS = 8;

function Counted(props: { counts: HardwareData["by_type"]; format?: (value: number) => string }): JSX.Element {
  return Object.keys(props.counts).length === 0 ? <Empty title="None" /> : <BarList {...props} />;
}

function spaced(counts: HardwareData["by_status"]): HardwareData["by_status"] {
  return Object.fromEntries(Object.entries(counts).map(([name, value]) => [name.replaceAll("_", " "), value]));
}

function Machines({ machines }: { readonly machines: HardwareData["machines"] }): JSX.Element {
  const sorted = Object.entries(machines)
    .map(([worker, machine]) => ({ worker, machine, status: statusOf(machine) }))
    .sort(
      (one, other) =>
        STATUSES.indexOf(one.status) - STATUSES.indexOf(other.status) ||
        (one.machine.timestamp < other.machine.timestamp ? 1 : -1),
    );
  if (sorted.length === 0) {
    return (
      <Empty title="No machine has told of itself">
        Reports with a <code>system_context</code> do: processor, memory, disk and graphics processors.
      </Empty>
    );
  }
  return (
    <ul class="machines">
      {sorted.slice(0, MAX_MACHINES).map(({ worker, machine, status }) => (
        <li key={worker}>
          <Machine worker={worker} machine={machine} status={status} />
        </li>
      ))}
      {sorted.length > MAX_MACHINES && <li class="faint">{sorted.length - MAX_MACHINES} more</li>}
    </ul>
  );
}

type Status = MachineRow["status"];
/** The gravest first. */
const STATUSES: readonly Status[] = ["critical", "warning", "stable"];
const LIMITS = {
  cpu: { warning: 75, critical: 90 },
  memory: { warning: 80, critical: 95 },
  disk: { warning: 85, critical: 95 },
  gpuMemory: { warning: 85, critical: 95 },
  gpuHeat: { warning: 80, critical: 90 },
} as const;

/** The gravest of what the collector says and what the gauges show: a card is never calmer than what stands on it. */
function statusOf({ status, cpu_percent, memory_percent, disk_percent, gpus }: MachineRow): Status {
  const shown: readonly Status[] = [
    status,
    levelOf(cpu_percent, LIMITS.cpu),
    levelOf(memory_percent, LIMITS.memory),
    levelOf(disk_percent, LIMITS.disk),
    ...gpus.map((gpu) => levelOf(gpu.memory_percent, LIMITS.gpuMemory)),
    ...gpus.map((gpu) => levelOf(gpu.temperature_celsius, LIMITS.gpuHeat)),
  ];
  return STATUSES.find((candidate) => shown.includes(candidate)) ?? "stable";
}

interface MachineProps {
  readonly worker: string;
  readonly machine: MachineRow;
  readonly status: Status;
}

function Machine({ worker, machine, status }: MachineProps): JSX.Element {
  const about = [machine.service, machine.hostname, machine.platform].filter((text) => text !== null).join(" · ");
  return (
    <article class={`machine ${status}`}>
      <header>
        <h3>
          <Line text={worker} max={60} />
        </h3>
        <StatusChip status={status} />
        <p class="faint">
          <Line text={about} max={80} /> · <Ago time={machine.timestamp} />
        </p>
      </header>
      <Gauge name="CPU" value={machine.cpu_percent} limits={LIMITS.cpu} />
      <Gauge name="Memory" value={machine.memory_percent} limits={LIMITS.memory} />
      <Gauge name="Disk" value={machine.disk_percent} limits={LIMITS.disk} />
      {machine.gpus.slice(0, MAX_GPUS).map((gpu) => (
        <div key={gpu.index} class="gpu">
          <p class="gpu-name" title={gpu.name}>
            <Line text={`GPU ${gpu.index} ${gpu.name}`} max={48} />
          </p>
          <Gauge name="Memory" value={gpu.memory_percent} limits={LIMITS.gpuMemory} />
          <Gauge name="Heat" value={gpu.temperature_celsius} unit="°C" limits={LIMITS.gpuHeat} />
        </div>
      ))}
      {machine.gpus.length > MAX_GPUS && <p class="faint">{machine.gpus.length - MAX_GPUS} more GPUs</p>}
    </article>
  );
}
