// Which workload takes the place of which. Pure.

import type { Workload } from "./wire.ts";

const REPLICA = "runtime.wasmcloud.dev/workload-replica-set-generation";

/**
 * Both are replicas of one set, whose names differ in their last part. What the operator scheduled anew while this
 * device was away is told from the one before by nothing else.
 */
export function isReplacement(fresh: Workload, before: Workload): boolean {
  const isReplica = ({ annotations }: Workload): boolean => Object.hasOwn(annotations, REPLICA);
  const set = ({ namespace, name }: Workload): string =>
    `${namespace}/${name.slice(0, Math.max(0, name.lastIndexOf("-")))}`;
  return isReplica(fresh) && isReplica(before) && set(fresh) === set(before);
}
