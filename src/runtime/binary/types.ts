// The type section of a component: value, function, instance and component types.

import { partsOf, type FunctionType, type NamedType, type PlainKind, type WitType } from "../wit/type.ts";
import { MalformedBinary, type ByteReader } from "./byte-reader.ts";
import { readAlias, readExternName } from "./entities.ts";
import { Scope, type Entity, type TypeEntry } from "./scope.ts";

const PRIMITIVES: Readonly<Record<number, PlainKind>> = {
  0x7f: "bool",
  0x7e: "s8",
  0x7d: "u8",
  0x7c: "s16",
  0x7b: "u16",
  0x7a: "s32",
  0x79: "u32",
  0x78: "s64",
  0x77: "u64",
  0x76: "f32",
  0x75: "f64",
  0x74: "char",
  0x73: "string",
};
const ERROR_CONTEXT = 0x64;
// A description nested deeper than this is refused, so that walking a value needs no deep stack.
const MAX_TYPE_DEPTH = 100;

const depths = new WeakMap<WitType, number>();

/** One entry of a type section. */
export function readType(reader: ByteReader, scope: Scope): TypeEntry {
  const at = reader.offset;
  const opcode = reader.peek();
  switch (opcode) {
    case 0x40:
    case 0x43:
      reader.byte();
      return { is: "func", type: readFunction(reader, scope) };
    case 0x41:
    case 0x42: {
      reader.byte();
      const inner = new Scope(scope);
      const declarations = reader.count();
      for (let index = 0; index < declarations; index++) readDeclaration(reader, inner);
      return { is: opcode === 0x42 ? "instance" : "component", exports: inner.exports };
    }
    case 0x3e:
    case 0x3f:
      reader.byte();
      readResourceRest(reader, opcode);
      return { is: "resource", resource: { name: "" } };
    default:
      if (opcode < 0x60) throw new MalformedBinary(`has an unknown type 0x${opcode.toString(16)} at byte ${at}`);
      return { is: "value", type: limitDepth(readDefinedType(reader, scope)) };
  }
}

/** What an import or export is, without its name. */
export function readExternDescription(reader: ByteReader, scope: Scope, name: string): Entity {
  const at = reader.offset;
  switch (reader.byte()) {
    case 0x00:
      reader.byte();
      reader.u32();
      return { sort: "other" };
    case 0x01: {
      const entry = scope.type(reader.u32());
      if (entry.is !== "func") throw new MalformedBinary(`gives "${name}" a type that is not a function's`);
      return { sort: "func", type: entry.type };
    }
    case 0x02:
      if (reader.byte() === 0x00) reader.u32();
      else readValueType(reader, scope);
      return { sort: "other" };
    case 0x03:
      // A bound of 1 is a resource known only by the name it has here.
      if (reader.byte() === 0x01) return { sort: "type", type: { is: "resource", resource: { name } } };
      return { sort: "type", type: baptize(scope.type(reader.u32()), name) };
    case 0x04: {
      const entry = scope.type(reader.u32());
      return { sort: "component", exports: entry.is === "component" ? entry.exports : undefined };
    }
    case 0x05: {
      const entry = scope.type(reader.u32());
      if (entry.is !== "instance") throw new MalformedBinary(`gives "${name}" a type that is not an instance's`);
      return { sort: "instance", exports: entry.exports };
    }
    default:
      throw new MalformedBinary(`has an unknown sort of import or export at byte ${at}`);
  }
}

/** A resource that the component itself defines has no name until it is exported. */
function baptize(entry: TypeEntry, name: string): TypeEntry {
  if (entry.is === "resource" && entry.resource.name === "") entry.resource.name = name;
  return entry;
}

function readDeclaration(reader: ByteReader, scope: Scope): void {
  const at = reader.offset;
  switch (reader.byte()) {
    case 0x00:
      // Core types occur here only in components that pass core modules around.
      throw new MalformedBinary(`declares a core type at byte ${at}, which is not supported`);
    case 0x01:
      scope.types.push(readType(reader, scope));
      break;
    case 0x02:
      scope.add(readAlias(reader, scope));
      break;
    case 0x03: {
      const name = readExternName(reader);
      const entity = readExternDescription(reader, scope, name);
      scope.imports.set(name, entity);
      scope.add(entity);
      break;
    }
    case 0x04: {
      const name = readExternName(reader);
      const entity = readExternDescription(reader, scope, name);
      scope.exports.set(name, entity);
      scope.add(entity);
      break;
    }
    default:
      throw new MalformedBinary(`has an unknown declaration at byte ${at}`);
  }
}

