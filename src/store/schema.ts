/**
 * The tables, and how a file of an older version becomes one of this.
 *
 *   errors ──series──► series      what many errors share, so that counting reads a number for each, not seven texts
 *     └─ hour_counts ──► series    errors of hours that have passed, counted: see hour-counts.ts
 *   requests, request_counts, request_durations ──endpoint──► endpoints
 *   logs · groups · machines · journal_position · settings
 *
 * Times are Unix milliseconds. There is no index: rows come nearly in the order of time, and what DuckDB knows of each
 * block (its least and greatest value) leads to them; an index may be stale after a kill.
 */

/** Each brings a file on by one version. Those that were released are never changed. */
export const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE series (
       id INTEGER, service VARCHAR, worker VARCHAR, category VARCHAR, "group" VARCHAR, type VARCHAR, severity VARCHAR,
       fingerprint VARCHAR, release VARCHAR, hardware_type VARCHAR, hardware_status VARCHAR)`,
    // `time` is where it is put; `stated` is what the event itself says, which is the same however often it is read.
    `CREATE TABLE errors (
       seq BIGINT, time BIGINT, series INTEGER, is_echo BOOLEAN, handled BOOLEAN, is_new BOOLEAN, is_regressed BOOLEAN,
       stated BIGINT, id VARCHAR, title VARCHAR, message VARCHAR, method VARCHAR, route VARCHAR, status_code INTEGER,
       request_id VARCHAR, session_id VARCHAR, user_id VARCHAR, trace_id VARCHAR, trend VARCHAR, recovery_ms DOUBLE,
       usually_after VARCHAR, line VARCHAR USING COMPRESSION zstd)`,
    "CREATE TABLE groups (fingerprint VARCHAR, first_seen BIGINT)",
    `CREATE TABLE machines (
       worker VARCHAR, service VARCHAR, time BIGINT, hostname VARCHAR, platform VARCHAR, status VARCHAR,
       cpu_percent DOUBLE, memory_percent DOUBLE, disk_percent DOUBLE, gpus VARCHAR)`,
    "CREATE TABLE endpoints (id INTEGER, service VARCHAR, method VARCHAR, route VARCHAR)",
    "CREATE TABLE request_counts (time BIGINT, endpoint INTEGER, count BIGINT, errors BIGINT, slow BIGINT, max_ms DOUBLE)",
    "CREATE TABLE request_durations (time BIGINT, endpoint INTEGER, bucket INTEGER, count BIGINT)",
    `CREATE TABLE requests (
       seq BIGINT, time BIGINT, service VARCHAR, worker_id VARCHAR, method VARCHAR, route VARCHAR, status_code INTEGER,
       duration_ms DOUBLE, slow BOOLEAN, failed BOOLEAN, request_id VARCHAR, session_id VARCHAR, user_id VARCHAR,
       trace_id VARCHAR, span_id VARCHAR)`,
    `CREATE TABLE logs (
       seq BIGINT, time BIGINT, level INTEGER, service VARCHAR, worker_id VARCHAR, message VARCHAR, logger VARCHAR,
       request_id VARCHAR, trace_id VARCHAR)`,
    // One row: the place in the journal that all rows above are from.
    "CREATE TABLE journal_position (inode BIGINT, head VARCHAR, head_bytes INTEGER, place BIGINT, judged BIGINT)",
    "CREATE TABLE settings (counted_since BIGINT)",
    "INSERT INTO settings VALUES (NULL)",
  ],
  // Filled by the process of the store, an hour at a time: a file of before is asked by its rows until then.
  [
    `CREATE TABLE hour_counts (
       hour INTEGER, series INTEGER, is_echo BOOLEAN, n INTEGER, latest BIGINT, latest_seq BIGINT)`,
  ],
];
