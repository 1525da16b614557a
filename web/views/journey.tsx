/** Everything that shares a request id, a session, a user or a trace, in order, across services. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { JourneyData, JourneyStep } from "../../src/store/answers";
import { Choice } from "../parts/choice";
import { Link } from "../parts/link";
import { Panel } from "../parts/panel";
import { SeverityMark } from "../parts/severity";
import { Line } from "../parts/shown-text";
import { Empty, Failed, Loading } from "../parts/state-notes";
import { withParams } from "../state/api";
import { narrow, place } from "../state/navigation";
import type { Place } from "../state/place";
import { useQuery } from "../state/query";
import { count, duration } from "../text/numbers";
import { full } from "../text/times";
import { StatusCode } from "./requests";

export function JourneyView(): JSX.Element {
  const { by, value } = place.value;
  const { data, problem, isLoading } = useQuery<JourneyData>(value === "" ? undefined : journeyPath(by, value));
  return (
    <div class="journey">
      <Panel title="Journey" aside={data !== undefined && <span class="faint">{summaryOf(data)}</span>}>
        <LookUp />
        {value === "" && (
          <Empty title="One id, everything that happened under it">
            A request id leads from the browser's answer (<code>X-Request-ID</code>) through every service that took
            part.
          </Empty>
        )}
        {value !== "" && data === undefined && problem === undefined && isLoading && <Loading />}
        {data === undefined && problem !== undefined && <Failed problem={problem} />}
        {data !== undefined && data.steps.length === 0 && <Empty title="Nothing is kept under this id" />}
        {data !== undefined && data.steps.length > 0 && <Steps data={data} />}
      </Panel>
    </div>
  );
}

const MAX_STEPS = 500;

function journeyPath(by: Place["by"], value: string): string {
  return withParams(`/api/journey/${encodeURIComponent(value)}`, { by, limit: MAX_STEPS });
}

const BY_OPTIONS = [
  ["request_id", "Request id"],
  ["session_id", "Session"],
  ["user_id", "User"],
  ["trace_id", "Trace id"],
] as const;

function LookUp(): JSX.Element {
  const { by, value } = place.value;
  const typed = useSignal(value);
  const key = useSignal(by);
  useEffect(() => {
    typed.value = value;
    key.value = by;
  }, [value, by]);
  return (
    <form
      class="filters"
      onSubmit={(event) => {
        event.preventDefault();
        narrow({ by: key.value, value: typed.value.trim() });
      }}
    >
      <Choice
        label="Kind of id"
        value={key.value}
        options={BY_OPTIONS}
        onChoose={(chosen) => {
          key.value = chosen;
        }}
      />
      <label class="search">
        <span class="unseen">Id</span>
        <input
          type="search"
          placeholder="Id"
          maxLength={256}
          value={typed.value}
          onInput={({ currentTarget }) => {
            typed.value = currentTarget.value;
          }}
        />
      </label>
      <button type="submit" class="button primary">
        Show
      </button>
    </form>
  );
}

function summaryOf({ steps, is_cut }: JourneyData): string {
  const services = new Set(steps.map((step) => step.service)).size;
  const errors = steps.filter((step) => step.kind === "error").length;
  const parts = [
    `${count(steps.length)}${is_cut ? " and more" : ""} steps`,
    `${services} ${services === 1 ? "service" : "services"}`,
    `${count(errors)} ${errors === 1 ? "error" : "errors"}`,
  ];
  return parts.join(", ");
}

/** In the order in which they began. */
function Steps({ data }: { readonly data: JourneyData }): JSX.Element {
  const steps = [...data.steps].sort((one, other) => beginOf(one) - beginOf(other));
  const begin = Math.min(...steps.map(beginOf));
  const end = Math.max(...steps.map(({ timestamp }) => Date.parse(timestamp)));
  const length = Math.max(1, end - begin);
  return (
    <>
      <p class="faint journey-begin">
        From {full(new Date(begin).toISOString())}, for {duration(end - begin)}
      </p>
      <ol class="steps">
        {steps.map((step, index) => (
          <li key={index} class={`step ${step.kind}`}>
            <Step step={step} offset={beginOf(step) - begin} length={length} />
          </li>
        ))}
      </ol>
      {data.is_cut && <p class="faint note">There is more than is shown.</p>}
    </>
  );
}

/** A request is kept with the time of its end. */
function beginOf(step: JourneyStep): number {
  return Date.parse(step.timestamp) - (step.kind === "request" ? step.duration_ms : 0);
}

function Step({
  step,
  offset,
  length,
}: {
  readonly step: JourneyStep;
  readonly offset: number;
  readonly length: number;
}): JSX.Element {
  const width = step.kind === "request" ? (step.duration_ms / length) * 100 : 0;
  return (
    <>
      <span class="step-offset">+{duration(offset).replace("<1 ms", "0 ms")}</span>
      <span class="step-service">
        <Line text={step.service} max={48} />
      </span>
      <span class="step-track" aria-hidden="true">
        <span
          class="step-bar"
          style={{ left: `${Math.min(99.5, (offset / length) * 100)}%`, width: `${Math.min(100, width)}%` }}
        />
      </span>
      <span class="step-what">
        <StepText step={step} />
      </span>
    </>
  );
}

function StepText({ step }: { readonly step: JourneyStep }): JSX.Element {
  switch (step.kind) {
    case "error":
      return (
        <Link to={{ ...place.value, error: step.id }}>
          <SeverityMark severity={step.severity} /> <Line text={step.title} max={160} />
          {step.origin === "echo" && <span class="tag">echo</span>}
          {!step.title.includes(step.message) && (
            <span class="under faint">
              <Line text={step.message} max={200} />
            </span>
          )}
        </Link>
      );
    case "request":
      return (
        <>
          <span class="method">{step.method}</span> <Line text={step.route} max={100} /> <StatusCode row={step} />{" "}
          <span class={step.slow ? "warning-text" : "faint"}>{duration(step.duration_ms)}</span>
        </>
      );
    case "log":
      return (
        <>
          <span class={`level ${step.level.toLowerCase()}`}>{step.level}</span> <Line text={step.message} max={300} />
        </>
      );
  }
}
