// Which functions pass streams of wasi:io, which are resources of the runtime.

import { unversioned } from "../../domain/wit-name.ts";
import { partsOf, type InterfaceShape, type Resource, type WitType } from "./type.ts";

export interface StreamResources {
  /** What a resource is; undefined for others. A component may import streams of several versions. */
  readonly kindOf: (resource: Resource) => "input" | "output" | undefined;
  /** Whether values of the type may hold streams. */
  isIn(type: WitType | undefined): boolean;
  /**
   * Resources with functions that pass streams, by resource: the interface without version. Whoever serves them is told when a
   * component drops one.
   */
  readonly owners: ReadonlyMap<Resource, string>;
}

const METHOD = /^\[(?:method|static)\]([^.]+)\./;

export function findStreams(shapes: readonly InterfaceShape[]): StreamResources {
  const kinds = new Map<Resource, "input" | "output">();
  for (const { resources } of shapes.filter(({ name }) => unversioned(name) === "wasi:io/streams")) {
    for (const resource of resources) {
      if (resource.name === "input-stream") kinds.set(resource, "input");
      if (resource.name === "output-stream") kinds.set(resource, "output");
    }
  }
  const isIn = (type: WitType | undefined): boolean => {
    if (type === undefined || kinds.size === 0) return false;
    if (type.kind === "own" || type.kind === "borrow") return kinds.has(type.resource);
    return partsOf(type).some(isIn);
  };
  const owners = new Map<Resource, string>();
  for (const { name, functions, resources } of shapes) {
    if (unversioned(name).startsWith("wasi:io/")) continue;
    for (const { name: functionName, type } of functions) {
      const owner = METHOD.exec(functionName)?.[1];
      const resource = resources.find((one) => one.name === owner);
      if (resource !== undefined && isIn(type?.result)) owners.set(resource, unversioned(name));
    }
  }
  return { kindOf: (resource) => kinds.get(resource), isIn, owners };
}
