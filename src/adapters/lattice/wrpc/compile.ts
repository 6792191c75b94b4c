import { PetioleError } from "../../../domain/errors.ts";
import { MisfitValue } from "../../../lib/wit/value.ts";
import { futureCodec, streamCodec } from "./async-codecs.ts";
import { OBJECT, SLOT, TEXT, type Codec } from "./codec.ts";
import { caseCodec, enumCodec, flagsCodec, optionCodec, recordCodec, tupleCodec } from "./composites.ts";
import { listCodec } from "./lists.ts";
import { boolCodec, f32Codec, f64Codec, misfit, s64Codec, smallCodec, u64Codec } from "./numbers.ts";
import { charCodec, stringCodec } from "./text.ts";
import type { WireFunction, WireType } from "./types.ts";

/** Levels of types inside types. */
const MOST_DEPTH = 64;
/** What one value may take on the heap before anything of variable length is in it. */
const MOST_FIXED = 1024 * 1024;

const codecs = new WeakMap<WireType, Codec>();

/**
 * The codec of a type, made once.
 * @throws PetioleError ERR_LINK_INVALID for a type that cannot cross between hosts
 */
export function codecOf(type: WireType, level = 0): Codec {
  if (level > MOST_DEPTH) throw refused(`it is more than ${MOST_DEPTH} levels deep`);
  const codec = codecs.get(type) ?? compile(type, level + 1);
  codecs.set(type, codec);
  if (level + codec.depth > MOST_DEPTH) throw refused(`it is more than ${MOST_DEPTH} levels deep`);
  if (codec.heap > MOST_FIXED) throw refused("a single value of it is too large");
  return codec;
}

function compile(type: WireType, level: number): Codec {
  const inner = (part: WireType): Codec => codecOf(part, level);
  const maybe = (part: WireType | undefined): Codec | undefined => (part === undefined ? undefined : inner(part));
  switch (type.kind) {
    case "bool":
      return boolCodec;
    case "string":
      return stringCodec;
    case "char":
      return charCodec;
    case "u64":
      return u64Codec;
    case "s64":
      return s64Codec;
    case "f32":
      return f32Codec;
    case "f64":
      return f64Codec;
    case "record":
      return recordCodec(type.fields.map(({ name, type }) => ({ name, codec: inner(type) })));
    case "tuple":
      return tupleCodec(type.elements.map(inner));
    case "flags":
      return flagsCodec(type.names);
    case "enum":
      return enumCodec(type.names);
    case "variant":
      return caseCodec(
        type.cases.map(({ name, type }) => ({ name, codec: maybe(type) })),
        "variant",
      );
    case "result":
      return caseCodec(
        [
          { name: "ok", codec: maybe(type.ok) },
          { name: "err", codec: maybe(type.err) },
        ],
        "result",
      );
    case "option":
      // An option of an option has to tell none from some(none), so its outer one is a tagged object.
      if (type.some.kind !== "option") return optionCodec(inner(type.some));
      return caseCodec(
        [
          { name: "none", codec: undefined },
          { name: "some", codec: inner(type.some) },
        ],
        "option",
      );
    case "list":
      return listCodec(type.element, inner(type.element));
    case "own":
    case "borrow":
      return handleCodec;
    case "stream":
      return streamCodec(listCodec(type.element, plain(inner(type.element))));
    case "future":
      return futureCodec(plain(inner(type.value)));
    case "unsupported":
      throw refused(`a ${type.what} is part of it`);
    case "u8":
    case "u16":
    case "u32":
    case "s8":
    case "s16":
    case "s32":
    default:
      return smallCodec(type.kind);
  }
}

/** Of a resource crosses what the side that has it chose to name it by. */
const handleCodec: Codec = {
  write: (out, value) => {
    if (!(value instanceof Uint8Array)) throw misfit("a handle, which is a Uint8Array", value);
    out.count(value.length);
    out.raw(value);
  },
  read: (input) => {
    const count = input.count();
    input.charge(count);
    input.need(count);
    const handle = new Uint8Array(input.bytes.subarray(input.at, input.at + count));
    input.at += count;
    return handle;
  },
  least: 1,
  heap: OBJECT + SLOT + TEXT,
  depth: 0,
  async: false,
};

function plain(codec: Codec): Codec {
  if (codec.async) throw refused("a stream or future is inside another one");
  return codec;
}

function refused(why: string): PetioleError {
  return new PetioleError("ERR_LINK_INVALID", `Cannot carry values of a type between hosts: ${why}`);
}

/** What a function returned. */
export type Outcome = { readonly tag: "ok"; readonly val?: unknown } | { readonly tag: "err"; readonly val?: unknown };

/** The codecs of a function. */
export interface FunctionCodec {
  /** Of the arguments, as an array. */
  readonly params: Codec;
  /** Of an Outcome. */
  readonly result: Codec;
  /** It can return `err`. */
  readonly fallible: boolean;
}

const functions = new WeakMap<WireFunction, FunctionCodec>();

/** @throws PetioleError ERR_LINK_INVALID for a type that cannot cross between hosts */
export function functionCodecOf(type: WireFunction): FunctionCodec {
  const known = functions.get(type);
  if (known !== undefined) return known;
  const { result } = type;
  const made: FunctionCodec = {
    params: tupleCodec(type.params.map((param) => codecOf(param.type))),
    result: outcomeCodec(result),
    fallible: result?.kind === "result",
  };
  functions.set(type, made);
  return made;
}

/** Results are on the wire like the fields of a tuple: what is async in the one result lies below index 0. */
function outcomeCodec(result: WireType | undefined): Codec {
  const inner = tupleCodec(result === undefined ? [] : [codecOf(result)]);
  if (result?.kind === "result") {
    return {
      ...inner,
      write: (out, value) => inner.write(out, [value]),
      read: (input) => (inner.read(input) as unknown[])[0], // A tuple of one.
    };
  }
  return {
    ...inner,
    write: (out, value) => {
      const { tag, val } = value as Outcome; // Nothing else is written with this codec.
      if (tag === "err") throw new MisfitValue("the function returns no error");
      inner.write(out, result === undefined ? [] : [val]);
    },
    read: (input) => ({ tag: "ok", val: (inner.read(input) as unknown[])[0] }), // A tuple of one, or of none.
  };
}
