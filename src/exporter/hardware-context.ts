/** Reads what an event says about the machine under it. The context comes from outside: any shape may be there. */
import type { EventSummary, JsonObject, JsonValue } from "../event";

export interface HardwareFault {
  readonly type: string;
  readonly status: string;
}

/**
 * One fault for each kind of hardware and each thing that is wrong with it. A context in which nothing is wrong is no
 * fault, unless the event itself is a hardware error.
 */
export function hardwareFaults(event: Pick<EventSummary, "hardwareContext" | "classification">): HardwareFault[] {
  const context = event.hardwareContext;
  const isHardwareError = event.classification.group === "hardware_error";
  if (context === undefined && !isHardwareError) return [];

  const status = objectAt(context, "hardware_status");
  const wrong = STATUS_FLAGS.filter((flag) => status?.[flag] === true);
  if (wrong.length === 0 && !isHardwareError) return [];
  if (wrong.length === 0) wrong.push(STATUS_OF_CATEGORY[event.classification.category] ?? "other");

  const listed = valueAt(context, "hardware_types");
  const named = [valueAt(context, "hardware_type"), ...(Array.isArray(listed) ? listed.slice(0, MAX_DEVICES) : [])];
  const types = [...new Set(named.filter((type): type is string => typeof type === "string" && type !== ""))];
  if (types.length === 0) types.push("unknown");
  return types.flatMap((type) => wrong.map((one) => ({ type, status: one })));
}

export interface Utilization {
  readonly cpuPercent: number | undefined;
  readonly memoryPercent: number | undefined;
  readonly diskPercent: number | undefined;
  readonly gpus: readonly {
    readonly device: string;
    readonly memoryPercent: number | undefined;
    readonly temperatureCelsius: number | undefined;
  }[];
}

export function utilization(context: JsonObject): Utilization {
  const metrics = objectAt(context, "metrics");
  const devices = valueAt(objectAt(context, "gpu_metrics"), "devices");
  return {
    cpuPercent: numberAt(objectAt(metrics, "cpu"), "percent"),
    memoryPercent: numberAt(objectAt(metrics, "memory"), "used_percent"),
    diskPercent: numberAt(objectAt(metrics, "disk"), "used_percent"),
    gpus: (Array.isArray(devices) ? devices.slice(0, MAX_DEVICES) : []).map((device, position) => {
      const index = valueAt(asObject(device), "index");
      return {
        device: typeof index === "number" || typeof index === "string" ? String(index) : String(position),
        memoryPercent: numberAt(asObject(device), "memory_utilization"),
        temperatureCelsius: numberAt(asObject(device), "temperature"),
      };
    }),
  };
}

const MAX_DEVICES = 64;
const STATUS_FLAGS = ["overheating", "memory_pressure", "throttling"];
const STATUS_OF_CATEGORY: Readonly<Record<string, string>> = {
  hardware_overheating: "overheating",
  hardware_throttled: "throttling",
  hardware_not_available: "not_available",
};

function valueAt(object: JsonObject | undefined, key: string): JsonValue | undefined {
  return object !== undefined && Object.hasOwn(object, key) ? object[key] : undefined;
}
function objectAt(object: JsonObject | undefined, key: string): JsonObject | undefined {
  return asObject(valueAt(object, key));
}
function asObject(value: JsonValue | undefined): JsonObject | undefined {
  // An array is the one other thing that `typeof` calls an object, and TypeScript cannot rule out a readonly one.
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}
function numberAt(object: JsonObject | undefined, key: string): number | undefined {
  const value = valueAt(object, key);
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}
