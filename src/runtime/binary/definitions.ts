// A component as it stands in the file: its definitions in order, with the indices unresolved. Terms are those of the
// Component Model's Binary.md. link/resolve-component.ts gives them meaning.

import type { PlainKind } from "../../lib/wit/type.ts";
import type { CoreSignature } from "./core-signatures.ts";

/** An index space. */
export type Sort = "func" | "value" | "type" | "component" | "instance" | CoreSort;
export type CoreSort =
  | "core func"
  | "core table"
  | "core memory"
  | "core global"
  | "core tag"
  | "core type"
  | "core module"
  | "core instance";

/** A definition by its sort and its index. */
export interface Reference {
  readonly sort: Sort;
  readonly index: number;
}

export interface NamedReference extends Reference {
  readonly name: string;
}

/** A value type: an index of the type space, or a type that needs none. */
export type ValueReference = number | { readonly kind: PlainKind } | UnsupportedValue;

export interface UnsupportedValue {
  readonly kind: "unsupported";
  readonly what: string;
}

export interface NamedValue {
  readonly name: string;
  readonly type: ValueReference;
}

export type ValueDefinition =
  | { readonly kind: "same"; readonly type: ValueReference }
  | { readonly kind: "record"; readonly fields: readonly NamedValue[] }
  | {
      readonly kind: "variant";
      readonly cases: readonly { readonly name: string; readonly type: ValueReference | undefined }[];
    }
  | { readonly kind: "list" | "option"; readonly type: ValueReference }
  | { readonly kind: "tuple"; readonly types: readonly ValueReference[] }
  | { readonly kind: "flags" | "enum"; readonly names: readonly string[] }
  | { readonly kind: "result"; readonly ok: ValueReference | undefined; readonly err: ValueReference | undefined }
  | { readonly kind: "own" | "borrow"; readonly resource: number }
  | UnsupportedValue;

export type TypeDefinition =
  | { readonly is: "value"; readonly definition: ValueDefinition }
  | {
      readonly is: "func";
      readonly async: boolean;
      readonly params: readonly NamedValue[];
      readonly result: ValueReference | undefined;
    }
  /** Types of instances, and of components. */
  | { readonly is: "instance" | "component"; readonly declarations: readonly Declaration[] }
  | {
      readonly is: "resource";
      /** Core function called when a value's last owner is gone. */
      readonly destructor: number | undefined;
      /** What keeps this linker from making it. */
      readonly unsupported: string | undefined;
    };

export type Declaration =
  | { readonly kind: "core type" }
  | { readonly kind: "type"; readonly type: TypeDefinition }
  | AliasDefinition
  | { readonly kind: "import" | "export"; readonly name: string; readonly described: Description };

/** What an import or export has to be. `type` is an index. */
export type Description =
  | { readonly kind: "core module" | "func" | "component" | "instance"; readonly type: number }
  | { readonly kind: "value" }
  | { readonly kind: "type equal"; readonly type: number }
  /** A resource known only by the name that it has here. */
  | { readonly kind: "resource" };

export interface AliasDefinition {
  readonly kind: "alias";
  readonly sort: Sort;
  readonly of:
    | { readonly kind: "export" | "core export"; readonly instance: number; readonly name: string }
    /** `levels` is 0 for the component itself. */
    | { readonly kind: "outer"; readonly levels: number; readonly index: number };
}

export interface CanonicalOptions {
  readonly encoding: "utf8" | "utf16" | "latin1+utf16";
  /** Indices of a core memory and of core functions. */
  readonly memory: number | undefined;
  readonly realloc: number | undefined;
  readonly postReturn: number | undefined;
  /** An option that this linker does not have. */
  readonly unsupported: string | undefined;
}

export type CanonicalDefinition =
  | {
      readonly kind: "lift";
      readonly core: number;
      readonly type: number;
      readonly options: CanonicalOptions;
    }
  | { readonly kind: "lower"; readonly func: number; readonly options: CanonicalOptions }
  | { readonly kind: "resource-new" | "resource-rep" | "resource-drop"; readonly type: number }
  /** A built-in core function that this linker does not have. */
  | { readonly kind: "built-in"; readonly what: string }
  /** Of unknown layout, so that the rest of its section could not be read. */
  | { readonly kind: "unknown"; readonly what: string };

export type Definition =
  | { readonly kind: "core module"; readonly module: number }
  | {
      readonly kind: "core instance";
      readonly of:
        | {
            readonly kind: "module";
            readonly module: number;
            readonly args: readonly { readonly name: string; readonly instance: number }[];
          }
        | { readonly kind: "exports"; readonly exports: readonly NamedReference[] };
    }
  | { readonly kind: "component"; readonly component: ComponentDefinition }
  | {
      readonly kind: "instance";
      readonly of:
        | { readonly kind: "component"; readonly component: number; readonly args: readonly NamedReference[] }
        | { readonly kind: "exports"; readonly exports: readonly NamedReference[] };
    }
  | AliasDefinition
  | { readonly kind: "type"; readonly type: TypeDefinition }
  | { readonly kind: "canonical"; readonly canonical: CanonicalDefinition }
  | { readonly kind: "import"; readonly name: string; readonly described: Description }
  | {
      readonly kind: "export";
      readonly name: string;
      readonly of: Reference;
      readonly described: Description | undefined;
    }
  /** A start function, or a value. */
  | { readonly kind: "unsupported"; readonly what: string };

export interface ComponentDefinition {
  readonly definitions: readonly Definition[];
}

export interface CoreModuleImport {
  readonly module: string;
  readonly name: string;
  readonly sort: CoreSort;
  /** Of functions. */
  readonly signature: CoreSignature | undefined;
}

/** What a core module says of itself at its border. Its code is left to V8. */
export interface CoreModule {
  /** Where it lies in the file. */
  readonly start: number;
  readonly end: number;
  readonly imports: readonly CoreModuleImport[];
  readonly exports: ReadonlyMap<string, CoreSort>;
  /** Of exported functions, by name. */
  readonly signatures: ReadonlyMap<string, CoreSignature>;
  /** True when it has a memory with 64-bit addresses. */
  readonly wide: boolean;
}

export interface ComponentFile {
  readonly root: ComponentDefinition;
  /** Every core module of the file, also those of nested components, in the order of the file. */
  readonly modules: readonly CoreModule[];
}
