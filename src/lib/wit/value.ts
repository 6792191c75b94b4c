// Checks and copies a value of a WIT type in its JavaScript mapping. The generated glue lowers what does not fit
// without a word (undefined becomes 0), so everything that crosses passes through here once on each side.

import { camelCase } from "./names.ts";
import { partsOf, type NamedType, type Resource, type WitCase, type WitType } from "./type.ts";

/** A value does not fit its type. The message starts with the path of the part that does not. */
export class MisfitValue extends Error {
  override readonly name = "MisfitValue";
  readonly reason: string;
  readonly path: string;

  constructor(reason: string, path = "") {
    super(path === "" ? reason : `${path.replace(/^\./, "")}: ${reason}`);
    this.reason = reason;
    this.path = path;
  }
}

export interface ConvertOptions {
  /** Replaces a handle of a resource: by what stands for it on the other side. */
  readonly handle: (resource: Resource, value: unknown) => unknown;
  /**
   * Told the size of every part before it is copied, in bytes: of strings and lists of numbers as they are, and of
   * whatever lies on the JavaScript heap there.
   */
  readonly measure?: (bytes: number, heap: number) => void;
}

// What V8 takes for an object, for a property or an element and the number in it, and for a string beside its text.
const OBJECT = 48;
const SLOT = 16;
const STRING = 24;

/** The least and the greatest value of each number that JavaScript has as a number. */
export const INTEGER_RANGES = {
  u8: [0, 0xff],
  u16: [0, 0xffff],
  u32: [0, 0xffff_ffff],
  s8: [-0x80, 0x7f],
  s16: [-0x8000, 0x7fff],
  s32: [-0x8000_0000, 0x7fff_ffff],
} as const;
const RANGES_64 = { u64: [0n, 2n ** 64n - 1n], s64: [-(2n ** 63n), 2n ** 63n - 1n] } as const;

