import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import fc from "fast-check";
import { type DiskQueue, type DiskQueueOptions, openDiskQueue } from "../../src/exporter/disk-queue";
import { createTelemetry } from "../../src/telemetry";

const base = fs.mkdtempSync(join(tmpdir(), "seismo-queue-"));
after(() => fs.rmSync(base, { recursive: true, force: true }));
let folders = 0;

const WRITER = require.resolve("./fixtures/queue-writer");

function freshFolder(): string {
  return join(base, String(folders++));
}

function open(folder: string, overrides: Partial<DiskQueueOptions> = {}): DiskQueue {
  const telemetry = createTelemetry();
  return openDiskQueue({ folder, segmentBytes: 400, nowMillis: () => 1_234, telemetry, signal: "spans", ...overrides });
}

/** A process that is gone: its lock names a number that no process has. */
function abandon(folder: string): void {
  lockAs(folder, "4194305,");
}

function lockAs(folder: string, owner: string): void {
  fs.rmSync(join(folder, "lock"), { force: true });
  fs.symlinkSync(owner, join(folder, "lock"));
}

/** What a killed process leaves behind, opened by the next one. */
function crash(folder: string): string {
  const copy = freshFolder();
  fs.cpSync(folder, copy, { recursive: true });
  abandon(copy);
  return copy;
}

async function put(queue: DiskQueue, ...texts: string[]): Promise<void> {
  for (const text of texts) assert.equal(queue.append(Buffer.from(text)).status, "queued");
  assert.equal(await queue.commit(), undefined);
}

function drain(queue: DiskQueue): string[] {
  const texts: string[] = [];
  for (let record = queue.peek(); record !== undefined; record = queue.peek()) {
    texts.push(record.toString());
    queue.ack();
  }
  return texts;
}

function numbered(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, index) => `record ${index + from} ${"x".repeat(60)}`);
}

function segmentsOf(folder: string): string[] {
  const names = fs.readdirSync(folder).filter((name) => name.endsWith(".queue"));
  return names.sort().map((name) => join(folder, name));
}

function quarantined(folder: string): string[] {
  return fs.readdirSync(folder).filter((name) => name.endsWith(".corrupt-1234"));
}

/** 20 records of 5 segments, none of them read. */
async function filled(): Promise<string> {
  const folder = freshFolder();
  const queue = open(folder);
  await put(queue, ...numbered(20));
  await queue.close();
  assert.ok(segmentsOf(folder).length >= 5);
  return folder;
}

test("records come out in the order in which they went in, and only after they were committed", async () => {
  const queue = open(freshFolder());
  assert.equal(queue.peek(), undefined);
  queue.append([Buffer.from("a"), Buffer.from(""), Buffer.from("b")]);
  assert.equal(queue.peek(), undefined);
  assert.equal(await queue.commit(), undefined);
  assert.equal(queue.peek()?.toString(), "ab");
  assert.equal(queue.peek()?.toString(), "ab");
  queue.ack();
  queue.ack();
  await put(queue, "", "c");
  assert.deepEqual(drain(queue), ["", "c"]);
  assert.equal(queue.length, 0);
  await queue.close();
});

test("as a state machine it is a list that a crash does not shorten", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { maxLength: 60 }), async (list) => {
      let folder = freshFolder();
      let queue = open(folder);
      let model: string[] = [];
      let next = 0;
      for (const step of list) {
        if (step.kind === "put") {
          const texts = step.sizes.map((size) => `${next++}${".".repeat(size)}`);
          await put(queue, ...texts);
          model.push(...texts);
        } else if (step.kind === "read") {
          assert.equal(queue.peek()?.toString(), model[0]);
        } else if (step.kind === "ack") {
          if (queue.peek() !== undefined) queue.ack();
          model = model.slice(1);
        } else {
          if (step.kind === "crash") folder = crash(folder);
          else await queue.close();
          const crashed = queue;
          queue = open(folder);
          if (step.kind === "crash") await crashed.close();
        }
        assert.equal(queue.length, model.length);
        assert.equal(queue.lostRecords, 0);
      }
      assert.deepEqual(drain(queue), model);
      await queue.close();
    }),
    { numRuns: 60 },
  );
});

