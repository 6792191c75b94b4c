import { unversioned } from "../domain/wit-name.ts";
import type { ComponentId, DesiredState, ProviderId } from "../domain/workload.ts";
import type { EgressPermit, EgressRequest } from "../lib/http-egress.ts";
import type { Provider } from "../provider/contract.ts";
import type { Router } from "./router.ts";

const HANDLER = "wasi:http/outgoing-handler";

export interface EgressDeps {
  readonly desired: () => DesiredState;
  readonly provider: (id: ProviderId) => Provider | undefined;
  readonly router: Router;
}

/**
 * Asks the provider that a component is linked to for `wasi:http/outgoing-handler` about a request. Undefined when there
 * is no such link: the component's grants decide then. While the provider does not run, nothing is sent.
 */
export function createEgress({ desired, provider, router }: EgressDeps) {
  const isLinked = (id: ComponentId): boolean =>
    desired().links.some(({ source, target, interfaces }) => {
      if (source !== id || !interfaces.some((name) => unversioned(name) === HANDLER)) return false;
      if (!desired().providers.some((spec) => spec.id === target)) return false;
      const live = provider(target);
      // A process is asked for other interfaces only: requests do not go through it.
      return live === undefined || live.serves !== "anything";
    });
  return async (id: ComponentId, request: EgressRequest): Promise<EgressPermit | undefined> => {
    if (!isLinked(id)) return undefined;
    // What providers return for this function; see CapabilityFunction.
    return (await router.call(id, HANDLER, "handle", [request])) as EgressPermit;
  };
}
