// Random types of WIT, their text, and random values of a type in its JavaScript mapping.

import {
  type Arbitrary,
  array,
  bigInt,
  boolean,
  constant,
  constantFrom,
  double,
  float,
  integer,
  nat,
  oneof,
  option,
  record,
  string,
  tuple,
} from "fast-check";
import { camelCase } from "../../src/lib/wit/names.ts";
import type { PlainKind, WitType } from "../../src/lib/wit/type.ts";

const PLAIN: readonly PlainKind[] = [
  "bool",
  "u8",
  "s8",
  "u16",
  "s16",
  "u32",
  "s32",
  "u64",
  "s64",
  "f32",
  "f64",
  "char",
  "string",
];

/** Any Unicode scalar value. (The library's own takes seconds to begin with.) */
export const anyCharacter: Arbitrary<string> = oneof(
  nat(0x7f),
  nat(0x7ff),
  nat(0x10_f7ff).map((point) => (point < 0xd800 ? point : point + 0x800)),
).map((point) => String.fromCodePoint(point));

/** Types without resources. Those of `depth` 0 have no parts. */
export function arbitraryType(depth = 3): Arbitrary<WitType> {
  const leaf: Arbitrary<WitType> = oneof(
    { weight: 4, arbitrary: constantFrom(...PLAIN).map((kind) => ({ kind })) },
    { weight: 1, arbitrary: namesUpTo(40).map((names) => ({ kind: "flags" as const, names: names.slice(0, 32) })) },
    { weight: 1, arbitrary: namesUpTo(300).map((names) => ({ kind: "enum" as const, names })) },
  );
  if (depth === 0) return leaf;
  const part = arbitraryType(depth - 1);
  const maybe = option(part, { nil: undefined, freq: 3 });
  return oneof(
    leaf,
    array(part, { minLength: 1, maxLength: 6 }).map((types) => ({
      kind: "record" as const,
      fields: types.map((type, index) => ({ name: `f-${index}`, type })),
    })),
    array(part, { minLength: 1, maxLength: 5 }).map((elements) => ({ kind: "tuple" as const, elements })),
    array(maybe, { minLength: 1, maxLength: 5 }).map((types) => ({
      kind: "variant" as const,
      cases: types.map((type, index) => ({ name: `c-${index}`, type })),
    })),
    part.map((element) => ({ kind: "list" as const, element })),
    part.filter((some) => !isDoubleOption(some)).map((some) => ({ kind: "option" as const, some })),
    record({ kind: constant("result" as const), ok: maybe, err: maybe }),
  );
}

/** The transpiler's glue has no tag on the outermost of three options; ours, and wit/value.ts, have one. */
function isDoubleOption(type: WitType): boolean {
  return type.kind === "option" && type.some.kind === "option";
}

function namesUpTo(most: number): Arbitrary<string[]> {
  const count = oneof({ weight: 5, arbitrary: integer({ min: 1, max: 9 }) }, integer({ min: 1, max: most }));
  return count.map((length) => Array.from({ length }, (_, index) => `n-${index}`));
}

/** The text of a type in WIT. Definitions that it needs are added to `definitions`. */
export function witText(type: WitType, definitions: string[]): string {
  const text = (part: WitType): string => witText(part, definitions);
  const maybe = (part: WitType | undefined): string => (part === undefined ? "_" : text(part));
  const define = (keyword: string, lines: readonly string[]): string => {
    const name = `t${definitions.length}`;
    definitions.push(`${keyword} ${name} { ${lines.join(", ")} }`);
    return name;
  };
  switch (type.kind) {
    case "record":
      return define(
        "record",
        type.fields.map((field) => `${field.name}: ${text(field.type)}`),
      );
    case "variant":
      return define(
        "variant",
        type.cases.map((one) => (one.type === undefined ? one.name : `${one.name}(${text(one.type)})`)),
      );
    case "flags":
    case "enum":
      return define(type.kind, type.names);
    case "tuple":
      return `tuple<${type.elements.map(text).join(", ")}>`;
    case "list":
      return `list<${text(type.element)}>`;
    case "option":
      return `option<${text(type.some)}>`;
    case "result":
      if (type.err === undefined) return type.ok === undefined ? "result" : `result<${text(type.ok)}>`;
      return `result<${maybe(type.ok)}, ${text(type.err)}>`;
    case "own":
    case "borrow":
    case "unsupported":
      throw new Error(`No text of a ${type.kind}`);
    case "bool":
    case "u8":
    case "s8":
    case "u16":
    case "s16":
    case "u32":
    case "s32":
    case "u64":
    case "s64":
    case "f32":
    case "f64":
    case "char":
    case "string":
    default:
      return type.kind;
  }
}

