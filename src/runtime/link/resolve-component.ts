// Instantiates components, in the abstract: follows the definitions of the outermost one, and of nested ones each time
// that they are instantiated, with their arguments in place of their imports.

import { MalformedBinary } from "../binary/byte-reader.ts";
import type { AliasDefinition, ComponentDefinition, Definition, NamedReference } from "../binary/definitions.ts";
import { defineCanonical } from "./resolve-canonical.ts";
import { aliasCoreExport, defineCoreInstance } from "./resolve-core.ts";
import type { Linking, Owner } from "./resolve-linking.ts";
import { ComponentScope, type Entity, type Exports, type TypeEntry } from "./resolve-scope.ts";
import { DESTRUCTOR } from "./resolve-signatures.ts";
import { baptize, givenSource } from "./resolve-sources.ts";
import { evaluateType, followAlias, obtain, SCOPE_WORK, type Source } from "./resolve-types.ts";

// A component passed as an argument can instantiate what was passed to it, and so on.
const MAX_DEPTH = 100;

/** The scope of the component once all its definitions are made, with its imports and exports. */
export function instantiateComponent(
  definition: ComponentDefinition,
  scope: ComponentScope,
  source: Source,
  linking: Linking,
  depth = 0,
): ComponentScope {
  if (depth > MAX_DEPTH) throw new MalformedBinary(`instantiates components more than ${MAX_DEPTH} deep`);
  linking.component();
  const owner = linking.owner();
  if (depth === 0) owner.number();
  for (const one of definition.definitions) {
    linking.work.spend(1);
    define(one, { scope, source, linking, owner, depth });
  }
  return scope;
}

interface Context {
  readonly scope: ComponentScope;
  readonly source: Source;
  readonly linking: Linking;
  readonly owner: Owner;
  readonly depth: number;
}

function define(definition: Definition, context: Context): void {
  const { scope, linking } = context;
  switch (definition.kind) {
    case "core module":
      scope.modules.push(definition.module);
      return;
    case "core instance":
      defineCoreInstance(definition.of, scope, linking);
      return;
    case "component":
      scope.components.push({ definition: definition.component, scope, seen: scope.sizes() });
      return;
    case "instance":
      scope.instances.push(makeInstance(definition.of, context));
      return;
    case "alias":
      defineAlias(definition, scope);
      return;
    case "type":
      scope.types.push(defineType(definition, context));
      return;
    case "canonical":
      defineCanonical(definition.canonical, scope, context.owner, linking);
      return;
    case "import":
      defineImport(definition, context);
      return;
    case "export":
      defineExport(definition, context);
      return;
    case "unsupported":
      linking.needs(definition.what);
  }
}

function makeInstance(of: Extract<Definition, { kind: "instance" }>["of"], context: Context): Exports {
  const { scope, linking, depth } = context;
  if (of.kind === "exports") {
    const exports = pickAll(of.exports, context);
    for (const [name, entity] of exports) if (entity.sort === "type") baptize(entity.type, name);
    return exports;
  }
  const args = pickAll(of.args, context);
  const component = scope.component(of.component);
  // A component that the host should bring: said when it was imported.
  if (component === undefined) return new Map<string, Entity>();
  linking.work.spend(SCOPE_WORK);
  const inner = new ComponentScope(component.scope, component.seen);
  return instantiateComponent(component.definition, inner, givenSource(args, linking.work), linking, depth + 1).exports;
}

function pickAll(references: readonly NamedReference[], { scope, linking }: Context): Map<string, Entity> {
  linking.work.spend(references.length);
  return new Map(references.map(({ name, sort, index }) => [name, scope.pick(sort, index)]));
}

function defineAlias(alias: AliasDefinition, scope: ComponentScope): void {
  // Types of core WebAssembly are left to V8.
  if (alias.sort === "core type") return;
  if (alias.of.kind === "core export") aliasCoreExport(alias, scope);
  else scope.add(followAlias(alias, scope));
}

function defineType({ type }: Extract<Definition, { kind: "type" }>, { scope, linking, owner }: Context): TypeEntry {
  if (type.is !== "resource") return evaluateType(type, scope, linking.work);
  if (type.unsupported !== undefined) linking.needs(type.unsupported);
  const destructor = type.destructor === undefined ? undefined : scope.coreFunction(type.destructor);
  linking.signatures.check(destructor, DESTRUCTOR, "as a destructor");
  const resource = { name: "" };
  linking.resources.set(resource, { kind: "guest", owner: owner.number(), destructor });
  return { is: "resource", resource };
}

function defineImport({ name, described }: Extract<Definition, { kind: "import" }>, context: Context): void {
  const { scope, source, linking, depth } = context;
  const entity = obtain(described, name, scope, source, linking.work);
  if (depth === 0 && described.kind === "component") linking.needs("imported components");
  if (depth === 0 && described.kind === "core module") linking.needs("imported core modules");
  if (described.kind === "value") linking.needs("values");
  scope.import(name, entity);
}

function defineExport({ name, of, described }: Extract<Definition, { kind: "export" }>, context: Context): void {
  const { scope, linking } = context;
  const inner = scope.pick(of.sort, of.index);
  if (inner.sort === "type") baptize(inner.type, name);
  const entity =
    described === undefined
      ? inner
      : obtain(described, name, scope, givenSource(new Map([[name, inner]]), linking.work), linking.work);
  scope.export(name, entity);
}
