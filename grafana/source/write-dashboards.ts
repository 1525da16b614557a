/** `npm run dashboards`: writes the dashboards, with the shipped settings or with those of a user. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { dashboardFiles, SHIPPED } from "./dashboards";

try {
  const { values } = parseArgs({
    options: {
      prefix: { type: "string", default: SHIPPED.prefix },
      "seismo-url": { type: "string", default: SHIPPED.seismoUrl },
      out: { type: "string", default: "grafana/dashboards" },
    },
  });
  const files = dashboardFiles({ prefix: values.prefix, seismoUrl: values["seismo-url"] });
  mkdirSync(values.out, { recursive: true });
  for (const [name, text] of files) writeFileSync(join(values.out, name), text);
  console.log(`${files.size} dashboards written to ${values.out}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
