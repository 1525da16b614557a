/** What every store does, whatever it is made of. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ErrorEvent } from "../../src/event";
import type { ErrorsData, LogRow, RequestRow } from "../../src/store/answers";
import { DURATION_BOUNDS_MILLIS } from "../../src/store/store";
import { freshFolder } from "../fresh-folder";
import { eventually } from "../instrumentation/fixture-app";
import { event, HOUR, idsIn, isOpen, kept, type OpenStore } from "./opened-store";

const MINUTE = 60_000;

export function testStore(name: string, open: OpenStore): void {
  describe(name, () => {
    test("an error that is in the journal is counted, listed and told whole", async (context) => {
      const { store, write } = open(context);
      const given = event({
        type: "PaymentError",
        message: "card declined",
        requestId: "req-1",
        sessionId: "session-1",
        userId: "user-1",
        request: { method: "POST", route: "/pay", statusCode: 502 },
        details: { attempt: 3 },
      });
      await write(given);
      const data = await store.errors({ timeRange: 24, limit: 10 });
      assert.equal(data.summary.total_errors, 1);
      assert.equal(data.summary.warning_errors, 1);
      assert.equal(data.summary.unique_types, 1);
      assert.equal(data.summary.affected_sessions, 1);
      assert.equal(data.summary.affected_users, 1);
      assert.equal(data.summary.time_range_hours, 24);
      assert.equal(data.counted_since, null);
      assert.equal(data.next_cursor, null);
      const [row] = data.recent_errors;
      assert.deepEqual(row, {
        id: given.id,
        timestamp: new Date(given.timeUnixMillis).toISOString(),
        title: "PaymentError: card declined",
        type: "PaymentError",
        message: "card declined",
        error_category: "application_error",
        group: "application_error",
        severity: "warning",
        is_critical: false,
        fingerprint: given.fingerprint.id,
        origin: "root",
        service: "shop",
        worker_id: "worker-1",
        request_id: "req-1",
        session_id: "session-1",
        user_id: "user-1",
        trace_id: given.traceId ?? null,
        method: "POST",
        route: "/pay",
        status_code: 502,
        hardware_type: null,
        handled: false,
        is_new: false,
        is_regressed: false,
      });
      const detail = await store.error(given.id);
      assert.equal(detail?.["error_message"], "card declined");
      assert.deepEqual(detail?.["error_details"], { attempt: 3 });
      assert.equal(detail?.["origin"], "root");
      assert.equal(await store.error("nobody-knows-it"), undefined);
    });

    test("a store without errors answers everything with nothing", async (context) => {
      const { store } = open(context);
      await isOpen(store);
      for (const timeRange of [1, 6, 24, 168] as const) {
        const data = await store.errors({ timeRange, limit: 10 });
        assert.equal(data.summary.total_errors, 0);
        assert.equal(data.summary.errors_per_minute, 0);
        assert.deepEqual(data.recent_errors, []);
        assert.deepEqual(data.error_distribution.by_type, {});
        assert.ok(data.timeline.length >= 60 && data.timeline.length <= 168);
        assert.ok(data.timeline.every(({ total }) => total === 0));
      }
      assert.deepEqual(await store.groups({ timeRange: 24, sort: "occurrences", limit: 5 }), {
        groups: [],
        next_cursor: null,
      });
      assert.equal(await store.group("00112233445566aa", 24), undefined);
      assert.deepEqual(await store.requests({ timeRange: 1, limit: 5 }), {
        endpoints: [],
        requests: [],
        next_cursor: null,
      });
      assert.deepEqual(await store.journey({ by: "request_id", value: "none", limit: 5 }), {
        steps: [],
        is_cut: false,
      });
      assert.deepEqual(await store.logs({ timeRange: 1, limit: 5 }), { logs: [], next_cursor: null });
    });

    test("counts are of roots, and every distribution and the timeline add up to them", async (context) => {
      const { store, write } = open(context);
      await write(...manyErrors());
      const data = await store.errors({ timeRange: 24, limit: 5 });
      assert.equal(data.summary.total_errors, 120);
      assert.equal(data.summary.echo_errors, 20);
      assert.equal(data.summary.critical_errors, 40);
      assert.equal(data.summary.affected_workers, 3);
      assert.equal(data.summary.unique_types, 60);
      assert.equal(data.summary.unique_groups, 4);
      for (const [what, counts] of Object.entries(data.error_distribution)) {
        assert.equal(sum(Object.values(counts)), 120, what);
        assert.ok(Object.keys(counts).length <= 51, what);
      }
      assert.equal(data.error_distribution.by_type["other"], 20, "50 of 60 types by name");
      assert.equal(sum(data.timeline.map(({ total }) => total)), 120);
      assert.equal(sum(data.timeline.map(({ critical }) => critical)), 40);
      assert.equal(sum(Object.values(data.worker_errors).map(({ total }) => total)), 120);
      assert.equal(sum(Object.values(data.error_patterns).map(({ occurrences }) => occurrences)), 120);
    });

    test("the timeline has no gap, ends now, and puts an error into its interval", async (context) => {
      const { store, write } = open(context);
      await write(event({ timeUnixMillis: Date.now() - 5 * HOUR }), event());
      for (const timeRange of [6, 24, 168] as const) {
        const { timeline, timestamp } = await store.errors({ timeRange, limit: 5 });
        const times = timeline.map(({ time }) => Date.parse(time));
        const width = (timeRange * HOUR) / times.length;
        assert.ok(times.every((time, index) => index === 0 || Math.abs(time - (times[index - 1] ?? 0) - width) <= 1));
        assert.equal(times[0], Date.parse(timestamp) - timeRange * HOUR);
        const filled = timeline.filter(({ total }) => total > 0);
        assert.equal(filled.length, 2);
        assert.ok(Math.abs(Date.parse(filled[0]?.time ?? "") - (Date.now() - 5 * HOUR)) <= width + 60_000);
      }
    });

    test("a time range leaves out what came before it, and counts that as the range before", async (context) => {
      const { store, write } = open(context);
      const hoursAgo = (hours: number): ErrorEvent => event({ timeUnixMillis: Date.now() - hours * HOUR });
      await write(hoursAgo(40), hoursAgo(30), hoursAgo(20), hoursAgo(3), hoursAgo(0.5));
      const totals = async (timeRange: 1 | 6 | 24 | 168): Promise<readonly number[]> => {
        const { summary, recent_errors } = await store.errors({ timeRange, limit: 10 });
        return [summary.total_errors, summary.previous_total_errors, recent_errors.length];
      };
      assert.deepEqual(await totals(1), [1, 0, 1]);
      assert.deepEqual(await totals(6), [2, 0, 2]);
      assert.deepEqual(await totals(24), [3, 2, 3]);
      assert.deepEqual(await totals(168), [5, 0, 5]);
    });

    test("pages follow each other without a gap or a repeat, while errors come in", async (context) => {
      const { store, write } = open(context);
      const now = Date.now();
      const given = Array.from({ length: 25 }, (_, index) =>
        event({ timeUnixMillis: now - Math.floor(index / 5) * 1_000 }),
      );
      await write(...given);
      const seen: string[] = [];
      let cursor: string | undefined;
      let pages = 0;
      do {
        const page: ErrorsData = await store.errors({ timeRange: 1, limit: 7, cursor });
        seen.push(...page.recent_errors.map(({ id }) => id));
        cursor = page.next_cursor ?? undefined;
        pages += 1;
        await write(event());
      } while (cursor !== undefined);
      assert.equal(pages, 4);
      assert.deepEqual([...seen].sort(), given.map(({ id }) => id).sort());
    });

    test("a cursor that no page gave leads to an empty page", async (context) => {
      const { store, write } = open(context);
      await write(event());
      for (const cursor of ["", "abc", "W10", "WzEsMiwzXQ", "'; DROP TABLE errors; --"]) {
        const page = await store.errors({ timeRange: 1, limit: 5, cursor });
        assert.deepEqual([page.recent_errors, page.next_cursor], [[], null], cursor);
        assert.equal((await store.groups({ timeRange: 1, sort: "users", limit: 5, cursor })).groups.length, 0);
      }
    });

    test("a filter leaves only what has all that it asks for", async (context) => {
      const { store, write } = open(context);
      const wanted = event({
        resource: { service: "orders", worker: "w-9" },
        type: "Überlauf",
        message: "Überlauf in 100% of \\ '_' cases",
        classification: { group: "network_error", category: "network_dns", reason: "" },
        fingerprint: { id: "aaaaaaaaaaaaaaaa", version: 1, reason: "", template: "" },
        rating: { severity: "critical", reasons: ["x"] },
        requestId: "Req-77",
        origin: "echo",
      });
      await write(...manyErrors(), wanted);
      const filters = [
        ...[{ service: "orders" }, { worker: "w-9" }, { category: "network_dns" }, { group: "network_error" }],
        ...[{ fingerprint: "aaaaaaaaaaaaaaaa" }, { severity: "critical", service: "orders" }, { q: "überlauf" }],
        ...[{ q: "100% of \\ '_'" }, { q: "req-77" }, { q: wanted.id.slice(0, 20) }, { q: "aaaaaaaaaaaa" }],
        { origin: "echo", service: "orders" },
      ] as const;
      for (const filter of filters) {
        const { recent_errors, summary } = await store.errors({ timeRange: 24, limit: 10, ...filter });
        assert.deepEqual(
          recent_errors.map(({ id }) => id),
          [wanted.id],
          JSON.stringify(filter),
        );
        assert.equal(summary.echo_errors, 1);
        assert.equal(summary.total_errors, 0);
      }
      const roots = await store.errors({ timeRange: 24, limit: 500, origin: "root", severity: "critical" });
      assert.equal(roots.recent_errors.length, 40);
      assert.equal(roots.summary.total_errors, 40);
      assert.equal((await store.errors({ timeRange: 24, limit: 10, q: "%" })).recent_errors.length, 1);
      assert.equal((await store.errors({ timeRange: 24, limit: 10, service: "' OR 1=1 --" })).summary.total_errors, 0);
    });

    test("a judgement makes an echo of an error, and takes a duplicate out", async (context) => {
      const { store, write, journal } = open(context);
      const [root, echo, duplicate] = [event(), event(), event()];
      await write(root, echo, duplicate);
      journal.judge({
        through: duplicate.id,
        changed: [
          { id: echo.id, origin: "echo" },
          { id: duplicate.id, origin: "duplicate", of: root.id },
        ],
      });
      await eventually("the judgement", async () =>
        (await store.error(duplicate.id)) === undefined ? true : undefined,
      );
      const { summary } = await store.errors({ timeRange: 1, limit: 5 });
      assert.deepEqual([summary.total_errors, summary.echo_errors], [1, 1]);
      assert.equal((await store.error(echo.id))?.["origin"], "echo");
      assert.equal((await store.errors({ timeRange: 1, limit: 5, origin: "echo" })).recent_errors[0]?.id, echo.id);
    });

    test("a judgement that is written with its errors does the same", async (context) => {
      const { store, journal } = open(context);
      const [root, echo, duplicate] = [event(), event(), event()];
      journal.export([root, echo, duplicate]);
      journal.judge({
        through: duplicate.id,
        changed: [
          { id: echo.id, origin: "echo" },
          { id: duplicate.id, origin: "duplicate", of: root.id },
        ],
      });
      await kept(store, echo.id);
      const { summary } = await store.errors({ timeRange: 1, limit: 5 });
      assert.deepEqual([summary.total_errors, summary.echo_errors], [1, 1]);
    });

    test("groups are sorted by what is asked for, and paged", async (context) => {
      const { store, write } = open(context);
      const now = Date.now();
      const of = (letter: string, minutesAgo: number, userId: string): ErrorEvent =>
        event({
          timeUnixMillis: now - minutesAgo * MINUTE,
          fingerprint: { id: letter.repeat(16), version: 1, reason: "", template: "" },
          recurrence: { ...event().recurrence, firstSeenUnixMillis: now - minutesAgo * MINUTE },
          userId,
        });
      await write(
        of("a", 50, "u1"),
        of("a", 45, "u2"),
        of("b", 40, "u3"),
        of("b", 30, "u3"),
        of("b", 20, "u3"),
        of("c", 1, "u4"),
      );
      const sorted = async (sort: "occurrences" | "last_seen" | "first_seen" | "users"): Promise<string> => {
        const letters: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await store.groups({ timeRange: 1, sort, limit: 1, cursor });
          letters.push(...page.groups.map(({ fingerprint }) => fingerprint.slice(0, 1)));
          cursor = page.next_cursor ?? undefined;
        } while (cursor !== undefined);
        return letters.join("");
      };
      assert.equal(await sorted("occurrences"), "bac");
      assert.equal(await sorted("last_seen"), "cba");
      assert.equal(await sorted("first_seen"), "cba");
      assert.equal(await sorted("users"), "abc");
    });

    test("a group tells of its errors over time, by worker and release, and what to do", async (context) => {
      const { store, write } = open(context);
      const now = Date.now();
      const fingerprint = { id: "abcdefabcdefabcd", version: 3, reason: "the first frame", template: "" };
      const of = (hoursAgo: number, worker: string, serviceVersion: string): ErrorEvent =>
        event({
          timeUnixMillis: now - hoursAgo * HOUR,
          fingerprint,
          advice: "Turn it off and on.",
          resource: { service: "shop", worker, serviceVersion },
          recurrence: {
            ...event().recurrence,
            firstSeenUnixMillis: now - 100 * HOUR,
            trend: "rising",
            recoveryMillis: 4_000,
            usuallyAfter: { fingerprint: "0000000000000001", within: "request" },
          },
          rating: { severity: hoursAgo > 10 ? "critical" : "warning", reasons: ["x"] },
        });
      const before = event({ fingerprint: { ...fingerprint, id: "0000000000000001" }, message: "pool is empty" });
      await write(before, of(90, "w1", "1.0"), of(20, "w1", "1.0"), of(5, "w2", "1.1"), of(2, "w2", "1.1"));
      const group = await store.group(fingerprint.id, 24);
      assert.ok(group);
      assert.deepEqual(
        [group.occurrences, group.last_1h, group.last_6h, group.last_24h, group.last_7d],
        [3, 0, 2, 3, 4],
      );
      assert.equal(group.severity, "critical");
      assert.equal(group.first_seen, new Date(now - 100 * HOUR).toISOString());
      assert.equal(group.last_seen, new Date(now - 2 * HOUR).toISOString());
      assert.deepEqual([group.is_new, group.is_quiet, group.trend, group.recovery_ms], [false, true, "rising", 4_000]);
      assert.deepEqual(group.usually_after, {
        fingerprint: "0000000000000001",
        within: "request",
        title: "TypeError: pool is empty",
      });
      assert.deepEqual(
        [group.by_worker, group.by_release],
        [
          { w1: 1, w2: 2 },
          { "1.0": 1, "1.1": 2 },
        ],
      );
      assert.deepEqual([group.fingerprint_version, group.fingerprint_reason], [3, "the first frame"]);
      assert.equal(group.advice, "Turn it off and on.");
      assert.equal(group.sparkline.length, 24);
      assert.equal(sum(group.sparkline), 3);
      assert.equal(sum(group.timeline.map(({ total }) => total)), 3);
      assert.equal(group.recent_errors.length, 3);
      assert.equal((await store.group(fingerprint.id, 1))?.occurrences, 0, "known, though not of late");
      const week = await store.group(fingerprint.id, 168);
      assert.deepEqual([week?.occurrences, week?.is_new], [4, true]);
    });

    test("a worker is critical or warning for five minutes after such an error", async (context) => {
      const { store, write } = open(context);
      const by = (worker: string, severity: "critical" | "warning" | "info", minutesAgo: number): ErrorEvent =>
        event({
          resource: { service: "shop", worker },
          rating: { severity, reasons: ["x"] },
          timeUnixMillis: Date.now() - minutesAgo * MINUTE,
          type: severity,
        });
      await write(
        by("a", "critical", 1),
        by("a", "info", 1),
        by("a", "info", 1),
        by("b", "warning", 2),
        by("c", "critical", 9),
      );
      const { worker_errors } = await store.errors({ timeRange: 1, limit: 5 });
      assert.deepEqual(
        Object.entries(worker_errors)
          .map(([worker, { status, total }]) => [worker, status, total])
          .sort(),
        [
          ["a", "critical", 3],
          ["b", "warning", 1],
          ["c", "stable", 1],
        ],
      );
      assert.equal(worker_errors["a"]?.most_common_error, "info");
    });

    test("hardware errors tell of devices and of the machine as it was last", async (context) => {
      const { store, write } = open(context);
      const hot = (cpu: number): ErrorEvent =>
        event({
          classification: { group: "hardware_error", category: "hardware_overheating", reason: "" },
          rating: { severity: "critical", reasons: ["x"] },
          hardwareContext: { hardware_type: "GPU", hardware_status: { overheating: true } },
          systemContext: {
            hostname: "node-1",
            platform: "linux",
            metrics: { cpu: { percent: cpu }, memory: { used_percent: 40 }, disk: { used_percent: 50 } },
            gpu_metrics: { devices: [{ index: 1, name: "A100", memory_utilization: 70, temperature: 91 }] },
          },
        });
      await write(hot(50), hot(60), event());
      const { hardware_errors, summary } = await store.errors({ timeRange: 1, limit: 5 });
      assert.deepEqual([summary.hardware_errors, summary.critical_hardware_errors], [2, 2]);
      assert.equal(hardware_errors.total, 2);
      assert.deepEqual([hardware_errors.by_type, hardware_errors.by_status], [{ GPU: 2 }, { overheating: 2 }]);
      assert.equal(hardware_errors.errors_per_minute["GPU"], 2 / 60);
      assert.equal(hardware_errors.recent.length, 2);
      assert.deepEqual(
        { ...hardware_errors.machines["worker-1"], timestamp: undefined },
        {
          ...{ service: "shop", timestamp: undefined, hostname: "node-1", platform: "linux", status: "critical" },
          ...{ cpu_percent: 60, memory_percent: 40, disk_percent: 50 },
          gpus: [{ index: 1, name: "A100", memory_percent: 70, temperature_celsius: 91 }],
        },
      );
    });

    test("a reset counts from zero and deletes nothing", async (context) => {
      const { store, write } = open(context);
      await write(event(), event());
      const zero = await store.reset();
      assert.ok(Math.abs(Date.parse(zero) - Date.now()) < 60_000);
      const before = await store.errors({ timeRange: 24, limit: 10 });
      assert.deepEqual([before.summary.total_errors, before.recent_errors.length, before.counted_since], [0, 2, zero]);
      assert.equal(sum(before.timeline.map(({ total }) => total)), 0);
      assert.deepEqual([before.error_patterns, before.worker_errors], [{}, {}]);
      await write(event({ timeUnixMillis: Date.parse(zero) + 1 }));
      const after = await store.errors({ timeRange: 24, limit: 10 });
      assert.deepEqual([after.summary.total_errors, after.recent_errors.length], [1, 3]);
      assert.equal(sum(after.timeline.map(({ total }) => total)), 1);
      assert.equal((await store.groups({ timeRange: 24, sort: "occurrences", limit: 5 })).groups[0]?.occurrences, 3);
    });

    test("requests are counted exactly, and their percentiles are right to a bucket", async (context) => {
      const { store } = open(context);
      await isOpen(store);
      const minute = Math.floor(Date.now() / MINUTE) * MINUTE;
      const durations = Array.from({ length: 100 }, (_, index) => index + 1);
      store.keep({ requestCounts: [requestCounts(minute, durations), requestCounts(minute - MINUTE, [1_000])] });
      store.keep({ requests: [requestRow(10, { slow: true }), requestRow(20, { failed: true, status_code: 500 })] });
      const data = await eventually("the requests", async () => {
        const found = await store.requests({ timeRange: 1, limit: 10 });
        return found.endpoints.length > 0 && found.requests.length === 2 ? found : undefined;
      });
      const [endpoint] = data.endpoints;
      assert.deepEqual([endpoint?.count, endpoint?.errors, endpoint?.slow, endpoint?.max_ms], [101, 2, 4, 1_000]);
      assert.equal(endpoint?.per_minute, 101 / 60);
      assert.ok(Math.abs((endpoint?.p50_ms ?? 0) - 51) < 51 * 0.19, `p50 ${endpoint?.p50_ms}`);
      assert.ok(Math.abs((endpoint?.p95_ms ?? 0) - 96) < 96 * 0.19, `p95 ${endpoint?.p95_ms}`);
      assert.equal(data.requests[0]?.duration_ms, 20, "the newest first");
      const durationsOf = async (query: object): Promise<readonly number[]> =>
        (await store.requests({ timeRange: 1, limit: 10, ...query })).requests.map(({ duration_ms }) => duration_ms);
      assert.deepEqual(await durationsOf({ slow: true }), [10]);
      assert.deepEqual(await durationsOf({ failed: true }), [20]);
      assert.deepEqual(await durationsOf({ route: "/elsewhere" }), []);
    });

    test("what comes before the store is open is kept", async (context) => {
      const { store } = open(context);
      const minute = Math.floor(Date.now() / MINUTE) * MINUTE;
      assert.equal(store.status().status, "opening");
      store.keep({ requests: [requestRow(10)], requestCounts: [requestCounts(minute, [10])] });
      store.keep({ logs: [logRow("WARN", "early")] });
      await isOpen(store);
      await eventually("all of it", async () => {
        const { endpoints, requests } = await store.requests({ timeRange: 1, limit: 10 });
        const { logs } = await store.logs({ timeRange: 1, limit: 10 });
        return (endpoints.length === 1 && requests.length === 1 && logs.length === 1) || undefined;
      });
    });

    test("logs are found by level and by a part of their text", async (context) => {
      const { store } = open(context);
      await isOpen(store);
      store.keep({
        logs: [logRow("DEBUG", "cache miss"), logRow("WARN", "Cache is full"), logRow("ERROR", "no route")],
      });
      const messages = async (query: object): Promise<readonly string[]> =>
        (await store.logs({ timeRange: 1, limit: 10, ...query })).logs.map(({ message }) => message);
      await eventually("the logs", async () => ((await messages({})).length === 3 ? true : undefined));
      assert.deepEqual(await messages({ level: "WARN" }), ["no route", "Cache is full"]);
      assert.deepEqual(await messages({ q: "CACHE" }), ["Cache is full", "cache miss"]);
      assert.deepEqual(await messages({ service: "other" }), []);
      const { logs, next_cursor } = await store.logs({ timeRange: 1, limit: 2 });
      assert.equal(logs.length, 2);
      assert.deepEqual(await messages({ limit: 2, cursor: next_cursor }), ["cache miss"]);
    });

    test("a journey has all that shares an id, the earliest first, and says when it is cut", async (context) => {
      const { store, write } = open(context);
      await isOpen(store);
      const ids = { request_id: "req-5", session_id: "session-5", user_id: "user-5", trace_id: "f".repeat(32) };
      const failed = { requestId: ids.request_id, sessionId: ids.session_id, userId: ids.user_id };
      store.keep({
        logs: [{ ...logRow("INFO", "begins", 3_000), request_id: ids.request_id, trace_id: ids.trace_id }],
        requests: [requestRow(5, ids), requestRow(6, { request_id: "another" })],
      });
      await write(event({ ...failed, traceId: ids.trace_id, timeUnixMillis: Date.now() - 2_000 }), event());
      for (const [by, value] of Object.entries(ids)) {
        const query = { by: by as keyof typeof ids, value, limit: 10 };
        const { steps, is_cut } = await eventually(by, async () => {
          const journey = await store.journey(query);
          return journey.steps.length === 3 ? journey : undefined;
        });
        assert.deepEqual(
          steps.map(({ kind }) => kind),
          ["log", "error", "request"],
        );
        assert.equal(is_cut, false);
        const cut = await store.journey({ ...query, limit: 2 });
        assert.deepEqual([cut.steps.length, cut.is_cut], [2, true]);
      }
    });

    test("texts of any kind come back as they went in", async (context) => {
      const { store, write } = open(context);
      const odd = ["__proto__", "constructor", "a\u0000b", "\u202eabc", "🎉".repeat(10), "'\"\\;--", "x".repeat(5_000)];
      const given = odd.map((text) =>
        event({ type: text, message: text, resource: { service: "shop", worker: text }, sessionId: text }),
      );
      await write(...given);
      const data = await store.errors({ timeRange: 1, limit: 50 });
      assert.equal(data.summary.total_errors, odd.length);
      for (const [index, text] of odd.entries()) {
        const row = data.recent_errors.find(({ id }) => id === given[index]?.id);
        assert.deepEqual([row?.type, row?.message, row?.worker_id], [text, text.slice(0, 1_000), text]);
        assert.equal(Object.getOwnPropertyDescriptor(data.worker_errors, text)?.value.total, 1);
        assert.equal((await store.error(given[index]?.id ?? ""))?.["error_message"], text);
      }
    });

    test("a clock that is years off hides no error, and moves none of the others", async (context) => {
      const { store, write, journal } = open(context);
      await write(event());
      journal.judge({ through: "nothing", changed: [] });
      const years = [-50, -1, 1, 500].map((offset) => event({ timeUnixMillis: Date.now() + offset * 8_766 * HOUR }));
      await write(...years, event());
      const { summary, recent_errors, timeline } = await store.errors({ timeRange: 1, limit: 10 });
      assert.deepEqual([summary.total_errors, recent_errors.length], [6, 6]);
      assert.equal(sum(timeline.map(({ total }) => total)), 6);
    });

    test("after a restart all is there, once, and what was written meanwhile as well", async (context) => {
      const folder = freshFolder();
      const first = open(context, folder);
      const before = [event(), event()];
      await first.write(...before);
      await first.store.reset();
      await first.store.stop(5_000);
      const between = [event(), event()];
      first.journal.export(between);
      const second = open(context, folder);
      const last = event();
      await second.write(last);
      const ids = [...before, ...between, last].map(({ id }) => id);
      assert.deepEqual([...(await idsIn(second.store))].sort(), ids.sort());
      assert.notEqual((await second.store.errors({ timeRange: 1, limit: 1 })).counted_since, null);
    });

    test("a store that is stopped has taken in what was in the journal, and answers no more", async (context) => {
      const folder = freshFolder();
      const { store, journal } = open(context, folder);
      await isOpen(store);
      const given = Array.from({ length: 300 }, () => event());
      journal.export(given);
      await store.stop(10_000);
      await assert.rejects(store.errors({ timeRange: 1, limit: 1 }), { name: "StoreUnavailableError" });
      const again = open(context, folder);
      await isOpen(again.store);
      assert.equal((await again.store.errors({ timeRange: 1, limit: 1 })).summary.total_errors, given.length);
    });

    test("more questions than may wait are refused at once, the others are answered", async (context) => {
      const { store, write } = open(context);
      await write(event());
      const asked = Array.from({ length: 60 }, () => store.errors({ timeRange: 168, limit: 1 }));
      const results = await Promise.allSettled(asked);
      const refused = results.filter(({ status }) => status === "rejected");
      const reasons = refused.map((result) => (result.status === "rejected" ? result.reason.reason : ""));
      assert.deepEqual(
        reasons,
        Array.from({ length: 60 - 36 }, () => "busy"),
      );
    });
  });
}

/** 120 roots of 60 types, 4 groups and 3 workers, a third of them critical, and 20 echoes. */
function manyErrors(): readonly ErrorEvent[] {
  return Array.from({ length: 140 }, (_, index) =>
    event({
      type: `Type${index % 60}`,
      timeUnixMillis: Date.now() - index * 9 * MINUTE,
      resource: { service: `service-${index % 2}`, worker: `worker-${index % 3}` },
      fingerprint: { id: String(index % 4).repeat(16), version: 1, reason: "", template: "" },
      rating: { severity: (["critical", "warning", "info"] as const)[index % 3] ?? "info", reasons: ["x"] },
      origin: index < 120 ? "root" : "echo",
    }),
  );
}

