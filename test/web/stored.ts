/** Waits until the store has taken in so many errors: it follows the journal at a small distance. */
import type { ErrorsData } from "../../src/store/answers";
import { eventually } from "../instrumentation/fixture-app";

export async function stored(
  apiUrl: string,
  count: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<ErrorsData> {
  let found = "nothing was answered";
  return eventually(
    `${count} stored errors`,
    async () => {
      const response = await fetch(`${apiUrl}/api/errors`, { headers });
      const answer = (await response.json()) as { readonly data?: ErrorsData }; // of the API
      if (answer.data === undefined) {
        found = JSON.stringify(answer);
        return undefined;
      }
      const { summary } = answer.data;
      found = `there are ${summary.total_errors} and ${summary.echo_errors} echoes`;
      return summary.total_errors + summary.echo_errors >= count ? answer.data : undefined;
    },
    () => found,
  );
}
