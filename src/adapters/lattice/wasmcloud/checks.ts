import { ERROR_CATALOGUE, isErrorCode } from "../../../domain/errors.ts";
import type { StatusError } from "../../../domain/status.ts";
import type { HostContext } from "./context.ts";
import { componentKey } from "./subjects.ts";
import { componentRecord, parseStored } from "./wire.ts";

/** Components, and providers, that a lattice may start on one device: each is kept in the store and told in heartbeats. */
export const MOST_ITEMS = 256;

const ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

export const idProblem = (id: string): string | undefined =>
  ID.test(id) ? undefined : `cannot use the id "${id}": want at most 64 letters, digits, "-" and "_"`;

/** Why the lattice may not change the item of this id; undefined when it may. */
export function isOurs({ below }: Pick<HostContext, "below">, id: string): string | undefined {
  const { components, providers } = below();
  return [...components, ...providers].some((spec) => spec.id === id)
    ? `"${id}" belongs to the configuration of this device: the lattice can link it, but not change it`
    : undefined;
}

export function matchesLabels(
  constraints: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(constraints).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}

/** True for a failure that trying again will not end. */
export const failsForGood = (error: StatusError | undefined): boolean =>
  error !== undefined && isErrorCode(error.code) && !ERROR_CATALOGUE[error.code].retryable;

/** Tells the lattice where the item came from. Links that it has stay. */
export async function announceItem(
  { data, log }: Pick<HostContext, "data" | "log">,
  { id, reference }: { readonly id: string; readonly reference: string },
): Promise<void> {
  const key = componentKey(id);
  const known = parseStored(componentRecord, data.get(key));
  if (known !== undefined && known.url !== "") return;
  try {
    await data.change(key, (value) => {
      const record = parseStored(componentRecord, value) ?? { url: "", links: [] };
      return JSON.stringify({ ...record, url: record.url === "" ? reference : record.url });
    });
  } catch (error) {
    log.warn("Cannot note a workload in the lattice's bucket", { id, err: error });
  }
}
