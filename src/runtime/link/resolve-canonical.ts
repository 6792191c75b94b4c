// Canonical definitions: functions between components and core modules, and what they need of the core.

import { MalformedBinary } from "../binary/byte-reader.ts";
import type { CanonicalDefinition, CanonicalOptions } from "../binary/definitions.ts";
import type { FunctionType, Resource } from "../../lib/wit/type.ts";
import type { CanonOptions, CoreItem } from "./plan.ts";
import type { Linking, Owner } from "./resolve-linking.ts";
import type { ComponentScope } from "./resolve-scope.ts";
import { REALLOC } from "./resolve-signatures.ts";
import { functionFacts, type FunctionNeeds } from "./resolve-type-facts.ts";

export function defineCanonical(
  canonical: CanonicalDefinition,
  scope: ComponentScope,
  owner: Owner,
  linking: Linking,
): void {
  switch (canonical.kind) {
    case "lift":
      lift(canonical, scope, owner, linking);
      return;
    case "lower":
      lower(canonical, scope, owner, linking);
      return;
    case "resource-new":
    case "resource-rep":
    case "resource-drop": {
      const resource = resourceAt(scope, canonical.type);
      const origin = linking.resources.get(resource);
      const own = origin?.kind === "guest" && origin.owner === owner.number();
      if (canonical.kind !== "resource-drop" && !own) {
        throw new MalformedBinary(`uses ${canonical.kind} on a resource that it does not define`);
      }
      scope.addCore("core func", { kind: canonical.kind, resource, owner: owner.number() });
      return;
    }
    case "built-in":
      linking.needs(canonical.what);
      scope.addCore("core func", undefined);
      return;
    case "unknown":
      linking.needs(canonical.what);
      scope.functionsUnknown ??= canonical.what;
  }
}

function resourceAt(scope: ComponentScope, index: number): Resource {
  const entry = scope.type(index);
  if (entry.is === "resource") return entry.resource;
  throw new MalformedBinary("has a canonical definition for a resource with what is no resource");
}

function lift(
  { core, type: typeIndex, options }: Extract<CanonicalDefinition, { kind: "lift" }>,
  scope: ComponentScope,
  owner: Owner,
  linking: Linking,
): void {
  const entry = scope.type(typeIndex);
  if (entry.is !== "func") throw new MalformedBinary("lifts a function to a type that is not a function's");
  const item = scope.coreFunction(core);
  const { type, async } = entry;
  const resolved = checkPassing("lift", type, async, options, scope, linking);
  if (resolved !== undefined) checkLifted(item, type, resolved, linking);
  scope.add({
    sort: "func",
    type,
    async,
    target:
      item === undefined || resolved === undefined
        ? { kind: "none", reason: linking.missing ?? "functions that cannot be lifted" }
        : { kind: "lifted", lifted: linking.lift({ core: item, type, options: resolved, owner: owner.number() }) },
  });
}

function checkLifted(
  item: CoreItem | undefined,
  type: FunctionType,
  { postReturn }: CanonOptions,
  { signatures }: Linking,
): void {
  const wanted = signatures.lifted(type);
  signatures.check(item, wanted.core, "as a function of the component");
  signatures.check(postReturn, wanted.postReturn, "to free a result");
}

function lower(
  { func, options }: Extract<CanonicalDefinition, { kind: "lower" }>,
  scope: ComponentScope,
  owner: Owner,
  linking: Linking,
): void {
  const { type, async, target } = scope.func(func);
  if (type === undefined || target.kind === "none") {
    linking.needs(target.kind === "none" ? target.reason : "a function of unknown type");
    scope.addCore("core func", undefined);
    return;
  }
  const resolved = checkPassing("lower", type, async, options, scope, linking);
  if (resolved !== undefined) linking.signatures.lowered(type);
  scope.addCore(
    "core func",
    resolved && {
      kind: "lowered",
      lowered: linking.lower({ target, type, options: resolved, owner: owner.number() }),
    },
  );
}

/** Options as core items. Undefined when the function cannot be passed by this linker. */
function checkPassing(
  direction: "lift" | "lower",
  type: FunctionType,
  async: boolean,
  options: CanonicalOptions,
  scope: ComponentScope,
  linking: Linking,
): CanonOptions | undefined {
  const facts = functionFacts(type);
  linking.work.spend(facts.size);
  const unsupported =
    options.unsupported ??
    (async ? "asynchronous functions" : undefined) ??
    valuesOf(facts.unsupported) ??
    linking.signatures.unsupported(type);
  const used = (index: number | undefined) => (index === undefined ? undefined : scope.coreFunction(index));
  const resolved = {
    encoding: options.encoding,
    memory: options.memory === undefined ? undefined : scope.coreMemory(options.memory),
    realloc: used(options.realloc),
    postReturn: used(options.postReturn),
  };
  if (unsupported !== undefined) {
    linking.needs(unsupported);
    return undefined;
  }
  checkNeeds(direction, facts[direction], options);
  linking.signatures.check(resolved.realloc, REALLOC, "to allocate memory");
  return resolved;
}

function checkNeeds(direction: "lift" | "lower", needs: FunctionNeeds, { memory, realloc }: CanonicalOptions): void {
  const found = `has a ${direction} of a function`;
  if (needs.memory && memory === undefined) throw new MalformedBinary(`${found} that needs a memory, and names none`);
  if (needs.realloc && realloc === undefined)
    throw new MalformedBinary(`${found} that needs a realloc, and names none`);
  if (realloc !== undefined && memory === undefined) throw new MalformedBinary(`${found} with a realloc and no memory`);
}

function valuesOf(what: string | undefined): string | undefined {
  return what === undefined ? undefined : `values of type ${what}`;
}