function readResourceRest(reader: ByteReader, opcode: number): void {
  reader.byte();
  if (opcode === 0x3e) {
    reader.u32();
    readOptional(reader, () => reader.u32());
  } else readOptional(reader, () => reader.u32());
}

function readFunction(reader: ByteReader, scope: Scope): FunctionType {
  const params = readFields(reader, scope);
  if (reader.byte() === 0x00) return { params, result: readValueType(reader, scope) };
  // Named results were dropped from the format; what is left of them is the empty list.
  const results = readFields(reader, scope);
  if (results.length === 0) return { params, result: undefined };
  return { params, result: { kind: "unsupported", what: "named results" } };
}

function readFields(reader: ByteReader, scope: Scope): NamedType[] {
  return reader.list(() => ({ name: reader.name(), type: readValueType(reader, scope) }));
}

function readOptional<T>(reader: ByteReader, item: () => T): T | undefined {
  const at = reader.offset;
  const flag = reader.byte();
  if (flag > 1) throw new MalformedBinary(`has ${flag} where 0 or 1 says whether something follows, at byte ${at}`);
  return flag === 1 ? item() : undefined;
}

function readValueType(reader: ByteReader, scope: Scope): WitType {
  // A type index is a signed number: one byte from 0x40 to 0x7f is negative and so a primitive type.
  if ((reader.peek() & 0xc0) === 0x40) return readPrimitive(reader);
  return valueOf(scope.type(reader.u32()));
}

function readPrimitive(reader: ByteReader): WitType {
  const at = reader.offset;
  const opcode = reader.byte();
  if (opcode === ERROR_CONTEXT) return { kind: "unsupported", what: "error-context" };
  const kind = PRIMITIVES[opcode];
  if (kind === undefined) throw new MalformedBinary(`has an unknown type 0x${opcode.toString(16)} at byte ${at}`);
  return { kind };
}

function valueOf(entry: TypeEntry): WitType {
  if (entry.is === "value") return entry.type;
  throw new MalformedBinary(`uses a type of ${entry.is}s as the type of a value`);
}

function readDefinedType(reader: ByteReader, scope: Scope): WitType {
  const value = (): WitType => readValueType(reader, scope);
  const optional = (): WitType | undefined => readOptional(reader, value);
  const names = (): string[] => reader.list(() => reader.name());
  const opcode = reader.peek();
  if (PRIMITIVES[opcode] !== undefined || opcode === ERROR_CONTEXT) return readPrimitive(reader);
  const at = reader.offset;
  reader.byte();
  switch (opcode) {
    case 0x72:
      return { kind: "record", fields: readFields(reader, scope) };
    case 0x71:
      return {
        kind: "variant",
        cases: reader.list(() => {
          const read = { name: reader.name(), type: optional() };
          readOptional(reader, () => reader.u32());
          return read;
        }),
      };
    case 0x70:
      return { kind: "list", element: value() };
    case 0x6f:
      return { kind: "tuple", elements: reader.list(value) };
    case 0x6e:
      return { kind: "flags", names: names() };
    case 0x6d:
      return { kind: "enum", names: names() };
    case 0x6b:
      return { kind: "option", some: value() };
    case 0x6a:
      return { kind: "result", ok: optional(), err: optional() };
    case 0x69:
    case 0x68: {
      const entry = scope.type(reader.u32());
      if (entry.is !== "resource") throw new MalformedBinary(`has a handle of what is no resource, at byte ${at}`);
      return { kind: opcode === 0x69 ? "own" : "borrow", resource: entry.resource };
    }
    case 0x67:
      value();
      reader.u32();
      return { kind: "unsupported", what: "list of fixed length" };
    case 0x66:
      optional();
      return { kind: "unsupported", what: "stream" };
    case 0x65:
      optional();
      return { kind: "unsupported", what: "future" };
    case 0x63:
      value();
      value();
      return { kind: "unsupported", what: "map" };
    default:
      throw new MalformedBinary(`has an unknown type 0x${opcode.toString(16)} at byte ${at}`);
  }
}

function limitDepth(type: WitType): WitType {
  let depth = 1;
  for (const part of partsOf(type)) depth = Math.max(depth, 1 + (depths.get(part) ?? 1));
  if (depth > MAX_TYPE_DEPTH) throw new MalformedBinary(`nests types more than ${MAX_TYPE_DEPTH} deep`);
  depths.set(type, depth);
  return type;
}
