// Code that lifts values: makes JavaScript values of what lies in the memory of a component, or of flat core values.

import type { Resource } from "../../lib/wit/type.ts";
import type { CasesShape, FieldsShape, FlagsShape, HandleShape, Shape } from "./abi-shape.ts";
import { ARRAY_HEAP, SLOT, STRING_HEAP, VIEW_HEAP } from "./abi-heap.ts";
import { emitNames, isViewKind } from "./emit-check.ts";
import { misplaced, place, uncoerce, VIEWS, type GlueWriter, type MemoryNames } from "./emit-writer.ts";
import type { CanonOptions } from "./plan.ts";

// Code for types with more nodes than this is not repeated, but put into a function.
export const MAX_INLINE = 48;

// What the JavaScript values of one call may take of the heap: of the worker's, and of the main thread's too, which is
// given a copy.
const MAX_HEAP = 16 * 1024 ** 2;

/** Where lifted values come from. */
export interface Source {
  /** Sources with the same key can share functions. */
  readonly key: string;
  readonly memory: MemoryNames | undefined;
  readonly encoding: CanonOptions["encoding"];
  /** The variable of the handle table. */
  readonly handles: string;
  /** A handle must not be given away in the same arguments in which its resource is lent. */
  readonly lends: boolean;
  readonly numberOf: (resource: Resource) => number;
}

/** An expression of the value that lies `offset` bytes behind `pointer`, all of it in the memory. */
export function emitLoad(glue: GlueWriter, source: Source, shape: Shape, pointer: string, offset: number): string {
  const memory = memoryOf(source);
  const load = (view: keyof typeof VIEWS, further = 0): string =>
    `${memory.view(view)}[${place(pointer, offset + further, VIEWS[view][1])}]`;
  switch (shape.kind) {
    case "bool":
      return `${load("u8")} !== 0`;
    case "char":
      return `readChar(${load("u32")})`;
    case "string":
      return `${stringReader(glue, source)}(${load("u32")}, ${load("u32", 4)})`;
    case "list":
      return `${listReader(glue, source, shape.element)}(${load("u32")}, ${load("u32", 4)})`;
    case "enum":
      return enumOf(glue, shape.names, load(UNSIGNED[shape.discriminant]));
    case "own":
    case "borrow":
      return handleOf(source, shape, load("s32"));
    case "flags":
      if (shape.size <= 2) return flagsOf(glue, shape, shape.size === 0 ? [] : [load(shape.size === 1 ? "u8" : "u16")]);
      return flagsOf(
        glue,
        shape,
        range(shape.size / 4).map((word) => load("s32", word * 4)),
      );
    case "record":
    case "tuple":
    case "variant":
    case "option": {
      const loader = glue.helper(`load ${source.key} ${shape.id}`, (name) => loaderOf(glue, source, shape, name));
      return `${loader}(${place(pointer, offset, 0)})`;
    }
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
    default:
      return load(shape.kind);
  }
}

/**
 * An expression of the value whose flat form the expressions `flat` are. Whatever those are, it is of the value's type:
 * JavaScript functions take core values of any type.
 */