test("whatever bytes of a segment are changed, the records that were not hit come out, each once and in order", async () => {
  const folder = await filled();
  await fc.assert(
    fc.asyncProperty(
      fc.nat(4),
      fc.nat(1_000),
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      async (which, at, bytes) => {
        const damaged = crash(folder);
        const file = segmentsOf(damaged)[which] ?? "";
        const content = fs.readFileSync(file);
        const start = at % content.length;
        Buffer.from(bytes).copy(content, start);
        fs.writeFileSync(file, content);
        const queue = open(damaged);
        const texts = drain(queue);
        const isWhole = content.equals(fs.readFileSync(segmentsOf(folder)[which] ?? ""));
        const all = numbered(20);
        assert.deepEqual(
          texts,
          all.filter((text) => texts.includes(text)),
        );
        // A head or payload of 24 and 69 bytes at most: damage of n bytes hits few records.
        const most = isWhole ? 0 : Math.ceil(bytes.length / 90) + 1;
        assert.ok(all.length - texts.length <= most, `${all.length - texts.length} lost of ${bytes.length} bytes`);
        assert.ok(queue.lostRecords === all.length - texts.length || texts.length === 20);
        await queue.close();
      },
    ),
    { numRuns: 150 },
  );
});

test("one bit that flipped costs its record alone, is counted, and the file is set aside, not deleted", async () => {
  const folder = await filled();
  const [, file = ""] = segmentsOf(folder);
  const content = fs.readFileSync(file);
  content[60] = (content[60] ?? 0) ^ 1;
  fs.writeFileSync(file, content);
  const telemetry = createTelemetry();
  const queue = open(folder, { telemetry });
  const all = numbered(20);
  const texts = drain(queue);
  assert.deepEqual(
    texts,
    all.filter((text) => texts.includes(text)),
  );
  assert.equal(texts.length, 19);
  assert.equal(queue.lostRecords, 1);
  assert.equal(queue.length, 0);
  await queue.close();
  assert.deepEqual(quarantined(folder), [`${file.split("/").at(-1)}.corrupt-1234`]);
  assert.deepEqual(telemetry.snapshot().dropped, [{ signal: "spans", reason: "corrupt", value: 1 }]);
  assert.deepEqual(fs.readFileSync(join(folder, quarantined(folder)[0] ?? "")), content);
});

for (const [name, damage] of Object.entries<(file: string) => void>({
  "a page of zeros": (file) => {
    const content = fs.readFileSync(file);
    content.fill(0, 100, 300);
    fs.writeFileSync(file, content);
  },
  "a first page of zeros": (file) => fs.writeFileSync(file, fs.readFileSync(file).fill(0, 0, 130)),
  "nothing but zeros": (file) => fs.writeFileSync(file, fs.readFileSync(file).fill(0)),
  "a cut": (file) => fs.truncateSync(file, 150),
  "an empty file": (file) => fs.truncateSync(file, 0),
  "a file that is gone": (file) => fs.rmSync(file),
  "a link in its place": (file) => {
    fs.renameSync(file, `${file}.elsewhere`);
    fs.symlinkSync(`${file}.elsewhere`, file);
  },
})) {
  for (const which of [0, 2, 4]) {
    test(`${name} in segment ${which}: the rest is delivered, what is missing is counted`, async () => {
      const folder = await filled();
      damage(segmentsOf(folder)[which] ?? "");
      const queue = open(folder);
      const texts = drain(queue);
      assert.deepEqual(
        texts,
        numbered(20).filter((text) => texts.includes(text)),
      );
      assert.ok(texts.length >= 16 && texts.length < 20, `${texts.length} came`);
      assert.equal(queue.lostRecords, 20 - texts.length);
      assert.equal(queue.length, 0);
      await put(queue, "and on");
      assert.deepEqual(drain(queue), ["and on"]);
      await queue.close();
      const next = open(folder);
      assert.deepEqual([next.length, next.lostRecords], [0, 0]);
      await next.close();
    });
  }
}

