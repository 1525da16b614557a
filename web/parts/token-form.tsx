/** Asks for the token of the collector and opens a session with it. The token is kept nowhere in the page. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { unlock } from "../state/api";
import { feed } from "../state/page";

export function TokenForm(): JSX.Element {
  const token = useSignal("");
  const problem = useSignal("");
  const onSubmit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const answer = await unlock(token.peek().trim());
    if (answer.status === "data") {
      feed.connect();
      return;
    }
    problem.value =
      answer.status === "unauthorized" ? "The collector does not take this token." : "The collector cannot be reached.";
  };
  return (
    <form class="panel token-form" onSubmit={(event) => void onSubmit(event)}>
      <h2>This collector asks for its token</h2>
      <p class="faint">The one that it was started with, as SEISMO_TOKEN.</p>
      <label>
        <span>Token</span>
        <input
          type="password"
          autoComplete="current-password"
          required
          maxLength={4096}
          value={token.value}
          onInput={({ currentTarget }) => {
            token.value = currentTarget.value;
          }}
        />
      </label>
      {problem.value !== "" && <p role="alert">{problem.value}</p>}
      <button type="submit" class="button primary">
        Open
      </button>
    </form>
  );
}
