// Types as the canonical ABI sees them: sizes, alignments, flat forms and offsets, with equal types made one. What is
// only another spelling for JavaScript is resolved here: a result is a variant, an option of an option too.

import { arrayHeap, BOX_HEAP, objectHeap } from "./abi-heap.ts";
import { camelCase } from "../../lib/wit/names.ts";
import type { PlainKind, Resource, WitType } from "../../lib/wit/type.ts";
import { UnsupportedComponent } from "./unsupported.ts";

export type CoreType = "i32" | "i64" | "f32" | "f64";

/** Beyond these a function passes its parameters or its result through memory. */
export const MAX_FLAT_PARAMS = 16;
export const MAX_FLAT_RESULTS = 1;

interface Layout {
  /** Equal types have the same number. */
  readonly id: number;
  readonly size: number;
  readonly align: number;
  /** Undefined when there are more than MAX_FLAT_PARAMS. */
  readonly flat: readonly CoreType[] | undefined;
  /** Nodes of the type as a tree, up to a bound: says whether code for it may be repeated. */
  readonly weight: number;
  /** Bytes that a value takes of the JavaScript heap at most, without its strings and lists and its own slot. */
  readonly heap: number;
  /** Values hold a string or a list, which lie elsewhere in memory. */
  readonly pointers: boolean;
  /** Resources that values hold handles of. */
  readonly owns: ReadonlySet<Resource>;
  readonly borrows: ReadonlySet<Resource>;
}

export interface Field {
  /** Property of the object; undefined in a tuple. */
  readonly key: string | undefined;
  readonly shape: Shape;
  readonly offset: number;
}

export interface Case {
  readonly tag: string;
  readonly shape: Shape | undefined;
}

export interface PlainShape extends Layout {
  readonly kind: Exclude<PlainKind, "string">;
}
export interface StringShape extends Layout {
  readonly kind: "string";
}
export interface FieldsShape extends Layout {
  readonly kind: "record" | "tuple";
  readonly fields: readonly Field[];
}
export interface CasesShape extends Layout {
  readonly kind: "variant" | "option";
  /** An option has two: none and some. */
  readonly cases: readonly Case[];
  readonly discriminant: 1 | 2 | 4;
  /** Where the payload is. */
  readonly payload: number;
}
export interface EnumShape extends Layout {
  readonly kind: "enum";
  readonly names: readonly string[];
  readonly discriminant: 1 | 2 | 4;
}
export interface FlagsShape extends Layout {
  readonly kind: "flags";
  readonly keys: readonly string[];
}
export interface ListShape extends Layout {
  readonly kind: "list";
  readonly element: Shape;
}
export interface HandleShape extends Layout {
  readonly kind: "own" | "borrow";
  readonly resource: Resource;
}

export type Shape =
  | PlainShape
  | StringShape
  | FieldsShape
  | CasesShape
  | EnumShape
  | FlagsShape
  | ListShape
  | HandleShape;

type Description<T = Shape> = T extends unknown ? Omit<T, "id"> : never;

const MAX_WEIGHT = 10_000;
const NONE: ReadonlySet<Resource> = new Set();
const PLAIN_SIZES: Readonly<Record<PlainShape["kind"], 1 | 2 | 4 | 8>> = {
  bool: 1,
  u8: 1,
  s8: 1,
  u16: 2,
  s16: 2,
  u32: 4,
  s32: 4,
  char: 4,
  f32: 4,
  u64: 8,
  s64: 8,
  f64: 8,
};

const BOXED: ReadonlySet<WitType["kind"]> = new Set(["u32", "u64", "s64", "f32", "f64", "char"]);

/** Makes shapes; those of one table can be compared. */
export class ShapeTable {
  readonly #byType = new Map<WitType, Shape>();
  readonly #byKey = new Map<string, Shape>();
  readonly #resources = new Map<Resource, number>();

  /** @throws UnsupportedComponent */
  shape(type: WitType): Shape {
    const known = this.#byType.get(type);
    if (known !== undefined) return known;
    const made = this.#make(type);
    this.#byType.set(type, made);
    return made;
  }

