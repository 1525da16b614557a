/** A store that answers from nothing: plausible data of any size, for what looks at the page and not at a store. */
import type { Severity } from "../../src/event";
import type {
  EndpointRow,
  ErrorRow,
  ErrorsData,
  ErrorsQuery,
  GroupDetail,
  GroupRow,
  LogRow,
  MachineRow,
  RequestRow,
  TimelinePoint,
} from "../../src/store/answers";
import type { Queries } from "../../src/store/store";

export interface SampleOptions {
  /** Of the timeline. */
  readonly points?: number;
  readonly nowMillis: () => number;
}

export function createSampleQueries({ points = 96, nowMillis }: SampleOptions): Queries {
  const random = createRandom(7);
  const begin = nowMillis();
  const rows = Array.from({ length: 500 }, (_, index) =>
    sampleError(index, begin - index * 47_000 - random() * 20_000, random),
  );
  return {
    async errors(query) {
      return sampleErrors(query, rows, points, begin, random);
    },
    async error(id) {
      const row = rows.find((each) => each.id === id) ?? rows[0];
      return row && (sampleDetail(row) as never);
    },
    async groups() {
      return { groups: FAULTS.map((_, index) => sampleGroup(index, begin, random)), next_cursor: null };
    },
    async group(fingerprint) {
      const index = Math.max(
        0,
        FAULTS.findIndex((_, at) => fingerprintOf(at) === fingerprint),
      );
      return sampleGroupDetail(index, begin, rows, random);
    },
    async requests() {
      return {
        endpoints: ENDPOINTS.map((name) => sampleEndpoint(name, random)),
        requests: sampleRequests(begin, random),
        next_cursor: null,
      };
    },
    async journey() {
      return { steps: sampleJourney(begin, rows), is_cut: false };
    },
    async logs() {
      return { logs: sampleLogs(begin, random), next_cursor: null };
    },
    async reset() {
      return new Date(nowMillis()).toISOString();
    },
  };
}

export interface Fault {
  readonly type: string;
  readonly message: string;
  readonly group: string;
  readonly category: string;
  readonly severity: Severity;
  readonly service: string;
  readonly route: string;
}

export const FAULTS: readonly Fault[] = [
  {
    type: "23505",
    message: 'duplicate key value violates unique constraint "orders_number_key"',
    group: "database_error",
    category: "database_constraint",
    severity: "warning",
    service: "orders",
    route: "/orders",
  },
  {
    type: "TypeError",
    message: "Cannot read properties of undefined (reading 'price')",
    group: "application_error",
    category: "application_error",
    severity: "warning",
    service: "shop",
    route: "/cart/:id",
  },
  {
    type: "ECONNREFUSED",
    message: "connect ECONNREFUSED 10.4.0.17:5432",
    group: "database_error",
    category: "database_connection",
    severity: "warning",
    service: "orders",
    route: "/orders/:id",
  },
  {
    type: "TimeoutError",
    message: "payment provider did not answer within 5000 ms",
    group: "network_error",
    category: "network_timeout",
    severity: "warning",
    service: "payments",
    route: "/payments",
  },
  {
    type: "ENOSPC",
    message: "ENOSPC: no space left on device, write '/var/spool/thumbs'",
    group: "resource_error",
    category: "resource_exhausted",
    severity: "critical",
    service: "thumbnails",
    route: "/thumbnails",
  },
  {
    type: "GPUOverheating",
    message: "device 1 throttled at 94 °C",
    group: "hardware_error",
    category: "hardware_overheating",
    severity: "critical",
    service: "ml-worker",
    route: "/infer",
  },
  {
    type: "ZodError",
    message: "quantity: expected a whole number, 1 or more",
    group: "validation_error",
    category: "validation_input",
    severity: "info",
    service: "shop",
    route: "/cart",
  },
  {
    type: "HttpError",
    message: "404 Not Found: /products/9918",
    group: "http_error",
    category: "http_client_error",
    severity: "info",
    service: "shop",
    route: "/products/:id",
  },
  {
    type: "429",
    message: "rate limit of the geocoder reached",
    group: "quota_error",
    category: "quota_rate_limited",
    severity: "warning",
    service: "shipping",
    route: "/quotes",
  },
  {
    type: "WorkerCrashed",
    message: "worker 3 ended by SIGSEGV",
    group: "worker_error",
    category: "worker_crashed",
    severity: "critical",
    service: "ml-worker",
    route: "/infer",
  },
  {
    type: "ENOTFOUND",
    message: "getaddrinfo ENOTFOUND mail.internal",
    group: "network_error",
    category: "network_dns",
    severity: "warning",
    service: "mailer",
    route: "/mail",
  },
  {
    type: "UnauthorizedError",
    message: "the session has expired",
    group: "auth_error",
    category: "auth_unauthenticated",
    severity: "info",
    service: "shop",
    route: "/account",
  },
];
const WEIGHTS = [22, 17, 12, 9, 3, 2, 14, 11, 5, 1, 3, 6];
const ENDPOINTS = [
  "GET /products/:id",
  "POST /orders",
  "GET /cart/:id",
  "POST /payments",
  "GET /orders/:id",
  "POST /infer",
  "GET /account",
  "POST /thumbnails",
  "GET /quotes",
];
const WORKERS = [
  "web-1",
  "web-2",
  "web-3",
  "orders-1",
  "orders-2",
  "pay-1",
  "gpu-node-1",
  "gpu-node-2",
  "thumbs-1",
  "mail-1",
];

