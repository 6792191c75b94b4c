import { DESIRED_BUCKET } from "../adapters/lattice/desired-bucket.ts";
import { hubPermissions, type HubPermissions } from "../adapters/lattice/permissions.ts";
import type { Config } from "../config/schema.ts";
import { parseReference } from "../domain/artifact-reference.ts";
import { PetioleError } from "../domain/errors.ts";
import { EXECUTABLE } from "./provider-types.ts";

/**
 * What the user of a device with this configuration needs at the hub.
 * @throws PetioleError ERR_CONFIG_INVALID without a hub
 */
export function permissionsOf(config: Config): HubPermissions {
  const { hub, lattice, operator, leaf, device } = config;
  if (hub === undefined) throw new PetioleError("ERR_CONFIG_INVALID", "Cannot tell permissions: there is no hub");
  return hubPermissions({
    device: device.id,
    domain: hub.mode === "leaf" ? hub.domain : undefined,
    stream: hub.stream,
    inbox: hub.inbox,
    desiredBucket: hub.desired_state ? DESIRED_BUCKET : undefined,
    objectBuckets: objectBuckets(Object.values(config.components).map(({ image }) => image)),
    lattice: lattice?.name,
    executables:
      lattice?.executables.from_outside === true ||
      Object.values(config.providers).some(({ type }) => type === EXECUTABLE),
    operatorHost: operator === undefined ? undefined : (operator.host_id ?? device.id),
    grants: (hub.mode === "leaf" ? leaf.local?.grants : undefined) ?? { publish: [], subscribe: [] },
  });
}

function objectBuckets(images: readonly (string | undefined)[]): string[] {
  const references = images.flatMap((image) => {
    const parsed = image === undefined ? undefined : parseReference(image);
    return parsed !== undefined && "reference" in parsed ? [parsed.reference] : [];
  });
  return [...new Set(references.flatMap((one) => (one.kind === "nats-object" ? [one.bucket] : [])))];
}
