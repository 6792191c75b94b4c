// Types of values that cross between hosts: those of the component model, and streams and futures.

import type { WitType } from "../../../lib/wit/type.ts";

interface NamedWireType {
  readonly name: string;
  readonly type: WireType;
}

interface WireCase {
  readonly name: string;
  readonly type: WireType | undefined;
}

type Composite = "record" | "variant" | "list" | "tuple" | "option" | "result";

/**
 * Every `WitType` is one. The JavaScript mapping of the two kinds that are more:
 *
 * - `stream<T>`: the values of `list<T>` that its pieces are, as an AsyncIterable of them. What is given to be sent may be one
 *   such value as well, all of the stream.
 * - `future<T>`: a promise of T. What is given to be sent may be T itself.
 */
export type WireType =
  | Exclude<WitType, { readonly kind: Composite }>
  | { readonly kind: "record"; readonly fields: readonly NamedWireType[] }
  | { readonly kind: "variant"; readonly cases: readonly WireCase[] }
  | { readonly kind: "list"; readonly element: WireType }
  | { readonly kind: "tuple"; readonly elements: readonly WireType[] }
  | { readonly kind: "option"; readonly some: WireType }
  | { readonly kind: "result"; readonly ok: WireType | undefined; readonly err: WireType | undefined }
  | { readonly kind: "stream"; readonly element: WireType }
  | { readonly kind: "future"; readonly value: WireType };

/** Every `FunctionType` is one. */
export interface WireFunction {
  readonly params: readonly NamedWireType[];
  readonly result: WireType | undefined;
}