test("the last record cut at every byte costs that record alone, and is counted", async () => {
  const folder = freshFolder();
  const queue = open(folder, { segmentBytes: 100_000 });
  await put(queue, "one", "two");
  const [file = ""] = segmentsOf(folder);
  const { size } = fs.statSync(file);
  // Never committed, so that nobody was promised anything.
  queue.append(Buffer.from("three, of which a part is there"));
  const whole = fs.statSync(file).size;
  for (let end = size; end <= whole; end++) {
    const copy = crash(folder);
    fs.truncateSync(segmentsOf(copy)[0] ?? "", end);
    const opened = open(copy);
    const isPart = end > size && end < whole;
    assert.equal(opened.lostRecords, isPart ? 1 : 0);
    await put(opened, "four");
    const expected = ["one", "two", ...(end === whole ? ["three, of which a part is there"] : []), "four"];
    assert.deepEqual(drain(opened), expected);
    await opened.close();
    assert.deepEqual(quarantined(copy), []);
  }
  await queue.close();
});

test("bytes inside a record that look like a record are not taken for one when the record is damaged", async () => {
  const folder = freshFolder();
  const queue = open(folder);
  await put(queue, "0", "1", "inner");
  // With the number that comes next, so that nothing but the salt tells it from a record of the queue.
  const segment = fs.readFileSync(segmentsOf(folder)[0] ?? "");
  const inner = segment.subarray(segment.indexOf("inner") - 24);
  await queue.close();
  const other = freshFolder();
  const second = open(other, { segmentBytes: 10_000 });
  await put(second, "first");
  second.append(Buffer.concat([Buffer.from("outer"), inner, inner]));
  await put(second, "last");
  await second.close();
  const file = segmentsOf(other)[0] ?? "";
  const content = fs.readFileSync(file);
  content[content.indexOf("outer")] = 0;
  fs.writeFileSync(file, content);
  const damaged = open(other);
  assert.deepEqual(drain(damaged), ["first", "last"]);
  assert.equal(damaged.lostRecords, 1);
  await damaged.close();
});

test("a damaged position repeats records and loses none; one that is ahead or behind is survived", async () => {
  const folder = await filled();
  const queue = open(folder);
  for (let i = 0; i < 10; i++) {
    queue.peek();
    queue.ack();
  }
  await queue.close();
  const damaged = crash(folder);
  fs.writeFileSync(join(damaged, "position"), Buffer.alloc(600, 7));
  const repeating = open(damaged);
  const texts = drain(repeating);
  assert.deepEqual(texts, numbered(20).slice(20 - texts.length));
  assert.ok(texts.length >= 10 && texts.length <= 14);
  await repeating.close();

  const old = crash(folder);
  for (const file of segmentsOf(old)) fs.rmSync(file);
  const ahead = open(old);
  assert.deepEqual([drain(ahead), ahead.lostRecords], [[], 10]);
  await put(ahead, "new");
  assert.deepEqual(drain(ahead), ["new"]);
  await ahead.close();
});

test("a queue that is full refuses the new record, and takes records again when the old ones are gone", async () => {
  const queue = open(freshFolder(), { maxBytes: 4_000, segmentBytes: 500 });
  let taken = 0;
  while (queue.append(Buffer.alloc(100, String(taken % 10))).status === "queued") taken += 1;
  assert.equal(queue.append(Buffer.alloc(100)).status, "full");
  assert.ok(queue.bytes <= 4_000 && queue.bytes > 3_800, `${queue.bytes} bytes`);
  assert.equal(queue.capacityBytes, 4_000);
  await queue.commit();
  assert.deepEqual(
    drain(queue).map((text) => text[0]),
    Array.from({ length: taken }, (_, index) => String(index % 10)),
  );
  assert.equal(queue.append(Buffer.alloc(3_900)).status, "queued");
  assert.equal(queue.append(Buffer.alloc(4_000)).status, "full");
  await queue.close();
});

test("a queue of one segment takes records for ever", async () => {
  const folder = freshFolder();
  const queue = open(folder, { maxBytes: 1_000, segmentBytes: 1_000 });
  for (let i = 0; i < 100; i++) {
    await put(queue, `${i} ${"x".repeat(200)}`);
    assert.equal(drain(queue).length, 1);
  }
  await queue.close();
  assert.ok(segmentsOf(folder).length <= 1);
});

test("segments that were acknowledged are removed", async () => {
  const folder = freshFolder();
  const queue = open(folder);
  await put(queue, ...numbered(40));
  assert.ok(segmentsOf(folder).length > 5);
  drain(queue);
  await queue.close();
  const next = open(folder);
  assert.ok(next.bytes < 500, `${next.bytes} bytes`);
  await next.close();
  assert.ok(segmentsOf(folder).length <= 1);
});

