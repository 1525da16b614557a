/**
 * Names that say by themselves what went wrong, as runtimes, libraries and providers spell them.
 * Codes (`ECONNREFUSED`, `FST_ERR_VALIDATION`) are precise; class names (`TimeoutError`) are a little less so.
 * Database codes have a file of their own.
 */
import type { Category } from "../event";

/** The category of a code, by its exact spelling, else by its family (`CERT_…`). */
export function categoryOfCode(code: string): Category | undefined {
  const exact = CODES.get(code);
  if (exact !== undefined || !code.includes("_")) return exact;
  for (const [prefix, category] of CODE_FAMILIES) if (code.startsWith(prefix)) return category;
  return undefined;
}

/** The category of a class name; of `java.net.ConnectException`, `*net.DNSError` or `Std::Error` the last part counts. */
export function categoryOfTypeName(type: string): Category | undefined {
  return TYPES.get(type) ?? TYPES.get(type.slice(1 + Math.max(type.lastIndexOf("."), type.lastIndexOf(":"))));
}

type NamesByCategory = { readonly [C in Category]?: string };

function invert(names: NamesByCategory): ReadonlyMap<string, Category> {
  // Object.entries forgets that the keys are categories.
  const entries = Object.entries(names) as [Category, string][];
  return new Map(entries.flatMap(([category, list]) => list.split(/\s+/).map((name) => [name, category] as const)));
}

const CODES: ReadonlyMap<string, Category> = invert({
  hardware_not_available: "ENODEV ENXIO ENOMEDIUM cudaErrorNoDevice CUDA_ERROR_NO_DEVICE",
  hardware_other: "EIO EHWPOISON",
  resource_exhausted: `ENOSPC EDQUOT EMFILE ENFILE ENOMEM ENOBUFS ERR_WORKER_OUT_OF_MEMORY ERR_MEMORY_ALLOCATION_FAILED
    CUDA_ERROR_OUT_OF_MEMORY cudaErrorMemoryAllocation RESOURCE_EXHAUSTED`,
  resource_limit: `ERR_STRING_TOO_LONG ERR_BUFFER_TOO_LARGE ERR_CHILD_PROCESS_STDIO_MAXBUFFER EFBIG E2BIG
    UND_ERR_HEADERS_OVERFLOW UND_ERR_RES_EXCEEDED_MAX_SIZE`,
  worker_crashed: "WORKER_CRASH_ERROR WORKER_CRASHED",
  worker_timeout: "WORKER_TIMEOUT",
  worker_other: "ESRCH ERR_IPC_CHANNEL_CLOSED ERR_IPC_DISCONNECTED",
  network_connection: `ECONNREFUSED ECONNRESET EPIPE EHOSTUNREACH EHOSTDOWN ENETUNREACH ENETDOWN ENETRESET ENOTCONN EADDRINUSE
    EADDRNOTAVAIL ERR_SOCKET_CLOSED ERR_NETWORK UND_ERR_SOCKET UND_ERR_CLOSED UND_ERR_DESTROYED ECONNECTION ESOCKET`,
  network_timeout: `ETIMEDOUT ETIMEOUT ESOCKETTIMEDOUT UND_ERR_CONNECT_TIMEOUT UND_ERR_HEADERS_TIMEOUT UND_ERR_BODY_TIMEOUT
    ERR_SOCKET_CONNECTION_TIMEOUT DEADLINE_EXCEEDED`,
  network_dns: "ENOTFOUND ENODATA ESERVFAIL EREFUSED EBADNAME EBADRESP ENONAME",
  network_tls:
    "EPROTO DEPTH_ZERO_SELF_SIGNED_CERT SELF_SIGNED_CERT_IN_CHAIN HOSTNAME_MISMATCH INVALID_CA UND_ERR_PRX_TLS",
  connection_aborted: `ECONNABORTED ERR_STREAM_PREMATURE_CLOSE request.aborted ABORT_ERR UND_ERR_ABORTED UND_ERR_ABORT
    ERR_CANCELED`,
  validation_input: `entity.parse.failed entity.verify.failed parameters.too.many querystring.parse.rangeError request.size.invalid
    FST_ERR_CTP_INVALID_JSON_BODY FST_ERR_CTP_EMPTY_JSON_BODY FST_ERR_CTP_INVALID_CONTENT_LENGTH`,
  validation_schema: "FST_ERR_VALIDATION",
  auth_unauthenticated: `EAUTH UNAUTHENTICATED authentication_error invalid_api_key credentials_required invalid_token
    ExpiredToken ExpiredTokenException InvalidClientTokenId UnrecognizedClientException SignatureDoesNotMatch`,
  auth_forbidden: "EBADCSRFTOKEN PERMISSION_DENIED permission_error AccessDenied AccessDeniedException",
  quota_rate_limited: `rate_limit_exceeded rate_limit_error rate_limited overloaded_error too_many_requests ThrottlingException Throttling
    TooManyRequestsException RequestLimitExceeded ProvisionedThroughputExceededException SlowDown`,
  quota_exhausted: `insufficient_quota billing_hard_limit_reached billing_not_active insufficient_balance billing_error
    ServiceQuotaExceededException LimitExceededException QUOTA_EXCEEDED quotaExceeded dailyLimitExceeded`,
  content_filter: `content_filter content_filtered content_policy_violation ResponsibleAIPolicyViolation PROHIBITED_CONTENT SAFETY
    BLOCKLIST guardrail_intervened GUARDRAIL_INTERVENED`,
  file_upload: `LIMIT_FILE_COUNT LIMIT_UNEXPECTED_FILE LIMIT_PART_COUNT LIMIT_FIELD_KEY LIMIT_FIELD_VALUE LIMIT_FIELD_COUNT
    LIMIT_FIELD_NESTING LIMIT_FIELD_ARRAY_INDEX MISSING_FIELD_NAME INVALID_FIELD_NAME STREAM_DESTROYED FST_FILES_LIMIT FST_PARTS_LIMIT FST_FIELDS_LIMIT
    FST_INVALID_MULTIPART_CONTENT_TYPE`,
  file_unsupported_format: "charset.unsupported encoding.unsupported FST_ERR_CTP_INVALID_MEDIA_TYPE",
  file_too_large:
    "LIMIT_FILE_SIZE entity.too.large ERR_FS_FILE_TOO_LARGE FST_ERR_CTP_BODY_TOO_LARGE FST_REQ_FILE_TOO_LARGE",
  file_not_found: "ENOENT ENOTDIR EISDIR NoSuchKey",
  file_permission: "EACCES EPERM EROFS EBUSY ETXTBSY",
  file_cleanup: "ENOTEMPTY ERR_FS_EISDIR",
  test_assertion: "ERR_ASSERTION",
  test_timeout: "ERR_MOCHA_TIMEOUT testTimeoutFailure",
  test_setup: "hookFailed",
});

