// The type section of a component: value, function, resource, instance and component types.

import type { PlainKind } from "../../lib/wit/type.ts";
import { MalformedBinary, type ByteReader } from "./byte-reader.ts";
import type {
  Declaration,
  Description,
  NamedValue,
  TypeDefinition,
  ValueDefinition,
  ValueReference,
} from "./definitions.ts";
import { skipCoreType } from "./core-types.ts";
import { readAlias, readExternName, readLabel, refuseDuplicates, refuseSameProperties } from "./names.ts";

const PRIMITIVES: Readonly<Record<number, { readonly kind: PlainKind }>> = {
  0x7f: { kind: "bool" },
  0x7e: { kind: "s8" },
  0x7d: { kind: "u8" },
  0x7c: { kind: "s16" },
  0x7b: { kind: "u16" },
  0x7a: { kind: "s32" },
  0x79: { kind: "u32" },
  0x78: { kind: "s64" },
  0x77: { kind: "u64" },
  0x76: { kind: "f32" },
  0x75: { kind: "f64" },
  0x74: { kind: "char" },
  0x73: { kind: "string" },
};
const ERROR_CONTEXT = 0x64;
const I32 = 0x7f;
const MAX_FLAGS = 32;
// Types of instances within types of instances; real ones need two or three.
const MAX_NESTING = 100;

/** One entry of a type section. */
export function readType(reader: ByteReader, depth = 0): TypeDefinition {
  const at = reader.offset;
  const opcode = reader.peek();
  switch (opcode) {
    case 0x40:
    case 0x43:
      reader.byte();
      return { is: "func", async: opcode === 0x43, ...readFunction(reader) };
    case 0x41:
    case 0x42: {
      if (depth >= MAX_NESTING) throw new MalformedBinary(`nests scopes more than ${MAX_NESTING} deep`);
      reader.byte();
      const declarations = reader.list(() => readDeclaration(reader, opcode === 0x41, depth + 1));
      return { is: opcode === 0x42 ? "instance" : "component", declarations };
    }
    case 0x3e:
    case 0x3f:
      reader.byte();
      return readResource(reader, opcode === 0x3e);
    default:
      if (opcode < 0x60) throw new MalformedBinary(`has an unknown type 0x${opcode.toString(16)} at byte ${at}`);
      return { is: "value", definition: readValueDefinition(reader) };
  }
}

/** What an import or export is, without its name. */
export function readDescription(reader: ByteReader): Description {
  const at = reader.offset;
  switch (reader.byte()) {
    case 0x00:
      if (reader.byte() !== 0x11) throw new MalformedBinary(`describes what is no core module, at byte ${at}`);
      return { kind: "core module", type: reader.u32() };
    case 0x01:
      return { kind: "func", type: reader.u32() };
    case 0x02:
      if (reader.byte() === 0x00) reader.u32();
      else readValueType(reader);
      return { kind: "value" };
    case 0x03:
      if (reader.optional(() => true) === true) return { kind: "resource" };
      return { kind: "type equal", type: reader.u32() };
    case 0x04:
      return { kind: "component", type: reader.u32() };
    case 0x05:
      return { kind: "instance", type: reader.u32() };
    default:
      throw new MalformedBinary(`has an unknown sort of import or export at byte ${at}`);
  }
}

export function readValueType(reader: ByteReader): ValueReference {
  // A type index is a signed number: one byte from 0x40 to 0x7f is negative and so a primitive type.
  if ((reader.peek() & 0xc0) === 0x40) return readPrimitive(reader);
  return reader.u32();
}

function readDeclaration(reader: ByteReader, mayImport: boolean, depth: number): Declaration {
  const at = reader.offset;
  const opcode = reader.byte();
  switch (opcode) {
    case 0x00:
      skipCoreType(reader);
      return { kind: "core type" };
    case 0x01: {
      const type = readType(reader, depth);
      if (type.is === "resource") throw new MalformedBinary(`defines a resource within a type, at byte ${at}`);
      return { kind: "type", type };
    }
    case 0x02:
      return readAlias(reader);
    case 0x03:
    case 0x04:
      if (opcode === 0x03 && !mayImport) throw new MalformedBinary(`has an instance that imports, at byte ${at}`);
      return {
        kind: opcode === 0x03 ? "import" : "export",
        name: readExternName(reader),
        described: readDescription(reader),
      };
    default:
      throw new MalformedBinary(`has an unknown declaration at byte ${at}`);
  }
}

