// What it takes to instantiate a component, flattened to a list of steps: nested components are resolved, every resource
// is known by identity, and nothing of the component's own structure is left to interpret. Made by resolve.ts from the
// binary, turned into a script by emit.ts.
//
// Terms and semantics: Component Model, Binary.md (definitions), Explainer.md (instantiation), CanonicalABI.md (lift,
// lower, handles).

import type { FunctionType, InterfaceShape, Resource } from "../../lib/wit/type.ts";

/** Name of the interface to which functions belong that a component imports or exports outside any interface. */
export const ROOT_INTERFACE = "$root";

/** Something of a core instance's world, as it is passed to a module or used by the canonical ABI. */
export type CoreItem =
  /** An export of a core instance: a function, memory, table, global or tag. */
  | { readonly kind: "export"; readonly instance: number; readonly name: string }
  /** What a `lower` step made. */
  | { readonly kind: "lowered"; readonly lowered: number }
  /** Built-in functions of the canonical ABI. `owner` is the component instance whose handles they work on. */
  | {
      readonly kind: "resource-new" | "resource-rep" | "resource-drop";
      readonly resource: Resource;
      readonly owner: number;
    };

export interface CanonOptions {
  readonly encoding: "utf8" | "utf16" | "latin1+utf16";
  readonly memory: CoreItem | undefined;
  readonly realloc: CoreItem | undefined;
  readonly postReturn: CoreItem | undefined;
}

/** A function at the level of components. */
export type ComponentFunction =
  /** Served by the host. Names as the component has them: interface with its version, WIT function name. */
  | {
      readonly kind: "import";
      readonly interfaceName: string;
      readonly functionName: string;
      readonly type: FunctionType;
    }
  /** What a `lift` step made. */
  | { readonly kind: "lifted"; readonly lifted: number };

/** Steps refer to what earlier ones made, by number: the n-th step of a kind makes number n of that kind. */
export type LinkStep =
  /** Makes a core instance. Modules are numbered as in `LinkPlan.modules`. */
  | {
      readonly kind: "instantiate";
      readonly module: number;
      readonly imports: readonly { readonly module: string; readonly name: string; readonly item: CoreItem }[];
    }
  /** Makes a core function that calls `target`. `owner` is the component instance that calls. */
  | {
      readonly kind: "lower";
      readonly target: ComponentFunction;
      readonly type: FunctionType;
      readonly options: CanonOptions;
      readonly owner: number;
    }
  /** Makes a component function of `core`. `owner` is the component instance that is called. */
  | {
      readonly kind: "lift";
      readonly core: CoreItem;
      readonly type: FunctionType;
      readonly options: CanonOptions;
      readonly owner: number;
    };

/** Where a resource comes from. Two resources are the same only when they are the same object. */
export type ResourceOrigin =
  /** Handles stand for what the host gave out. */
  | { readonly kind: "host"; readonly interfaceName: string }
  /** Handles stand for a number of the component instance `owner`; `destructor` is called with it in the end. */
  | { readonly kind: "guest"; readonly owner: number; readonly destructor: CoreItem | undefined };

export interface LinkPlan {
  /** Where each core module lies in the component's bytes. */
  readonly modules: readonly { readonly start: number; readonly end: number }[];
  readonly steps: readonly LinkStep[];
  readonly resources: ReadonlyMap<Resource, ResourceOrigin>;
  /** Component instances, of which the component itself is number 0: each has handles of its own. */
  readonly owners: number;
  /** What the component imports and exports, by interface; functions outside any interface under ROOT_INTERFACE. */
  readonly imports: readonly InterfaceShape[];
  readonly exports: readonly InterfaceShape[];
  /** The function behind each export. */
  readonly exported: readonly {
    readonly interfaceName: string;
    readonly functionName: string;
    readonly target: ComponentFunction;
  }[];
}