function requestCounts(minuteUnixMillis: number, durations: readonly number[]) {
  const buckets = Array.from({ length: DURATION_BOUNDS_MILLIS.length + 1 }, () => 0);
  for (const duration of durations) {
    const at = DURATION_BOUNDS_MILLIS.findIndex((bound) => duration <= bound);
    buckets[at] = (buckets[at] ?? 0) + 1;
  }
  return {
    ...{ minuteUnixMillis, service: "shop", method: "GET", route: "/cart", errors: 1, slow: 2 },
    ...{ count: durations.length, maxMillis: Math.max(...durations), buckets },
  };
}

function requestRow(durationMillis: number, extra: Partial<RequestRow> = {}): RequestRow {
  return {
    timestamp: new Date(Date.now() - 1_000 + durationMillis).toISOString(),
    ...{ service: "shop", worker_id: "worker-1", method: "GET", route: "/cart", status_code: 200 },
    ...{ duration_ms: durationMillis, slow: false, failed: false },
    ...{ request_id: null, session_id: null, user_id: null, trace_id: null, span_id: null },
    ...extra,
  };
}

function logRow(level: LogRow["level"], message: string, millisAgo = 1_000): LogRow {
  const timestamp = new Date(Date.now() - millisAgo).toISOString();
  const ids = { request_id: null, trace_id: null };
  return { timestamp, level, service: "shop", worker_id: "worker-1", message, logger: "app", ...ids };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