  /** Several values one after another, as parameters that go through memory. */
  tuple(shapes: readonly Shape[]): FieldsShape {
    return this.#fields(
      "tuple",
      shapes.map((shape) => [undefined, shape]),
    );
  }

  #make(type: WitType): Shape {
    switch (type.kind) {
      case "record":
        return this.#fields(
          "record",
          type.fields.map(({ name, type: part }) => [camelCase(name), this.shape(part)]),
        );
      case "tuple":
        return this.tuple(type.elements.map((element) => this.shape(element)));
      case "variant":
        return this.#variant(
          "variant",
          type.cases.map(({ name, type: part }) => ({ tag: name, shape: this.#maybe(part) })),
        );
      case "result":
        return this.#variant("variant", [
          { tag: "ok", shape: this.#maybe(type.ok) },
          { tag: "err", shape: this.#maybe(type.err) },
        ]);
      case "option":
        return this.#variant(type.some.kind === "option" ? "variant" : "option", [
          { tag: "none", shape: undefined },
          { tag: "some", shape: this.shape(type.some) },
        ]);
      case "enum": {
        const discriminant = discriminantSize(type.names.length);
        return this.#intern(`enum ${JSON.stringify(type.names)}`, {
          ...leaf(discriminant, discriminant, ["i32"]),
          kind: "enum",
          names: type.names,
          discriminant,
        });
      }
      case "flags":
        return this.#flags(type.names.map(camelCase));
      case "list": {
        const element = this.shape(type.element);
        if (element.size === 0) throw new UnsupportedComponent("a list of elements without size");
        return this.#intern(`list ${element.id}`, {
          ...leaf(8, 4, ["i32", "i32"]),
          kind: "list",
          element,
          ...summary([element]),
          pointers: true,
        });
      }
      case "own":
      case "borrow": {
        const { kind, resource } = type;
        const number = this.#resources.get(resource) ?? this.#resources.size;
        this.#resources.set(resource, number);
        const held = new Set([resource]);
        return this.#intern(`${kind} ${number}`, {
          ...leaf(4, 4, ["i32"]),
          kind,
          resource,
          owns: kind === "own" ? held : NONE,
          borrows: kind === "borrow" ? held : NONE,
        });
      }
      case "unsupported":
        throw new UnsupportedComponent(`values of type ${type.what}`);
      case "string":
        return this.#intern("string", { ...leaf(8, 4, ["i32", "i32"]), kind: "string", pointers: true });
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
      default: {
        const size = PLAIN_SIZES[type.kind];
        const heap = BOXED.has(type.kind) ? BOX_HEAP : 0;
        return this.#intern(type.kind, { ...leaf(size, size, [coreTypeOf(type.kind)]), kind: type.kind, heap });
      }
    }
  }

  #maybe(type: WitType | undefined): Shape | undefined {
    return type === undefined ? undefined : this.shape(type);
  }

  #fields(kind: "record" | "tuple", parts: readonly (readonly [string | undefined, Shape])[]): FieldsShape {
    let end = 0;
    let align = 1;
    let flat: readonly CoreType[] | undefined = [];
    const fields = parts.map(([key, shape]) => {
      const offset = alignTo(end, shape.align);
      end = offset + shape.size;
      align = Math.max(align, shape.align);
      flat = flat === undefined || shape.flat === undefined ? undefined : bounded([...flat, ...shape.flat]);
      return { key, shape, offset };
    });
    const made = this.#intern(`${kind} ${JSON.stringify(parts.map(([key, { id }]) => [key, id]))}`, {
      kind,
      fields,
      size: alignTo(end, align),
      align,
      flat,
      heap: (kind === "record" ? objectHeap : arrayHeap)(
        fields.length,
        fields.reduce((sum, { shape }) => sum + shape.heap, 0),
      ),
      ...summary(fields.map((field) => field.shape)),
    });
    return made as FieldsShape; // The key says the kind.
  }

  #variant(kind: "variant" | "option", cases: readonly Case[]): Shape {
    const discriminant = discriminantSize(cases.length);
    const shapes = cases.flatMap(({ shape }) => (shape === undefined ? [] : [shape]));
    const align = shapes.reduce((max, shape) => Math.max(max, shape.align), discriminant as number);
    const payload = alignTo(
      discriminant,
      shapes.reduce((max, shape) => Math.max(max, shape.align), 1),
    );
    const largest = shapes.reduce((max, shape) => Math.max(max, shape.size), 0);
    return this.#intern(`${kind} ${JSON.stringify(cases.map(({ tag, shape }) => [tag, shape?.id]))}`, {
      kind,
      cases,
      discriminant,
      payload,
      size: alignTo(payload + largest, align),
      align,
      flat: flattenCases(shapes),
      heap: shapes.reduce((max, { heap }) => Math.max(max, heap), 0) + (kind === "option" ? 0 : objectHeap(2)),
      ...summary(shapes),
    });
  }

  #flags(keys: readonly string[]): Shape {
    const words = Math.ceil(keys.length / 32);
    const size = keys.length === 0 ? 0 : keys.length <= 8 ? 1 : keys.length <= 16 ? 2 : 4 * words;
    const flat = bounded(Array<CoreType>(Math.min(words, MAX_FLAT_PARAMS + 1)).fill("i32"));
    const layout = leaf(size, Math.min(Math.max(size, 1), 4), flat);
    return this.#intern(`flags ${JSON.stringify(keys)}`, {
      ...layout,
      kind: "flags",
      keys,
      weight: keys.length + 1,
      heap: objectHeap(keys.length),
    });
  }

  #intern(key: string, description: Description): Shape {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const made: Shape = { ...description, id: this.#byKey.size };
    this.#byKey.set(key, made);
    return made;
  }
}