test("callers that commit together share a sync, and none is answered by one that began before its record", async () => {
  const syncs: { done: (error: NodeJS.ErrnoException | null) => void }[] = [];
  const queue = open(freshFolder(), { segmentBytes: 10_000, fileSystem: { ...fs, fdatasync: fdatasyncInto(syncs) } });
  const answered: string[] = [];
  const write = async (name: string): Promise<void> => {
    queue.append(Buffer.from(name));
    assert.equal(await queue.commit(), undefined);
    answered.push(name);
  };
  const writers = [write("a"), write("b"), write("c")];
  await until(() => syncs.length === 1);
  writers.push(write("d"));
  syncs[0]?.done(null);
  await until(() => syncs.length === 2);
  assert.deepEqual(answered, ["a"]);
  syncs[1]?.done(null);
  await Promise.all(writers);
  assert.deepEqual(answered, ["a", "b", "c", "d"]);
  assert.equal(syncs.length, 2);
  await queue.close();
});

test("after a failed sync its records are not in the queue, their writers know, and the next go to a new file", async () => {
  const folder = freshFolder();
  let failing = false;
  const failed: number[] = [];
  const fdatasync = ((fd: number, done: (error: NodeJS.ErrnoException | null) => void) => {
    if (failing) failed.push(fd);
    if (failing) setImmediate(done, Object.assign(new Error("EIO: i/o error"), { code: "EIO" }));
    else fs.fdatasync(fd, done);
  }) as typeof fs.fdatasync;
  const queue = open(folder, { segmentBytes: 10_000, fileSystem: { ...fs, fdatasync } });
  await put(queue, "kept");
  failing = true;
  const first = queue.append(Buffer.from("refused 1"));
  assert.ok(first.status === "queued");
  const answer = queue.commit();
  const second = queue.append(Buffer.from("refused 2"));
  assert.ok(second.status === "queued");
  assert.match(String(await answer), /EIO/);
  failing = false;
  assert.equal(queue.length, 1);
  await put(queue, "after");
  assert.match(String(await queue.commit(first.sequence)), /EIO/);
  assert.match(String(await queue.commit(second.sequence)), /EIO/);
  assert.equal(failed.length, 1);
  assert.equal(segmentsOf(folder).length, 2);
  assert.equal(queue.length, 2);
  assert.deepEqual(drain(queue), ["kept", "after"]);
  assert.equal(queue.lostRecords, 0);
  await queue.close();
});

test("a new file in which nothing could be written does not stop the reader when the sync of the old one fails", async () => {
  let isBroken = false;
  const broken = (): Error => Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
  const writevSync: typeof fs.writevSync = (fd, buffers, position) => {
    if (isBroken && buffers.length > 1) throw broken();
    return fs.writevSync(fd, buffers, position);
  };
  const fdatasync = ((fd: number, done: (error: Error | null) => void) => {
    if (isBroken) setImmediate(done, broken());
    else fs.fdatasync(fd, done);
  }) as typeof fs.fdatasync;
  const queue = open(freshFolder(), { fileSystem: { ...fs, writevSync, fdatasync } });
  await put(queue, "kept");
  const outcome = queue.append(Buffer.alloc(300));
  isBroken = true;
  assert.equal(queue.append(Buffer.alloc(300)).status, "failed"); // in a segment of its own
  assert.ok(outcome.status === "queued");
  assert.match(String(await queue.commit(outcome.sequence)), /EIO/);
  isBroken = false;
  await put(queue, "after");
  assert.deepEqual(drain(queue), ["kept", "after"]);
  assert.deepEqual([queue.length, queue.lostRecords], [0, 0]);
  await queue.close();
});

test("a write that fails at its n-th call, for every n, tears no record and leaves the queue usable", async () => {
  for (let failAt = 1; failAt <= 12; failAt++) {
    let calls = 0;
    const writevSync: typeof fs.writevSync = (fd, buffers, position) => {
      calls += 1;
      // Short writes all along: seven bytes at most.
      const [some = Buffer.alloc(0)] = buffers;
      if (calls === failAt) throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
      return fs.writeSync(fd, some as Buffer, 0, Math.min(7, some.byteLength), position ?? undefined);
    };
    const folder = freshFolder();
    const queue = open(folder, { fileSystem: { ...fs, writevSync } });
    const kept: string[] = [];
    for (const text of ["first record", "second record", "third record"]) {
      const outcome = queue.append(Buffer.from(text));
      if (outcome.status === "queued") kept.push(text);
      else assert.match(outcome.status === "failed" ? outcome.error.message : outcome.status, /EIO/);
    }
    assert.equal(kept.length, 2);
    await queue.commit();
    const next = open(crash(folder));
    assert.deepEqual(drain(next), kept);
    assert.equal(next.lostRecords, 0);
    assert.deepEqual(drain(queue), kept);
    await Promise.all([queue.close(), next.close()]);
  }
});

