// Core instances: made of core modules, or names for items of others.

import { MalformedBinary } from "../binary/byte-reader.ts";
import type { AliasDefinition, CoreSort, Definition, Sort } from "../binary/definitions.ts";
import type { CoreItem } from "./plan.ts";
import type { Linking } from "./resolve-linking.ts";
import { at, type CoreInstance, type CoreItemSort, type NamedCore, type ComponentScope } from "./resolve-scope.ts";

type CoreInstanceDefinition = Extract<Definition, { kind: "core instance" }>["of"];

export function defineCoreInstance(of: CoreInstanceDefinition, scope: ComponentScope, linking: Linking): void {
  if (of.kind === "exports") {
    const exports = new Map<string, NamedCore>();
    for (const { name, sort, index } of of.exports) {
      linking.work.spend(1);
      const known = coreSort(sort);
      exports.set(name, { sort: known, item: scope.coreItem(known, index) });
    }
    scope.coreInstances.push({ kind: "inline", exports });
    return;
  }
  const index = scope.module(of.module);
  linking.work.spend(of.args.length);
  const args = new Map(of.args.map(({ name, instance }) => [name, scope.coreInstance(instance)]));
  const module = index === undefined ? undefined : linking.modules[index];
  // A module that the host should bring: said when it was imported.
  scope.coreInstances.push(module === undefined || index === undefined ? undefined : make(index, args, linking));
}

function make(index: number, args: ReadonlyMap<string, CoreInstance>, linking: Linking): CoreInstance {
  const module = at(linking.modules, index, "core module");
  if (module.wide) linking.needs("memories with 64-bit addresses");
  const imports: { module: string; name: string; item: CoreItem }[] = [];
  for (const wanted of module.imports) {
    linking.work.spend(1);
    const instance = args.get(wanted.module);
    if (!args.has(wanted.module)) {
      throw new MalformedBinary(`passes nothing to a core module that imports "${wanted.module}" "${wanted.name}"`);
    }
    const item = exportOf(instance, wanted.name, wanted.sort);
    if (item === undefined) continue;
    linking.signatures.checkImport(item, wanted);
    imports.push({ module: wanted.module, name: wanted.name, item });
  }
  linking.signatures.instantiated(module);
  return { kind: "made", instance: linking.instantiate({ module: index, imports }), module };
}

/** Gives an export of a core instance the next index of its sort. */
export function aliasCoreExport({ sort, of }: AliasDefinition, scope: ComponentScope): void {
  if (of.kind !== "core export") throw new MalformedBinary("aliases no export of a core instance");
  scope.addCore(coreSort(sort), exportOf(scope.coreInstance(of.instance), of.name, coreSort(sort)));
}

/** Undefined when it can be in no plan. */
function exportOf(instance: CoreInstance, name: string, sort: CoreSort): CoreItem | undefined {
  if (instance === undefined) return undefined;
  if (instance.kind === "inline") {
    const found = instance.exports.get(name);
    if (found?.sort === sort) return found.item;
  } else if (instance.module.exports.get(name) === sort) return { kind: "export", instance: instance.instance, name };
  throw new MalformedBinary(`uses ${sort} "${name}" of a core instance that has none`);
}

function coreSort(sort: Sort): CoreItemSort {
  if (
    sort === "core func" ||
    sort === "core memory" ||
    sort === "core table" ||
    sort === "core global" ||
    sort === "core tag"
  ) {
    return sort;
  }
  throw new MalformedBinary(`has a ${sort} where something of a core instance should be`);
}
