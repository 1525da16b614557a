/** Every option of Seismo: key, environment name, unit, default, check and purpose. docs/configuration.md lists this table. */
import type { Config, Secret } from "../config";
import {
  decodeAttributes,
  decodeBuckets,
  decodeInstrumentations,
  decodeLevel,
  decodeSecret,
  decodeSecretText,
  decodeToken,
  GENERAL_HEADERS,
  generalEndpoint,
  INSTRUMENTATIONS,
  packageName,
  resourceAttribute,
  URL_START,
} from "./decoders";
import {
  flag,
  HEADER_NAME,
  headers,
  type Kind,
  list,
  type Option,
  objects,
  oneOf,
  optionalPath,
  path,
  text,
  toLowerCase,
  whole,
} from "./option-kinds";
import {
  adviceRuleSchema,
  categoryRuleSchema,
  fingerprintRuleSchema,
  matchSchema,
  severityRuleSchema,
  slowRouteSchema,
} from "./rule-shapes";

const DAY_MILLIS = 86_400_000;
const GIGABYTE = 1_073_741_824;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const KEY_NAME = /^[^\u0000-\u001f\u007f-\u009f]{1,128}$/;
const HOST = /^[A-Za-z0-9.:_%[\]-]+$/;
const PREFIX = /^[A-Za-z_][A-Za-z0-9_]*$/;
const HOST_RULE = "expected a host name or an IP address";
const URL_RULE = "expected a URL that begins with http:// or https://";
const ORIGIN = /^https?:\/\/[^\s/]+$/;
const TOKEN_RULE =
  "expected 32 to 512 printable characters without spaces, or file:PATH of a file with mode 600; " +
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what the user writes
  "in a configuration file only ${env:NAME} or file:PATH";
export const LOOPBACK_HOST = "127.0.0.1";
const MAIL_ADDRESS = /^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}$/;
const MAIL_SERVER = /^smtps?:\/\/[^\s/@]+\/?$/;
const SECRET_FORMS =
  "or file:PATH of a file that holds it; " +
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what the user writes
  "in a configuration file only ${env:NAME} or file:PATH";

function secret(pattern: RegExp, what: string): Kind<Secret | undefined> & { readonly isSecret: true } {
  const rule = `expected ${what}`;
  return { unit: "text", rule: `${rule}, ${SECRET_FORMS}`, decode: decodeSecret(pattern, rule), isSecret: true };
}

const SECRET_URL = secret(/^https?:\/\/[^\s/]\S{0,2047}$/, "a URL that begins with http:// or https://");
const SECRET_WORD = secret(/^[\x21-\x7e]{1,512}$/, "1 to 512 printable characters without spaces");

export type Table = { readonly [S in keyof Config]: { readonly [F in keyof Config[S]]: Option<Config[S][F]> } };

