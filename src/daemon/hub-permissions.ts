import { DESIRED_BUCKET } from "../adapters/lattice/desired-bucket.ts";
import { hubPermissions, type HubPermissions } from "../adapters/lattice/permissions.ts";
import type { Config } from "../config/schema.ts";
import { parseReference } from "../domain/artifact-reference.ts";
import { PetioleError } from "../domain/errors.ts";
import { SECRETS_PREFIX } from "../config/secret-backends.ts";
import { EXECUTABLE } from "./provider-types.ts";

/**
 * What the user of a device with this configuration needs at the hub.
 * @throws PetioleError ERR_CONFIG_INVALID without a hub
 */
export function permissionsOf(config: Config): HubPermissions {
  const { hub, lattice, operator, leaf, device } = config;
  if (hub === undefined) throw new PetioleError("ERR_CONFIG_INVALID", "Cannot tell permissions: there is no hub");
  const executables = Object.values(config.providers).filter(({ type }) => type === EXECUTABLE);
  const backends = Object.entries(config.secrets.backends);
  return hubPermissions({
    device: device.id,
    domain: hub.mode === "leaf" ? hub.domain : undefined,
    stream: hub.stream,
    inbox: hub.inbox,
    desiredBucket: hub.desired_state ? DESIRED_BUCKET : undefined,
    objectBuckets: [
      ...new Set([
        ...hub.object_buckets,
        ...bucketsIn([
          ...Object.values(config.components).map(({ image }) => image),
          ...executables.map((provider) => executableImage(provider.config)),
        ]),
      ]),
    ],
    secretBuckets: backends.flatMap(([, { bucket }]) => bucket ?? []),
    secretServices: [
      ...backends.flatMap(([name, backend]) => (backend.type === "wasmcloud" ? serviceSubject(name, backend) : [])),
      ...(lattice?.secrets_prefix === undefined ? [] : [`${lattice.secrets_prefix}.v1alpha1.>`]),
    ],
    keyValueBuckets: Object.values(config.providers)
      .filter(({ type }) => type === KEYVALUE_NATS)
      .flatMap((provider) => keyValueBucket(provider.config)),
    lattice: lattice?.name,
    // Those that have a log-in of their own need nothing of the device's.
    executables:
      (lattice?.executables.from_outside === true || executables.length > 0) &&
      (hub.mode === "leaf" || lattice?.executables.credentials_file === undefined),
    operatorHost: operator === undefined ? undefined : (operator.host_id ?? device.id),
    grants: (hub.mode === "leaf" ? leaf.local?.grants : undefined) ?? { publish: [], subscribe: [] },
  });
}

type BackendConfig = Config["secrets"]["backends"][string];

const serviceSubject = (name: string, { service = name, prefix = SECRETS_PREFIX }: BackendConfig): string =>
  `${prefix}.v1alpha1.${service}.*`;

function executableImage(config: unknown): string | undefined {
  const image = (config as { readonly image?: unknown } | undefined)?.image;
  return typeof image === "string" ? image : undefined;
}

const KEYVALUE_NATS = "keyvalue-nats";
/** The provider's own default. */
const DEFAULT_BUCKET = "petiole";

/** One at another server than the hub needs nothing of the device's user. */
function keyValueBucket(config: unknown): { readonly name: string; readonly create: boolean }[] {
  const { bucket, create, server } = (config ?? {}) as Readonly<Record<string, unknown>>;
  if (server !== undefined) return [];
  return [{ name: typeof bucket === "string" ? bucket : DEFAULT_BUCKET, create: create !== undefined }];
}

function bucketsIn(images: readonly (string | undefined)[]): string[] {
  const references = images.flatMap((image) => {
    const parsed = image === undefined ? undefined : parseReference(image);
    return parsed !== undefined && "reference" in parsed ? [parsed.reference] : [];
  });
  return references.flatMap((one) => (one.kind === "nats-object" ? [one.bucket] : []));
}