const CODE_FAMILIES: readonly (readonly [prefix: string, category: Category])[] = [
  ["EAI_", "network_dns"],
  ["CERT_", "network_tls"],
  ["ERR_TLS_", "network_tls"],
  ["ERR_SSL_", "network_tls"],
  ["UNABLE_TO_", "network_tls"],
  ["ERR_HTTP2_", "network_connection"],
  ["ERR_WORKER_", "worker_other"],
  ["HPE_", "http_client_error"], // llhttp: the peer does not speak HTTP
  ["ERR_JW", "auth_unauthenticated"],
];

const TYPES: ReadonlyMap<string, Category> = invert({
  hardware_not_available: "DeviceNotFoundError",
  resource_exhausted: "OutOfMemoryError OutOfMemoryException MemoryError",
  worker_crashed: "WorkerCrashError WorkerCrashedError BrokenProcessPool WorkerLostError",
  worker_timeout: "WorkerTimeoutError WorkerTimeout SoftTimeLimitExceeded TimeLimitExceeded TimeoutExpired",
  worker_other: "DataCloneError WorkerError CalledProcessError",
  network_connection: `ConnectException ConnectionRefusedError ConnectionResetError ConnectionError ConnectError OpError SocketException
    SocketError APIConnectionError NoRouteToHostException HttpRequestException`,
  network_timeout: `TimeoutError ConnectTimeoutError HeadersTimeoutError BodyTimeoutError RequestTimeoutError APIConnectionTimeoutError
    TimeoutException SocketTimeoutException ConnectTimeoutException HttpTimeoutException ReadTimeout ConnectTimeout ReadTimeoutError
    deadlineExceededError`,
  network_dns: "UnknownHostException gaierror DNSError NameResolutionError",
  network_tls: `SSLError SSLException SSLHandshakeException SSLCertVerificationError CertificateVerificationError
    UnknownAuthorityError CertPathValidatorException`,
  connection_aborted: "AbortError ConnectionAbortedError ClientDisconnect ClientAbortException EofException",
  connection_reset_by_client: "BrokenPipeError",
  validation_input:
    "BadRequestError UnprocessableEntityError UnprocessableContentError HttpMessageNotReadableException",
  validation_schema: `ZodError $ZodError ValidationError ValiError StructError AjvValidationError RequestValidationError SchemaError
    ConstraintViolationException MethodArgumentNotValidException`,
  auth_unauthenticated: `UnauthorizedError AuthenticationError UnauthenticatedError JsonWebTokenError TokenExpiredError NotBeforeError
    JWTExpired InvalidTokenError AuthenticationException BadCredentialsException`,
  auth_forbidden: "ForbiddenError AuthorizationError PermissionDeniedError AccessDeniedException AccessDeniedError",
  quota_rate_limited: "RateLimitError RateLimitExceeded TooManyRequestsError ThrottlingError ThrottlingException",
  quota_exhausted: "QuotaExceededError InsufficientQuotaError PaymentRequiredError",
  content_filter: "ContentFilterError ContentFilterFinishReasonError ContentPolicyViolationError",
  file_upload: "MulterError MultipartError",
  file_unsupported_format: "UnsupportedMediaTypeError UnidentifiedImageError UnsupportedFormatError",
  file_too_large: "PayloadTooLargeError ContentTooLargeError MaxUploadSizeExceededException",
  file_not_found: "FileNotFoundError FileNotFoundException NoSuchFileException",
  file_permission: "PermissionError PathPermissionError",
  analysis_failed: "AnalysisError",
  analysis_step: "AnalysisStepError",
  ui_component: "ChunkLoadError UiError",
  ui_session: "SessionExpiredError",
  test_assertion: "AssertionError JestAssertionError AssertionFailedError ComparisonFailure ExpectationFailed",
  test_timeout: "TestTimeoutError TestTimedOutException",
  test_setup: "TestSetupError FixtureLookupError",
});
