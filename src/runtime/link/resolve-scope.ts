// The index spaces of a component while it is instantiated, and of a type of instances while it is applied.

import { MalformedBinary } from "../binary/byte-reader.ts";
import type { ComponentDefinition, CoreModule, CoreSort, Declaration, Sort } from "../binary/definitions.ts";
import type { FunctionType, Resource, WitType } from "../../lib/wit/type.ts";
import type { ComponentFunction, CoreItem } from "./plan.ts";

/** A function that runs, or why this linker cannot have it run. */
export type Target = ComponentFunction | { readonly kind: "none"; readonly reason: string };

/** A component as a value: its definition and where that stands. */
export interface ComponentClosure {
  readonly definition: ComponentDefinition;
  readonly scope: Scope;
  /** What the surrounding component had defined until then: outer aliases see no more. */
  readonly seen: Sizes;
}

/** A named thing of an instance or a component. What is undefined is not known, or has no place in a plan. */
export type Entity =
  | {
      readonly sort: "func";
      readonly type: FunctionType | undefined;
      readonly async: boolean;
      readonly target: Target;
    }
  | { readonly sort: "type"; readonly type: TypeEntry }
  | { readonly sort: "instance"; readonly exports: Exports }
  | { readonly sort: "component"; readonly component: ComponentClosure | undefined }
  | { readonly sort: "core module"; readonly module: number | undefined }
  | { readonly sort: "value" };

export type Exports = ReadonlyMap<string, Entity>;
export type FunctionEntity = Extract<Entity, { sort: "func" }>;

/** What a type index stands for. */
export type TypeEntry =
  | { readonly is: "value"; readonly type: WitType }
  | { readonly is: "func"; readonly type: FunctionType; readonly async: boolean }
  | { readonly is: "resource"; readonly resource: { name: string } & Resource }
  /** Applied anew each time: every instance of it has resources of its own. */
  | {
      readonly is: "instance" | "component";
      readonly declarations: readonly Declaration[];
      readonly scope: Scope;
      readonly seen: Sizes;
    };

/** A core instance: made by a step, or a name for items of others. Undefined when it cannot be in a plan. */
export type CoreInstance =
  | { readonly kind: "made"; readonly instance: number; readonly module: CoreModule }
  | { readonly kind: "inline"; readonly exports: ReadonlyMap<string, NamedCore> }
  | undefined;

/** What core instances export. */
export type CoreItemSort = Exclude<CoreSort, "core type" | "core module" | "core instance">;

/** A core item with its sort; the item is undefined when it cannot be in a plan. */
export interface NamedCore {
  readonly sort: CoreItemSort;
  readonly item: CoreItem | undefined;
}

/** Lengths of the index spaces that outer aliases reach into. */
export interface Sizes {
  readonly types: number;
  readonly components: number;
  readonly modules: number;
}

/** The index spaces of a type of instances while it is applied, and those of a component that others reach into. */
export class Scope {
  readonly types: TypeEntry[] = [];
  readonly components: (ComponentClosure | undefined)[] = [];
  readonly modules: (number | undefined)[] = [];
  readonly functions: FunctionEntity[] = [];
  readonly instances: Exports[] = [];
  readonly exports = new Map<string, Entity>();

  /** Set once a definition was met that takes indices of functions in a way that is not known. */
  functionsUnknown: string | undefined;

  readonly #parent: Scope | undefined;
  readonly #seen: Sizes | undefined;

  constructor(parent?: Scope, seen?: Sizes) {
    this.#parent = parent;
    this.#seen = seen;
  }

  /** How far the index spaces go by now. */
  sizes(): Sizes {
    return { types: this.types.length, components: this.components.length, modules: this.modules.length };
  }

  type(index: number): TypeEntry {
    return at(this.types, index, "type");
  }

  /** A function that is not known has no type. */
  func(index: number): FunctionEntity {
    const known = this.functions[index];
    if (known !== undefined) return known;
    if (this.functionsUnknown === undefined) return at(this.functions, index, "function");
    return { sort: "func", type: undefined, async: false, target: { kind: "none", reason: this.functionsUnknown } };
  }

  instance(index: number): Exports {
    return at(this.instances, index, "instance");
  }

