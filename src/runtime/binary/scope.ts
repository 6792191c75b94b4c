import { MalformedBinary } from "./byte-reader.ts";
import type { FunctionType, WitType } from "../wit/type.ts";

/** A named thing of an instance or a component, as far as its signature matters. */
export type Entity =
  | { readonly sort: "func"; readonly type: FunctionType | undefined }
  | { readonly sort: "type"; readonly type: TypeEntry }
  | { readonly sort: "instance"; readonly exports: Exports }
  | { readonly sort: "component"; readonly exports: Exports | undefined }
  | { readonly sort: "other" };

export type Exports = ReadonlyMap<string, Entity>;

/** What a type index stands for. */
export type TypeEntry =
  | { readonly is: "value"; readonly type: WitType }
  | { readonly is: "func"; readonly type: FunctionType }
  | { readonly is: "instance"; readonly exports: Exports }
  | { readonly is: "component"; readonly exports: Exports }
  | { readonly is: "resource"; readonly resource: { name: string } };

// Types of instances within types of instances; real ones need two or three.
const MAX_SCOPE_DEPTH = 100;

/** The index spaces of a component, or of an instance or component type. */
export class Scope {
  readonly parent: Scope | undefined;
  readonly types: TypeEntry[] = [];
  readonly funcs: (FunctionType | undefined)[] = [];
  readonly instances: Exports[] = [];
  readonly components: (Exports | undefined)[] = [];
  readonly exports = new Map<string, Entity>();
  readonly imports = new Map<string, Entity>();
  /** False once something was met that takes indices of functions in a way this reader does not know. */
  functionsKnown = true;

  readonly #depth: number;

  constructor(parent: Scope | undefined) {
    this.parent = parent;
    this.#depth = parent === undefined ? 0 : parent.#depth + 1;
    if (this.#depth > MAX_SCOPE_DEPTH) throw new MalformedBinary(`nests scopes more than ${MAX_SCOPE_DEPTH} deep`);
  }

  type(index: number): TypeEntry {
    return at(this.types, index, "type");
  }

  func(index: number): FunctionType | undefined {
    return this.functionsKnown ? at(this.funcs, index, "function") : undefined;
  }

  instance(index: number): Exports {
    return at(this.instances, index, "instance");
  }

  /** The scope `levels` further out. */
  outer(levels: number): Scope {
    if (levels === 0) return this;
    if (this.parent === undefined) throw new MalformedBinary(`names a scope ${levels} levels beyond the outermost`);
    return this.parent.outer(levels - 1);
  }

  /** Gives an import, export or alias the next index of its sort. */
  add(entity: Entity): void {
    switch (entity.sort) {
      case "func":
        this.funcs.push(entity.type);
        break;
      case "type":
        this.types.push(entity.type);
        break;
      case "instance":
        this.instances.push(entity.exports);
        break;
      case "component":
        this.components.push(entity.exports);
        break;
      case "other":
        break;
    }
  }
}

function at<T>(space: readonly T[], index: number, sort: string): T {
  if (index >= space.length) throw new MalformedBinary(`names ${sort} ${index}; there are ${space.length}`);
  return space[index] as T; // Checked above; T may include undefined.
}
