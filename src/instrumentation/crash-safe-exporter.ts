/**
 * Around the OTLP exporter: sends in the background while the process lives, and in the foreground when it dies.
 * A dying process runs no more callbacks, so the last spans go out through a short-lived child process that is
 * waited for (bounded): the only synchronous HTTP that Node has.
 */
import { spawnSync } from "node:child_process";
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace-base";
import type { DropReason, Telemetry } from "../telemetry";

export interface CrashSafeExporterOptions {
  readonly inner: SpanExporter;
  /** The URL that OTLP/HTTP traces go to. */
  readonly url: string;
  readonly headers: { readonly [name: string]: string };
  /** What may leave of a span. */
  readonly redact: (span: ReadableSpan) => ReadableSpan;
  readonly telemetry: Telemetry;
  readonly onExported: (durationMillis: number) => void;
}

/** The longest that a dying process waits for its last spans. */
export const CRASH_FLUSH_MILLIS = 1_500;

export class CrashSafeExporter implements SpanExporter {
  readonly #options: CrashSafeExporterOptions;
  readonly #inFlight = new Set<readonly ReadableSpan[]>();
  #dying: ReadableSpan[] | undefined;

  constructor(options: CrashSafeExporterOptions) {
    this.#options = options;
  }

  export(spans: ReadableSpan[], resultCallback: (result: ExportResult) => void): void {
    const { inner, telemetry, onExported } = this.#options;
    const safe = spans.map(this.#options.redact);
    if (this.#dying !== undefined) {
      this.#dying.push(...safe);
      resultCallback({ code: ExportResultCode.SUCCESS });
      return;
    }
    const started = performance.now();
    this.#inFlight.add(safe);
    inner.export(safe, (result) => {
      // What a flush has taken over is accounted for there.
      const isOurs = this.#inFlight.delete(safe);
      onExported(performance.now() - started);
      if (isOurs) this.#account(safe.length, result.error === undefined ? undefined : "export_failed");
      if (result.error !== undefined) {
        telemetry.logLimited("warning", "otlp", `OTLP export failed: ${result.error.message}`);
      }
      resultCallback(result);
    });
  }

  /** Sends what `drain` gives to export(), and what is under way, before it returns. For a process that is about to die. */
  flushNow(which: "failures" | "all", drain: () => void): void {
    const spans = [...this.#inFlight].flat();
    this.#inFlight.clear(); // a second call has nothing to send twice
    this.#dying = spans;
    drain();
    this.#dying = undefined;
    if (which === "all" ? spans.length > 0 : spans.some(isFailure)) this.#sendNow(spans);
    else this.#account(spans.length, "shutdown");
  }

  async forceFlush(): Promise<void> {
    await this.#options.inner.forceFlush?.();
  }

  async shutdown(): Promise<void> {
    await this.#options.inner.shutdown();
  }

  #sendNow(spans: ReadableSpan[]): void {
    const { url, headers } = this.#options;
    const body = JsonTraceSerializer.serializeRequest(spans);
    if (body === undefined) {
      this.#account(spans.length, "export_failed");
      return;
    }
    const request = {
      url,
      headers: { ...headers, "content-type": "application/json" },
      body: Buffer.from(body).toString(),
    };
    const result = spawnSync(process.execPath, ["-e", SEND], {
      input: JSON.stringify(request),
      timeout: CRASH_FLUSH_MILLIS,
      stdio: ["pipe", "ignore", "ignore"],
      env: {},
    });
    this.#account(spans.length, result.status === 0 ? undefined : "export_failed");
  }

  #account(count: number, lostTo: DropReason | undefined): void {
    if (count === 0) return;
    const { telemetry } = this.#options;
    telemetry.received("spans", count);
    if (lostTo === undefined) telemetry.forwarded("spans", count);
    else telemetry.dropped("spans", lostTo, count);
  }
}

/** Runs in the child: headers may hold secrets, so they come by standard input. */
const SEND = `let s="";process.stdin.on("data",d=>s+=d).on("end",()=>{const r=JSON.parse(s);
fetch(r.url,{method:"POST",headers:r.headers,body:r.body,redirect:"manual"}).then(a=>process.exit(a.ok?0:1),()=>process.exit(1))})`;

function isFailure(span: ReadableSpan): boolean {
  return span.attributes["error.fingerprint"] !== undefined;
}
