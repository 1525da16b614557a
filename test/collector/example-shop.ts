/** The shop of `examples/`: the same program in each language, and what Seismo must make of it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import {
  counted,
  errorsOf,
  isBalanced,
  type JournalRecord,
  type RunningCollector,
  samplesOf,
  total,
} from "./running-collector";

type TypeAndMessage = readonly [type: string, message: string];

/** How a language calls what goes wrong in the shop. */
export interface ShopErrors {
  readonly outOfStock: TypeAndMessage;
  readonly refused: TypeAndMessage;
  readonly notPaid: TypeAndMessage;
  readonly noPrice: TypeAndMessage;
  readonly noFile: TypeAndMessage;
  /** Where the first is thrown, as the stack says it. */
  readonly thrownAt: RegExp;
}

/** It runs as worker `shop-1` and exports with its own defaults, but for the environment given. */
export async function runShop(
  command: string,
  args: readonly string[],
  env: { readonly [name: string]: string },
): Promise<void> {
  const { PATH, HOME } = process.env;
  await promisify(execFile)(command, [...args], {
    env: { PATH, HOME, OTEL_SERVICE_NAME: "shop", OTEL_RESOURCE_ATTRIBUTES: "service.instance.id=shop-1", ...env },
    timeout: MAX_MILLIS,
  });
}

const MAX_MILLIS = 120_000;

/** Each failure counts once, where it began; spans and logs that tell of it again are duplicates. */
export async function isCountedRight(collector: RunningCollector, errors: ShopErrors): Promise<void> {
  const families = await counted(collector, 6);
  const samples = samplesOf(families, "seismo_errors").filter(({ name }) => name.endsWith("_total"));
  const counts = samples.map(({ labels, value }) => {
    assert.deepEqual([labels["service"], labels["worker"]], ["shop", "shop-1"]);
    return [labels["type"], labels["category"], labels["origin"], value];
  });
  assert.deepEqual(
    counts.sort(),
    [
      [errors.outOfStock[0], "application_error", "root", 1],
      [errors.refused[0], "network_connection", "root", 1],
      [errors.notPaid[0], "network_connection", "echo", 1],
      [errors.noPrice[0], "application_error", "root", 2],
      [errors.noFile[0], "file_not_found", "root", 1],
    ].sort(),
  );
  assert.equal(total(families, "seismo_dropped", { signal: "errors", reason: "duplicate" }), 3);
  const request = { service: "shop", method: "POST", route: "/orders", status_class: "5xx" };
  const requests = samplesOf(families, "seismo_http_request_duration_seconds");
  assert.equal(requests.find(({ name }) => name.endsWith("_count"))?.value, 1);
  assert.deepEqual(requests.find(({ name }) => name.endsWith("_count"))?.labels, request);
  await isBalanced(collector);
}

/** All that tell of a failure are written, in the words of its language. */
export function isWrittenRight({ folder }: RunningCollector, errors: ShopErrors, sinceMillis: number): void {
  const lines = errorsOf(folder);
  const told = ({ error_type, error_message }: JournalRecord) => [error_type, error_message];
  const of = (expected: TypeAndMessage, source: string): readonly JournalRecord[] =>
    lines.filter((line) => line["error_type"] === expected[0] && line["source"] === source);
  for (const [expected, spans, logs] of [
    [errors.outOfStock, 3, 1],
    [errors.refused, 1, 0],
    [errors.notPaid, 1, 0],
    [errors.noPrice, 2, 0],
    [errors.noFile, 0, 1],
  ] as const) {
    const found = [...of(expected, "span"), ...of(expected, "log")];
    assert.deepEqual([of(expected, "span").length, of(expected, "log").length], [spans, logs], expected[0]);
    for (const line of found) assert.deepEqual(told(line), expected);
    assert.equal(new Set(found.map((line) => line["fingerprint"])).size, 1, `${expected[0]} has one fingerprint`);
  }
  for (const line of lines) {
    assert.match(String(line["trace_id"]), /^[0-9a-f]{32}$/);
    assert.match(String(line["span_id"]), /^[0-9a-f]{16}$/);
    const millis = Date.parse(String(line["timestamp"]));
    assert.ok(millis >= sinceMillis - 1_000 && millis <= Date.now() + 1_000, String(line["timestamp"]));
    assert.deepEqual([line["service"], line["worker_id"]], ["shop", "shop-1"]);
  }
  const stock = [...of(errors.outOfStock, "span"), ...of(errors.outOfStock, "log")];
  assert.equal(new Set(stock.map((line) => line["trace_id"])).size, 1);
  for (const line of stock) assert.match(JSON.stringify([line["stack_text"], line["stack"]]), errors.thrownAt);
  assert.deepEqual(stock.at(-1)?.["error_details"], { log_message: "order failed" });
  const [notPaid] = of(errors.notPaid, "span");
  const causes = notPaid?.["causes"] as readonly { readonly type: string; readonly message: string }[]; // public format
  assert.deepEqual(
    causes.map(({ type, message }) => [type, message]),
    [errors.refused],
  );
}
