// Types of the component model, as far as values of them can cross between a component and the host.

export const NUMBER_KINDS = ["u8", "u16", "u32", "s8", "s16", "s32", "f32", "f64"] as const;
export type NumberKind = (typeof NUMBER_KINDS)[number];
export type PlainKind = NumberKind | "u64" | "s64" | "bool" | "char" | "string";

/**
 * One resource type. The object is its identity: an interface that takes a resource over from another one names the
 * same object.
 */
export interface Resource {
  /** kebab-case, as in WIT. */
  readonly name: string;
}

export interface NamedType {
  /** kebab-case, as in WIT. */
  readonly name: string;
  readonly type: WitType;
}

export interface WitCase {
  readonly name: string;
  readonly type: WitType | undefined;
}

/** Parts are shared between types, so a description is a graph without cycles and not a tree. */
export type WitType =
  | { readonly kind: PlainKind }
  | { readonly kind: "record"; readonly fields: readonly NamedType[] }
  | { readonly kind: "variant"; readonly cases: readonly WitCase[] }
  | { readonly kind: "list"; readonly element: WitType }
  | { readonly kind: "tuple"; readonly elements: readonly WitType[] }
  | { readonly kind: "flags"; readonly names: readonly string[] }
  | { readonly kind: "enum"; readonly names: readonly string[] }
  | { readonly kind: "option"; readonly some: WitType }
  | { readonly kind: "result"; readonly ok: WitType | undefined; readonly err: WitType | undefined }
  | { readonly kind: "own" | "borrow"; readonly resource: Resource }
  /** Streams, futures and what later versions add: named in errors, never passed. */
  | { readonly kind: "unsupported"; readonly what: string };

export interface FunctionType {
  readonly params: readonly NamedType[];
  readonly result: WitType | undefined;
}

export interface InterfaceFunction {
  /** The WIT name: `get`, `[method]bucket.get`, `[static]bucket.make`, `[constructor]bucket`. */
  readonly name: string;
  /** Undefined when the binary does not say. */
  readonly type: FunctionType | undefined;
}

export interface InterfaceShape {
  /** As the component names it, version included. */
  readonly name: string;
  readonly functions: readonly InterfaceFunction[];
  /** Resources that the interface declares or takes over from another one. */
  readonly resources: readonly Resource[];
}

/** The types that `type` is made of. */
export function partsOf(type: WitType): readonly WitType[] {
  if (type.kind === "record") return type.fields.map((field) => field.type);
  if (type.kind === "variant") return type.cases.flatMap((one) => (one.type === undefined ? [] : [one.type]));
  if (type.kind === "list") return [type.element];
  if (type.kind === "tuple") return type.elements;
  if (type.kind === "option") return [type.some];
  if (type.kind === "result") return [type.ok, type.err].filter((part) => part !== undefined);
  return [];
}
