// Components that want to hear of changes to their configuration and their secrets instead of being started anew.

import { isDeepStrictEqual } from "node:util";
import { unversioned } from "../domain/wit-name.ts";
import type { ComponentSpec } from "../domain/workload.ts";
import type { Logger } from "../lib/log.ts";
import { reasonOf } from "../lib/reason.ts";
import type { PreparedComponent, RunningComponent } from "../runtime/contract.ts";

const WATCH = "petiole:config/watch";

export type ConfigChange = { readonly tag: "config" | "secret"; readonly val: string };

/** Whether a component hears of changes. */
export const isWatching = ({ exports }: PreparedComponent): boolean =>
  exports.some((name) => unversioned(name) === WATCH);

interface RunningItem {
  readonly spec: ComponentSpec;
  readonly live: { readonly prepared: PreparedComponent } | undefined;
}

/** Components that run, and are wanted with other values of what they can be told of, and in all else as they are. */
export function toldChanges<Item extends RunningItem>(
  wanted: readonly ComponentSpec[],
  running: ReadonlyMap<string, Item>,
): { readonly spec: ComponentSpec; readonly item: Item; readonly changes: readonly ConfigChange[] }[] {
  return wanted.flatMap((spec) => {
    const item = running.get(spec.id);
    if (item?.live === undefined || !isWatching(item.live.prepared)) return [];
    const changes = changesOf(item.spec, spec);
    return changes === undefined ? [] : [{ spec, item, changes }];
  });
}

/** What is another one; undefined when the component has to be started anew for the change, or when there is none. */
function changesOf(before: ComponentSpec, after: ComponentSpec): ConfigChange[] | undefined {
  const rest = ({ config: _config, secrets: _secrets, ...others }: ComponentSpec): object => others;
  if (!isDeepStrictEqual(rest(before), rest(after))) return undefined;
  const changes = [
    ...differences(before.config, after.config).map((val) => ({ tag: "config" as const, val })),
    ...differences(before.secrets ?? {}, after.secrets ?? {}).map((val) => ({ tag: "secret" as const, val })),
  ];
  return changes.length === 0 ? undefined : changes;
}

function differences(before: Readonly<Record<string, unknown>>, after: Readonly<Record<string, unknown>>): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].filter((key) => !isDeepStrictEqual(before[key], after[key]));
}

/** Resolves when the component was told. What it fails with is logged: it has the new values all the same. */
export async function tellChanges(
  running: Pick<RunningComponent, "call">,
  changes: readonly ConfigChange[],
  log: Logger,
): Promise<void> {
  const keys = changes.map(({ tag, val }) => `${tag} ${val}`).join(", ");
  try {
    await running.call(WATCH, "on-change", [changes]);
    log.info("Component was told of a change", { keys });
  } catch (error) {
    log.warn("Component did not take a change well", { keys, reason: reasonOf(error) });
  }
}
