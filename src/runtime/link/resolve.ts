// From the bytes of a component to the plan of its instantiation, and to what it imports and exports.

import { PetioleError } from "../../domain/errors.ts";
import { MalformedBinary } from "../binary/byte-reader.ts";
import { readComponentFile } from "../binary/read-component.ts";
import type { InterfaceFunction, InterfaceShape, Resource } from "../../lib/wit/type.ts";
import { ROOT_INTERFACE, type LinkPlan } from "./plan.ts";
import { instantiateComponent } from "./resolve-component.ts";
import { Linking } from "./resolve-linking.ts";
import { ComponentScope, type Exports, type FunctionEntity } from "./resolve-scope.ts";
import { hostSource } from "./resolve-sources.ts";
import { functionFacts } from "./resolve-type-facts.ts";
import { UnsupportedComponent } from "./unsupported.ts";

/** What a component imports and exports. */
export interface Border {
  /** Imported interfaces in the order of the file. */
  readonly imports: readonly InterfaceShape[];
  /** Exported interfaces in the order of the file. */
  readonly exports: readonly InterfaceShape[];
  /** Functions that are exported, or imported, outside any interface. */
  readonly bareExports: readonly InterfaceFunction[];
  readonly bareImports: readonly InterfaceFunction[];
  readonly coreModules: number;
}

/**
 * The plan of a component's instantiation.
 * @throws PetioleError ERR_COMPONENT_INVALID
 * @throws UnsupportedComponent when it is valid, but needs what this linker does not have
 */
export function resolveComponent(bytes: Uint8Array, source = "component"): LinkPlan {
  return refusing(source, () => {
    const { root, linking } = evaluate(bytes);
    const border = borderOf(root, linking);
    const exported = [...exportedFunctions(root.exports)].map(([interfaceName, functionName, entity]) => {
      if (entity.target.kind === "none") throw new UnsupportedComponent(linking.missing ?? entity.target.reason);
      checkExported(entity);
      return { interfaceName, functionName, target: entity.target };
    });
    if (linking.missing !== undefined) throw new UnsupportedComponent(linking.missing);
    return {
      modules: linking.modules.map(({ start, end }) => ({ start, end })),
      steps: linking.steps,
      resources: linking.resources,
      owners: linking.owners,
      imports: [...border.imports, ...rootShape(root.imports)],
      exports: [...border.exports, ...rootShape(root.exports)],
      exported,
    };
  });
}

/**
 * Imports and exports of a component, also of one that this linker cannot instantiate.
 * @throws PetioleError ERR_COMPONENT_INVALID
 */
export function readBorder(bytes: Uint8Array, source = "component"): Border {
  return refusing(source, () => {
    const { root, linking } = evaluate(bytes);
    return borderOf(root, linking);
  });
}

function evaluate(bytes: Uint8Array): { readonly root: ComponentScope; readonly linking: Linking } {
  const file = readComponentFile(bytes);
  const linking = new Linking(file.modules);
  const root = instantiateComponent(file.root, new ComponentScope(), hostSource(linking.resources), linking);
  return { root, linking };
}

function refusing<T>(source: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MalformedBinary)) throw error;
    throw new PetioleError("ERR_COMPONENT_INVALID", `Cannot read "${source}": it ${error.message}`, { cause: error });
  }
}

function borderOf(root: ComponentScope, linking: Linking): Border {
  return {
    imports: shapes(root.imports),
    exports: shapes(root.exports),
    bareImports: functions(root.imports),
    bareExports: functions(root.exports),
    coreModules: linking.modules.length,
  };
}

function shapes(entities: Exports): InterfaceShape[] {
  return [...entities].flatMap(([name, entity]) =>
    entity.sort === "instance"
      ? [{ name, functions: functions(entity.exports), resources: resources(entity.exports) }]
      : [],
  );
}

/** Functions and resources outside of interfaces, as one of their own. */
function rootShape(entities: Exports): InterfaceShape[] {
  const shape = { name: ROOT_INTERFACE, functions: functions(entities), resources: resources(entities) };
  return shape.functions.length + shape.resources.length === 0 ? [] : [shape];
}

function functions(entities: Exports): InterfaceFunction[] {
  return [...entities].flatMap(([name, entity]) => (entity.sort === "func" ? [{ name, type: entity.type }] : []));
}

function resources(entities: Exports): Resource[] {
  return [...entities.values()].flatMap((entity) =>
    entity.sort === "type" && entity.type.is === "resource" ? [entity.type.resource] : [],
  );
}

function* exportedFunctions(entities: Exports): Generator<[string, string, FunctionEntity]> {
  for (const [name, entity] of entities) {
    if (entity.sort === "func") yield [ROOT_INTERFACE, name, entity];
    if (entity.sort !== "instance") continue;
    for (const [inner, one] of entity.exports) if (one.sort === "func") yield [name, inner, one];
  }
}

/** An imported function that is exported as it is was not checked when it was lifted or lowered. */
function checkExported({ type, async }: FunctionEntity): void {
  if (async) throw new UnsupportedComponent("asynchronous functions");
  const unsupported = type === undefined ? undefined : functionFacts(type).unsupported;
  if (unsupported !== undefined) throw new UnsupportedComponent(`values of type ${unsupported}`);
}
