import { z } from "zod";
import { flattenIssues } from "../config/faults.ts";
import type { Workloads } from "../config/schema.ts";
import type { ConfigFault } from "../config/yaml-source.ts";
import { PetioleError, isPetioleError } from "../domain/errors.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLogger } from "../lib/log.ts";
import { fillReferences, findReferences } from "../lib/secret-references.ts";
import { createMetricsRegistry } from "../lib/metrics.ts";
import type { Provider } from "../provider/contract.ts";
import type { HostServices } from "../provider/services.ts";
import { providerTypes } from "./provider-types.ts";

export interface CheckedSource {
  readonly config: Pick<Workloads, "providers" | "links">;
  /** An ERR_CONFIG_INVALID that shows faults where they stand. */
  readonly invalid: (faults: readonly ConfigFault[]) => PetioleError;
}

/**
 * Checks the configuration of providers and links by the providers' own schemas, without starting anything. `others` are
 * providers that links may name besides the source's own; they are not checked.
 * @throws PetioleError ERR_CONFIG_INVALID with every fault
 */
export async function checkProviders(
  { config, invalid }: CheckedSource,
  others: Workloads["providers"] = {},
): Promise<void> {
  const types = providerTypes();
  const faults: ConfigFault[] = [];
  const providers = new Map<string, Provider>();
  for (const [id, { type }] of Object.entries(others)) {
    const load = Object.hasOwn(types, type) ? types[type] : undefined;
    if (load !== undefined) providers.set(id, (await load())({ id, ...idle }));
  }
  for (const [id, spec] of Object.entries(config.providers)) {
    const load = Object.hasOwn(types, spec.type) ? types[spec.type] : undefined;
    if (load === undefined) {
      const message = `there is no provider type "${spec.type}", want one of ${Object.keys(types).join(", ")}`;
      faults.push({ path: ["providers", id, "type"], message });
      continue;
    }
    const provider = (await load())({ id, ...idle });
    providers.set(id, provider);
    faults.push(...faultsOf(["providers", id, "config"], spec.config, (config) => provider.parseConfig(config)));
  }
  for (const [index, link] of config.links.entries()) {
    const provider = providers.get(link.from) ?? providers.get(link.to);
    if (provider === undefined) continue;
    faults.push(...faultsOf(["links", index, "config"], link.config, (config) => provider.parseLinkConfig(config)));
    const [has, verb] = providers.has(link.from) ? [provider.calls, "call"] : [provider.serves, "serve"];
    if (has === "anything") continue;
    for (const name of link.interfaces.filter((one) => !has.includes(one))) {
      const message = `provider "${provider.id}" does not ${verb} ${name}, want one of ${has.join(", ")}`;
      faults.push({ path: ["links", index, "interfaces"], message });
    }
  }
  await Promise.all([...providers.values()].map((provider) => provider[Symbol.asyncDispose]()));
  if (faults.length > 0) throw invalid(faults);
}

/** What the providers of one type serve to components, and call on them, by their interfaces. */
export interface ProviderInterfaces extends Pick<Provider, "serves" | "calls"> {
  readonly type: string;
}

/** Of every type of provider, in the order in which the documentation has them. Nothing is started. */
export async function listProviderInterfaces(): Promise<readonly ProviderInterfaces[]> {
  return await Promise.all(
    Object.entries(providerTypes()).map(async ([type, load]) => {
      await using provider = (await load())({ id: type, ...idle });
      return { type, serves: provider.serves, calls: provider.calls };
    }),
  );
}

/** Secrets are not looked up for a check: what the schema says of where one is to stand is not heard. */
function faultsOf(path: readonly PropertyKey[], raw: unknown, parse: (config: unknown) => unknown): ConfigFault[] {
  try {
    parse(fillReferences(raw, () => STAND_IN));
    return [];
  } catch (error) {
    if (!isPetioleError(error, "ERR_PROVIDER_CONFIG")) throw error;
    if (!(error.cause instanceof z.ZodError)) return [{ path, message: error.message }];
    const secrets = findReferences(raw).map((found) => JSON.stringify(found.path));
    return flattenIssues(error.cause.issues)
      .filter((fault) => !secrets.includes(JSON.stringify(fault.path)))
      .map((fault) => ({ ...fault, path: [...path, ...fault.path] }));
  }
}

/** In place of a secret. */
const STAND_IN = "secret";

/** Making a provider and parsing its configuration may keep a service for later, and use none; one that does has a bug. */
const unusable = new Proxy(
  {},
  {
    get: (_target, name) => {
      throw new PetioleError("ERR_INVARIANT", `Cannot check a provider: it used "${String(name)}" of a service`);
    },
  },
) as never;
const noServices: HostServices = {
  outbox: unusable,
  keyValue: unusable,
  bus: unusable,
  hubBus: unusable,
  inbox: unusable,
  openInbox: unusable,
  nats: unusable,
  isClockTrusted: unusable,
};
const metrics = createMetricsRegistry().scope("", {});
const idle = { log: silentLogger, clock: systemClock, services: noServices, metrics };
