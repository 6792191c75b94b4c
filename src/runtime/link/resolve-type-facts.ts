// What the linker has to know of a value type as a whole. Types share parts, so it is worked out once for each part.

import { MalformedBinary } from "../binary/byte-reader.ts";
import { partsOf, type FunctionType, type WitType } from "../../lib/wit/type.ts";

export interface TypeFacts {
  readonly depth: number;
  /** Number of types, labels and cases when nothing is shared: bounds every walk of the type. */
  readonly size: number;
  /** Number of core values that a value takes, at most MANY. */
  readonly flat: number;
  /** Values lie in memory, or parts of them do: strings and lists. */
  readonly inMemory: boolean;
  readonly borrows: boolean;
  /** A part that cannot be passed. */
  readonly unsupported: string | undefined;
}

// A type nested deeper than this is refused, so that walking a value needs no deep stack.
const MAX_DEPTH = 100;
// The largest of WASI has fewer than 200.
const MAX_SIZE = 10_000;
const LABEL_UNIT = 64;
const MAX_FLAT_PARAMS = 16;
const MAX_FLAT_RESULTS = 1;
const MANY = MAX_FLAT_PARAMS + 1;

const known = new WeakMap<WitType, TypeFacts>();

/** @throws MalformedBinary when the type is too deep or too large */
export function factsOf(type: WitType): TypeFacts {
  const before = known.get(type);
  if (before !== undefined) return before;
  const parts = partsOf(type).map(factsOf);
  const size = parts.reduce((sum, part) => sum + part.size, 1 + labels(type));
  if (size > MAX_SIZE) throw new MalformedBinary(`has a type of more than ${MAX_SIZE} parts`);
  const facts: TypeFacts = {
    size,
    depth: 1 + Math.max(0, ...parts.map(({ depth }) => depth)),
    flat: Math.min(MANY, flatten(type, parts)),
    inMemory: type.kind === "string" || type.kind === "list" || parts.some((part) => part.inMemory),
    borrows: type.kind === "borrow" || parts.some((part) => part.borrows),
    unsupported: type.kind === "unsupported" ? type.what : parts.find((part) => part.unsupported)?.unsupported,
  };
  if (facts.depth > MAX_DEPTH) throw new MalformedBinary(`nests types more than ${MAX_DEPTH} deep`);
  known.set(type, facts);
  return facts;
}

function labels(type: WitType): number {
  if (type.kind === "own" || type.kind === "borrow") return labelSize(type.resource.name);
  // The types of fields count as parts.
  if (type.kind === "record") return type.fields.reduce((sum, { name }) => sum + labelSize(name), 0);
  const names = type.kind === "variant" ? type.cases.map(({ name }) => name) : [];
  if (type.kind === "flags" || type.kind === "enum") names.push(...type.names);
  return names.reduce((sum, name) => sum + 1 + labelSize(name), 0);
}

/** Long labels count as several. */
function labelSize(label: string): number {
  return Math.floor(label.length / LABEL_UNIT);
}

function flatten(type: WitType, parts: readonly TypeFacts[]): number {
  if (type.kind === "record" || type.kind === "tuple") return parts.reduce((sum, { flat }) => sum + flat, 0);
  if (type.kind === "variant" || type.kind === "option" || type.kind === "result") {
    return 1 + Math.max(0, ...parts.map(({ flat }) => flat));
  }
  return type.kind === "string" || type.kind === "list" ? 2 : 1;
}

export interface FunctionNeeds {
  readonly memory: boolean;
  readonly realloc: boolean;
}

interface FunctionFacts {
  readonly size: number;
  readonly unsupported: string | undefined;
  /** What the core function that is lifted needs, and the core function that lowering makes. */
  readonly lift: FunctionNeeds;
  readonly lower: FunctionNeeds;
}

/**
 * What passing the parameters and the result takes: CanonicalABI.md, "flatten_functype" and what follows it.
 * @throws MalformedBinary when they are too deep or too large
 */
export function functionFacts({ params, result }: FunctionType): FunctionFacts {
  const types = params.map(({ type }) => factsOf(type));
  const returned = result === undefined ? undefined : factsOf(result);
  const all = returned === undefined ? types : [...types, returned];
  const paramsInMemory = types.some((type) => type.inMemory);
  const resultInMemory = returned?.inMemory ?? false;
  const manyParams = types.reduce((sum, { flat }) => sum + flat, 0) > MAX_FLAT_PARAMS;
  const manyResults = (returned?.flat ?? 0) > MAX_FLAT_RESULTS;
  const memory = paramsInMemory || resultInMemory || manyParams || manyResults;
  const names = params.reduce((sum, { name }) => sum + labelSize(name), 1);
  const size = all.reduce((sum, one) => sum + one.size, names);
  if (size > MAX_SIZE) throw new MalformedBinary(`has a function whose type has more than ${MAX_SIZE} parts`);
  return {
    size,
    unsupported: all.find((type) => type.unsupported)?.unsupported,
    lift: { memory, realloc: paramsInMemory || manyParams },
    lower: { memory, realloc: resultInMemory },
  };
}

/** True when both describe the same values: types are compared by what they are made of, resources by identity. */
export function sameType(one: WitType | undefined, other: WitType | undefined): boolean {
  if (one === other) return true;
  if (one === undefined || other === undefined || one.kind !== other.kind) return false;
  if ((one.kind === "own" || one.kind === "borrow") && one.kind === other.kind) return one.resource === other.resource;
  if (one.kind === "unsupported" && other.kind === "unsupported") return one.what === other.what;
  if (one.kind === "result" && other.kind === "result")
    return sameType(one.ok, other.ok) && sameType(one.err, other.err);
  if (one.kind === "variant" && other.kind === "variant") {
    return sameItems(one.cases, other.cases, (a, b) => a.name === b.name && sameType(a.type, b.type));
  }
  if (one.kind === "record" && other.kind === "record") {
    return sameItems(one.fields, other.fields, (a, b) => a.name === b.name && sameType(a.type, b.type));
  }
  if ((one.kind === "flags" || one.kind === "enum") && one.kind === other.kind) {
    return sameItems(one.names, other.names, (a, b) => a === b);
  }
  return sameItems(partsOf(one), partsOf(other), sameType);
}

function sameItems<T>(one: readonly T[], other: readonly T[], same: (a: T, b: T) => boolean): boolean {
  return one.length === other.length && one.every((item, index) => same(item, other[index] as T)); // Of equal length.
}

export function sameFunction(one: FunctionType, other: FunctionType): boolean {
  return (
    sameItems(one.params, other.params, (a, b) => a.name === b.name && sameType(a.type, b.type)) &&
    sameType(one.result, other.result)
  );
}
