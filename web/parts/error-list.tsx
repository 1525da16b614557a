/** Errors, one a row; a row opens the error. Arrow keys move between rows. */
import type { JSX } from "preact";
import type { ErrorRow } from "../../src/store/answers";
import { place } from "../state/navigation";
import { Ago } from "./ago";
import { Link } from "./link";
import { moveByArrows } from "./move-by-arrows";
import { SeverityMark } from "./severity";
import { Line } from "./shown-text";

export interface ErrorListProps {
  readonly rows: readonly ErrorRow[];
  readonly label: string;
}

export function ErrorList({ rows, label }: ErrorListProps): JSX.Element {
  return (
    <ol class="errors" aria-label={label} onKeyDown={moveByArrows}>
      {rows.map((row) => (
        <li key={row.id}>
          <ErrorItem row={row} />
        </li>
      ))}
    </ol>
  );
}

function ErrorItem({ row }: { readonly row: ErrorRow }): JSX.Element {
  const where = [row.method, row.route].filter((text) => text !== null).join(" ");
  return (
    <Link
      class={`error-row ${row.origin}`}
      to={{ ...place.value, error: row.id, pattern: "" }}
      data-row
      data-id={row.id}
    >
      <SeverityMark severity={row.severity} />
      <span class="error-title">
        <Line text={row.title} max={160} />
        <Marks row={row} />
      </span>
      <span class="error-message">
        <Line text={row.error_category} max={60} />
        {/* Most titles say the message already. */}
        {!row.title.includes(row.message) && (
          <>
            {" · "}
            <Line text={row.message} />
          </>
        )}
      </span>
      <span class="error-where">
        <Line text={row.service} max={60} />
        {where !== "" && (
          <>
            {" "}
            <span class="faint">
              <Line text={where} max={80} />
            </span>
          </>
        )}
      </span>
      <Ago time={row.timestamp} class="error-time" />
    </Link>
  );
}

function Marks({ row }: { readonly row: ErrorRow }): JSX.Element {
  return (
    <>
      {row.is_new && <span class="tag new">new</span>}
      {row.is_regressed && <span class="tag back">came back</span>}
      {row.origin === "echo" && <span class="tag">echo</span>}
    </>
  );
}