/** Always the same row of numbers, 0 to 1. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function iso(unixMillis: number): string {
  return new Date(unixMillis).toISOString();
}

function fingerprintOf(index: number): string {
  return (0x9e37_79b9 * (index + 1)).toString(16).padStart(16, "0").slice(0, 16);
}

function pick(random: () => number): number {
  let left = random() * WEIGHTS.reduce((sum, weight) => sum + weight, 0);
  for (const [index, weight] of WEIGHTS.entries()) {
    left -= weight;
    if (left < 0) return index;
  }
  return 0;
}

export function sampleError(number: number, unixMillis: number, random: () => number = Math.random): ErrorRow {
  const index = pick(random);
  const fault = FAULTS[index] ?? FAULTS[0];
  if (fault === undefined) throw new Error("no faults");
  return {
    id: `error-${number}`,
    timestamp: iso(unixMillis),
    title: `${fault.type}: ${fault.message}`.slice(0, 90),
    type: fault.type,
    message: fault.message,
    error_category: fault.category,
    group: fault.group,
    severity: fault.severity,
    is_critical: fault.severity === "critical",
    fingerprint: fingerprintOf(index),
    origin: random() < 0.1 ? "echo" : "root",
    service: fault.service,
    worker_id: WORKERS[Math.floor(random() * WORKERS.length)] ?? "web-1",
    request_id: `b7c1d3e9-${number}`,
    session_id: `session-${Math.floor(random() * 90)}`,
    user_id: `user-${Math.floor(random() * 70)}`,
    trace_id: number.toString(16).padStart(32, "4bf92f35"),
    method: fault.route === "/orders" ? "POST" : "GET",
    route: fault.route,
    status_code: 500,
    hardware_type: fault.group === "hardware_error" ? "gpu" : null,
    handled: true,
    is_new: random() < 0.03,
    is_regressed: random() < 0.03,
  };
}

function sampleTimeline(
  points: number,
  hours: number,
  now: number,
  scale: number,
  random: () => number,
): TimelinePoint[] {
  const step = (hours * 3_600_000) / points;
  return Array.from({ length: points }, (_, index) => {
    const wave = 0.6 + 0.4 * Math.sin((index / points) * Math.PI * 3.1);
    const burst = index > points * 0.7 && index < points * 0.75 ? 3 : 1;
    const critical = random() < 0.08 ? Math.ceil(random() * 3 * burst) : 0;
    const warning = Math.round(wave * burst * scale * (0.5 + random()));
    const info = Math.round(wave * scale * 0.6 * (0.5 + random()));
    return { time: iso(now - (points - index) * step), total: critical + warning + info, critical, warning, info };
  });
}

function sampleErrors(
  query: ErrorsQuery,
  rows: readonly ErrorRow[],
  points: number,
  now: number,
  random: () => number,
): ErrorsData {
  const timeline = sampleTimeline(points, query.timeRange, now, 9, random);
  const sum = (key: "total" | Severity): number => timeline.reduce((total, point) => total + point[key], 0);
  const matching = rows.filter(
    (row) =>
      (query.severity === undefined || row.severity === query.severity) &&
      (query.group === undefined || row.group === query.group) &&
      (query.category === undefined || row.error_category === query.category) &&
      (query.service === undefined || row.service === query.service),
  );
  const counts = (key: (fault: Fault) => string): Record<string, number> => {
    const result: Record<string, number> = {};
    for (const [index, fault] of FAULTS.entries())
      result[key(fault)] = (result[key(fault)] ?? 0) + (WEIGHTS[index] ?? 0) * 9;
    return result;
  };
  return {
    timestamp: iso(now),
    counted_since: null,
    summary: {
      total_errors: sum("total"),
      echo_errors: 112,
      recurring_errors: 890,
      resource_errors: 27,
      network_errors: 108,
      hardware_errors: 18,
      critical_hardware_errors: 6,
      critical_errors: sum("critical"),
      warning_errors: sum("warning"),
      info_errors: sum("info"),
      unique_types: 12,
      unique_groups: 12,
      new_groups: 2,
      affected_sessions: 86,
      affected_users: 64,
      affected_workers: 10,
      errors_per_minute: 1.4,
      previous_total_errors: Math.round(sum("total") * 1.22),
      time_range_hours: query.timeRange,
    },
    recent_errors: matching.slice(0, query.limit),
    next_cursor: null,
    error_distribution: {
      by_category: counts((fault) => fault.category),
      by_group: counts((fault) => fault.group),
      by_severity: { critical: sum("critical"), warning: sum("warning"), info: sum("info") },
      by_service: counts((fault) => fault.service),
      by_type: counts((fault) => fault.type),
    },
    error_patterns: Object.fromEntries(
      FAULTS.map((_, index) => [fingerprintOf(index), sampleGroup(index, now, random)]),
    ),
    worker_errors: Object.fromEntries(
      WORKERS.map((worker, index) => {
        const [critical, warning, info] = [index === 6 ? 5 : 0, Math.round(random() * 90), Math.round(random() * 60)];
        const status = index === 6 ? "critical" : index < 3 ? "warning" : "stable";
        return [
          worker,
          {
            service: FAULTS[index]?.service ?? "shop",
            total: critical + warning + info,
            critical,
            warning,
            info,
            status,
            most_common_error: FAULTS[index]?.message ?? "",
            last_seen: iso(now - index * 71_000),
          } as const,
        ];
      }),
    ),
    hardware_errors: {
      total: 18,
      by_type: { gpu: 11, memory: 4, disk: 3 },
      by_status: { overheating: 7, memory_pressure: 6, throttling: 4, other: 1 },
      errors_per_minute: { gpu: 0.31, memory: 0.08, disk: 0.04 },
      machines: sampleMachines(now),
      recent: rows.filter((row) => row.group === "hardware_error").slice(0, 20),
    },
    timeline,
  };
}

function sampleMachines(now: number): Record<string, MachineRow> {
  const machine = (index: number, cpu: number, memory: number, disk: number, gpus: MachineRow["gpus"]): MachineRow => ({
    service: index < 2 ? "ml-worker" : "shop",
    timestamp: iso(now - index * 33_000),
    hostname: `node-${index}.rack-2`,
    platform: "linux",
    status: index === 0 ? "critical" : index === 1 ? "warning" : "stable",
    cpu_percent: cpu,
    memory_percent: memory,
    disk_percent: disk,
    gpus,
  });
  const gpu = (index: number, memory: number, heat: number) => ({
    index,
    name: "Accelerator A40 48 GB",
    memory_percent: memory,
    temperature_celsius: heat,
  });
  return {
    "gpu-node-1": machine(0, 82, 91, 44, [gpu(0, 71, 78), gpu(1, 97, 94)]),
    "gpu-node-2": machine(1, 58, 84, 51, [gpu(0, 62, 71), gpu(1, 55, 69)]),
    "web-1": machine(2, 31, 52, 63, []),
    "web-2": machine(3, 28, 49, 61, []),
    "web-3": machine(4, 35, 55, 88, []),
  };
}

function sampleGroup(index: number, now: number, random: () => number): GroupRow {
  const fault = FAULTS[index] ?? FAULTS[0];
  if (fault === undefined) throw new Error("no faults");
  const weight = WEIGHTS[index] ?? 1;
  const sparkline = Array.from({ length: 24 }, (_, hour) =>
    Math.round(random() * weight * (hour > 17 && index === 3 ? 3 : 1)),
  );
  return {
    fingerprint: fingerprintOf(index),
    title: `${fault.type}: ${fault.message}`.slice(0, 90),
    type: fault.type,
    message: fault.message,
    error_category: fault.category,
    group: fault.group,
    severity: fault.severity,
    occurrences: sparkline.reduce((sum, value) => sum + value, 0),
    last_1h: Math.round(weight / 3),
    last_6h: weight * 2,
    last_24h: weight * 9,
    last_7d: weight * 51,
    first_seen: iso(now - (index + 1) * 86_400_000),
    last_seen: iso(now - index * 213_000),
    trend: (["rising", "steady", "falling", null] as const)[index % 4] ?? null,
    is_new: index === 4,
    is_regressed: index === 3,
    is_quiet: index === 10,
    services: [fault.service],
    workers: 1 + (index % 4),
    users: weight * 3,
    sessions: weight * 4,
    sparkline,
    recovery_ms: index % 2 === 0 ? 340_000 : null,
    usually_after:
      index === 1 ? { fingerprint: fingerprintOf(2), within: "request", title: FAULTS[2]?.message ?? null } : null,
  };
}

function sampleGroupDetail(index: number, now: number, rows: readonly ErrorRow[], random: () => number): GroupDetail {
  const group = sampleGroup(index, now, random);
  return {
    ...group,
    fingerprint_version: 2,
    fingerprint_reason: "the frames of the application: priceOf (src/cart.ts), total (src/cart.ts)",
    advice:
      "Find the caller that passes a product without a price; check what the catalogue answers for withdrawn ones.",
    by_worker: { "web-1": 41, "web-2": 33, "web-3": 21 },
    by_service: { [group.services[0] ?? "shop"]: 95 },
    by_release: { "2.4.1": 61, "2.4.0": 34 },
    timeline: sampleTimeline(96, 24, now, 2, random),
    recent_errors: rows.filter((row) => row.fingerprint === group.fingerprint).slice(0, 20),
  };
}

function sampleEndpoint(name: string, random: () => number): EndpointRow {
  const [method = "GET", route = "/"] = name.split(" ");
  const count = Math.round(400 + random() * 30_000);
  const p50 = 4 + random() * 120;
  return {
    service: route.split("/")[1] ?? "shop",
    method,
    route,
    count,
    per_minute: count / 1_440,
    errors: Math.round(count * random() * 0.012),
    slow: Math.round(random() * 12),
    p50_ms: p50,
    p95_ms: p50 * (3 + random() * 6),
    p99_ms: p50 * (10 + random() * 30),
    max_ms: p50 * 90,
  };
}

function sampleRequests(now: number, random: () => number): RequestRow[] {
  return Array.from({ length: 40 }, (_, index) => {
    const [method = "GET", route = "/"] = (ENDPOINTS[index % ENDPOINTS.length] ?? "").split(" ");
    const failed = random() < 0.4;
    const duration = random() < 0.3 ? 5_000 + random() * 70_000 : 20 + random() * 900;
    return {
      timestamp: iso(now - index * 90_000),
      service: route.split("/")[1] ?? "shop",
      worker_id: WORKERS[index % WORKERS.length] ?? "web-1",
      method,
      route,
      status_code: failed ? 500 : 200,
      duration_ms: duration,
      slow: duration > 5_000,
      failed,
      request_id: `req-${index}`,
      session_id: null,
      user_id: null,
      trace_id: null,
      span_id: `span-${index}`,
    };
  });
}

function sampleJourney(now: number, rows: readonly ErrorRow[]): Awaited<ReturnType<Queries["journey"]>>["steps"] {
  const begin = now - 600_000;
  const request = (
    offset: number,
    service: string,
    method: string,
    route: string,
    duration: number,
    status: number,
  ) => ({
    kind: "request" as const,
    timestamp: iso(begin + offset + duration),
    service,
    worker_id: `${service}-1`,
    method,
    route,
    status_code: status,
    duration_ms: duration,
    slow: duration > 5_000,
    failed: status >= 500,
    request_id: "req-1",
    session_id: null,
    user_id: null,
    trace_id: null,
    span_id: null,
  });
  const log = (offset: number, service: string, level: LogRow["level"], message: string) => ({
    kind: "log" as const,
    timestamp: iso(begin + offset),
    level,
    service,
    worker_id: `${service}-1`,
    message,
    logger: null,
    request_id: "req-1",
    trace_id: null,
  });
  const error = rows.find((row) => row.error_category === "database_connection") ?? rows[0];
  return [
    request(0, "shop", "POST", "/checkout", 5_480, 502),
    log(4, "shop", "INFO", "checkout of cart 7731 begins"),
    request(12, "orders", "POST", "/orders", 5_410, 500),
    log(40, "orders", "WARN", "no free connection; waiting"),
    request(61, "payments", "POST", "/authorize", 340, 200),
    ...(error === undefined
      ? []
      : [
          {
            ...error,
            kind: "error" as const,
            timestamp: iso(begin + 5_390),
            origin: "root" as const,
            service: "orders",
          },
        ]),
    log(5_402, "orders", "ERROR", "order was not stored: connection refused"),
    ...(error === undefined
      ? []
      : [
          {
            ...error,
            id: "echo-1",
            title: "HTTP 502 from orders",
            message: "POST /orders answered 500",
            kind: "error" as const,
            timestamp: iso(begin + 5_430),
            origin: "echo" as const,
            service: "shop",
          },
        ]),
  ];
}

function sampleLogs(now: number, random: () => number): LogRow[] {
  const levels = ["INFO", "INFO", "INFO", "WARN", "ERROR", "DEBUG"] as const;
  return Array.from({ length: 100 }, (_, index) => {
    const level = levels[Math.floor(random() * levels.length)] ?? "INFO";
    return {
      timestamp: iso(now - index * 7_310),
      level,
      service: FAULTS[index % FAULTS.length]?.service ?? "shop",
      worker_id: WORKERS[index % WORKERS.length] ?? "web-1",
      message:
        level === "ERROR"
          ? (FAULTS[index % FAULTS.length]?.message ?? "")
          : `cart ${index * 37} priced in ${Math.round(random() * 80)} ms`,
      logger: null,
      request_id: index % 3 === 0 ? `req-${index}` : null,
      trace_id: null,
    };
  });
}

function sampleDetail(row: ErrorRow): object {
  return {
    ...row,
    error_type: row.type,
    error_message: row.message,
    severity_reasons: ["a database that cannot be reached", "recurs: 12 times in an hour"],
    advice: "Check that the database is up and reachable from this host, and that its pool is large enough.",
    fingerprint_reason: "the kind of database failure: connection",
    service_version: "2.4.1",
    environment: "production",
    error_details: { code: "ECONNREFUSED", errno: -111, syscall: "connect", address: "10.4.0.17", port: 5432 },
    stack: [
      {
        function: "placeOrder",
        file: "src/orders/place-order.ts",
        line: 42,
        column: 19,
        in_app: true,
        context: {
          pre: [
            "export async function placeOrder(cart: Cart): Promise<Order> {",
            "  const total = priceOf(cart);",
            "  // One transaction: an order without its lines is worse than none.",
            "  const client = await pool.connect();",
            "  try {",
          ],
          line: '    const { rows } = await client.query("insert into orders (number, total) values ($1, $2) returning id", [cart.number, total]);',
          post: [
            "    await insertLines(client, rows[0].id, cart.lines);",
            '    await client.query("commit");',
            "    return toOrder(rows[0]);",
            "  } catch (error) {",
            '    await client.query("rollback");',
          ],
        },
        variables: { cart: { number: "2026-7731", lines: 3, customer: "[REDACTED]" }, total: 129.9 },
      },
      { function: "Pool.connect", file: "node_modules/pg-pool/index.js", line: 45, column: 11, in_app: false },
      {
        function: "process.processTicksAndRejections",
        file: "node:internal/process/task_queues",
        line: 105,
        column: 5,
        in_app: false,
      },
    ],
    causes: [
      {
        type: "Error",
        message: "connect ECONNREFUSED 10.4.0.17:5432",
        properties: { code: "ECONNREFUSED", syscall: "connect" },
      },
    ],
    breadcrumbs: [
      {
        timestamp: row.timestamp,
        type: "span",
        category: "http",
        message: "GET catalogue /products",
        duration_ms: 14,
        level: "info",
      },
      {
        timestamp: row.timestamp,
        type: "log",
        category: "orders",
        message: "no free connection; waiting",
        level: "warn",
      },
    ],
    request: { method: row.method, route: row.route, url: "/orders?source=app", status_code: 500, duration_ms: 5_410 },
    database: {
      system: "postgresql",
      namespace: "shop",
      operation: "INSERT",
      collection: "orders",
      query: "insert into orders (number, total) values ($1, $2)",
    },
    system_context: {
      hostname: "node-3.rack-2",
      platform: "linux",
      metrics: { cpu: { percent: 31 }, memory: { used_percent: 52 } },
    },
    attributes: { "http.request.method": "POST", "url.path": "/orders", "server.port": 8080 },
    span_name: "POST /orders",
    span_id: "00f067aa0ba902b7",
    fatal: false,
    truncated: [],
    recurrence: {
      is_new: false,
      is_recurring: true,
      last_1h: 12,
      last_6h: 40,
      last_24h: 97,
      last_7d: 310,
      trend: "rising",
      first_seen: row.timestamp,
    },
  };
}
