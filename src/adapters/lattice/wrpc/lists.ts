// Lists. Those of numbers are typed arrays, and those whose numbers are on the wire as they are in memory are copied
// in one piece.

import { endianness } from "node:os";
import { describeValue, MisfitValue } from "../../../lib/wit/value.ts";
import { OBJECT, SLOT, type Codec } from "./codec.ts";
import { misfit } from "./numbers.ts";
import { integerReader, integerWriter, type SmallKind } from "./numbers.ts";
import { under } from "./misfit-path.ts";
import type { Reader } from "./reader.ts";
import type { WireType } from "./types.ts";
import type { Writer } from "./writer.ts";

type TypedList =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;

const AS_IN_MEMORY = { u8: Uint8Array, s8: Int8Array, f32: Float32Array, f64: Float64Array } as const;
const SMALL = { u16: Uint16Array, s16: Int16Array, u32: Uint32Array, s32: Int32Array } as const;
const LONG = { u64: BigUint64Array, s64: BigInt64Array } as const;

/** `item` is the codec of the elements. */
export function listCodec(element: WireType, item: Codec): Codec {
  const { kind } = element;
  if (kind === "u8" || kind === "s8" || kind === "f32" || kind === "f64") {
    const Typed = AS_IN_MEMORY[kind];
    return typedCodec({ Typed, item, write: writeMemory, read: (input, count) => readMemory(Typed, input, count) });
  }
  if (kind === "u16" || kind === "s16" || kind === "u32" || kind === "s32") return smallListCodec(kind, item);
  if (kind === "u64" || kind === "s64") return longListCodec(kind, item);
  return item.async ? asyncListCodec(item) : plainListCodec(item);
}

function plainListCodec(item: Codec): Codec {
  const { write, read } = item;
  return list(
    item,
    (out, value) => {
      const items = asArray(value, "an array");
      const { length } = items;
      out.count(length);
      let i = 0;
      try {
        for (; i < length; i++) write(out, items[i]);
      } catch (error) {
        throw under(`[${i}]`, error);
      }
    },
    (input) => {
      const count = readCount(input, item);
      const items: unknown[] = [];
      for (let i = 0; i < count; i++) items.push(read(input));
      return items;
    },
  );
}

/** The running index of an element is part of the paths below it. */
function asyncListCodec(item: Codec): Codec {
  return list(
    item,
    (out, value) => {
      const items = asArray(value, "an array");
      out.count(items.length);
      items.forEach((one, index) => {
        out.path.push(index);
        try {
          item.write(out, one);
        } catch (error) {
          throw under(`[${index}]`, error);
        }
        out.path.pop();
      });
    },
    (input) => {
      const count = readCount(input, item);
      return Array.from({ length: count }, (_, index) => {
        input.path.push(index);
        const one = item.read(input);
        input.path.pop();
        return one;
      });
    },
  );
}

function smallListCodec(kind: keyof typeof SMALL & SmallKind, item: Codec): Codec {
  const Typed = SMALL[kind];
  const put = integerWriter(kind);
  const get = integerReader(kind);
  return typedCodec({
    Typed,
    item,
    write: (out, values) => {
      for (let i = 0; i < values.length; i++) put(out, values[i] as number); // There are so many, of this kind.
    },
    read: (input, count) => {
      const values = new Typed(count);
      for (let i = 0; i < count; i++) values[i] = get(input);
      return values;
    },
  });
}

function longListCodec(kind: keyof typeof LONG, item: Codec): Codec {
  const Typed = LONG[kind];
  return typedCodec({
    Typed,
    item,
    write: (out, values) => {
      for (let i = 0; i < values.length; i++) item.write(out, values[i]);
    },
    read: (input, count) => {
      const values = new Typed(count);
      for (let i = 0; i < count; i++) values[i] = item.read(input) as bigint; // Its kind is read as one.
      return values;
    },
  });
}

interface TypedCodecParts {
  readonly Typed: { readonly name: string; readonly BYTES_PER_ELEMENT: number; new (count: number): TypedList };
  readonly item: Codec;
  readonly write: (out: Writer, values: TypedList) => void;
  readonly read: (input: Reader, count: number) => TypedList;
}

function typedCodec({ Typed, item, write, read }: TypedCodecParts): Codec {
  const size = Typed.BYTES_PER_ELEMENT;
  const itemOnly = { ...item, heap: size - SLOT };
  return list(
    itemOnly,
    (out, value) => {
      if (value instanceof Typed) {
        out.count(value.length);
        write(out, value);
        return;
      }
      const items = asArray(value, `a ${Typed.name}`);
      out.count(items.length);
      let i = 0;
      try {
        for (; i < items.length; i++) item.write(out, items[i]);
      } catch (error) {
        throw under(`[${i}]`, error);
      }
    },
    (input) => read(input, readCount(input, itemOnly)),
  );
}

function writeMemory(out: Writer, values: TypedList): void {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const begin = out.at;
  out.raw(bytes);
  if (values.BYTES_PER_ELEMENT > 1) swapOnBigEndian(out.bytes.subarray(begin, out.at), values.BYTES_PER_ELEMENT);
}

function readMemory(Typed: (typeof AS_IN_MEMORY)[keyof typeof AS_IN_MEMORY], input: Reader, count: number): TypedList {
  const values = new Typed(count);
  const { byteLength } = values;
  const bytes = new Uint8Array(values.buffer);
  bytes.set(input.bytes.subarray(input.at, input.at + byteLength));
  if (values.BYTES_PER_ELEMENT > 1) swapOnBigEndian(Buffer.from(values.buffer), values.BYTES_PER_ELEMENT);
  input.at += byteLength;
  return values;
}

const BIG_ENDIAN = endianness() === "BE";

function swapOnBigEndian(bytes: Buffer, size: number): void {
  if (!BIG_ENDIAN) return;
  if (size === 4) bytes.swap32();
  else bytes.swap64();
}

/** Before anything is made for the elements: that they can be there, and what they take. */
function readCount(input: Reader, item: Codec): number {
  const count = input.count();
  input.charge(OBJECT + count * (SLOT + item.heap));
  input.need(count * item.least);
  return count;
}

function list(item: Codec, write: Codec["write"], read: Codec["read"]): Codec {
  return { write, read, least: 1, heap: OBJECT, depth: item.depth + 1, async: item.async };
}

function asArray(value: unknown, want: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw value === null || typeof value !== "object"
    ? misfit(want, value)
    : new MisfitValue(`found ${describeValue(value)}, want ${want}`);
}
