import type { DrainLimit } from "../adapters/lattice/drain-pace.ts";
import type { OutboxOptions } from "../adapters/store/index.ts";
import type { Config } from "../config/schema.ts";
import type { LanePolicy } from "../domain/lane-policy.ts";
import type { Bytes, Millis } from "../domain/units.ts";

/** The outbox as the configuration wants it. */
export function outboxOptionsOf({ outbox, components }: Pick<Config, "outbox" | "components">): OutboxOptions {
  const { critical, standard, latest, ephemeral } = outbox.lanes;
  return {
    maxBytes: outbox.max_size,
    maxMessage: outbox.max_message,
    hubHold: outbox.hub_hold,
    quota: outbox.component_quota,
    quotas: Object.fromEntries(
      Object.entries(components).flatMap(([id, { outbox_quota }]): [string, Bytes][] =>
        outbox_quota === undefined ? [] : [[id, outbox_quota]],
      ),
    ),
    lanes: {
      critical: lifetime(critical.ttl),
      standard: {
        ...lifetime(standard.ttl),
        ...given({
          maxBytes: standard.max_size,
          whenFull: standard.when_full,
          commitInterval: standard.commit_interval,
          commitRows: standard.commit_rows,
        }),
      },
      latest: {
        ...lifetime(latest.ttl),
        ...given({ maxBytes: latest.max_size, commitInterval: latest.commit_interval }),
      },
      ephemeral: { ...lifetime(ephemeral.ttl), ...given({ maxBytes: ephemeral.max_size }) },
    },
  };
}

/** Messages without end are not the same as messages whose end was not said. */
function lifetime(ttl: Millis | "none" | undefined): Partial<LanePolicy> {
  if (ttl === undefined) return {};
  return { ttl: ttl === "none" ? undefined : ttl };
}

function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

export function drainLimitOf({ outbox: { drain } }: Pick<Config, "outbox">): DrainLimit {
  return {
    messages: drain.messages === "unlimited" ? undefined : drain.messages,
    bytes: drain.bytes === "unlimited" ? undefined : drain.bytes,
    jitter: drain.jitter,
  };
}