test("on a disk that is full a record fails and tears nothing; with space again the queue goes on", async (context) => {
  const folder = tmpfs(context, "1m");
  if (folder === undefined) return;
  const queue = open(join(folder, "queue"), { segmentBytes: 100_000 });
  let taken = 0;
  let failure: Error | undefined;
  while (failure === undefined) {
    const outcome = queue.append(Buffer.alloc(10_000, "x"));
    assert.notEqual(outcome.status, "full");
    if (outcome.status === "failed") failure = outcome.error;
    else taken += 1;
  }
  assert.match(failure.message, /ENOSPC/);
  assert.ok(taken > 80, `${taken} taken`);
  assert.equal(await queue.commit(), undefined);
  for (let i = 0; i < 30; i++) {
    assert.equal(queue.peek()?.length, 10_000);
    queue.ack();
  }
  queue.peek();
  await until(() => queue.append(Buffer.from("after")).status === "queued");
  assert.equal(await queue.commit(), undefined);
  assert.equal(drain(queue).length, taken - 30 + 1);
  assert.equal(queue.lostRecords, 0);
  await queue.close();
});

test("a queue on a full disk opens, since what it holds must go before there is space again", async (context) => {
  const folder = tmpfs(context, "1m");
  if (folder === undefined) return;
  const queue = open(join(folder, "queue"), { segmentBytes: 100_000 });
  await put(queue, ...numbered(20));
  await queue.close();
  abandon(join(folder, "queue"));
  const filler = fs.openSync(join(folder, "filler"), "w");
  assert.throws(() => {
    for (;;) fs.writeSync(filler, Buffer.alloc(4_096, "x"));
  }, /ENOSPC/);
  fs.closeSync(filler);
  const next = open(join(folder, "queue"), { segmentBytes: 100_000 });
  assert.equal(next.append(Buffer.from("x")).status, "failed");
  assert.deepEqual(drain(next), numbered(20));
  await until(() => next.append(Buffer.from("x")).status === "queued");
  await next.close();
});

test("a folder that is in use is refused with the number of the process that has it", async () => {
  const folder = freshFolder();
  const queue = open(folder);
  assert.throws(() => open(folder), new RegExp(`${folder} is in use by process ${process.pid}`));
  const script = `
    const { openDiskQueue } = require(${JSON.stringify(require.resolve("../../src/exporter/disk-queue"))});
    const { createTelemetry } = require(${JSON.stringify(require.resolve("../../src/telemetry"))});
    const folder = ${JSON.stringify(folder)};
    openDiskQueue({ folder, nowMillis: Date.now, telemetry: createTelemetry(), signal: "spans" });`;
  const { status, stderr } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8" });
  assert.equal(status, 1);
  assert.match(stderr, new RegExp(`in use by process ${process.pid}`));
  await queue.close();
  await open(folder).close();
});

test("the lock of a process that is gone is taken over, also when another process has its number now", async () => {
  for (const owner of ["4194305,", `${process.ppid},another,1`, `${process.pid},another,1`, "nobody", "-1,"]) {
    const folder = freshFolder();
    fs.mkdirSync(folder);
    lockAs(folder, owner);
    await open(folder).close();
    assert.deepEqual(
      fs.readdirSync(folder).filter((name) => name.startsWith("lock")),
      [],
    );
  }
});

test("files are for their owner alone, and a link is not followed", async () => {
  const folder = freshFolder();
  const queue = open(folder);
  await put(queue, "secret");
  assert.equal(fs.statSync(folder).mode & 0o777, 0o700);
  const files = fs.readdirSync(folder).filter((name) => name !== "lock");
  assert.equal(files.length, 2);
  for (const name of files) assert.equal(fs.statSync(join(folder, name)).mode & 0o777, 0o600, name);
  await queue.close();
  const linked = freshFolder();
  fs.mkdirSync(linked);
  fs.writeFileSync(join(base, "target"), "");
  fs.symlinkSync(join(base, "target"), join(linked, "position"));
  assert.throws(() => open(linked), new RegExp(`cannot use the queue in ${linked}: ELOOP`));
  assert.throws(() => open("/dev/null/queue"), /cannot use the queue in \/dev\/null\/queue: ENOTDIR/);
});

