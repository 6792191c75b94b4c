// Checks and copies a value of a WIT type in its JavaScript mapping. The generated glue lowers what does not fit
// without a word (undefined becomes 0), so everything that crosses passes through here once on each side.

import { camelCase } from "./names.ts";
import { partsOf, type NamedType, type NumberKind, type Resource, type WitCase, type WitType } from "./type.ts";

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
  /** Told the bytes of every string and list of numbers. */
  readonly measure?: (bytes: number) => void;
}

const RANGES = {
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

/**
 * A copy of `value` that consists of what `type` names and nothing else.
 * @throws MisfitValue
 */
export function convertValue(type: WitType, value: unknown, options: ConvertOptions): unknown {
  switch (type.kind) {
    case "bool":
      if (typeof value !== "boolean") throw misfit("a boolean", value);
      return value;
    case "string":
      if (typeof value !== "string") throw misfit("a string", value);
      options.measure?.(value.length);
      return value;
    case "char":
      if (typeof value !== "string" || !/^\p{Any}$/u.test(value) || !value.isWellFormed()) {
        throw misfit("one character", value);
      }
      return value;
    case "u64":
    case "s64":
      return convertBigint(type.kind, value);
    case "record":
      return convertRecord(type.fields, value, options);
    case "flags":
      return convertFlags(type.names, value);
    case "enum":
      if (typeof value !== "string" || !type.names.includes(value)) throw misfit(oneOf(type.names), value);
      return value;
    case "option":
      return convertOption(type.some, value, options);
    case "result":
      return convertCase([named("ok", type.ok), named("err", type.err)], value, options);
    case "variant":
      return convertCase(type.cases, value, options);
    case "tuple":
      if (!Array.isArray(value) || value.length !== type.elements.length) {
        throw misfit(`an array of ${type.elements.length}`, value);
      }
      return type.elements.map((element, index) => convertPart(`[${index}]`, element, value[index], options));
    case "list":
      return convertList(type.element, value, options);
    case "own":
    case "borrow":
      if (value === undefined || value === null) throw misfit(`a ${type.resource.name}`, value);
      return options.handle(type.resource, value);
    case "unsupported":
      throw new MisfitValue(`values of type ${type.what} are not supported`);
    case "u8":
    case "u16":
    case "u32":
    case "s8":
    case "s16":
    case "s32":
    case "f32":
    case "f64":
    default:
      return convertNumber(type.kind, value);
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

/** The path is put together on the way out: most values fit, and then nothing is spent on it. */
function convertPart(step: string, type: WitType, value: unknown, options: ConvertOptions): unknown {
  try {
    return convertValue(type, value, options);
  } catch (error) {
    if (error instanceof MisfitValue) throw new MisfitValue(error.reason, step + error.path);
    throw error;
  }
}

function convertNumber(kind: NumberKind, value: unknown): number {
  if (typeof value !== "number") throw misfit(`a number (${kind})`, value);
  if (kind === "f32" || kind === "f64") return value;
  const [low, high] = RANGES[kind];
  if (!Number.isInteger(value) || value < low || value > high) throw misfit(`an integer (${kind})`, value);
  return value;
}

function convertBigint(kind: "u64" | "s64", value: unknown): bigint {
  const [low, high] = RANGES_64[kind];
  if (typeof value !== "bigint" || value < low || value > high) throw misfit(`a bigint (${kind})`, value);
  return value;
}

function convertRecord(fields: readonly NamedType[], value: unknown, options: ConvertOptions): unknown {
  const found = asObject(value, "a record");
  return Object.fromEntries(
    fields.map(({ name, type }) => {
      const key = camelCase(name);
      return [key, convertPart(`.${key}`, type, found[key], options)];
    }),
  );
}

function convertFlags(names: readonly string[], value: unknown): unknown {
  const found = asObject(value, "an object of booleans");
  return Object.fromEntries(
    names.map((name) => {
      const key = camelCase(name);
      const flag = found[key] ?? false;
      if (typeof flag !== "boolean") throw new MisfitValue(misfit("a boolean", flag).reason, `.${key}`);
      return [key, flag];
    }),
  );
}

function convertOption(some: WitType, value: unknown, options: ConvertOptions): unknown {
  // An option of an option has to tell none from some(none), so its outer one is a tagged object.
  if (some.kind === "option") return convertCase([named("none", undefined), named("some", some)], value, options);
  return value === undefined || value === null ? undefined : convertValue(some, value, options);
}

function convertCase(cases: readonly WitCase[], value: unknown, options: ConvertOptions): unknown {
  const { tag, val } = asObject(value, "an object with a tag");
  const found = cases.find((one) => one.name === tag);
  if (found === undefined) throw new MisfitValue(misfit(oneOf(cases.map((one) => one.name)), tag).reason, ".tag");
  if (found.type === undefined) return { tag };
  return { tag, val: convertPart(`.${found.name}`, found.type, val, options) };
}

function convertList(element: WitType, value: unknown, options: ConvertOptions): unknown {
  const Typed = TYPED_ARRAYS.get(element.kind);
  if (Typed !== undefined && value instanceof Typed) {
    options.measure?.(value.byteLength);
    // A copy: the original may be a view of a whole memory or of Node's buffer pool, all of which would be sent.
    return new Typed(value as never); // The line above checked that it is of that class.
  }
  if (!Array.isArray(value)) throw misfit(Typed === undefined ? "an array" : `a ${Typed.name}`, value);
  const items = value.map((item, index) => {
    try {
      return convertValue(element, item, options);
    } catch (error) {
      if (error instanceof MisfitValue) throw new MisfitValue(error.reason, `[${index}]${error.path}`);
      throw error;
    }
  });
  if (Typed === undefined) return items;
  options.measure?.(items.length * Typed.BYTES_PER_ELEMENT);
  const typed = new Typed(items.length);
  typed.set(items as never); // Each was checked above to be of the element's kind.
  return typed;
}

function named(name: string, type: WitType | undefined): WitCase {
  return { name, type };
}

function asObject(value: unknown, want: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw misfit(want, value);
  return value as Readonly<Record<string, unknown>>; // Any object can be asked for its properties.
}

function oneOf(names: readonly string[]): string {
  return `one of ${names.map((name) => `"${name}"`).join(", ")}`;
}

function misfit(want: string, found: unknown): MisfitValue {
  return new MisfitValue(`found ${describe(found)}, want ${want}`);
}

function describe(value: unknown): string {
  if (typeof value === "string") return value.length > 40 ? `a string of ${value.length}` : `"${value}"`;
  if (typeof value === "bigint") return `${value}n`;
  if (Array.isArray(value)) return "an array";
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`;
  if (typeof value === "function") return "a function";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
