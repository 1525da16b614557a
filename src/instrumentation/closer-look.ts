/** Lets `novel` local variables be kept when something is new or hot: told of each event as exporters are. */
import type { ErrorExporter } from "../event";
import { isSpiking } from "../exporter/notification";
import type { LocalVariables } from "./local-variables";

export function createCloserLook(localVariables: Pick<LocalVariables, "look">): ErrorExporter {
  return {
    name: "closer-look",
    export(events) {
      const isHot = events.some(
        ({ recurrence }) => recurrence.isNew || recurrence.isRegressed || isSpiking(recurrence),
      );
      if (isHot) localVariables.look();
      return events.map(() => ({ status: "accepted" }));
    },
    flushNow() {},
    async forceFlush() {},
    async shutdown() {},
  };
}
