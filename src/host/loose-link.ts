import { isPetioleError, PetioleError } from "../domain/errors.ts";
import { unversioned } from "../domain/wit-name.ts";
import type { ComponentId, ComponentSpec, LinkSpec } from "../domain/workload.ts";
import type { CapabilityCall } from "../provider/contract.ts";
import type { PreparedComponent } from "../runtime/contract.ts";
import type { Callees } from "./callees.ts";
import type { RemoteEnds } from "./ports.ts";

export interface LooseLinkDeps {
  readonly callees: Callees;
  /** Without it there are no other hosts. */
  readonly remote: RemoteEnds | undefined;
  readonly component: (
    id: ComponentId,
  ) => { readonly prepared: PreparedComponent; readonly spec: ComponentSpec } | undefined;
}

/**
 * What serves a component's link to another component, or to whatever has the target's id in the lattice. Each call finds
 * the target anew: on this device when it runs here, and then the call never leaves it; else on another host.
 */
export function callLoosely({ name, source, target }: LinkSpec, deps: LooseLinkDeps): CapabilityCall {
  const { callees, remote, component } = deps;

  const callHere = async (interfaceName: string, functionName: string, args: readonly unknown[]): Promise<unknown> =>
    await callees.call({ from: source, id: target, interfaceName, functionName }, args);

  async function callElsewhere(
    ends: RemoteEnds,
    interfaceName: string,
    functionName: string,
    args: readonly unknown[],
  ): Promise<unknown> {
    const caller = component(source);
    const shape = caller?.prepared.shapes.imports.find((one) => unversioned(one.name) === interfaceName);
    const type = shape?.functions.find((one) => one.name === functionName)?.type;
    if (caller === undefined || shape === undefined || type === undefined) {
      throw new PetioleError(
        "ERR_LINK_INVALID",
        `Cannot call "${functionName}" of ${interfaceName} at "${target}" for "${source}": its types are not known`,
      );
    }
    const called = { source, linkName: name, target, interfaceName: shape.name, functionName, type };
    return await ends.call(called, args, caller.spec.limits.deadline);
  }

  return async (interfaceName, functionName, args) => {
    const place = callees.where(target);
    if (place === "here" || remote === undefined) return await callHere(interfaceName, functionName, args);
    // One that starts for the first time may take long: meanwhile others may have it.
    if (place === "coming" && !remote.reachable()) return await callHere(interfaceName, functionName, args);
    try {
      return await callElsewhere(remote, interfaceName, functionName, args);
    } catch (error) {
      if (place === "coming" && isPetioleError(error, "ERR_CALL_NO_RESPONDER")) {
        return await callHere(interfaceName, functionName, args);
      }
      throw error;
    }
  };
}
