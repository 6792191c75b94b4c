import { PetioleError, isPetioleError } from "../../domain/errors.ts";
import type { ComponentSpec } from "../../domain/workload.ts";
import { reasonOf } from "../../lib/reason.ts";
import type { SlotDeps } from "./component-slot.ts";
import { checkLinks, OtherVersion, readVersion, startVersion, type Version } from "./start-version.ts";
import { isBad } from "./version-record.ts";

/**
 * Starts what worked last, also when other bytes are wanted by now: those are tried once this runs. What is wanted is
 * started itself when it is the same, and when there is nothing else.
 * @throws PetioleError why it cannot be started
 */
export async function bootVersion(deps: SlotDeps, wanted: ComponentSpec): Promise<Version> {
  const record = deps.journal.get(wanted.id);
  const { accepted } = record;
  const copy = accepted === undefined ? undefined : await deps.kept?.find(accepted);
  if (accepted === undefined || copy === undefined) return await start(deps, wanted);
  let other: unknown;
  try {
    return await start(deps, wanted, accepted);
  } catch (error) {
    if (!isAnother(error)) throw error;
    other = error;
  }
  try {
    return await start(deps, { ...wanted, file: copy, digest: undefined }, accepted);
  } catch (error) {
    deps.log.error("The version of a component that worked last cannot be started", {
      component: wanted.id,
      digest: accepted,
      reason: reasonOf(error),
    });
    const failedBefore = other instanceof OtherVersion && isBad(record, other.digest);
    // One that the agent itself may have died of would be started at every boot.
    if (failedBefore) throw error instanceof PetioleError ? error : other;
    return await start(deps, wanted);
  }
}

async function start(deps: SlotDeps, spec: ComponentSpec, only?: string): Promise<Version> {
  const ready = await readVersion(deps, spec, only);
  checkLinks(ready, deps.links(), deps.runtime.builtin);
  return await startVersion(deps, ready, { isolation: spec.isolation });
}

/** What is wanted are other bytes than those that worked, or there are none. */
const isAnother = (error: unknown): boolean =>
  error instanceof OtherVersion ||
  ["ERR_COMPONENT_UNREADABLE", "ERR_COMPONENT_INVALID", "ERR_COMPONENT_DIGEST"].some(
    (code) => isPetioleError(error) && error.code === code,
  );