const TYPED_ARRAYS = new Map(
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

/** Checks and copies values of one type. @throws MisfitValue */
export type Converter = (value: unknown, options: ConvertOptions) => unknown;

const converters = new WeakMap<WitType, Converter>();

/** Made once for each type, so that a value costs no look at its description. */
export function converterOf(type: WitType): Converter {
  const known = converters.get(type);
  if (known !== undefined) return known;
  const made = compile(type);
  converters.set(type, made);
  return made;
}

/**
 * A copy of `value` that consists of what `type` names and nothing else.
 * @throws MisfitValue
 */
export function convertValue(type: WitType, value: unknown, options: ConvertOptions): unknown {
  return converterOf(type)(value, options);
}

function compile(type: WitType): Converter {
  switch (type.kind) {
    case "bool":
      return convertBoolean;
    case "string":
      return convertString;
    case "char":
      return convertChar;
    case "u64":
    case "s64":
      return bigintConverter(type.kind);
    case "record":
      return recordConverter(type.fields);
    case "flags":
      return flagsConverter(type.names);
    case "enum":
      return enumConverter(type.names);
    case "option":
      return optionConverter(type.some);
    case "result":
      return caseConverter([named("ok", type.ok), named("err", type.err)]);
    case "variant":
      return caseConverter(type.cases);
    case "tuple":
      return tupleConverter(type.elements);
    case "list":
      return listConverter(type.element);
    case "own":
    case "borrow":
      return handleConverter(type.resource);
    case "unsupported":
      return () => {
        throw new MisfitValue(`values of type ${type.what} are not supported`);
      };
    case "f32":
    case "f64":
      return floatConverter(type.kind);
    case "u8":
    case "u16":
    case "u32":
    case "s8":
    case "s16":
    case "s32":
    default:
      return integerConverter(type.kind);
  }
}

const withHandles = new WeakMap<WitType, boolean>();

/** True when values of the type may hold handles of resources. */
export function holdsHandles(type: WitType): boolean {
  if (type.kind === "own" || type.kind === "borrow") return true;
  const known = withHandles.get(type);
  if (known !== undefined) return known;
  const found = partsOf(type).some(holdsHandles);
  withHandles.set(type, found);
  return found;
}

function convertBoolean(value: unknown): boolean {
  if (typeof value !== "boolean") throw misfit("a boolean", value);
  return value;
}

function convertString(value: unknown, options: ConvertOptions): string {
  if (typeof value !== "string") throw misfit("a string", value);
  options.measure?.(value.length, STRING + value.length);
  return value;
}

function convertChar(value: unknown, options: ConvertOptions): string {
  if (typeof value !== "string" || !/^\p{Any}$/u.test(value) || !value.isWellFormed()) {
    throw misfit("one character", value);
  }
  options.measure?.(0, STRING);
  return value;
}

function floatConverter(kind: "f32" | "f64"): Converter {
  return (value) => {
    if (typeof value !== "number") throw misfit(`a number (${kind})`, value);
    return value;
  };
}

function integerConverter(kind: keyof typeof INTEGER_RANGES): Converter {
  const [low, high] = INTEGER_RANGES[kind];
  return (value) => {
    if (typeof value !== "number") throw misfit(`a number (${kind})`, value);
    if (!Number.isInteger(value) || value < low || value > high) throw misfit(`an integer (${kind})`, value);
    return value;
  };
}

function bigintConverter(kind: "u64" | "s64"): Converter {
  const [low, high] = RANGES_64[kind];
  return (value) => {
    if (typeof value !== "bigint" || value < low || value > high) throw misfit(`a bigint (${kind})`, value);
    return value;
  };
}

function recordConverter(fields: readonly NamedType[]): Converter {
  const parts = fields.map(({ name, type }) => ({ key: camelCase(name), convert: converterOf(type) }));
  const size = OBJECT + SLOT * parts.length;
  return (value, options) => {
    const found = asObject(value, "a record");
    options.measure?.(0, size);
    const copy: Record<string, unknown> = {};
    for (const { key, convert } of parts) {
      try {
        copy[key] = convert(property(found, key), options);
      } catch (error) {
        throw under(`.${key}`, error);
      }
    }
    return copy;
  };
}

function flagsConverter(names: readonly string[]): Converter {
  const keys = names.map(camelCase);
  const size = OBJECT + SLOT * keys.length;
  return (value, options) => {
    const found = asObject(value, "an object of booleans");
    options.measure?.(0, size);
    const copy: Record<string, boolean> = {};
    for (const key of keys) {
      const flag = property(found, key) ?? false;
      if (typeof flag !== "boolean") throw under(`.${key}`, misfit("a boolean", flag));
      copy[key] = flag;
    }
    return copy;
  };
}

function enumConverter(names: readonly string[]): Converter {
  const known = new Set<unknown>(names);
  return (value, options) => {
    if (!known.has(value)) throw misfit(oneOf(names), value);
    // A clone does not share it.
    options.measure?.(0, STRING + String(value).length);
    return value;
  };
}

function optionConverter(some: WitType): Converter {
  // An option of an option has to tell none from some(none), so its outer one is a tagged object.
  if (some.kind === "option") return caseConverter([named("none", undefined), named("some", some)]);
  const convert = converterOf(some);
  return (value, options) => (value === undefined || value === null ? undefined : convert(value, options));
}

function caseConverter(cases: readonly WitCase[]): Converter {
  const names = cases.map((one) => one.name);
  const known = new Map<unknown, Converter | undefined>(
    cases.map(({ name, type }) => [name, type === undefined ? undefined : converterOf(type)]),
  );
  return (value, options) => {
    const { tag, val } = asObject(value, "an object with a tag");
    const convert = known.get(tag);
    if (convert === undefined) {
      if (!known.has(tag)) throw under(".tag", misfit(oneOf(names), tag));
      options.measure?.(0, OBJECT + SLOT + STRING + String(tag).length);
      return { tag };
    }
    options.measure?.(0, OBJECT + 2 * SLOT + STRING + String(tag).length);
    try {
      return { tag, val: convert(val, options) };
    } catch (error) {
      throw under(`.${String(tag)}`, error);
    }
  };
}

function tupleConverter(elements: readonly WitType[]): Converter {
  const parts = elements.map(converterOf);
  return (value, options) => {
    if (!Array.isArray(value) || value.length !== parts.length) throw misfit(`an array of ${parts.length}`, value);
    const items: readonly unknown[] = value;
    options.measure?.(0, OBJECT + SLOT * parts.length);
    return parts.map((convert, index) => convertItem(convert, items[index], index, options));
  };
}

function listConverter(element: WitType): Converter {
  const convert = converterOf(element);
  const Typed = TYPED_ARRAYS.get(element.kind);
  const want = Typed === undefined ? "an array" : `a ${Typed.name}`;
  return (value, options) => {
    if (Typed !== undefined && value instanceof Typed) {
      options.measure?.(value.byteLength, OBJECT);
      // A copy: the original may be a view of a whole memory or of Node's buffer pool, all of which would be sent.
      return new Typed(value as never); // The line above checked that it is of that class.
    }
    if (!Array.isArray(value)) throw misfit(want, value);
    const given: readonly unknown[] = value;
    if (Typed === undefined) options.measure?.(0, OBJECT + SLOT * given.length);
    else options.measure?.(given.length * Typed.BYTES_PER_ELEMENT, OBJECT);
    // Not by map(), which leaves the holes of an array as they are.
    const items = Array.from(given, (item, index) => convertItem(convert, item, index, options));
    if (Typed === undefined) return items;
    const typed = new Typed(items.length);
    typed.set(items as never); // Each was checked above to be of the element's kind.
    return typed;
  };
}

function convertItem(convert: Converter, item: unknown, index: number, options: ConvertOptions): unknown {
  try {
    return convert(item, options);
  } catch (error) {
    throw under(`[${index}]`, error);
  }
}

function handleConverter(resource: Resource): Converter {
  return (value, options) => {
    if (value === undefined || value === null) throw misfit(`a ${resource.name}`, value);
    return options.handle(resource, value);
  };
}

/** The path is put together on the way out: most values fit, and then nothing is spent on it. */
function under(step: string, error: unknown): unknown {
  return error instanceof MisfitValue ? new MisfitValue(error.reason, step + error.path) : error;
}

function named(name: string, type: WitType | undefined): WitCase {
  return { name, type };
}

function asObject(value: unknown, want: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw misfit(want, value);
  return value as Readonly<Record<string, unknown>>; // Any object can be asked for its properties.
}

/** Not what every object inherits: a part of the value may be named `constructor` or `to-string`. */
function property(found: Readonly<Record<string, unknown>>, key: string): unknown {
  return key in Object.prototype && !Object.hasOwn(found, key) ? undefined : found[key];
}

function oneOf(names: readonly string[]): string {
  return `one of ${names.map((name) => `"${name}"`).join(", ")}`;
}

function misfit(want: string, found: unknown): MisfitValue {
  return new MisfitValue(`found ${describeValue(found)}, want ${want}`);
}

/** A value in a few words, for messages. */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return value.length > 40 ? `a string of ${value.length}` : `"${value}"`;
  if (typeof value === "bigint") return `${value}n`;
  if (Array.isArray(value)) return "an array";
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`;
  if (typeof value === "function") return "a function";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
