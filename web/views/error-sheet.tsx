/** One error with everything that is known of it. */
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { JsonObject, Severity } from "../../src/event";
import type { ErrorDetail } from "../../src/store/answers";
import { Breadcrumbs } from "../parts/breadcrumbs";
import { CopyButton } from "../parts/copy-button";
import { Dialog } from "../parts/dialog";
import { Fields } from "../parts/fields";
import { Link } from "../parts/link";
import { SeverityChip } from "../parts/severity";
import { Block, Line } from "../parts/shown-text";
import { Stack } from "../parts/stack";
import { Empty, Failed, Loading } from "../parts/state-notes";
import { now } from "../state/clock";
import { isTrueAt, numberAt, objectAt, objectsAt, textAt, textsAt } from "../state/json-fields";
import { narrow, place } from "../state/navigation";
import { type Place, placeIn } from "../state/place";
import { useQuery } from "../state/query";
import { count } from "../text/numbers";
import { ago, full } from "../text/times";

export function ErrorSheet({ id }: { readonly id: string }): JSX.Element {
  const { data, problem, reload } = useQuery<ErrorDetail>(`/api/errors/${encodeURIComponent(id)}`, { follows: false });
  const tries = useRef(0);
  useEffect(() => {
    if (problem?.status !== "not_found" || tries.current >= MAX_TRIES) return;
    tries.current += 1;
    const timer = setTimeout(reload, TRY_MILLIS);
    return () => clearTimeout(timer);
  }, [problem]);
  const title =
    data === undefined ? (
      "Error"
    ) : (
      <Line text={textAt(data, "title") ?? textAt(data, "error_type") ?? "Error"} max={200} />
    );
  return (
    <Dialog class="sheet" title={title} onClose={() => narrow({ error: "" })}>
      {data === undefined && problem === undefined && <Loading />}
      {data === undefined && problem?.status === "not_found" && (
        <Empty title="This error is not kept, or not yet">
          The store takes in the journal a moment after the error came.
        </Empty>
      )}
      {data === undefined && problem !== undefined && problem.status !== "not_found" && <Failed problem={problem} />}
      {data !== undefined && <Detail error={data} />}
    </Dialog>
  );
}

/** Who is told of an error may open it before the store has it. */
const TRY_MILLIS = 1_000;
const MAX_TRIES = 30;

function Detail({ error }: { readonly error: ErrorDetail }): JSX.Element {
  const advice = textAt(error, "advice");
  const stack = objectsAt(error, "stack");
  const stackText = textAt(error, "stack_text");
  const causes = objectsAt(error, "causes");
  const breadcrumbs = objectsAt(error, "breadcrumbs");
  const truncated = textsAt(error, "truncated");
  return (
    <div class="detail">
      <div class="detail-marks">
        <SeverityChip severity={severityOf(error)} />
        <Marks error={error} />
      </div>
      <div class="detail-message">
        <p class="detail-type">
          <Line text={textAt(error, "error_type") ?? ""} max={200} />
        </p>
        <Block text={textAt(error, "error_message") ?? ""} />
      </div>
      {advice !== undefined && (
        <p class="advice">
          <strong>What to do</strong> <Line text={advice} max={1_000} />
        </p>
      )}
      <Facts error={error} />
      {stack.length > 0 && (
        <Part title="Stack">
          <Stack frames={stack} />
        </Part>
      )}
      {stackText !== undefined && (
        <Part title="Stack">
          <Block text={stackText} />
        </Part>
      )}
      {causes.length > 0 && (
        <Part title="Causes">
          <ol class="causes">
            {causes.map((cause, index) => (
              <li key={index}>
                <Cause cause={cause} />
              </li>
            ))}
          </ol>
        </Part>
      )}
      {breadcrumbs.length > 0 && (
        <Part title="Before it">
          <Breadcrumbs crumbs={breadcrumbs} />
        </Part>
      )}
      <ObjectPart title="Request" error={error} field="request" />
      <ObjectPart title="Database" error={error} field="database" />
      <ObjectPart title="Details" error={error} field="error_details" />
      <ObjectPart title="User" error={error} field="user_context" />
      <ObjectPart title="System" error={error} field="system_context" />
      <ObjectPart title="Hardware" error={error} field="hardware_context" />
      <ObjectPart title="Attributes" error={error} field="attributes" isClosed />
      <Recurrence error={error} />
      <Part title="As it is kept" isClosed>
        <CopyButton text={JSON.stringify(error, null, 2)} label="Copy as JSON" />
        <Block text={JSON.stringify(error, null, 2)} />
      </Part>
      {truncated.length > 0 && <p class="faint note">Cut to its limits: {truncated.join(", ")}</p>}
    </div>
  );
}

function severityOf(error: ErrorDetail): Severity {
  const severity = textAt(error, "severity");
  return severity === "critical" || severity === "warning" ? severity : "info";
}

function Marks({ error }: { readonly error: ErrorDetail }): JSX.Element {
  const recurrence = objectAt(error, "recurrence");
  const marks = [
    textAt(error, "origin") === "echo" ? "echo" : "root",
    isTrueAt(error, "handled") ? "handled" : "unhandled",
    ...(isTrueAt(error, "fatal") ? ["fatal"] : []),
    ...(isTrueAt(recurrence, "is_new") ? ["new"] : []),
    ...(isTrueAt(recurrence, "is_regressed") ? ["came back"] : []),
    ...(isTrueAt(recurrence, "is_recurring") ? ["recurring"] : []),
  ];
  return (
    <>
      {marks.map((mark) => (
        <span key={mark} class="tag">
          {mark}
        </span>
      ))}
    </>
  );
}

