// Where imports come from: the host for those of the component itself, arguments for those of nested components.

import { MalformedBinary, type WorkLimit } from "../binary/byte-reader.ts";
import type { FunctionType, Resource } from "../../lib/wit/type.ts";
import { ROOT_INTERFACE, type ResourceOrigin } from "./plan.ts";
import type { Entity, Exports, Target, TypeEntry } from "./resolve-scope.ts";
import { builtinSignature, fitsSignature } from "../wasi/builtin-types.ts";
import { isBuiltin } from "../wasi/names.ts";
import { factsOf, functionFacts, sameFunction, sameType } from "./resolve-type-facts.ts";
import type { Source } from "./resolve-types.ts";

/** The host: has whatever is asked for. What it can have no part in a plan is refused when it is used. */
export function hostSource(resources: Map<Resource, ResourceOrigin>): Source {
  return hostInterface(resources, ROOT_INTERFACE, (name) =>
    hostInterface(resources, name, () => nestedSource(resources)),
  );
}

function hostInterface(
  resources: Map<Resource, ResourceOrigin>,
  interfaceName: string,
  instance: (name: string) => Source,
): Source {
  return {
    ...nowhere(resources, "", interfaceName),
    func: (functionName, { type, async }) => {
      checkBuiltin(resources, interfaceName, functionName, type);
      return { sort: "func", type, async, target: { kind: "import", interfaceName, functionName, type } };
    },
    instance,
  };
}

/** A built-in function believes what its type says; one that is not known is refused when it is used. */
function checkBuiltin(
  resources: ReadonlyMap<Resource, ResourceOrigin>,
  interfaceName: string,
  functionName: string,
  type: FunctionType,
): void {
  const signature = builtinSignature(interfaceName, functionName);
  if (signature === undefined) return;
  const ours = (resource: Resource): boolean => {
    const origin = resources.get(resource);
    return origin?.kind === "host" && isBuiltin(origin.interfaceName);
  };
  if (fitsSignature(type, signature, ours)) return;
  throw new MalformedBinary(`imports "${functionName}" of "${interfaceName}" with another type than WASI gives it`);
}

/** An instance within an imported one: the host knows no such functions. */
function nestedSource(resources: Map<Resource, ResourceOrigin>): Source {
  return nowhere(resources, "instances within imported instances", ROOT_INTERFACE);
}

function nowhere(resources: Map<Resource, ResourceOrigin>, reason: string, interfaceName: string): Source {
  const target: Target = { kind: "none", reason };
  const self: Source = {
    func: (_name, { type, async }) => ({ sort: "func", type, async, target }),
    resource(name) {
      const resource = { name };
      resources.set(resource, { kind: "host", interfaceName });
      return resource;
    },
    type: (name, type) => ({ sort: "type", type: baptize(type, name) }),
    instance: () => self,
    component: () => ({ sort: "component", component: undefined }),
    module: () => ({ sort: "core module", module: undefined }),
    value: () => ({ sort: "value" }),
  };
  return self;
}

/** A resource that the component itself defines has no name until it is exported. */
export function baptize(entry: TypeEntry, name: string): TypeEntry {
  if (entry.is === "resource" && entry.resource.name === "") entry.resource.name = name;
  return entry;
}

/** What is there already, as far as it fits what is asked for. Work is spent on comparing types. */
export function givenSource(given: Exports, work: WorkLimit): Source {
  const need = <S extends Entity["sort"]>(sort: S, name: string): Extract<Entity, { sort: S }> => {
    const found = given.get(name);
    if (found === undefined) throw new MalformedBinary(`has nothing where "${name}" is wanted`);
    if (found.sort !== sort) throw new MalformedBinary(`has ${found.sort} "${name}" where ${sort} is wanted`);
    return found as Extract<Entity, { sort: S }>; // The sort was compared.
  };
  return {
    func(name, wanted) {
      const found = need("func", name);
      if (found.type !== undefined) compareFunctions(found.type, wanted.type, name, work);
      return { ...found, type: wanted.type, async: found.async || wanted.async };
    },
    resource(name) {
      const { type } = need("type", name);
      if (type.is === "resource") return type.resource;
      throw new MalformedBinary(`has a type where resource "${name}" is wanted`);
    },
    type(name, wanted) {
      const found = need("type", name);
      if (!sameEntry(found.type, wanted, name, work))
        throw new MalformedBinary(`has another type than wanted as "${name}"`);
      return found;
    },
    instance: (name) => givenSource(need("instance", name).exports, work),
    component: (name) => need("component", name),
    module: (name) => need("core module", name),
    value: (name) => need("value", name),
  };
}

function sameEntry(found: TypeEntry, wanted: TypeEntry, name: string, work: WorkLimit): boolean {
  if (found === wanted) return true;
  if (found.is === "resource" && wanted.is === "resource") return found.resource === wanted.resource;
  if (found.is === "value" && wanted.is === "value") {
    work.spend(factsOf(wanted.type).size);
    return sameType(found.type, wanted.type);
  }
  if (found.is === "func" && wanted.is === "func") {
    compareFunctions(found.type, wanted.type, name, work);
    return true;
  }
  // Types of instances and components are compared where they are applied.
  return found.is === wanted.is;
}

function compareFunctions(found: FunctionType, wanted: FunctionType, name: string, work: WorkLimit): void {
  work.spend(functionFacts(wanted).size);
  if (!sameFunction(found, wanted)) throw new MalformedBinary(`has another type of function than wanted as "${name}"`);
}
