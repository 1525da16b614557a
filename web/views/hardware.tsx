/** The machines under the services: what fails on them, and how full and hot they are. */
import type { JSX } from "preact";
import type { HardwareData, MachineRow } from "../../src/store/answers";
import { Ago } from "../parts/ago";
import { BarList } from "../parts/bar-list";
import { ErrorList } from "../parts/error-list";
import { Gauge } from "../parts/gauge";
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
  const sorted = Object.entries(machines).sort(
    ([, one], [, other]) =>
      STATUSES.indexOf(one.status) - STATUSES.indexOf(other.status) || (one.timestamp < other.timestamp ? 1 : -1),
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
      {sorted.slice(0, MAX_MACHINES).map(([worker, machine]) => (
        <li key={worker}>
          <Machine worker={worker} machine={machine} />
        </li>
      ))}
      {sorted.length > MAX_MACHINES && <li class="faint">{sorted.length - MAX_MACHINES} more</li>}
    </ul>
  );
}

const STATUSES = ["critical", "warning", "stable"];

function Machine({ worker, machine }: { readonly worker: string; readonly machine: MachineRow }): JSX.Element {
  const about = [machine.service, machine.hostname, machine.platform].filter((text) => text !== null).join(" · ");
  return (
    <article class={`machine ${machine.status}`}>
      <header>
        <h3>
          <Line text={worker} max={60} />
        </h3>
        <StatusChip status={machine.status} />
        <p class="faint">
          <Line text={about} max={80} /> · <Ago time={machine.timestamp} />
        </p>
      </header>
      <Gauge name="CPU" value={machine.cpu_percent} warning={75} critical={90} />
      <Gauge name="Memory" value={machine.memory_percent} warning={80} critical={95} />
      <Gauge name="Disk" value={machine.disk_percent} warning={85} critical={95} />
      {machine.gpus.slice(0, MAX_GPUS).map((gpu) => (
        <div key={gpu.index} class="gpu">
          <p class="gpu-name" title={gpu.name}>
            <Line text={`GPU ${gpu.index} ${gpu.name}`} max={48} />
          </p>
          <Gauge name="Memory" value={gpu.memory_percent} warning={85} critical={95} />
          <Gauge name="Heat" value={gpu.temperature_celsius} unit="°C" warning={80} critical={90} />
        </div>
      ))}
      {machine.gpus.length > MAX_GPUS && <p class="faint">{machine.gpus.length - MAX_GPUS} more GPUs</p>}
    </article>
  );
}
