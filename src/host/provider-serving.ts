import { PetioleError } from "../domain/errors.ts";
import type { ComponentId, ProviderId } from "../domain/workload.ts";
import type { CapabilityCall, CapabilityFunctions } from "../provider/contract.ts";
import { measured, type CallMeter } from "./link-meters.ts";
import type { RemoteEnds } from "./ports.ts";
import { callFunction } from "./router.ts";

/** Providers of this device, as components on other hosts call them. */
export interface ProviderServing {
  /**
   * Has calls that come over this link served by `functions`. Disposing the result takes no further ones and waits for those
   * in flight.
   */
  add(link: ServedLink, served: ServedFunctions): AsyncDisposable;
}

export interface ServedLink {
  readonly provider: ProviderId;
  readonly component: ComponentId;
  readonly name: string;
  /** Unversioned. */
  readonly interfaces: readonly string[];
}

export interface ServedFunctions {
  readonly functions: CapabilityFunctions | CapabilityCall;
  readonly meter: CallMeter;
}

interface Served {
  readonly links: Map<string, ServedFunctions>;
  readonly end: AsyncDisposable;
}

export function createProviderServing(remote: RemoteEnds): ProviderServing {
  const served = new Map<string, Served>();
  const linkOf = (component: string, name: string): string => `${component} ${name}`;

  /** All links of a provider for one interface share what the lattice sees of it: a call says which of them it is for. */
  function open(provider: ProviderId, interfaceName: string): Served {
    const links: Served["links"] = new Map();
    const end = remote.serveProvider(provider, interfaceName, async (caller, called, functionName, args) => {
      const link = links.get(linkOf(caller.source ?? "", caller.linkName));
      if (link !== undefined) {
        return await measured(link.meter, () => callFunction(link.functions, called, functionName, args));
      }
      const who = caller.source === undefined ? "somebody" : `"${caller.source}"`;
      const found = `${who} has no link "${caller.linkName}" to it`;
      throw new PetioleError("ERR_LINK_INVALID", `Cannot call ${called} of provider "${provider}": ${found}`);
    });
    return { links, end };
  }

  return {
    add({ provider, component, name, interfaces }, functions) {
      const link = linkOf(component, name);
      const keys = interfaces.map((one) => [`${provider} ${one}`, one] as const);
      for (const [key, interfaceName] of keys) {
        const known = served.get(key) ?? open(provider, interfaceName);
        served.set(key, known);
        known.links.set(link, functions);
      }
      return {
        async [Symbol.asyncDispose]() {
          await Promise.all(
            keys.map(async ([key]) => {
              const one = served.get(key);
              if (one?.links.get(link) !== functions) return;
              // The last one goes when its calls have ended; of the others, calls in flight have found their way already.
              if (one.links.size === 1) {
                served.delete(key);
                await one.end[Symbol.asyncDispose]();
              }
              one.links.delete(link);
            }),
          );
        },
      };
    },
  };
}