export const TABLE: Table = {
  startup: {
    enabled: {
      ...flag(),
      key: "enabled",
      env: "SEISMO_ENABLED",
      fallback: true,
      about: "`false`: Seismo does nothing at all.",
    },
    strict: {
      ...flag(),
      key: "strict",
      env: "SEISMO_STRICT",
      fallback: false,
      about: "Bad configuration stops the application from starting, instead of a warning and the default.",
    },
  },
  service: {
    name: {
      ...text(255),
      key: "service.name",
      env: "OTEL_SERVICE_NAME",
      also: resourceAttribute("service.name"),
      derive: (ground) => packageName(ground.cwd) ?? "unknown_service:node",
      defaultText: "`name` of `package.json`, else `unknown_service:node`",
      about: "Label `service` of every metric.",
    },
    version: {
      ...text(255),
      key: "service.version",
      also: resourceAttribute("service.version"),
      fallback: undefined,
      about: "The release that runs.",
    },
    environment: {
      ...text(255),
      key: "service.environment",
      also: resourceAttribute("deployment.environment.name", "deployment.environment"),
      fallback: undefined,
      about: "Such as `production`.",
    },
    instanceId: {
      ...text(128),
      also: resourceAttribute("service.instance.id"),
      fallback: undefined,
      about: "OpenTelemetry's name of this instance.",
    },
    worker: {
      ...text(128),
      key: "service.worker",
      env: "SEISMO_WORKER_ID",
      also: resourceAttribute("service.instance.id"),
      derive: ({ hostname, clusterWorkerId }) =>
        clusterWorkerId === undefined ? hostname : `${hostname}-${clusterWorkerId}`,
      defaultText: "host name, in a cluster worker `<host name>-<worker number>`",
      about: "Label `worker` of every metric; never a process id.",
    },
    attributes: {
      unit: "attributes",
      rule: "expected key=value pairs, separated by commas, percent-encoded",
      decode: decodeAttributes,
      env: "OTEL_RESOURCE_ATTRIBUTES",
      fallback: {},
      about: "Attributes of every span.",
    },
  },
  requests: {
    slowMillis: {
      ...whole("milliseconds", 1, DAY_MILLIS),
      key: "requests.slow_ms",
      env: "SEISMO_SLOW_REQUEST_MS",
      fallback: 5_000,
      about: "A request that takes longer is slow.",
    },
    slowRoutes: {
      ...objects("{ route, method, ms }", slowRouteSchema),
      key: "requests.slow_routes",
      fallback: [],
      about: "Thresholds of single routes; the first match wins.",
    },
    idHeaders: {
      ...list("header names", HEADER_NAME, toLowerCase),
      key: "requests.id_headers",
      env: "SEISMO_REQUEST_ID_HEADERS",
      fallback: ["x-request-id", "x-correlation-id"],
      about: "Headers that a request id is adopted from, the first that is there.",
    },
  },
  metrics: {
    enabled: {
      ...flag(),
      key: "metrics.enabled",
      env: "SEISMO_METRICS_ENABLED",
      fallback: true,
      about: "Serve `/metrics` and `/healthz`.",
    },
    host: {
      ...text(253, HOST, HOST_RULE),
      key: "metrics.host",
      env: "SEISMO_METRICS_HOST",
      fallback: LOOPBACK_HOST,
      about: "Address to listen on. Other than loopback it needs `token`, or `insecure: true`.",
    },
    port: {
      ...whole("port", 0, 65_535),
      key: "metrics.port",
      env: "SEISMO_METRICS_PORT",
      fallback: 9_464,
      about: "`0` takes a free port and logs it.",
    },
    prefix: {
      ...text(64, PREFIX, "expected letters, digits and underscores, no digit first, at most 64"),
      key: "metrics.prefix",
      env: "SEISMO_METRICS_PREFIX",
      fallback: "seismo_",
      about: "Begins the name of every metric.",
    },
    nodeMetrics: {
      ...flag(),
      key: "metrics.node_metrics",
      env: "SEISMO_METRICS_DEFAULT",
      fallback: false,
      about: "Add Node's default metrics (event loop, heap, garbage collection).",
    },
    maxSeries: {
      ...whole("series", 10, 100_000),
      key: "metrics.max_series",
      env: "SEISMO_METRICS_MAX_SERIES",
      fallback: 2_000,
      about: "Of one metric; what goes over is counted under `other`.",
    },
    maxLabelValues: {
      ...whole("values", 1, 10_000),
      key: "metrics.max_label_values",
      env: "SEISMO_METRICS_MAX_LABEL_VALUES",
      fallback: 200,
      about: "Of one open-ended label; what goes over is `other`.",
    },
    topGroups: {
      ...whole("groups", 0, 10_000),
      key: "metrics.top_groups",
      env: "SEISMO_METRICS_TOP_GROUPS",
      fallback: 100,
      about: "Fingerprints with a series of their own.",
    },
    durationBucketsSeconds: {
      unit: "seconds",
      rule: "expected at most 50 numbers above 0, each larger than the one before",
      decode: decodeBuckets,
      key: "metrics.duration_buckets_seconds",
      env: "SEISMO_METRICS_DURATION_BUCKETS",
      fallback: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      about: "Upper bounds of the histograms of duration.",
    },
    socketPath: {
      ...text(4_096),
      env: "SEISMO_METRICS_SOCKET",
      fallback: undefined,
      about: "Set by Seismo itself for the processes that its host starts.",
    },
  },
  security: {
    token: {
      unit: "text",
      rule: TOKEN_RULE,
      decode: decodeToken,
      key: "token",
      env: "SEISMO_TOKEN",
      isSecret: true,
      fallback: undefined,
      about: "Asked of every request for metrics as `Authorization: Bearer …`.",
    },
    insecure: {
      ...flag(),
      key: "insecure",
      env: "SEISMO_INSECURE",
      fallback: false,
      about: "Allow other addresses than loopback without a token.",
    },
  },
  receiver: {
    host: {
      ...text(253, HOST, HOST_RULE),
      key: "receiver.host",
      env: "SEISMO_OTLP_HOST",
      fallback: LOOPBACK_HOST,
      about: "Address that the collector takes OTLP on. Other than loopback it needs `token`, or `insecure: true`.",
    },
    port: {
      ...whole("port", 0, 65_535),
      key: "receiver.port",
      env: "SEISMO_OTLP_PORT",
      fallback: 4_318,
      about: "OTLP/HTTP. `0` takes a free port and logs it.",
    },
    grpcPort: {
      ...whole("port", 0, 65_535),
      key: "receiver.grpc_port",
      env: "SEISMO_OTLP_GRPC_PORT",
      fallback: undefined,
      about: "OTLP/gRPC, usually 4317; without it there is none.",
    },
    maxBodyBytes: {
      ...whole("bytes", 1_024, 67_108_864),
      key: "receiver.max_body_bytes",
      env: "SEISMO_OTLP_MAX_BODY_BYTES",
      fallback: 20_971_520,
      about: "Of one request, before and after it is inflated.",
    },
  },
  server: {
    host: {
      ...text(253, HOST, HOST_RULE),
      key: "server.host",
      env: "SEISMO_HOST",
      fallback: LOOPBACK_HOST,
      about: "Address of the collector's API and metrics. Other than loopback it needs `token`, or `insecure: true`.",
    },
    port: {
      ...whole("port", 0, 65_535),
      key: "server.port",
      env: "SEISMO_PORT",
      fallback: 8_080,
      about: "`0` takes a free port and logs it.",
    },
    allowedHosts: {
      ...list("host names", HOST, toLowerCase),
      key: "server.allowed_hosts",
      env: "SEISMO_ALLOWED_HOSTS",
      fallback: [],
      about: "Names that the collector is asked by, besides `localhost`, `127.0.0.1` and `[::1]`.",
    },
    allowedOrigins: {
      ...list("origins", ORIGIN, toLowerCase),
      key: "server.allowed_origins",
      env: "SEISMO_ALLOWED_ORIGINS",
      fallback: [],
      about: "Pages of other origins that may send reports, such as `https://shop.example`.",
    },
  },
  logs: {
    minLevel: {
      ...oneOf("trace", "debug", "info", "warn", "error", "fatal", "off"),
      key: "logs.min_level",
      env: "SEISMO_LOGS_MIN_LEVEL",
      fallback: "info",
      about: "Log records of this level and above are kept and shown by a collector, at most 200 a second.",
    },
  },
  page: {
    theme: {
      ...oneOf("system", "dark", "light"),
      key: "page.theme",
      env: "SEISMO_THEME",
      fallback: "system",
      about: "What the page begins with; `system` follows the machine that shows it.",
    },
    soundsPath: {
      ...optionalPath(),
      key: "page.sounds_path",
      env: "SEISMO_SOUNDS_PATH",
      fallback: undefined,
      about:
        "Folder of WAV files that take the place of the page's own: `error-critical.wav`, `error-warning.wav`, `error-info.wav`, `error-notification.wav`.",
    },
  },
  forward: {
    endpoint: {
      ...text(2_048, URL_START, URL_RULE),
      key: "forward.endpoint",
      env: "SEISMO_FORWARD_ENDPOINT",
      fallback: undefined,
      about: "Where the collector passes OTLP on to; `/v1/traces` and `/v1/logs` are added. Without it nowhere.",
    },
    headers: {
      unit: "text",
      rule: "expected name=value pairs, separated by commas",
      decode: decodeSecretText,
      env: "SEISMO_FORWARD_HEADERS",
      isSecret: true,
      fallback: undefined,
      about: "Sent with each request that is passed on.",
    },
    gzip: {
      ...flag(),
      key: "forward.gzip",
      env: "SEISMO_FORWARD_GZIP",
      fallback: true,
      about: "Compress what is passed on.",
    },
    queuePath: {
      ...path("data/forward-queue"),
      key: "forward.queue_path",
      env: "SEISMO_FORWARD_QUEUE_PATH",
      about: "Folder of the queue on disk.",
    },
    queueMaxBytes: {
      ...whole("bytes", 1_048_576, 64 * GIGABYTE),
      key: "forward.queue_max_bytes",
      env: "SEISMO_FORWARD_QUEUE_MAX_BYTES",
      fallback: 268_435_456,
      about: "Of the queue on disk; what comes when it is full is counted as dropped (`queue_full`).",
    },
    maxAgeHours: {
      ...whole("hours", 1, 720),
      key: "forward.max_age_hours",
      env: "SEISMO_FORWARD_MAX_AGE_HOURS",
      fallback: 24,
      about: "What could not be passed on for so long is counted as dropped (`expired`).",
    },
    allowPrivate: {
      ...flag(),
      key: "forward.allow_private",
      env: "SEISMO_FORWARD_ALLOW_PRIVATE",
      fallback: false,
      about: "Allow an endpoint in a private network.",
    },
    allowInsecure: {
      ...flag(),
      key: "forward.allow_insecure",
      env: "SEISMO_FORWARD_ALLOW_INSECURE",
      fallback: false,
      about: "Allow `http://` to other addresses than loopback.",
    },
  },
  origin: {
    holdMillis: {
      ...whole("milliseconds", 0, 60_000),
      key: "origin.hold_ms",
      env: "SEISMO_ORIGIN_HOLD_MS",
      fallback: 2_000,
      about: "How long a collector waits for the rest of a trace before it says where a failure began.",
    },
  },
  notifications: {
    slackWebhookUrl: {
      ...SECRET_URL,
      key: "notifications.slack.webhook_url",
      env: "SEISMO_NOTIFICATIONS_SLACK_WEBHOOK_URL",
      fallback: undefined,
      about: "Incoming webhook of Slack, or of what understands Slack's; without it none is used.",
    },
    emailServer: {
      ...text(512, MAIL_SERVER, "expected smtp://host:port or smtps://host:port, without user and password"),
      key: "notifications.email.server",
      env: "SEISMO_NOTIFICATIONS_EMAIL_SERVER",
      fallback: undefined,
      about:
        "Mail server; without it no mail is sent. `smtp://` needs STARTTLS (port 587), `smtps://` is TLS (port 465).",
    },
    emailFrom: {
      ...text(320, MAIL_ADDRESS, "expected a mail address"),
      key: "notifications.email.from",
      env: "SEISMO_NOTIFICATIONS_EMAIL_FROM",
      fallback: undefined,
      about: "Sender of mails.",
    },
    emailTo: {
      ...list("mail addresses", MAIL_ADDRESS),
      key: "notifications.email.to",
      env: "SEISMO_NOTIFICATIONS_EMAIL_TO",
      fallback: [],
      about: "Recipients of mails.",
    },
    emailUser: {
      ...text(256),
      key: "notifications.email.user",
      env: "SEISMO_NOTIFICATIONS_EMAIL_USER",
      fallback: undefined,
      about: "For a mail server that asks for one.",
    },
    emailPassword: {
      ...secret(/^\P{Cc}{1,512}$/u, "1 to 512 characters, none of control"),
      key: "notifications.email.password",
      env: "SEISMO_NOTIFICATIONS_EMAIL_PASSWORD",
      fallback: undefined,
      about: "Of that user.",
    },
    webhookUrl: {
      ...SECRET_URL,
      key: "notifications.webhook.url",
      env: "SEISMO_NOTIFICATIONS_WEBHOOK_URL",
      fallback: undefined,
      about: "Takes notifications as JSON; without it none.",
    },
    webhookToken: {
      ...SECRET_WORD,
      key: "notifications.webhook.token",
      env: "SEISMO_NOTIFICATIONS_WEBHOOK_TOKEN",
      fallback: undefined,
      about: "Sent to the webhook as `Authorization: Bearer …`.",
    },
    webhookSecret: {
      ...SECRET_WORD,
      key: "notifications.webhook.secret",
      env: "SEISMO_NOTIFICATIONS_WEBHOOK_SECRET",
      fallback: undefined,
      about: "Signs what is sent to the webhook: `X-Seismo-Signature`.",
    },
    alertmanagerUrl: {
      ...text(2_048, URL_START, URL_RULE),
      key: "notifications.alertmanager.url",
      env: "SEISMO_NOTIFICATIONS_ALERTMANAGER_URL",
      fallback: undefined,
      about: "Alertmanager, such as `http://localhost:9093`; without it none is told.",
    },
    pageUrl: {
      ...text(2_048, URL_START, URL_RULE),
      key: "notifications.page_url",
      env: "SEISMO_NOTIFICATIONS_PAGE_URL",
      fallback: "http://localhost:8080",
      about: "Where people reach this collector: begins the links of notifications.",
    },
    minSeverity: {
      ...oneOf("info", "warning", "critical"),
      key: "notifications.min_severity",
      env: "SEISMO_NOTIFICATIONS_MIN_SEVERITY",
      fallback: "warning",
      about: "The lowest severity that is told of.",
    },
    windowMinutes: {
      ...whole("minutes", 1, 1_440),
      key: "notifications.window_minutes",
      env: "SEISMO_NOTIFICATIONS_WINDOW_MINUTES",
      fallback: 5,
      about: "A group is told of once in so long.",
    },
    perMinute: {
      ...whole("messages", 2, 1_000),
      key: "notifications.per_minute",
      env: "SEISMO_NOTIFICATIONS_PER_MINUTE",
      fallback: 20,
      about: "Of each channel, in any minute; what goes over is told of by number.",
    },
    perHour: {
      ...whole("messages", 5, 10_000),
      key: "notifications.per_hour",
      env: "SEISMO_NOTIFICATIONS_PER_HOUR",
      fallback: 60,
      about: "Of each channel, in any hour; a fifth is kept for critical errors, a fifth for what tells of the rest.",
    },
    outboxPath: {
      ...path("data/notifications"),
      key: "notifications.outbox_path",
      env: "SEISMO_NOTIFICATIONS_OUTBOX_PATH",
      about: "Folder of what is still to be sent.",
    },
    allowPrivate: {
      ...flag(),
      key: "notifications.allow_private",
      env: "SEISMO_NOTIFICATIONS_ALLOW_PRIVATE",
      fallback: false,
      about: "Allow channels in a private network.",
    },
    allowInsecure: {
      ...flag(),
      key: "notifications.allow_insecure",
      env: "SEISMO_NOTIFICATIONS_ALLOW_INSECURE",
      fallback: false,
      about: "Allow `http://`, and mail without TLS, to other addresses than loopback.",
    },
  },
  journal: {
    enabled: {
      ...flag(),
      key: "journal.enabled",
      env: "SEISMO_JOURNAL",
      fallback: true,
      about: "Write each error event as a line of JSON.",
    },
    path: {
      ...path("logs/error_log.jsonl"),
      key: "journal.path",
      env: "SEISMO_JOURNAL_PATH",
      about: "The journal.",
    },
    fallbackPath: {
      ...path("logs/error_log_fallback.txt"),
      key: "journal.fallback_path",
      env: "SEISMO_JOURNAL_FALLBACK_PATH",
      about: "Takes a plain line for each event that the journal could not take.",
    },
    maxBytes: {
      ...whole("bytes", 65_536, GIGABYTE),
      key: "journal.max_bytes",
      env: "SEISMO_JOURNAL_MAX_BYTES",
      fallback: 67_108_864,
      about: "A file of this size is set aside as `.1`.",
    },
    backupCount: {
      ...whole("files", 0, 100),
      key: "journal.backup_count",
      env: "SEISMO_JOURNAL_BACKUP_COUNT",
      fallback: 5,
      about: "Files set aside; the oldest goes.",
    },
    sync: {
      ...oneOf("always", "interval"),
      key: "journal.sync",
      env: "SEISMO_JOURNAL_SYNC",
      fallback: "always",
      about: "A collector answers when the event is on the disk (`always`), or syncs once a second, as services do.",
    },
  },
  store: {
    enabled: {
      ...flag(),
      key: "store.enabled",
      env: "SEISMO_STORE",
      fallback: true,
      about: "A collector keeps errors, requests and logs in a DuckDB file that can be asked.",
    },
    path: {
      ...path("seismo.duckdb"),
      key: "store.path",
      env: "SEISMO_DB_PATH",
      about: "The file; one collector at a time.",
    },
    retentionHours: {
      ...whole("hours", 1, 87_600),
      key: "store.retention_hours",
      env: "SEISMO_STORE_RETENTION_HOURS",
      fallback: 720,
      about: "What is older is deleted.",
    },
    maxBytes: {
      ...whole("bytes", 268_435_456, 1_024 * GIGABYTE),
      key: "store.max_bytes",
      env: "SEISMO_STORE_MAX_BYTES",
      fallback: 10 * GIGABYTE,
      about: "When the file holds more, the oldest is deleted.",
    },
    memoryBytes: {
      ...whole("bytes", 67_108_864, 64 * GIGABYTE),
      key: "store.memory_bytes",
      env: "SEISMO_STORE_MEMORY_BYTES",
      fallback: 536_870_912,
      about: "That DuckDB may use, in a process of its own.",
    },
    threads: {
      ...whole("threads", 1, 64),
      key: "store.threads",
      env: "SEISMO_STORE_THREADS",
      fallback: 2,
      about: "Of DuckDB.",
    },
  },
  errors: {
    localVariables: {
      ...oneOf("off", "uncaught", "all", "novel"),
      key: "errors.local_variables",
      env: "SEISMO_LOCAL_VARIABLES",
      fallback: "off",
      about:
        "Keep the local variables of the application's calls: of errors that nothing catches, of all that are thrown, or of all while groups are new or grow.",
    },
    sourceContextLines: {
      ...whole("lines", 0, 50),
      key: "errors.source_context",
      env: "SEISMO_SOURCE_CONTEXT",
      fallback: 5,
      about: "Lines of source code on each side of a frame's; `0` for none.",
    },
    breadcrumbs: {
      ...whole("breadcrumbs", 0, 100),
      key: "errors.breadcrumbs",
      env: "SEISMO_BREADCRUMBS",
      fallback: 30,
      about: "What happened before an error in its request that its event tells of, the newest; `0` for none.",
    },
    httpClientErrors: {
      ...flag(),
      key: "errors.http_client_errors",
      env: "SEISMO_HTTP_CLIENT_ERRORS",
      fallback: true,
      about: "Count 4xx answers as errors of severity info.",
    },
    errorLogs: {
      ...flag(),
      key: "errors.error_logs",
      env: "SEISMO_ERROR_LOGS",
      fallback: false,
      about: "A collector counts log records of level ERROR and above also when they tell of no exception.",
    },
    recurringAfter: {
      ...whole("occurrences", 2, 1_000_000),
      key: "errors.recurring_after",
      env: "SEISMO_RECURRING_AFTER",
      fallback: 5,
      about: "This often within an hour, an `info` becomes a `warning`.",
    },
    regressedAfterHours: {
      ...whole("hours", 1, 8_760),
      key: "errors.regressed_after_hours",
      env: "SEISMO_REGRESSED_AFTER_HOURS",
      fallback: 24,
      about: "A known group that comes again after so long a silence has regressed.",
    },
    ignore: {
      ...objects("{ type, message, service, category, attributes }", matchSchema),
      key: "errors.ignore",
      fallback: [],
      about: "What matches is counted as dropped (`ignored`) and nothing else.",
    },
    categories: {
      ...objects("{ match, category, group }", categoryRuleSchema),
      key: "errors.categories",
      fallback: [],
      about: "Categories of your own, ahead of the built-in ones; the first match wins.",
    },
    severities: {
      ...objects("{ match, severity }", severityRuleSchema),
      key: "errors.severities",
      fallback: [],
      about: "Severities of your own; the first match wins.",
    },
    fingerprints: {
      ...objects("{ match, fingerprint: [parts] }", fingerprintRuleSchema),
      key: "errors.fingerprints",
      fallback: [],
      about: "Groups of your own; the first match wins.",
    },
    advice: {
      ...objects("{ match, advice }", adviceRuleSchema),
      key: "errors.advice",
      fallback: [],
      about: "What to do about an error, in your own words; the first match wins.",
    },
  },
  redaction: {
    keys: {
      ...list("key names", KEY_NAME),
      key: "redaction.keys",
      env: "SEISMO_REDACT_KEYS",
      fallback: [],
      about: "More keys whose values are hidden.",
    },
    allowKeys: {
      ...list("key names", KEY_NAME),
      key: "redaction.allow_keys",
      env: "SEISMO_REDACT_ALLOW_KEYS",
      fallback: [],
      about: "Keys whose values are shown though the built-in list hides them.",
    },
    emails: {
      ...flag(),
      key: "redaction.emails",
      env: "SEISMO_REDACT_EMAILS",
      fallback: true,
      about: "Hide e-mail addresses.",
    },
    ips: {
      ...flag(),
      key: "redaction.ips",
      env: "SEISMO_REDACT_IPS",
      fallback: false,
      about: "Hide IP addresses.",
    },
    clientAddresses: {
      ...flag(),
      key: "redaction.client_addresses",
      env: "SEISMO_CLIENT_ADDRESSES",
      fallback: false,
      about: "Keep with an error the address of who sent the request.",
    },
  },
  instrumentation: {
    names: {
      unit: "names",
      rule: `expected all, none, or names out of ${INSTRUMENTATIONS.join(", ")}; -name takes one away`,
      decode: decodeInstrumentations,
      key: "instrumentation.names",
      env: "SEISMO_INSTRUMENTATIONS",
      fallback: INSTRUMENTATIONS,
      about: "What is instrumented when the application loads it.",
    },
    requestHeaders: {
      ...headers(),
      key: "instrumentation.request_headers",
      env: "SEISMO_CAPTURE_REQUEST_HEADERS",
      fallback: [],
      about: "Request headers that become span attributes.",
    },
    responseHeaders: {
      ...headers(),
      key: "instrumentation.response_headers",
      env: "SEISMO_CAPTURE_RESPONSE_HEADERS",
      fallback: [],
      about: "Response headers that become span attributes.",
    },
    esmHooks: {
      ...oneOf("auto", "on", "off"),
      key: "instrumentation.esm_hooks",
      env: "SEISMO_ESM_HOOKS",
      fallback: "auto",
      about:
        "Hooks for ES modules; `auto`: when the entry is one. Without hooks, what ES modules import keeps" +
        " the errors of HTTP, fetch, Express and Fastify, and loses Express' routes, Koa's errors, and the spans of databases and loggers.",
    },
    middlewareSpans: {
      ...flag(),
      key: "instrumentation.middleware_spans",
      env: "SEISMO_MIDDLEWARE_SPANS",
      fallback: false,
      about: "A span for each middleware, not only for the request.",
    },
  },
  log: {
    level: {
      unit: "level",
      rule: "expected DEBUG, INFO, WARNING or ERROR",
      decode: decodeLevel,
      key: "log.level",
      env: "LOG_LEVEL",
      fallback: "info",
      about:
        "The lowest level that Seismo logs. Other loggers' names for levels are understood; an unknown one is INFO.",
    },
    toFile: {
      ...flag(),
      key: "log.to_file",
      env: "LOG_TO_FILE",
      fallback: true,
      about: "Write Seismo's own log file; warnings and errors go to stderr in any case.",
    },
    path: {
      ...path("logs/seismo.log"),
      key: "log.path",
      env: "LOG_FILE_PATH",
      about: "Seismo's own log file.",
    },
    maxBytes: {
      ...whole("bytes", 1_024, GIGABYTE),
      key: "log.max_bytes",
      env: "LOG_MAX_BYTES",
      fallback: 10_485_760,
      about: "A file of this size is set aside as `.1`.",
    },
    backupCount: {
      ...whole("files", 0, 100),
      key: "log.backup_count",
      env: "LOG_BACKUP_COUNT",
      fallback: 5,
      about: "Files set aside; the oldest goes.",
    },
    debug: {
      ...flag(),
      key: "log.debug",
      env: "SEISMO_DEBUG",
      fallback: false,
      about: "Log every level, to stderr as well.",
    },
  },
  otel: {
    sdkDisabled: {
      ...flag(),
      env: "OTEL_SDK_DISABLED",
      fallback: false,
      about: "`true`: no spans; errors that are captured or uncaught are still counted.",
    },
    tracesEndpoint: {
      ...text(2_048, URL_START, URL_RULE),
      key: "otel.traces_endpoint",
      env: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
      also: generalEndpoint("/v1/traces"),
      fallback: undefined,
      about: "Where spans go by OTLP/HTTP; without it nowhere. `/v1/traces` is added to the general endpoint.",
    },
    tracesHeaders: {
      unit: "text",
      rule: "expected name=value pairs, separated by commas",
      decode: decodeSecretText,
      env: "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
      also: GENERAL_HEADERS,
      isSecret: true,
      fallback: undefined,
      about: "Sent with each export of spans.",
    },
    logsEndpoint: {
      ...text(2_048, URL_START, URL_RULE),
      key: "otel.logs_endpoint",
      env: "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
      also: generalEndpoint("/v1/logs"),
      fallback: undefined,
      about: "Where errors that no span tells of go, likewise; `/v1/logs` is added to the general endpoint.",
    },
    logsHeaders: {
      unit: "text",
      rule: "expected name=value pairs, separated by commas",
      decode: decodeSecretText,
      env: "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
      also: GENERAL_HEADERS,
      isSecret: true,
      fallback: undefined,
      about: "Sent with each export of errors.",
    },
    env: {
      unit: "text",
      rule: "see the OpenTelemetry specification",
      decode: () => undefined,
      env: "OTEL_*",
      derive: ({ variables }) =>
        Object.fromEntries(
          [...variables].filter(
            ([name, value]) => name.startsWith("OTEL_") && !name.endsWith("_HEADERS") && value !== "",
          ),
        ),
      defaultText: "–",
      about: "The other standard variables keep their meaning.",
    },
  },
};

export const OPTIONS: readonly Option<unknown>[] = Object.values(TABLE).flatMap((section) => Object.values(section));
export const KEYS: readonly string[] = OPTIONS.flatMap((option) => option.key ?? []);
export const VARIABLES: readonly string[] = ["SEISMO_CONFIG", ...OPTIONS.flatMap((option) => option.env ?? [])];