function Facts({ error }: { readonly error: ErrorDetail }): JSX.Element {
  const timestamp = textAt(error, "timestamp") ?? "";
  const id = textAt(error, "id") ?? "";
  const service = [textAt(error, "service"), textAt(error, "service_version")]
    .filter((text) => text !== undefined)
    .join(" ");
  const fingerprint = textAt(error, "fingerprint");
  return (
    <dl class="facts">
      <Fact name="When">
        {full(timestamp)} <span class="faint">{ago(timestamp, now.value)}</span>
      </Fact>
      <TextFact name="Service" text={service} />
      <TextFact name="Environment" text={textAt(error, "environment")} />
      <TextFact
        name="Worker"
        text={textAt(error, "worker_id")}
        to={(worker) => placeIn("distribution", place.value, { worker })}
      />
      <TextFact
        name="Category"
        text={textAt(error, "error_category")}
        to={(category) => placeIn("distribution", place.value, { category })}
      />
      <TextFact
        name="Group"
        text={textAt(error, "group")}
        to={(group) => placeIn("distribution", place.value, { group })}
      />
      <TextFact name="Why this severity" text={textsAt(error, "severity_reasons").join("; ")} />
      {fingerprint !== undefined && (
        <Fact name="Pattern">
          <Link to={{ ...place.value, error: "", pattern: fingerprint }}>
            <code>
              <Line text={fingerprint} max={64} />
            </code>
          </Link>
          <span class="under faint">
            <Line text={textAt(error, "fingerprint_reason") ?? ""} max={300} />
          </span>
        </Fact>
      )}
      <IdFact name="Request" error={error} field="request_id" />
      <IdFact name="Session" error={error} field="session_id" />
      <IdFact name="User" error={error} field="user_id" />
      <IdFact name="Trace" error={error} field="trace_id" />
      <TextFact
        name="Span"
        text={[textAt(error, "span_name"), textAt(error, "span_id")].filter((text) => text !== undefined).join(" · ")}
      />
      <TextFact name="Page" text={textAt(error, "page")} />
      <TextFact name="Browser" text={textAt(error, "user_agent")} />
      <Fact name="Id">
        <code>
          <Line text={id} max={64} />
        </code>
        <CopyButton text={id} label="Copy the id" />
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

interface TextFactProps {
  readonly name: string;
  readonly text: string | undefined;
  to?(text: string): Place;
}

function TextFact({ name, text, to }: TextFactProps): JSX.Element | null {
  if (text === undefined || text === "") return null;
  const shown = <Line text={text} max={400} />;
  return <Fact name={name}>{to === undefined ? shown : <Link to={to(text)}>{shown}</Link>}</Fact>;
}

function IdFact({ name, error, field }: { name: string; error: ErrorDetail; field: Place["by"] }): JSX.Element | null {
  const value = textAt(error, field);
  if (value === undefined) return null;
  return (
    <Fact name={name}>
      <Link to={placeIn("journey", place.value, { by: field, value })}>
        <code>
          <Line text={value} max={128} />
        </code>
      </Link>
      <CopyButton text={value} label={`Copy the ${name.toLowerCase()} id`} />
    </Fact>
  );
}

interface PartProps {
  readonly title: string;
  readonly isClosed?: boolean;
  readonly children: ComponentChildren;
}

function Part({ title, isClosed = false, children }: PartProps): JSX.Element {
  return (
    <details class="part" open={!isClosed}>
      <summary>
        <h3>{title}</h3>
      </summary>
      {children}
    </details>
  );
}

function ObjectPart(props: {
  title: string;
  error: ErrorDetail;
  field: string;
  isClosed?: boolean;
}): JSX.Element | null {
  const object = objectAt(props.error, props.field);
  if (object === undefined || Object.values(object).every((value) => value === null)) return null;
  return (
    <Part title={props.title} isClosed={props.isClosed ?? false}>
      <Fields object={object} />
    </Part>
  );
}

function Cause({ cause }: { readonly cause: JsonObject }): JSX.Element {
  const properties = objectAt(cause, "properties");
  return (
    <>
      <p class="detail-type">
        <Line text={textAt(cause, "type") ?? "Error"} max={200} />
      </p>
      <Block text={textAt(cause, "message") ?? ""} max={1_000} />
      {properties !== undefined && <Fields object={properties} />}
    </>
  );
}

function Recurrence({ error }: { readonly error: ErrorDetail }): JSX.Element | null {
  const recurrence = objectAt(error, "recurrence");
  if (recurrence === undefined) return null;
  const seen = (key: string): string => count(numberAt(recurrence, key) ?? 0);
  return (
    <Part title="How often, when it happened">
      <dl class="facts">
        <Fact name="Last hour">{seen("last_1h")}</Fact>
        <Fact name="6 hours">{seen("last_6h")}</Fact>
        <Fact name="24 hours">{seen("last_24h")}</Fact>
        <Fact name="7 days">{seen("last_7d")}</Fact>
        <TextFact name="Trend" text={textAt(recurrence, "trend")} />
        <TextFact
          name="First seen"
          text={textAt(recurrence, "first_seen") && full(textAt(recurrence, "first_seen") ?? "")}
        />
      </dl>
    </Part>
  );
}
