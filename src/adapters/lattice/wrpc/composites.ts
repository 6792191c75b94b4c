// Records, tuples, variants and their like.

import { camelCase } from "../../../lib/wit/names.ts";
import { OBJECT, SLOT, TEXT, type Codec } from "./codec.ts";
import { under } from "./misfit-path.ts";
import { misfit } from "./numbers.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

export interface NamedCodec {
  readonly name: string;
  readonly codec: Codec;
}

export interface CaseCodec {
  readonly name: string;
  readonly codec: Codec | undefined;
}

export function recordCodec(fields: readonly NamedCodec[]): Codec {
  const keys = fields.map(({ name }) => camelCase(name));
  const codecs = fields.map(({ codec }) => codec);
  // A part may be named `constructor` or `to-string`, which every object inherits.
  const inherited = keys.some((key) => key in Object.prototype);
  const template = Object.fromEntries(keys.map((key) => [key, undefined as unknown]));
  const async = codecs.some((codec) => codec.async);
  return {
    write: (out, value) => {
      const found = asObject(value, "a record");
      let i = 0;
      try {
        for (; i < codecs.length; i++) {
          const key = keys[i] as string; // There are as many as codecs.
          const part = inherited && !Object.hasOwn(found, key) && key in Object.prototype ? undefined : found[key];
          writePart(out, codecs[i] as Codec, part, i); // The loop stays within them.
        }
      } catch (error) {
        throw under(`.${keys[i]}`, error);
      }
    },
    read: (input) => {
      // The copy has its shape from the start.
      const record = { ...template };
      for (let i = 0; i < codecs.length; i++) {
        record[keys[i] as string] = readPart(input, codecs[i] as Codec, i); // As above.
      }
      return record;
    },
    ...sizeOf(codecs),
    heap: OBJECT + sum(codecs.map((codec) => SLOT + codec.heap)),
    async,
  };
}

export function tupleCodec(codecs: readonly Codec[]): Codec {
  return {
    write: (out, value) => {
      if (!Array.isArray(value) || value.length !== codecs.length) throw misfit(`an array of ${codecs.length}`, value);
      const items: readonly unknown[] = value;
      let i = 0;
      try {
        for (; i < codecs.length; i++) writePart(out, codecs[i] as Codec, items[i], i); // The loop stays within them.
      } catch (error) {
        throw under(`[${i}]`, error);
      }
    },
    read: (input) => {
      const items: unknown[] = [];
      for (let i = 0; i < codecs.length; i++) items.push(readPart(input, codecs[i] as Codec, i)); // As above.
      return items;
    },
    ...sizeOf(codecs),
    heap: OBJECT + sum(codecs.map((codec) => SLOT + codec.heap)),
    async: codecs.some((codec) => codec.async),
  };
}

function writePart(out: Writer, codec: Codec, value: unknown, index: number): void {
  if (!codec.async) {
    codec.write(out, value);
    return;
  }
  out.path.push(index);
  codec.write(out, value);
  out.path.pop();
}

function readPart(input: Reader, codec: Codec, index: number): unknown {
  if (!codec.async) return codec.read(input);
  input.path.push(index);
  const value = codec.read(input);
  input.path.pop();
  return value;
}

/** A tagged object, and what it holds. `noun` is what the wire's number stands for. */
export function caseCodec(cases: readonly CaseCodec[], noun: string): Codec {
  const names = cases.map(({ name }) => name);
  const codecs = cases.map(({ codec }) => codec);
  const indexes = new Map<unknown, number>(names.map((name, index) => [name, index]));
  const present = codecs.filter((codec) => codec !== undefined);
  return {
    write: (out, value) => {
      const { tag, val } = asObject(value, "an object with a tag");
      const index = indexes.get(tag);
      if (index === undefined) throw under(".tag", misfit(oneOf(names), tag));
      out.count(index);
      const codec = codecs[index];
      if (codec === undefined) return;
      try {
        codec.write(out, val);
      } catch (error) {
        throw under(`.${names[index]}`, error);
      }
    },
    read: (input) => {
      const index = readIndex(input, names.length, noun);
      const codec = codecs[index];
      const tag = names[index];
      return codec === undefined ? { tag } : { tag, val: codec.read(input) };
    },
    least: 1 + (present.length < cases.length ? 0 : Math.min(...present.map((codec) => codec.least))),
    heap: OBJECT + 2 * SLOT + TEXT + Math.max(0, ...present.map((codec) => codec.heap)),
    depth: 1 + Math.max(0, ...present.map((codec) => codec.depth)),
    async: present.some((codec) => codec.async),
  };
}

export function optionCodec(some: Codec): Codec {
  return {
    write: (out, value) => {
      if (value === undefined || value === null) {
        out.byte(0);
        return;
      }
      out.byte(1);
      some.write(out, value);
    },
    read: (input) => (readIndex(input, 2, "option") === 0 ? undefined : some.read(input)),
    least: 1,
    heap: some.heap,
    depth: some.depth + 1,
    async: some.async,
  };
}

export function enumCodec(names: readonly string[]): Codec {
  const indexes = new Map<unknown, number>(names.map((name, index) => [name, index]));
  return {
    write: (out, value) => {
      const index = indexes.get(value);
      if (index === undefined) throw misfit(oneOf(names), value);
      out.count(index);
    },
    read: (input) => names[readIndex(input, names.length, "enum")],
    least: 1,
    heap: TEXT,
    depth: 0,
    async: false,
  };
}

export function flagsCodec(names: readonly string[]): Codec {
  const keys = names.map(camelCase);
  const size = Math.ceil(names.length / 8);
  return {
    write: (out, value) => {
      const found = asObject(value, "an object of booleans");
      out.room(size);
      out.bytes.fill(0, out.at, out.at + size);
      keys.forEach((key, index) => {
        const flag = (key in Object.prototype && !Object.hasOwn(found, key) ? undefined : found[key]) ?? false;
        if (typeof flag !== "boolean") throw under(`.${key}`, misfit("a boolean", flag));
        // The bytes are there: there is one for each eight flags.
        if (flag) out.bytes[out.at + (index >> 3)] = (out.bytes[out.at + (index >> 3)] as number) | (1 << (index & 7));
      });
      out.at += size;
    },
    read: (input) => {
      input.need(size);
      const flags: Record<string, boolean> = {};
      keys.forEach((key, index) => {
        flags[key] = (((input.bytes[input.at + (index >> 3)] as number) >> (index & 7)) & 1) === 1; // They are there.
      });
      input.at += size;
      return flags;
    },
    least: size,
    heap: OBJECT + SLOT * names.length,
    depth: 0,
    async: false,
  };
}

function readIndex(input: Reader, count: number, noun: string): number {
  const index = input.count();
  if (index >= count) throw input.fault(`case ${index} of ${count}, in a value of a ${noun},`);
  return index;
}

function sizeOf(codecs: readonly Codec[]): Pick<Codec, "least" | "depth"> {
  return {
    least: sum(codecs.map((codec) => codec.least)),
    depth: 1 + Math.max(0, ...codecs.map((codec) => codec.depth)),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function asObject(value: unknown, want: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw misfit(want, value);
  return value as Readonly<Record<string, unknown>>; // Any object can be asked for its properties.
}

function oneOf(names: readonly string[]): string {
  return `one of ${names.map((name) => `"${name}"`).join(", ")}`;
}
