// Whether what one component imports is what another one exports.

import { unversioned } from "../../domain/wit-name.ts";
import { partsOf, type FunctionType, type InterfaceShape, type WitType } from "./type.ts";
import { holdsHandles } from "./value.ts";

/**
 * Why `interfaceId`, as `imports` have it, cannot be served by what `exports` have; undefined when it can, also when a
 * binary does not say what it has.
 */
export function misfitOf(
  interfaceId: string,
  imports: readonly InterfaceShape[],
  exports: readonly InterfaceShape[],
): string | undefined {
  const wanted = imports.find(({ name }) => unversioned(name) === interfaceId);
  const served = exports.find(({ name }) => unversioned(name) === interfaceId);
  if (served === undefined) return `it does not export ${interfaceId}`;
  for (const { name, type } of wanted?.functions ?? []) {
    const found = served.functions.find((one) => one.name === name);
    const what = `"${name}" of ${served.name}`;
    if (found === undefined) return `it has no ${what}`;
    if (type === undefined || found.type === undefined) continue;
    const parts = [...type.params.map((param) => param.type), ...(type.result === undefined ? [] : [type.result])];
    if (parts.some(holdsHandles)) return `${what} passes a resource, which components cannot give to each other`;
    if (!isSameFunction(type, found.type)) return `${what} is imported with other types, by the name ${wanted?.name}`;
  }
  return undefined;
}

/** Whether all values of the function are plain ones: no resources, and nothing that is never passed. */
export function crosses({ params, result }: FunctionType): boolean {
  return [...params.map(({ type }) => type), ...(result === undefined ? [] : [result])].every(isPlain);
}

const isPlain = (type: WitType): boolean =>
  !holdsHandles(type) && type.kind !== "unsupported" && partsOf(type).every(isPlain);

function isSameFunction(one: FunctionType, other: FunctionType): boolean {
  return (
    one.params.length === other.params.length &&
    one.params.every(({ type }, index) => isSameType(type, other.params[index]?.type)) &&
    isSameType(one.result, other.result)
  );
}

/** Types are the same by what they are made of: names of records and the like are not part of it, those of fields are. */
export function isSameType(one: WitType | undefined, other: WitType | undefined): boolean {
  if (one === other) return true;
  if (one === undefined || other === undefined || one.kind !== other.kind) return false;
  switch (one.kind) {
    case "record":
      return other.kind === "record" && isSameList(one.fields, other.fields, isSamePart);
    case "variant":
      return other.kind === "variant" && isSameList(one.cases, other.cases, isSamePart);
    case "tuple":
      return other.kind === "tuple" && isSameList(one.elements, other.elements, isSameType);
    case "flags":
    case "enum":
      return "names" in other && isSameList(one.names, other.names, (a, b) => a === b);
    case "list":
      return other.kind === "list" && isSameType(one.element, other.element);
    case "option":
      return other.kind === "option" && isSameType(one.some, other.some);
    case "result":
      return other.kind === "result" && isSameType(one.ok, other.ok) && isSameType(one.err, other.err);
    case "own":
    case "borrow":
      return "resource" in other && one.resource === other.resource;
    case "unsupported":
      return false;
    case "bool":
    case "char":
    case "string":
    case "u8":
    case "u16":
    case "u32":
    case "u64":
    case "s8":
    case "s16":
    case "s32":
    case "s64":
    case "f32":
    case "f64":
    default:
      return true;
  }
}

interface Part {
  readonly name: string;
  readonly type: WitType | undefined;
}

const isSamePart = (one: Part, other: Part): boolean => one.name === other.name && isSameType(one.type, other.type);

function isSameList<T>(one: readonly T[], other: readonly T[], same: (a: T, b: T) => boolean): boolean {
  return one.length === other.length && one.every((item, index) => same(item, other[index] as T)); // Both are as long.
}
