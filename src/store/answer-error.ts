/** The answer to `error()`: the line of the journal, with the origin that was judged later. */
import type { ErrorDetail } from "./answers";
import { originOf, textOf } from "./error-rows";
import { parseJournalLine } from "./journal-record";
import type { Statements } from "./statements";

export async function answerError(statements: Statements, id: string): Promise<ErrorDetail | undefined> {
  const [found] = await statements.ask("SELECT seq, is_echo FROM errors WHERE id = $1 ORDER BY seq DESC LIMIT 1", [id]);
  if (found === undefined) return undefined;
  // By its number alone: lines are long, and are not unpacked where only an id is looked at.
  const [row] = await statements.ask("SELECT line FROM errors WHERE seq = $1", [found["seq"] ?? null]);
  if (row === undefined) return undefined;
  return { ...parseJournalLine(textOf(row["line"])), origin: originOf(found["is_echo"]) };
}
