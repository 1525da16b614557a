/** Who speaks, in OpenTelemetry's words: the same on every span and log record that leaves. */
import { defaultResource, type Resource, resourceFromAttributes } from "@opentelemetry/resources";
import type { Config } from "../config";

export function otelResource(config: Config): Resource {
  return defaultResource().merge(
    resourceFromAttributes({
      "service.instance.id": config.service.worker, // a collector names the worker by it
      ...config.service.attributes,
      "service.name": config.service.name,
    }),
  );
}
