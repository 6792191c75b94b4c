// Types: from definitions with indices to types, and what imports, exports and arguments must be.

import { MalformedBinary, type WorkLimit } from "../binary/byte-reader.ts";
import type {
  AliasDefinition,
  Declaration,
  Description,
  TypeDefinition,
  ValueDefinition,
  ValueReference,
} from "../binary/definitions.ts";
import { partsOf, type FunctionType, type NamedType, type Resource, type WitType } from "../../lib/wit/type.ts";
import { Scope, type Entity, type TypeEntry } from "./resolve-scope.ts";
import { factsOf, functionFacts } from "./resolve-type-facts.ts";

type FunctionEntry = Extract<TypeEntry, { is: "func" }>;

/** Where the things come from that a description asks for: the host, or what is passed and has to fit. */
export interface Source {
  func(name: string, wanted: FunctionEntry): Entity;
  /** The resource that `name` stands for. */
  resource(name: string): { name: string } & Resource;
  type(name: string, wanted: TypeEntry): Entity;
  /** Where the exports of the instance `name` come from. */
  instance(name: string): Source;
  component(name: string): Entity;
  module(name: string): Entity;
  value(name: string): Entity;
}

// Types of instances that mention each other; real ones need two or three.
const MAX_DEPTH = 100;

/** What an instance takes of work, as it takes more memory than other definitions. */
export const SCOPE_WORK = 4;

/** Type of a definition that is no resource. */
export function evaluateType(
  definition: Exclude<TypeDefinition, { is: "resource" }>,
  scope: Scope,
  work: WorkLimit,
): TypeEntry {
  if (definition.is === "func") {
    return { is: "func", async: definition.async, type: evaluateFunction(definition, scope, work) };
  }
  if (definition.is !== "value") {
    return { is: definition.is, declarations: definition.declarations, scope, seen: scope.sizes() };
  }
  const type = evaluateValue(definition.definition, scope);
  work.spend(partsOf(type).length);
  factsOf(type); // Refuses what is too deep or too large before anything walks it.
  return { is: "value", type };
}

/** What `described` asks for under `name`, taken from `source`. */
export function obtain(
  described: Description,
  name: string,
  scope: Scope,
  source: Source,
  work: WorkLimit,
  depth = 0,
): Entity {
  switch (described.kind) {
    case "func": {
      const entry = scope.type(described.type);
      if (entry.is !== "func") throw new MalformedBinary(`gives "${name}" a type that is not a function's`);
      return source.func(name, entry);
    }
    case "type equal":
      return source.type(name, scope.type(described.type));
    case "resource":
      return { sort: "type", type: { is: "resource", resource: source.resource(name) } };
    case "instance": {
      const entry = scope.type(described.type);
      if (entry.is !== "instance") throw new MalformedBinary(`gives "${name}" a type that is not an instance's`);
      if (depth >= MAX_DEPTH) throw new MalformedBinary(`nests types of instances more than ${MAX_DEPTH} deep`);
      work.spend(SCOPE_WORK);
      const inner = new Scope(entry.scope, entry.seen);
      const from = source.instance(name);
      for (const declaration of entry.declarations) {
        work.spend(1);
        declare(declaration, inner, from, work, depth + 1);
      }
      return { sort: "instance", exports: inner.exports };
    }
    case "component":
      if (scope.type(described.type).is === "component") return source.component(name);
      throw new MalformedBinary(`gives "${name}" a type that is not a component's`);
    case "core module":
      return source.module(name);
    case "value":
    default:
      return source.value(name);
  }
}

function declare(declaration: Declaration, scope: Scope, source: Source, work: WorkLimit, depth: number): void {
  switch (declaration.kind) {
    case "core type":
      return;
    case "type":
      if (declaration.type.is === "resource") throw new MalformedBinary("defines a resource within a type");
      scope.types.push(evaluateType(declaration.type, scope, work));
      return;
    case "alias":
      if (declaration.sort !== "core type") scope.add(followAlias(declaration, scope));
      return;
    case "import":
      throw new MalformedBinary("has a type of instances that imports");
    case "export": {
      const entity = obtain(declaration.described, declaration.name, scope, source, work, depth);
      scope.export(declaration.name, entity);
    }
  }
}

/** What an alias of anything but a core instance's export names. */
export function followAlias(alias: AliasDefinition, scope: Scope): Entity {
  const { sort, of } = alias;
  if (of.kind === "outer") {
    if (sort === "type" || sort === "component" || sort === "core module")
      return scope.outer(of.levels, sort, of.index);
    throw new MalformedBinary(`aliases ${sort} of an outer component`);
  }
  if (of.kind === "core export") throw new MalformedBinary(`aliases ${sort} of a core instance within a type`);
  const found = scope.instance(of.instance).get(of.name);
  if (found?.sort === sort) return found;
  throw new MalformedBinary(`aliases ${sort} "${of.name}" of an instance that has none`);
}

function evaluateFunction(
  definition: Extract<TypeDefinition, { is: "func" }>,
  scope: Scope,
  work: WorkLimit,
): FunctionType {
  const params = evaluateFields(definition.params, scope);
  const result = definition.result === undefined ? undefined : evaluateReference(definition.result, scope);
  const type = { params, result };
  work.spend(params.length);
  functionFacts(type); // Refuses what is too deep or too large before anything walks it.
  if (result !== undefined && factsOf(result).borrows)
    throw new MalformedBinary("has a function that returns a borrow");
  return type;
}

function evaluateFields(
  fields: readonly { readonly name: string; readonly type: ValueReference }[],
  scope: Scope,
): NamedType[] {
  return fields.map(({ name, type }) => ({ name, type: evaluateReference(type, scope) }));
}

function evaluateReference(reference: ValueReference, scope: Scope): WitType {
  if (typeof reference !== "number") return reference;
  const entry = scope.type(reference);
  if (entry.is === "value") return entry.type;
  throw new MalformedBinary(`uses a type of ${entry.is}s as the type of a value`);
}

function evaluateValue(definition: ValueDefinition, scope: Scope): WitType {
  const optional = (type: ValueReference | undefined) =>
    type === undefined ? undefined : evaluateReference(type, scope);
  switch (definition.kind) {
    case "same":
      return evaluateReference(definition.type, scope);
    case "record":
      return { kind: "record", fields: evaluateFields(definition.fields, scope) };
    case "variant":
      return { kind: "variant", cases: definition.cases.map(({ name, type }) => ({ name, type: optional(type) })) };
    case "list":
      return { kind: "list", element: evaluateReference(definition.type, scope) };
    case "option":
      return { kind: "option", some: evaluateReference(definition.type, scope) };
    case "tuple":
      return { kind: "tuple", elements: definition.types.map((type) => evaluateReference(type, scope)) };
    case "result":
      return { kind: "result", ok: optional(definition.ok), err: optional(definition.err) };
    case "own":
    case "borrow": {
      const entry = scope.type(definition.resource);
      if (entry.is !== "resource") throw new MalformedBinary("has a handle of what is no resource");
      return { kind: definition.kind, resource: entry.resource };
    }
    case "flags":
    case "enum":
    case "unsupported":
    default:
      return definition;
  }
}