const INTEGERS = {
  u8: [0, 0xff],
  u16: [0, 0xffff],
  u32: [0, 0xffff_ffff],
  s8: [-0x80, 0x7f],
  s16: [-0x8000, 0x7fff],
  s32: [-0x8000_0000, 0x7fff_ffff],
} as const;

/** Values as they are lifted: number lists are typed arrays, all flags are there. */
export function arbitraryValue(type: WitType): Arbitrary<unknown> {
  switch (type.kind) {
    case "bool":
      return boolean();
    case "char":
      return anyCharacter;
    case "string":
      return oneof(
        string({ unit: anyCharacter, maxLength: 12 }),
        string({ unit: "binary-ascii", maxLength: 60 }),
        constantFrom("é".repeat(30), "\ufffd", "\ufeffa"),
      );
    case "u64":
      return bigInt({ min: 0n, max: 2n ** 64n - 1n });
    case "s64":
      return bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case "f32":
      return float();
    case "f64":
      return double();
    case "record":
      return record(Object.fromEntries(type.fields.map(({ name, type }) => [camelCase(name), arbitraryValue(type)])), {
        noNullPrototype: true,
      });
    case "tuple":
      return tuple(...type.elements.map(arbitraryValue));
    case "variant":
      return oneof(...type.cases.map(({ name, type }) => arbitraryCase(name, type)));
    case "result":
      return oneof(arbitraryCase("ok", type.ok), arbitraryCase("err", type.err));
    case "option":
      if (type.some.kind === "option") return oneof(arbitraryCase("none", undefined), arbitraryCase("some", type.some));
      return option(arbitraryValue(type.some), { nil: undefined, freq: 3 });
    case "enum":
      return constantFrom(...type.names);
    case "flags":
      return record(Object.fromEntries(type.names.map((name) => [camelCase(name), boolean()])), {
        noNullPrototype: true,
      });
    case "list":
      return arbitraryList(type.element);
    case "own":
    case "borrow":
    case "unsupported":
      throw new Error(`No values of a ${type.kind}`);
    case "u8":
    case "s8":
    case "u16":
    case "s16":
    case "u32":
    case "s32":
    default:
      return integer({ min: INTEGERS[type.kind][0], max: INTEGERS[type.kind][1] });
  }
}

function arbitraryCase(tag: string, type: WitType | undefined): Arbitrary<unknown> {
  return type === undefined ? constant({ tag }) : arbitraryValue(type).map((val) => ({ tag, val }));
}

function arbitraryList(element: WitType): Arbitrary<unknown> {
  const items = array(arbitraryValue(element), { maxLength: 8 });
  const Typed = TYPED.get(element.kind);
  if (Typed === undefined) return items;
  return items.map((list) => {
    const typed = new Typed(list.length);
    typed.set(list as never); // They are values of its kind.
    return typed;
  });
}

const TYPED = new Map(
  Object.entries({
    u8: Uint8Array,
    u16: Uint16Array,
    u32: Uint32Array,
    s8: Int8Array,
    s16: Int16Array,
    s32: Int32Array,
    f32: Float32Array,
    f64: Float64Array,
    u64: BigUint64Array,
    s64: BigInt64Array,
  }),
);