function readResource(reader: ByteReader, async: boolean): TypeDefinition {
  const representation = reader.byte();
  let unsupported = representation === I32 ? undefined : "64-bit representations of resources";
  const destructor = async ? reader.u32() : reader.optional(() => reader.u32());
  if (async) {
    unsupported = "asynchronous destructors";
    reader.optional(() => reader.u32());
  }
  return { is: "resource", destructor, unsupported };
}

function readFunction(reader: ByteReader): { params: readonly NamedValue[]; result: ValueReference | undefined } {
  const params = readFields(reader, "parameters");
  if (reader.optional(() => true) === undefined) return { params, result: readValueType(reader) };
  // Named results were dropped from the format; what is left of them is the empty list.
  if (readFields(reader, "results").length === 0) return { params, result: undefined };
  return { params, result: { kind: "unsupported", what: "named results" } };
}

function readFields(reader: ByteReader, what: string): NamedValue[] {
  const fields = reader.list(() => ({ name: readLabel(reader), type: readValueType(reader) }));
  refuseDuplicates(fields, what);
  return fields;
}

function readPrimitive(reader: ByteReader): ValueReference {
  const at = reader.offset;
  const opcode = reader.byte();
  if (opcode === ERROR_CONTEXT) return { kind: "unsupported", what: "error-context" };
  const primitive = PRIMITIVES[opcode];
  if (primitive === undefined) throw new MalformedBinary(`has an unknown type 0x${opcode.toString(16)} at byte ${at}`);
  return primitive;
}

function readValueDefinition(reader: ByteReader): ValueDefinition {
  const opcode = reader.peek();
  if (PRIMITIVES[opcode] !== undefined || opcode === ERROR_CONTEXT)
    return { kind: "same", type: readPrimitive(reader) };
  const at = reader.offset;
  reader.byte();
  const value = (): ValueReference => readValueType(reader);
  const some = <T>(items: T[], what: string): T[] => {
    if (items.length === 0) throw new MalformedBinary(`has a type without ${what} at byte ${at}`);
    return items;
  };
  switch (opcode) {
    case 0x72: {
      const fields = some(readFields(reader, "fields"), "fields");
      refuseSameProperties(
        fields.map(({ name }) => name),
        "fields",
      );
      return { kind: "record", fields };
    }
    case 0x71: {
      const cases = reader.list(() => {
        const read = { name: readLabel(reader), type: reader.optional(value) };
        reader.optional(() => reader.u32());
        return read;
      });
      refuseDuplicates(cases, "cases");
      return { kind: "variant", cases: some(cases, "cases") };
    }
    case 0x70:
      return { kind: "list", type: value() };
    case 0x6f:
      return { kind: "tuple", types: some(reader.list(value), "parts") };
    case 0x6e:
    case 0x6d: {
      const names = some(
        reader.list(() => readLabel(reader)),
        "names",
      );
      refuseDuplicates(
        names.map((name) => ({ name })),
        "labels",
      );
      if (opcode === 0x6d) return { kind: "enum", names };
      if (names.length > MAX_FLAGS) throw new MalformedBinary(`has more than ${MAX_FLAGS} flags at byte ${at}`);
      refuseSameProperties(names, "flags");
      return { kind: "flags", names };
    }
    case 0x6b:
      return { kind: "option", type: value() };
    case 0x6a:
      return { kind: "result", ok: reader.optional(value), err: reader.optional(value) };
    case 0x69:
    case 0x68:
      return { kind: opcode === 0x69 ? "own" : "borrow", resource: reader.u32() };
    case 0x67:
      value();
      reader.u32();
      return { kind: "unsupported", what: "list of fixed length" };
    case 0x66:
      reader.optional(value);
      return { kind: "unsupported", what: "stream" };
    case 0x65:
      reader.optional(value);
      return { kind: "unsupported", what: "future" };
    case 0x63:
      value();
      value();
      return { kind: "unsupported", what: "map" };
    default:
      throw new MalformedBinary(`has an unknown type 0x${opcode.toString(16)} at byte ${at}`);
  }
}
