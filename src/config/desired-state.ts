import { formatReference, parseReference } from "../domain/artifact-reference.ts";
import { bytes } from "../domain/units.ts";
import type { UpdatePolicy, WantedProvider, WantedState } from "../domain/workload.ts";
import type { Workloads } from "./schema.ts";

/** The workloads of a configuration file or a document, in the model that every front end uses. */
export function desiredStateOf(config: Workloads): WantedState {
  return {
    components: Object.entries(config.components).map(([id, spec]) => ({
      id,
      ...originOf(spec),
      digest: spec.digest,
      signedName: spec.signed_name,
      config: spec.config,
      ...(Object.keys(spec.secrets).length > 0 && { secrets: spec.secrets }),
      env: spec.env,
      limits: {
        deadline: spec.deadline,
        memory: spec.memory,
        table: spec.max_table,
        queue: spec.queue,
        instances: spec.max_instances,
        cpu: spec.cpu,
        logRate: spec.log_rate,
      },
      recycling: spec.recycle,
      isolation: spec.isolation,
      grants: { folders: spec.folders, network: spec.network },
      update: updateOf(spec),
    })),
    providers: Object.entries(config.providers).map(([id, { type, config }]) => ({
      id,
      type,
      ...providerOrigin(config),
    })),
    links: config.links.map((link) => ({
      name: link.name,
      source: link.from,
      target: link.to,
      interfaces: link.interfaces,
      config: link.config,
    })),
  };
}

function updateOf({ update, memory }: Workloads["components"][string]): UpdatePolicy {
  const { trial, max_failures, max_growth, max_crashes, beside, probe } = update;
  const policy = {
    trial,
    maxFailures: max_failures,
    maxGrowth: max_growth ?? bytes(Math.floor(memory / 2)),
    maxCrashes: max_crashes,
    beside,
  };
  if (probe === undefined) return policy;
  const { call, http: path = "", timeout, count } = probe;
  return {
    ...policy,
    probe: { ask: call === undefined ? { kind: "http", path } : { kind: "call", ...call }, timeout, count },
  };
}

/** The schema has seen to it that there is exactly one. */
function originOf({ file = "", image, image_pull: pull }: Workloads["components"][string]) {
  return image === undefined ? { file } : { image: { reference: image, pull } };
}

/** One that is an executable may come from an image. Its own schema sees to it that the reference is one. */
function providerOrigin(config: unknown): Pick<WantedProvider, "config" | "image"> {
  if (typeof config !== "object" || config === null || !("image" in config)) return { config };
  const { image, image_pull: pull, ...rest } = config as Readonly<Record<string, unknown>>;
  const parsed = typeof image === "string" ? parseReference(image) : undefined;
  if (parsed === undefined || !("reference" in parsed)) return { config };
  return {
    config: rest,
    image: { reference: formatReference(parsed.reference), pull: pull === "always" ? pull : "missing" },
  };
}
