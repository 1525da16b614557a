/**
 * Around an OTLP exporter: sends in the background while the process lives; when it dies, gives what has not arrived
 * to the process's last requests.
 */
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import type { DropReason, Telemetry } from "../telemetry";
import type { LastRequests } from "./last-requests";

/** What OpenTelemetry's exporters of spans and of log records have in common. */
export interface OtlpExporter<T> {
  export(items: T[], resultCallback: (result: ExportResult) => void): void;
  forceFlush?(): Promise<void>;
  shutdown(): Promise<void>;
}

export interface CrashSafeExporterOptions<T> {
  readonly signal: "spans" | "logs";
  readonly inner: OtlpExporter<T>;
  /** The URL that the signal goes to by OTLP/HTTP. */
  readonly url: string;
  readonly headers: { readonly [name: string]: string };
  /** What may leave of an item. */
  readonly redact: (item: T) => T;
  readonly isFailure: (item: T) => boolean;
  /** The body of a request in OTLP/JSON. */
  readonly toJson: (items: T[]) => Uint8Array | undefined;
  readonly lastRequests: LastRequests;
  readonly telemetry: Telemetry;
  readonly onExported: (durationMillis: number) => void;
}

export class CrashSafeExporter<T> implements OtlpExporter<T> {
  readonly #options: CrashSafeExporterOptions<T>;
  readonly #inFlight = new Set<readonly T[]>();
  #dying: T[] | undefined;

  constructor(options: CrashSafeExporterOptions<T>) {
    this.#options = options;
  }

  export(items: T[], resultCallback: (result: ExportResult) => void): void {
    const { inner, telemetry, onExported } = this.#options;
    const safe = items.map(this.#options.redact);
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

  /**
   * Makes a last request of what `drain` gives to export() and of what is under way. `failures`: only when one of them
   * failed.
   */
  flushNow(which: "failures" | "all", drain: () => void): void {
    const items = [...this.#inFlight].flat();
    this.#inFlight.clear(); // a second call has nothing to send twice
    this.#dying = items;
    drain();
    this.#dying = undefined;
    if (which === "all" ? items.length > 0 : items.some(this.#options.isFailure)) this.#sendLast(items);
    else this.#account(items.length, "shutdown");
  }

  async forceFlush(): Promise<void> {
    await this.#options.inner.forceFlush?.();
  }

  async shutdown(): Promise<void> {
    await this.#options.inner.shutdown();
  }

  #sendLast(items: T[]): void {
    const { url, headers, toJson, lastRequests } = this.#options;
    const body = toJson(items);
    if (body === undefined) {
      this.#account(items.length, "export_failed");
      return;
    }
    lastRequests.add({
      url,
      headers: { ...headers, "content-type": "application/json" },
      body: Buffer.from(body).toString(),
      onDone: (isSent) => this.#account(items.length, isSent ? undefined : "export_failed"),
    });
  }

  #account(count: number, lostTo: DropReason | undefined): void {
    if (count === 0) return;
    const { telemetry, signal } = this.#options;
    telemetry.received(signal, count);
    if (lostTo === undefined) telemetry.forwarded(signal, count);
    else telemetry.dropped(signal, lostTo, count);
  }
}
