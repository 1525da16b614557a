/** Who does not read: passed over, told so when it reads again, and cut when it does not. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { BEHIND_BYTES, createLiveFeed, MAX_BEHIND_MILLIS, MAX_BUFFERED_BYTES } from "../../src/server/live-feed";
import { errorEvent } from "../exporter/error-event";
import { until } from "./live-client";

test("a client for which too much waits is cut, and the others go on", async (context) => {
  const { hub, join } = feed(context);
  const [full, reader] = [join(), join()];
  full.waits(MAX_BUFFERED_BYTES + 1);
  hub.prepare([errorEvent()])();
  await until("the news", () => reader.told.length === 1);
  await until("the cut", () => full.isCut());
  assert.deepEqual(full.told, []);
  assert.deepEqual(hub.stats(), { clients: 1, skipped: 0, passedOver: 1, cut: 1 });
});

test("a client that is behind for half a minute is cut", async (context) => {
  const { hub, join, pass } = feed(context);
  const slow = join();
  slow.waits(BEHIND_BYTES + 1);
  hub.prepare([errorEvent()])();
  await until("it to be behind", () => hub.stats().passedOver === 1);
  slow.waits(1);
  pass(MAX_BEHIND_MILLIS - 1_000);
  hub.prepare([errorEvent()])();
  await until("the next news", () => hub.stats().passedOver === 2);
  assert.equal(slow.isCut(), false, "it still reads");
  pass(2_000);
  await until("the cut", () => slow.isCut());
});

test("who has caught up is told where the numbers are, without waiting for news", async (context) => {
  const { hub, join } = feed(context);
  const slow = join();
  slow.waits(BEHIND_BYTES + 1);
  hub.prepare([errorEvent()])();
  await until("it to be behind", () => hub.stats().passedOver === 1);
  slow.waits(0);
  await until("a word", () => slow.told.length === 1);
  assert.deepEqual(JSON.parse(slow.told[0] ?? ""), {
    type: "resync",
    seq: 1,
    seqs: { error_visualization: 1, logs: 0, requests: 0 },
  });
  hub.prepare([errorEvent()])();
  await until("the news", () => slow.told.length === 2);
  assert.match(slow.told[1] ?? "", /^\{"type":"error_visualization_update","seq":2,/);
});

function feed(context: TestContext) {
  let aheadMillis = 0;
  const hub = createLiveFeed(() => performance.now() + aheadMillis);
  context.after(() => hub.stop());
  return {
    hub,
    /** Time goes on. */
    pass(millis: number): void {
      aheadMillis += millis;
    },
    /** Somebody who watches errors, and says how much waits. */
    join() {
      let waiting = 0;
      let isCut = false;
      const told: string[] = [];
      const member = hub.join({
        send: (message) => void told.push(message.toString()),
        bufferedBytes: () => waiting,
        cut() {
          isCut = true;
        },
      });
      member.subscribe("error_visualization");
      return {
        told,
        isCut: () => isCut,
        waits(bytes: number): void {
          waiting = bytes;
        },
      };
    },
  };
}