  component(index: number): ComponentClosure | undefined {
    return at(this.components, index, "component");
  }

  module(index: number): number | undefined {
    return at(this.modules, index, "core module");
  }

  /** The definition at `index` in the index space of `sort`. */
  pick(sort: Sort, index: number): Entity {
    if (sort === "func") return this.func(index);
    if (sort === "type") return { sort, type: this.type(index) };
    if (sort === "instance") return { sort, exports: this.instance(index) };
    if (sort === "component") return { sort, component: this.component(index) };
    if (sort === "core module") return { sort, module: this.module(index) };
    if (sort === "value") return { sort };
    throw new MalformedBinary(`uses a ${sort} outside of core modules`);
  }

  /** The definition at `index` of the component or type `levels` further out. */
  outer(levels: number, sort: "type" | "component" | "core module", index: number): Entity {
    const { from, seen } = this.#outwards(levels, this.sizes());
    const length = sort === "type" ? seen.types : sort === "component" ? seen.components : seen.modules;
    if (index >= length) throw new MalformedBinary(`names ${sort} ${index} of an outer scope; there are ${length}`);
    return from.pick(sort, index);
  }

  #outwards(levels: number, seen: Sizes): { readonly from: Scope; readonly seen: Sizes } {
    if (levels === 0) return { from: this, seen };
    if (this.#parent === undefined) throw new MalformedBinary("names a scope beyond the outermost");
    return this.#parent.#outwards(levels - 1, this.#seen ?? seen);
  }

  /** Gives an import, export or alias the next index of its sort. */
  add(entity: Entity): void {
    switch (entity.sort) {
      case "func":
        // After something unknown indices no longer tell which function is meant.
        if (this.functionsUnknown === undefined) this.functions.push(entity);
        break;
      case "type":
        this.types.push(entity.type);
        break;
      case "instance":
        this.instances.push(entity.exports);
        break;
      case "component":
        this.components.push(entity.component);
        break;
      case "core module":
        this.modules.push(entity.module);
        break;
      case "value":
        break;
    }
  }

  /** An export under its name, with the next index of its sort. */
  export(name: string, entity: Entity): void {
    this.#names ??= new Set();
    claim(this.#names, name, "exports");
    this.exports.set(name, entity);
    this.add(entity);
  }

  #names: Set<string> | undefined;
}

/** The index spaces of a component while it is instantiated. */
export class ComponentScope extends Scope {
  readonly imports = new Map<string, Entity>();
  readonly coreInstances: CoreInstance[] = [];
  readonly #core: Record<CoreItemSort, (CoreItem | undefined)[]> = {
    "core func": [],
    "core memory": [],
    "core table": [],
    "core global": [],
    "core tag": [],
  };
  readonly #importNames = new Set<string>();

  /** An import under its name, with the next index of its sort. */
  import(name: string, entity: Entity): void {
    claim(this.#importNames, name, "imports");
    this.imports.set(name, entity);
    this.add(entity);
  }

  coreFunction(index: number): CoreItem | undefined {
    if (this.functionsUnknown !== undefined && index >= this.#core["core func"].length) return undefined;
    return at(this.#core["core func"], index, "core function");
  }

  coreMemory(index: number): CoreItem | undefined {
    return at(this.#core["core memory"], index, "core memory");
  }

  coreInstance(index: number): CoreInstance {
    return at(this.coreInstances, index, "core instance");
  }

  coreItem(sort: CoreItemSort, index: number): CoreItem | undefined {
    return sort === "core func" ? this.coreFunction(index) : at(this.#core[sort], index, sort);
  }

  addCore(sort: CoreItemSort, item: CoreItem | undefined): void {
    if (sort !== "core func" || this.functionsUnknown === undefined) this.#core[sort].push(item);
  }
}

// Names that differ only in case count as the same.
function claim(taken: Set<string>, name: string, what: string): void {
  const key = name.toLowerCase();
  if (taken.has(key)) throw new MalformedBinary(`has two ${what} named "${name}"`);
  taken.add(key);
}

export function at<T>(space: readonly T[], index: number, sort: string): T {
  if (index >= space.length) throw new MalformedBinary(`names ${sort} ${index}; there are ${space.length}`);
  return space[index] as T; // Checked above; T may include undefined.
}