export function emitLiftFlat(glue: GlueWriter, source: Source, shape: Shape, flat: readonly string[]): string {
  const [first = "", second = ""] = flat;
  switch (shape.kind) {
    case "bool":
      return `${first} !== 0`;
    case "u8":
      return `${first} & 0xff`;
    case "s8":
      return `${first} << 24 >> 24`;
    case "u16":
      return `${first} & 0xffff`;
    case "s16":
      return `${first} << 16 >> 16`;
    case "u32":
      return `${first} >>> 0`;
    case "u64":
      return `BigInt.asUintN(64, ${first})`;
    case "char":
      return `readChar(${first} >>> 0)`;
    case "string":
      return `${stringReader(glue, source)}(${first} >>> 0, ${second} >>> 0)`;
    case "list":
      return `${listReader(glue, source, shape.element)}(${first} >>> 0, ${second} >>> 0)`;
    case "enum":
      return enumOf(glue, shape.names, `${first} >>> 0`);
    case "flags":
      return flagsOf(glue, shape, flat);
    case "own":
    case "borrow":
      return handleOf(source, shape, `${first} | 0`);
    case "record":
    case "tuple":
      if (shape.weight <= MAX_INLINE) return fieldsOf(glue, source, shape, flat);
      return `${glue.helper(`lift ${source.key} ${shape.id}`, (name) => {
        const args = flat.map((_, index) => `a${index}`);
        return `function ${name}(${args.join(", ")}) { return ${fieldsOf(glue, source, shape, args)}; }`;
      })}(${flat.join(", ")})`;
    case "variant":
    case "option":
      return `${glue.helper(`lift ${source.key} ${shape.id}`, (name) => {
        const args = (shape.flat ?? []).map((_, index) => `a${index}`);
        const [discriminant = "", ...payload] = args;
        const body = casesOf(glue, shape, `${discriminant} >>> 0`, (part) => {
          const values = (part.flat ?? []).map((type, index) =>
            uncoerce(shape.flat?.[index + 1] ?? type, type, payload[index] ?? ""),
          );
          return emitLiftFlat(glue, source, part, values);
        });
        return `function ${name}(${args.join(", ")}) {\n${body}\n}`;
      })}(${flat.join(", ")})`;
    case "s64":
      return `BigInt.asIntN(64, ${first})`;
    case "f32":
      return `Math.fround(${first})`;
    case "f64":
      return `+${first}`;
    case "s32":
    default:
      return `${first} | 0`;
  }
}

const UNSIGNED = { 1: "u8", 2: "u16", 4: "u32" } as const;

/**
 * A statement: what a call may lift at most. `left` is bytes that are read from the memory, so that parts that overlap
 * do not become more than there is; `room` is bytes of the JavaScript heap that are taken for what was read.
 */
export function emitAllowance(source: Source): string {
  return `left = Math.min(${memoryOf(source).size} * 2 + 1048576, 2147483647); room = ${MAX_HEAP};`;
}

function loaderOf(glue: GlueWriter, source: Source, shape: FieldsShape | CasesShape, name: string): string {
  if ("fields" in shape) {
    const values = shape.fields.map((field) => emitLoad(glue, source, field.shape, "p", field.offset));
    return `function ${name}(p) { return ${objectOf(glue, shape, values)}; }`;
  }
  const view = UNSIGNED[shape.discriminant];
  const discriminant = `${memoryOf(source).view(view)}[${place("p", 0, VIEWS[view][1])}]`;
  const body = casesOf(glue, shape, discriminant, (part) => emitLoad(glue, source, part, "p", shape.payload));
  return `function ${name}(p) {\n${body}\n}`;
}

/** Statements that return the value of the case that an expression says. */
function casesOf(glue: GlueWriter, shape: CasesShape, discriminant: string, payload: (part: Shape) => string): string {
  const wrong = 'trap("a variant has no case " + d);';
  if (shape.kind === "option") {
    const some = shape.cases[1]?.shape;
    const value = some === undefined ? "undefined" : payload(some);
    return `var d = ${discriminant};\nif (d === 0) return undefined;\nif (d !== 1) ${wrong}\nreturn ${value};`;
  }
  const lines = [`var d = ${discriminant};`, "switch (d) {"];
  shape.cases.forEach(({ tag, shape: part }, index) => {
    if (part !== undefined) lines.push(`case ${index}: return { "tag": ${glue.text(tag)}, "val": ${payload(part)} };`);
  });
  const tags = emitNames(
    glue,
    shape.cases.map(({ tag }) => tag),
  );
  lines.push(`default: if (d >= ${shape.cases.length}) ${wrong}`, `return { "tag": ${tags}[d] };`, "}");
  return lines.join("\n");
}

function fieldsOf(glue: GlueWriter, source: Source, shape: FieldsShape, flat: readonly string[]): string {
  let taken = 0;
  const values = shape.fields.map(({ shape: part }) => {
    const count = part.flat?.length ?? 0;
    taken += count;
    return emitLiftFlat(glue, source, part, flat.slice(taken - count, taken));
  });
  return objectOf(glue, shape, values);
}

function objectOf(glue: GlueWriter, shape: FieldsShape, values: readonly string[]): string {
  if (shape.kind === "tuple") return `[${values.join(", ")}]`;
  return `{ ${shape.fields.map(({ key = "" }, index) => `${glue.property(key)}: ${values[index]}`).join(", ")} }`;
}

