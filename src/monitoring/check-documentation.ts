/** Whether the documentation lists what is served, as it is served. */
import type { ConfigProblem } from "../config";
import { nearestName } from "../config/problems";
import type { DocumentedMetrics } from "./documented-metrics";
import type { FileContent } from "./monitoring-files";
import type { ServedFamily } from "./served-metrics";

export function checkDocumentation(
  { file, content }: FileContent<DocumentedMetrics>,
  families: readonly ServedFamily[],
  prefix: string,
): { readonly problems: readonly ConfigProblem[]; readonly unserved: readonly ConfigProblem[] } {
  const problems: ConfigProblem[] = [];
  const found = (key: string, value: string, rule: string, nearest?: string): void =>
    void problems.push({ source: file, key, value, rule, nearest });
  for (const { name, type, labels } of families) {
    const row = content.metrics.get(name);
    if (row === undefined) {
      // What the application serves besides, and what is documented as a whole, needs no row.
      if (!name.startsWith(prefix) || content.prefixes.some((start) => start !== prefix && name.startsWith(start)))
        continue;
      found("metric", name, "it is served and has no row", nearestName(name, [...content.metrics.keys()]));
      continue;
    }
    if (row.type !== type) found(`${name}: type`, row.type, `it is served as a ${type}`);
    if (labels === undefined) continue;
    for (const label of labels)
      if (!row.labels.has(label)) found(`${name}: label`, label, "it is served and not listed");
    for (const label of row.labels)
      if (!labels.has(label)) found(`${name}: label`, label, "it is listed and no series has it");
  }
  const served = new Set(families.map(({ name }) => name));
  const unserved = [...content.metrics.keys()]
    .filter((name) => !served.has(name))
    .map((value) => ({ source: file, key: "metric", value, rule: "served by no endpoint that was asked" }));
  return { problems, unserved };
}