test("a closed queue takes nothing, gives nothing, and can be closed again", async () => {
  const queue = open(freshFolder());
  await put(queue, "a");
  await Promise.all([queue.close(), queue.close()]);
  assert.equal(queue.append(Buffer.from("b")).status, "failed");
  assert.equal(queue.peek(), undefined);
  queue.ack();
  await queue.close();
});

test("what was committed when the process was killed is found, and at most the record being read comes twice", async () => {
  const folder = freshFolder();
  const committed = new Set<string>();
  const read: string[] = [];
  for (let round = 0; round < 10; round++) {
    const writer = spawn(process.execPath, [WRITER, folder, String(round * 100_000)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    writer.stdout.on("data", (chunk: Buffer) => {
      text += chunk;
      if (text.length > 3_000 + round * 1_500) writer.kill("SIGKILL");
    });
    await once(writer, "close");
    const lines = text.split("\n").slice(0, -1);
    for (const line of lines) {
      if (line.startsWith("committed ")) committed.add(line.slice("committed ".length));
      if (line.startsWith("read ")) read.push(line.slice("read ".length));
    }
  }
  const queue = open(folder);
  const left = drain(queue).map((text) => text.replace(/\.*$/, ""));
  await queue.close();
  const found = [...read, ...left];
  assert.ok(committed.size > 500, `${committed.size} committed`);
  assert.ok(read.length > 50, `${read.length} read`);
  assert.deepEqual(
    [...committed].filter((name) => !found.includes(name)),
    [],
  );
  assert.ok(found.length - new Set(found).size <= 10, `${found.length - new Set(found).size} came twice in 10 rounds`);
  for (let writer = 0; writer < 4; writer++) {
    const numbers = [...new Set(found)]
      .filter((name) => name.startsWith(`${writer}-`))
      .map((name) => Number(name.slice(2)));
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
    );
  }
});

test("a queue of 256 MiB opens in less than 10 seconds and is read through", async () => {
  const folder = freshFolder();
  const queue = open(folder, { segmentBytes: 16_777_216 });
  const record = Buffer.alloc(1_000_000, "x");
  let taken = 0;
  while (queue.append(record).status === "queued") taken += 1;
  await queue.close();
  assert.ok(taken > 260);
  for (const file of segmentsOf(folder)) fs.truncateSync(file, fs.statSync(file).size - 10);
  const start = performance.now();
  const damaged = open(folder);
  assert.ok(performance.now() - start < 10_000);
  let came = 0;
  for (; damaged.peek() !== undefined; came++) damaged.ack();
  assert.equal(came + damaged.lostRecords, taken);
  await damaged.close();
});

type Step =
  | { readonly kind: "put"; readonly sizes: readonly number[] }
  | { readonly kind: "read" | "ack" | "crash" | "reopen" };

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("put" as const), sizes: fc.array(fc.nat(500), { minLength: 1, maxLength: 4 }) }),
  fc.record({
    kind: fc.constantFrom("read" as const, "ack" as const, "ack" as const, "crash" as const, "reopen" as const),
  }),
);

/** A file system of that size, or a skipped test where none may be mounted: not so in continuous integration. */
function tmpfs(context: TestContext, size: string): string | undefined {
  const folder = freshFolder();
  fs.mkdirSync(folder, { recursive: true });
  const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder], {
    encoding: "utf8",
  });
  if (status !== 0) {
    assert.notEqual(process.env["CI"], "true", `cannot mount: ${stderr}`);
    context.skip(`cannot mount a small file system: ${stderr}`);
    return undefined;
  }
  context.after(() => spawnSync("umount", [folder]));
  return folder;
}

function fdatasyncInto(syncs: { done: (error: NodeJS.ErrnoException | null) => void }[]): typeof fs.fdatasync {
  return ((_fd: number, done: (error: NodeJS.ErrnoException | null) => void) => {
    syncs.push({ done });
  }) as typeof fs.fdatasync;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}