/** The flat type that two cases of a variant share. */
export function join(a: CoreType, b: CoreType): CoreType {
  if (a === b) return a;
  return (a === "i32" && b === "f32") || (a === "f32" && b === "i32") ? "i32" : "i64";
}

function flattenCases(shapes: readonly Shape[]): readonly CoreType[] | undefined {
  const joined: CoreType[] = [];
  for (const { flat } of shapes) {
    if (flat === undefined) return undefined;
    flat.forEach((type, index) => {
      const other = joined[index];
      joined[index] = other === undefined ? type : join(other, type);
    });
  }
  return bounded(["i32", ...joined]);
}

function bounded(flat: readonly CoreType[]): readonly CoreType[] | undefined {
  return flat.length > MAX_FLAT_PARAMS ? undefined : flat;
}

function leaf(size: number, align: number, flat: readonly CoreType[] | undefined) {
  return { size, align, flat, weight: 1, heap: 0, pointers: false, owns: NONE, borrows: NONE };
}

function summary(parts: readonly Shape[]) {
  return {
    weight: Math.min(
      parts.reduce((sum, part) => sum + part.weight, 1),
      MAX_WEIGHT,
    ),
    pointers: parts.some((part) => part.pointers),
    owns: union(parts.map((part) => part.owns)),
    borrows: union(parts.map((part) => part.borrows)),
  };
}

function union(sets: readonly ReadonlySet<Resource>[]): ReadonlySet<Resource> {
  const filled = sets.filter((set) => set.size > 0);
  return filled.length === 0 ? NONE : new Set(filled.flatMap((set) => [...set]));
}

function coreTypeOf(kind: PlainShape["kind"]): CoreType {
  if (kind === "f32" || kind === "f64") return kind;
  return kind === "u64" || kind === "s64" ? "i64" : "i32";
}

function discriminantSize(cases: number): 1 | 2 | 4 {
  if (cases <= 0x100) return 1;
  return cases <= 0x1_0000 ? 2 : 4;
}

function alignTo(offset: number, align: number): number {
  return Math.ceil(offset / align) * align;
}
