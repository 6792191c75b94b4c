// What the operator is told of a workload. Pure.

import type { OperatorWorkload } from "../../../domain/status.ts";
import type { HostStatus } from "../../../host/host.ts";
import { MOST_NAME, type Translated } from "./translate.ts";
import type { Workload, WorkloadState, WorkloadStatus } from "./wire.ts";

export type Shown = Pick<WorkloadStatus, "state" | "message">;

export interface WorkloadFacts {
  readonly isStopping: boolean;
  /** Why it cannot be made ready, for now or for good. */
  readonly failure: string | undefined;
  /** Undefined while its images are not there. */
  readonly translated: Translated | undefined;
}

const shown = (state: WorkloadState, message: string): Shown => ({ state, message });

/** It runs when all of its components do, with what they are linked to. */
export function stateOf({ isStopping, failure, translated }: WorkloadFacts, running: HostStatus): Shown {
  if (isStopping) return shown("WORKLOAD_STATE_STOPPING", "it is being stopped");
  if (failure !== undefined) return shown("WORKLOAD_STATE_ERROR", failure);
  if (translated === undefined) return shown("WORKLOAD_STATE_STARTING", "its images are fetched");
  if ("problem" in translated) return shown("WORKLOAD_STATE_ERROR", translated.problem);
  const own = new Set(translated.components.map(({ id }) => id));
  const used = new Set(translated.links.flatMap(({ source, target }) => [source, target]));
  const components = running.components.filter(({ id }) => own.has(id));
  const items = [...components, ...running.providers.filter(({ id }) => used.has(id))];
  const broken = items.find(({ lastError }) => lastError !== undefined)?.lastError;
  if (broken !== undefined) return shown("WORKLOAD_STATE_ERROR", `${broken.code}: ${broken.message}`);
  const isUp =
    components.length === own.size &&
    items.every(({ state }) => state === "running") &&
    running.links.every(({ source, target, state }) => state === "bound" || !(own.has(source) || own.has(target)));
  return isUp ? shown("WORKLOAD_STATE_RUNNING", "it runs") : shown("WORKLOAD_STATE_STARTING", "it is being started");
}

/** For people. */
export function summaryOf(
  id: string,
  { namespace, name }: Pick<Workload, "namespace" | "name">,
  { state, message }: Shown,
): OperatorWorkload {
  return {
    id,
    namespace: namespace.slice(0, MOST_NAME),
    name: name.slice(0, MOST_NAME),
    state: SHORT[state],
    message,
  };
}

const SHORT = {
  WORKLOAD_STATE_STARTING: "starting",
  WORKLOAD_STATE_RUNNING: "running",
  WORKLOAD_STATE_STOPPING: "stopping",
  WORKLOAD_STATE_ERROR: "error",
  // Nobody is shown what is not there.
  WORKLOAD_STATE_NOT_FOUND: "error",
} as const satisfies Record<WorkloadState, OperatorWorkload["state"]>;
