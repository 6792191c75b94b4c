// Components on our own glue, without a worker.

import vm from "node:vm";
import { parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import { abi } from "../../src/runtime/link/abi.ts";
import { emitGlue } from "../../src/runtime/link/emit.ts";
import type { GlueHost, LinkedInstance, LinkedInstantiate } from "../../src/runtime/link/linked-glue.ts";
import type { LinkPlan } from "../../src/runtime/link/plan.ts";
import { resolveComponent } from "../../src/runtime/link/resolve.ts";

/** Functions that a component imports, by their WIT names. */
export type HostFunctions = Readonly<Record<string, (...args: never[]) => unknown>>;

export interface LinkOptions {
  /** Asked with the WIT name of an imported function. */
  readonly waits?: (name: string) => boolean;
}

/** Makes instances of a component. */
export type Instantiate = (host?: HostFunctions, more?: Partial<GlueHost>) => LinkedInstance;

export async function linkText(text: string, options?: LinkOptions): Promise<Instantiate> {
  return linkComponent(await parse(`(component ${text})`), options);
}

export function linkComponent(bytes: Uint8Array, options?: LinkOptions): Instantiate {
  return linkPlan(resolveComponent(bytes), bytes, options);
}

export function linkPlan(plan: LinkPlan, bytes: Uint8Array, { waits = () => false }: LinkOptions = {}): Instantiate {
  const script = new vm.Script(emitGlue(plan, { waits: (_, name) => waits(name) }));
  const instantiate = script.runInThisContext() as LinkedInstantiate; // What emitGlue() promises.
  const modules = plan.modules.map(
    ({ start, end }) => new WebAssembly.Module(Uint8Array.from(bytes.subarray(start, end))),
  );
  return (host = {}, more) =>
    instantiate({
      abi,
      coreModule: (index) => known(modules[index], `core module ${index}`),
      instantiateCore: (module, imports) => new WebAssembly.Instance(module, imports),
      hostFunction: (_, name) => known(host[name], name),
      dropResource: () => {},
      ...more,
    });
}

/** Calls a function that the component exports outside any interface. */
export function callExport(instance: LinkedInstance, name: string, ...args: readonly unknown[]): unknown {
  return known(instance.exported("$root", name), name)(...args);
}

function known<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`There is no ${what}`);
  return value;
}
