/** Counts what the budget held back, in bounded space, for the digest. */
import type { GroupNotification, Tally } from "./notification";

export interface OpenTally {
  add(notification: GroupNotification): void;
  /** When its first came; undefined while it is empty. */
  sinceMillis(): number | undefined;
  snapshot(): Tally | undefined;
  clear(): void;
}

/** Goes on where a predecessor was: of its groups only the number is known, so one that comes again counts again. */
export function createTally(before: Tally | undefined, nowMillis: () => number): OpenTally {
  let base = before;
  let sinceMillis = before?.sinceMillis;
  let count = before?.count ?? 0;
  const groups = new Set<string>();
  const bySeverity = { critical: 0, warning: 0, info: 0, ...before?.bySeverity };
  const services = new Map<string, number>(before?.services);

  return {
    add({ group, error }) {
      sinceMillis ??= nowMillis();
      count += 1;
      if (groups.size < MAX_GROUPS) groups.add(group.fingerprint);
      bySeverity[error.severity] += 1;
      const service = services.has(error.service) || services.size < MAX_SERVICES ? error.service : OTHER_SERVICES;
      services.set(service, (services.get(service) ?? 0) + 1);
    },
    sinceMillis: () => sinceMillis,
    snapshot: () =>
      sinceMillis === undefined
        ? undefined
        : {
            ...{ sinceMillis, count, groups: (base?.groups ?? 0) + groups.size },
            bySeverity: { ...bySeverity },
            services: [...services],
          },
    clear() {
      base = undefined;
      sinceMillis = undefined;
      count = 0;
      groups.clear();
      Object.assign(bySeverity, { critical: 0, warning: 0, info: 0 });
      services.clear();
    },
  };
}

/** Told apart; what comes on top is one of them. */
const MAX_GROUPS = 10_000;
const MAX_SERVICES = 50;
const OTHER_SERVICES = "other services";