function enumOf(glue: GlueWriter, names: readonly string[], index: string): string {
  const list = emitNames(glue, names);
  const reader = glue.helper(`enum ${list}`, (name) => {
    const wrong = 'trap("an enum has no case " + d);';
    return `function ${name}(d) { if (d >= ${names.length}) ${wrong} return ${list}[d]; }`;
  });
  return `${reader}(${index})`;
}

function flagsOf(glue: GlueWriter, shape: FlagsShape, words: readonly string[]): string {
  const reader = glue.helper(`flags ${shape.id}`, (name) => {
    const args = words.map((_, index) => `a${index}`);
    const bits = shape.keys.map(
      (key, index) => `${glue.property(key)}: (${args[index >>> 5]} & ${1 << (index & 31)}) !== 0`,
    );
    return `function ${name}(${args.join(", ")}) { return { ${bits.join(", ")} }; }`;
  });
  return `${reader}(${words.join(", ")})`;
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function handleOf(source: Source, shape: HandleShape, handle: string): string {
  const method = shape.kind === "own" ? "take" : source.lends ? "lend" : "representation";
  return `${source.handles}.${method}(${source.numberOf(shape.resource)}, ${handle})`;
}

function stringReader(glue: GlueWriter, source: Source): string {
  const memory = memoryOf(source);
  return glue.helper(`read string ${source.key}`, (name) => {
    const bytes = memory.view("bytes");
    const checked = (size: string, align: number): string =>
      `if (${misplaced(memory, "p", size, align)}) trap("a string lies outside the memory");\n` +
      `${spend(size, `${STRING_HEAP} + ${size}`)}\n` +
      'if (n === 0) return "";\n';
    switch (source.encoding) {
      case "utf8":
        // Text that is not all ASCII may take two bytes for each unit.
        return (
          `function ${name}(p, n) {\n${checked("n", 1)}var s = readUtf8(${bytes}, p, n);\n` +
          `if (s.length < n && (room -= s.length) < 0) tooLarge();\nreturn s;\n}`
        );
      case "utf16":
        return `function ${name}(p, n) {\n${checked("n * 2", 2)}return readUtf16(${bytes}, p, n * 2);\n}`;
      case "latin1+utf16":
      default:
        return (
          `function ${name}(p, n) {\nvar u = untagUtf16(n);\n` +
          `if (u === undefined) {\n${checked("n", 2)}return readLatin1(${bytes}, p, n);\n}\n` +
          `n = u;\n${checked("n * 2", 2)}return readUtf16(${bytes}, p, n * 2);\n}`
        );
    }
  });
}

function spend(bytes: string, heap: number | string): string {
  return (
    `if ((left -= ${bytes}) < 0) trap("the strings and lists of a call are larger than the memory");\n` +
    `if ((room -= ${heap}) < 0) tooLarge();`
  );
}

function listReader(glue: GlueWriter, source: Source, element: Shape): string {
  const memory = memoryOf(source);
  return glue.helper(`read list ${source.key} ${element.id}`, (name) => {
    const { size, align } = element;
    const check =
      `if (${misplaced(memory, "p", `n * ${size}`, align)}) trap("a list lies outside the memory");\n` +
      `${spend(`n * ${size}`, isViewKind(element.kind) ? VIEW_HEAP : `${ARRAY_HEAP} + n * ${SLOT + element.heap}`)}\n`;
    if (isViewKind(element.kind)) {
      const view = memory.view(element.kind);
      const shift = VIEWS[element.kind][1];
      const from = shift === 0 ? "p" : `p >>> ${shift}`;
      return `function ${name}(p, n) {\n${check}p = ${from};\nreturn ${view}.slice(p, p + n);\n}`;
    }
    const item = emitLoad(glue, source, element, "p", 0);
    return (
      `function ${name}(p, n) {\n${check}var list = [];\n` +
      `for (; n > 0; n--, p += ${size}) list.push(${item});\nreturn list;\n}`
    );
  });
}

function memoryOf({ memory }: Source): MemoryNames {
  // What RESOLVE lets through has a memory wherever its types need one.
  if (memory === undefined) throw new Error("A type needs a memory, and there is none");
  return memory;
}
