/**
 * The words of a message, asked only when no code, class or status has decided: a code in the text first, then a
 * short list of phrases. Plain substrings of a bounded text, so that no message can be slow.
 */
import type { Category } from "../event";
import type { Evidence } from "./database-codes";
import { categoryOfCode } from "./known-names";

/** A code that the message quotes, as in `connect ECONNREFUSED 127.0.0.1:80`. */
export function codeInText(message: string): { readonly code: string; readonly category: Category } | undefined {
  const text = message.slice(0, MAX_TEXT);
  CODE.lastIndex = 0;
  for (let tries = 0; tries < MAX_CODES; tries++) {
    const code = CODE.exec(text)?.[0];
    if (code === undefined) return undefined;
    const category = categoryOfCode(code);
    if (category !== undefined) return { code, category };
  }
  return undefined;
}

export function wordingEvidence(message: string): Evidence | undefined {
  const text = message.slice(0, MAX_TEXT).toLowerCase();
  if (!ANY_PHRASE.test(text)) return undefined;
  for (const [phrase, category] of PHRASES) {
    if (text.includes(phrase)) return { category, reason: `message "${phrase}"` };
  }
  return undefined;
}

const MAX_TEXT = 8_192;
const MAX_CODES = 16;
/** An errno name, or capitals joined by underscores. One try per word: linear. */
const CODE = /\b(?:E[A-Z]{3,19}|[A-Z][A-Z0-9]*_[A-Z0-9_]{2,40})\b/g;

/** First hit wins: what is most telling comes first. Lower case. */
const PHRASES: readonly (readonly [phrase: string, category: Category])[] = [
  ["out of memory", "resource_exhausted"], // the heap, CUDA, the kernel
  ["array buffer allocation failed", "resource_exhausted"],
  ["cannot allocate memory", "resource_exhausted"],
  ["no space left on device", "resource_exhausted"],
  ["too many open files", "resource_exhausted"],
  ["disk quota exceeded", "resource_exhausted"],
  ["memory pressure", "resource_memory_pressure"],
  ["memorypressure", "resource_memory_pressure"],
  ["low on resource: memory", "resource_memory_pressure"],
  ["invalid string length", "resource_limit"],
  ["received message larger than max", "resource_limit"],
  ["no cuda-capable device", "hardware_not_available"],
  ["no cuda gpus are available", "hardware_not_available"],
  ["fallen off the bus", "hardware_not_available"],
  ["gpu is lost", "hardware_not_available"],
  ["failed to initialize nvml", "hardware_not_available"],
  ["cuda driver version is insufficient", "hardware_not_available"],
  ["communicate with the nvidia driver", "hardware_not_available"],
  ["overheat", "hardware_overheating"],
  ["critical temperature", "hardware_overheating"],
  ["temperature above threshold", "hardware_overheating"],
  ["thermal shutdown", "hardware_overheating"],
  ["thermal throttling", "hardware_throttled"],
  ["clock throttled", "hardware_throttled"],
  ["hw slowdown", "hardware_throttled"],
  ["power brake", "hardware_throttled"],
  ["cuda error", "hardware_other"],
  ["cudnn error", "hardware_other"],
  ["hip error", "hardware_other"],
  ["nvrm: xid", "hardware_other"],
  ["nvml", "hardware_other"],
  ["uncorrectable ecc", "hardware_other"],
  ["machine check", "hardware_other"],
  ['before each" hook', "test_setup"],
  ['before all" hook', "test_setup"],
  ['after each" hook', "test_setup"],
  ['after all" hook', "test_setup"],
  ["hook timed out in", "test_setup"],
  ["for a hook.", "test_setup"],
  ["ms for a test.", "test_timeout"],
  ["test timed out in", "test_timeout"],
  ["test timeout of", "test_timeout"],
  ["worker timeout", "worker_timeout"],
  ["worker timed out", "worker_timeout"],
  ["worker exited unexpectedly", "worker_crashed"],
  ["worker terminated unexpectedly", "worker_crashed"],
  ["worker process died", "worker_crashed"],
  ["deadlock detected", "database_deadlock"],
  ["duplicate key value violates", "database_constraint"],
  ["violates foreign key constraint", "database_constraint"],
  ["unique constraint failed", "database_constraint"],
  ["canceling statement due to", "database_timeout"],
  ["timeout exceeded when trying to connect", "database_timeout"], // pg-pool
  ["connection terminated unexpectedly", "database_connection"], // pg
  ["socket hang up", "network_connection"],
  ["other side closed", "network_connection"],
  ["connection refused", "network_connection"],
  ["connection reset by peer", "network_connection"],
  ["network is unreachable", "network_connection"],
  ["no route to host", "network_connection"],
  ["fetch failed", "network_connection"],
  ["failed to fetch", "network_connection"],
  ["name or service not known", "network_dns"],
  ["temporary failure in name resolution", "network_dns"],
  ["no such host", "network_dns"],
  ["certificate verify failed", "network_tls"],
  ["certificate has expired", "network_tls"],
  ["self-signed certificate", "network_tls"],
  ["ssl handshake", "network_tls"],
  ["tls handshake", "network_tls"],
  ["x509:", "network_tls"],
  ["connection timed out", "network_timeout"],
  ["connect timed out", "network_timeout"],
  ["request timed out", "network_timeout"],
  ["read timed out", "network_timeout"],
  ["socket timeout", "network_timeout"],
  ["i/o timeout", "network_timeout"],
  ["context deadline exceeded", "network_timeout"],
  ["request aborted", "connection_aborted"],
  ["premature close", "connection_aborted"],
  ["client disconnected", "connection_aborted"],
  ["exceeded your current quota", "quota_exhausted"],
  ["quota exceeded", "quota_exhausted"],
  ["credit balance is too low", "quota_exhausted"],
  ["insufficient balance", "quota_exhausted"],
  ["rate limit", "quota_rate_limited"],
  ["too many requests", "quota_rate_limited"],
  ["content management policy", "content_filter"],
  ["content filter", "content_filter"],
  ["safety system", "content_filter"],
  ["unexpected end of form", "file_upload"], // busboy
  ["multipart: boundary not found", "file_upload"],
  ["malformed part header", "file_upload"],
  ["unsupported image format", "file_unsupported_format"],
  ["unsupported file format", "file_unsupported_format"],
  ["unsupported file type", "file_unsupported_format"],
  ["file too large", "file_too_large"],
  ["file is too large", "file_too_large"],
  ["no such file or directory", "file_not_found"],
];

/** One look that spares the ordinary message a hundred. */
const ANY_PHRASE = new RegExp(PHRASES.map(([phrase]) => phrase.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|"));
