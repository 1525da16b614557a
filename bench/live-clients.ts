/** Those who watch, in a process of their own: `fork("./live-clients", [port, count, deaf])`; tells what was heard each second. */
import { once } from "node:events";
import { WebSocket } from "ws";

export type ClientsMessage =
  | { readonly kind: "connected" }
  /** Errors heard by all together, and how old each message's first was, in milliseconds. */
  | {
      readonly kind: "heard";
      readonly errors: number;
      readonly skipped: number;
      readonly agesMillis: readonly number[];
    };

const SAMPLED = 20;

async function main(): Promise<void> {
  const [port = 0, count = 0, deaf = 0] = process.argv.slice(2).map(Number);
  let errors = 0;
  let skipped = 0;
  let ages: number[] = [];
  for (let index = 0; index < count; index++) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/error-visualization`, { perMessageDeflate: false });
    socket.on("message", (data: Buffer) => {
      // Reading all of the JSON a thousand times would measure the readers.
      const text = data.toString("latin1");
      if (!text.startsWith('{"type":"error_visualization_update"')) return;
      const batch = /"skipped":(\d+),"time_range":24/.exec(text.slice(-64));
      skipped += Number(batch?.[1] ?? 0);
      errors += text.split('"is_regressed":').length - 2; // `error` repeats the last
      if (index % SAMPLED === 0) ages.push(Date.now() - Number(/"errors":\[.*?"message":"(\d+)"/.exec(text)?.[1]));
    });
    await once(socket, "open");
    socket.send('{"type":"subscribe","topic":"error_visualization"}');
    if (index < deaf) socket.pause();
  }
  tell({ kind: "connected" });
  setInterval(() => {
    tell({ kind: "heard", errors, skipped, agesMillis: ages });
    errors = 0;
    skipped = 0;
    ages = [];
  }, 1_000);
  process.on("disconnect", () => process.exit());
}

function tell(message: ClientsMessage): void {
  process.send?.(message);
}

void main();
