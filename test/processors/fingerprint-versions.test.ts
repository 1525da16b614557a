/** Groups whose ids change, by another version of the algorithm or by a rule of the user. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { labelledMessages } from "../../bench/grouping-set";
import type { ErrorEvent, FingerprintRule, RawError } from "../../src/event";
import { journalLine, readJournalLine } from "../../src/exporter/journal-line";
import type { FingerprintAlgorithm } from "../../src/processors/fingerprint";
import { FINGERPRINT_VERSIONS, type FingerprintVersions } from "../../src/processors/fingerprint-versions";
import { createFrequency, type Frequency } from "../../src/processors/frequency";
import { processError } from "../../src/processors/process-error";
import { compileRules } from "../../src/processors/rules";
import { rawFrom } from "./raw-error";

const [LATEST] = FINGERPRINT_VERSIONS;
/** As a later release might have it: the message counts in another way. */
const NEXT: FingerprintAlgorithm = {
  ...LATEST,
  version: LATEST.version + 1,
  infer(...subject) {
    const { parts, reason } = LATEST.infer(...subject);
    return { parts: ["next", ...parts], reason };
  },
};

interface Engine {
  readonly process: (error: RawError) => ErrorEvent;
}

function engine(
  frequency: Frequency,
  fingerprintVersions: FingerprintVersions,
  fingerprints: readonly FingerprintRule[] = [],
): Engine {
  const rules = compileRules({ fingerprintVersions, fingerprints });
  return { process: (error) => processError(error, rules, frequency, 1_700_000_000_000) };
}

const failed = (message: string, extra: Partial<RawError> = {}): RawError => rawFrom(new Error(message), extra);

test("with one version and no rules, an event has one id", () => {
  const event = engine(createFrequency(), [LATEST]).process(failed("no stock"));
  assert.equal(event.fingerprint.previous, undefined);
  assert.equal(JSON.parse(journalLine(event)).fingerprint_previous, null);
});

test("no group is new because the version changed, and each event carries the id before", () => {
  const frequency = createFrequency();
  const errors = labelledMessages("a").map(({ type, message }) => failed(message, { type }));
  const old = engine(frequency, [LATEST]);
  const before = errors.map((error) => old.process(error));
  const next = engine(frequency, [NEXT, LATEST]);
  const after = errors.map((error) => next.process(error));
  assert.deepEqual(
    after.map(({ fingerprint }) => fingerprint.previous),
    before.map(({ fingerprint }) => fingerprint.id),
  );
  assert.ok(after.every(({ fingerprint }, index) => fingerprint.id !== before[index]?.fingerprint.id));
  assert.deepEqual(new Set(after.map(({ recurrence }) => recurrence.isNew)), new Set([false]));
  // The counts go on where they were.
  assert.equal(after.at(-1)?.recurrence.lastHour, 2 * (before.at(-1)?.recurrence.lastHour ?? 0));
  assert.equal(next.process(failed("never seen before")).recurrence.isNew, true);
});

test("a collector that starts with another version knows the groups of its journal", () => {
  const lines = ["no stock", "no money"].map((text) =>
    journalLine(engine(createFrequency(), [LATEST]).process(failed(text))),
  );
  const frequency = createFrequency();
  for (const line of lines) {
    const entry = readJournalLine(line);
    assert.ok(entry?.action === "error");
    frequency.record(entry.event.fingerprint.id, 1_700_000_000_000, undefined, entry.event.fingerprint.previous);
  }
  const next = engine(frequency, [NEXT, LATEST]);
  const [known, unknown] = [next.process(failed("no stock")), next.process(failed("no time"))];
  assert.deepEqual([known.recurrence.isNew, unknown.recurrence.isNew], [false, true]);
  const entry = readJournalLine(journalLine(known));
  assert.ok(entry?.action === "error");
  assert.deepEqual(entry.event.fingerprint, { id: known.fingerprint.id, previous: known.fingerprint.previous });
});

test("what a rule renames, joins or splits is known by the id that it had without the rule", () => {
  const frequency = createFrequency();
  const plain = engine(frequency, [LATEST]);
  const before = ["no stock", "no money", "no time"].map((text) => plain.process(failed(text)));
  const joining = engine(frequency, [LATEST], [{ match: { message: "no *" }, fingerprint: ["none"] }]);
  const joined = ["no stock", "no money", "no time"].map((text) => joining.process(failed(text)));
  assert.equal(new Set(joined.map(({ fingerprint }) => fingerprint.id)).size, 1);
  assert.deepEqual(
    joined.map(({ fingerprint }) => fingerprint.previous),
    before.map(({ fingerprint }) => fingerprint.id),
  );
  assert.deepEqual(new Set(joined.map(({ recurrence }) => recurrence.isNew)), new Set([false]));
  // The rule is taken back.
  const again = ["no stock", "no money"].map((text) => plain.process(failed(text)));
  assert.deepEqual(
    again.map(({ recurrence, fingerprint }) => [recurrence.isNew, fingerprint.previous]),
    [
      [false, undefined],
      [false, undefined],
    ],
  );
  const perService = {
    match: { type: "Error", service: "shop-*" },
    fingerprint: ["{{ default }}", "{{ message }}", "x"],
  };
  const splitting = engine(frequency, [LATEST], [perService]);
  const split = ["shop-1", "shop-2"].map((service) =>
    splitting.process(failed("no time", { resource: { service, worker: "w" } })),
  );
  assert.deepEqual(new Set(split.map(({ recurrence }) => recurrence.isNew)), new Set([false]));
  assert.equal(joining.process(failed("no idea")).recurrence.isNew, false, "its group is known");
  assert.equal(plain.process(failed("another")).recurrence.isNew, true);
});

test("with another version and a rule, the id before is that of the version before, by the same rule", () => {
  const rule = { match: { message: "no *" }, fingerprint: ["{{ default }}", "none"] };
  const before = engine(createFrequency(), [LATEST], [rule]).process(failed("no stock"));
  const after = engine(createFrequency(), [NEXT, LATEST], [rule]).process(failed("no stock"));
  assert.equal(after.fingerprint.previous, before.fingerprint.id);
  assert.notEqual(after.fingerprint.id, before.fingerprint.id);
});

test("an id that Seismo gave upstream comes with the one before it, and nothing else is taken for one", () => {
  const given = (previousFingerprint: string): RawError =>
    failed("no stock", { given: { fingerprint: ["00112233445566aa"], previousFingerprint } });
  const process = (error: RawError): ErrorEvent["fingerprint"] =>
    engine(createFrequency(), [LATEST]).process(error).fingerprint;
  assert.equal(process(given("ffeeddccbbaa9988")).previous, "ffeeddccbbaa9988");
  for (const bad of ["00112233445566aa", "FFEEDDCCBBAA9988", "<b>", ""])
    assert.equal(process(given(bad)).previous, undefined);
});
