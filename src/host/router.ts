import { PetioleError } from "../domain/errors.ts";
import { unversioned } from "../domain/wit-name.ts";
import type { ComponentId } from "../domain/workload.ts";
import type { CapabilityCall, CapabilityFunctions } from "../provider/contract.ts";

/**
 * Finds what serves a component's import, at the moment of the call: a link may be swapped while the component runs.
 */
export interface Router {
  /** Routes `interfaces` of the component to `functions` until the result is disposed. */
  add(
    component: ComponentId,
    interfaces: readonly string[],
    functions: CapabilityFunctions | CapabilityCall,
  ): Disposable;
  /**
   * Calls the linked function.
   * @throws WitError the function's `err`
   * @throws PetioleError ERR_PROVIDER_STOPPED when nothing serves the interface now
   */
  call(component: ComponentId, interfaceName: string, functionName: string, args: readonly unknown[]): Promise<unknown>;
}

export function createRouter(): Router {
  const routes = new Map<string, CapabilityFunctions | CapabilityCall>();
  const key = (component: ComponentId, name: string): string => `${component} ${name}`;

  return {
    add(component, interfaces, functions) {
      const keys = interfaces.map((name) => key(component, name));
      for (const one of keys) routes.set(one, functions);
      return {
        [Symbol.dispose]: () => {
          // A newer route may have taken the place of this one already.
          for (const one of keys) if (routes.get(one) === functions) routes.delete(one);
        },
      };
    },

    async call(component, interfaceName, functionName, args) {
      const name = unversioned(interfaceName);
      const functions = routes.get(key(component, name));
      if (functions === undefined) {
        throw new PetioleError(
          "ERR_PROVIDER_STOPPED",
          `Cannot call ${name} for "${component}": what it is linked to is not there`,
        );
      }
      return await callFunction(functions, name, functionName, args);
    },
  };
}

/**
 * Calls what a provider serves.
 * @throws PetioleError ERR_LINK_INVALID when it lacks the function
 */
export async function callFunction(
  functions: CapabilityFunctions | CapabilityCall,
  interfaceName: string,
  functionName: string,
  args: readonly unknown[],
): Promise<unknown> {
  if (typeof functions === "function") return await functions(interfaceName, functionName, args);
  const target = functions[interfaceName]?.[functionName];
  if (target === undefined) {
    throw new PetioleError("ERR_LINK_INVALID", `Cannot call ${interfaceName}#${functionName}: the provider lacks it`);
  }
  // The component's import has the arguments of the WIT function; providers declare the same ones.
  return await (target as (...values: readonly unknown[]) => unknown)(...args);
}
