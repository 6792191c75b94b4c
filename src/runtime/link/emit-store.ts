// Code that lowers values: puts JavaScript values into the memory of a component, or makes them flat core values. The
// values fit their types: emit-check.ts saw to that, or they were lifted from another component.
//
// Making room calls the component's `realloc`, which may move all views of the memory. So no statement here looks up a
// view before it has computed what it stores.

import type { Resource } from "../../lib/wit/type.ts";
import type { CasesShape, CoreType, FieldsShape, HandleShape, ListShape, Shape, StringShape } from "./abi-shape.ts";
import { emitIndexOf, isViewKind } from "./emit-check.ts";
import { MAX_INLINE } from "./emit-load.ts";
import { Block, coerce, place, VIEWS, type GlueWriter, type MemoryNames } from "./emit-writer.ts";
import type { CanonOptions } from "./plan.ts";

/** Where lowered values go. */
export interface Target {
  /** Targets with the same key can share functions. */
  readonly key: string;
  readonly memory: MemoryNames | undefined;
  /** The variable of the function. */
  readonly realloc: string | undefined;
  readonly encoding: CanonOptions["encoding"];
  /** The variable of the handle table. */
  readonly handles: string;
  /** The variable that says that the component instance may call imports. */
  readonly leaves: string;
  readonly numberOf: (resource: Resource) => number;
  /** The component instance defines the resource, so that borrowed handles are representations. */
  readonly defines: (resource: Resource) => boolean;
}

/** Statements that store the variable `value` `offset` bytes behind `pointer`. */
export function emitStore(
  glue: GlueWriter,
  target: Target,
  shape: Shape,
  value: string,
  to: { readonly block: Block; readonly pointer: string; readonly offset: number },
): void {
  const memory = memoryOf(target);
  const { block, pointer, offset } = to;
  const store = (view: keyof typeof VIEWS, stored: string, further = 0): void =>
    block.add(`${memory.view(view)}[${place(pointer, offset + further, VIEWS[view][1])}] = ${stored};`);
  switch (shape.kind) {
    case "bool":
      store("u8", `${value} ? 1 : 0`);
      break;
    case "char":
      store("u32", `${value}.codePointAt(0)`);
      break;
    case "string":
    case "list": {
      const at = block.keep(`${writerOf(glue, target, shape)}(${value})`);
      store("u32", at);
      store("u32", "length", 4);
      break;
    }
    case "enum":
      store(UNSIGNED[shape.discriminant], emitIndexOf(glue, shape.names, value));
      break;
    case "own":
    case "borrow":
      store("s32", handleOf(target, shape, value));
      break;
    case "flags":
      if (shape.keys.length > 16)
        wordsOf(glue, shape.keys, value).forEach((word, index) => store("s32", word, index * 4));
      else if (shape.keys.length > 0) store(shape.size === 1 ? "u8" : "u16", wordsOf(glue, shape.keys, value).join());
      break;
    case "record":
    case "tuple":
    case "variant":
    case "option": {
      const storer = glue.helper(`store ${target.key} ${shape.id}`, (name) => storerOf(glue, target, shape, name));
      block.add(`${storer}(${value}, ${place(pointer, offset, 0)});`);
      break;
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
      store(shape.kind, value);
  }
}

/** Expressions of the flat form of the variable `value`; what they need is computed by statements before them. */
export function emitLowerFlat(glue: GlueWriter, target: Target, shape: Shape, value: string, block: Block): string[] {
  switch (shape.kind) {
    case "bool":
      return [`(${value} ? 1 : 0)`];
    case "char":
      return [`${value}.codePointAt(0)`];
    case "string":
    case "list": {
      const at = block.keep(`${writerOf(glue, target, shape)}(${value})`);
      return [at, block.keep("length")];
    }
    case "enum":
      return [block.keep(emitIndexOf(glue, shape.names, value))];
    case "flags":
      return wordsOf(glue, shape.keys, value);
    case "own":
    case "borrow":
      return [block.keep(handleOf(target, shape, value))];
    case "record":
    case "tuple":
    case "variant":
    case "option":
      if (shape.weight <= MAX_INLINE) return lowerParts(glue, target, shape, value, block);
      return lowerByFunction(glue, target, shape, value, block);
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
      return [value];
  }
}

/** The function that makes room in the memory: alignment and size to pointer. */
export function emitAllocator(glue: GlueWriter, target: Target): string {
  const memory = memoryOf(target);
  const { realloc, leaves } = target;
  if (realloc === undefined) throw new Error("A type needs a realloc function, and there is none");
  return glue.helper(`allocate ${target.key}`, (name) => {
    const lines = [
      `function ${name}(align, size) {`,
      'if (size > 4294967295) trap("a value is too large for the memory");',
      `var could = ${leaves};`,
      `${leaves} = false;`,
      `var p = ${realloc}(0, 0, align, size) >>> 0;`,
      `${leaves} = could;`,
      memory.refresh,
      `if ((p & (align - 1)) !== 0 || p + size > ${memory.size}) trap("realloc gave no place in the memory");`,
      "return p;",
      "}",
    ];
    return lines.join("\n");
  });
}

const UNSIGNED = { 1: "u8", 2: "u16", 4: "u32" } as const;
const ZEROS: Readonly<Record<CoreType, string>> = { i32: "0", i64: "0n", f32: "0", f64: "0" };

type Compound = FieldsShape | CasesShape;

function storerOf(glue: GlueWriter, target: Target, shape: Compound, name: string): string {
  const block = new Block();
  if ("fields" in shape) {
    shape.fields.forEach((field, index) => {
      const part = block.keep(`v[${field.key === undefined ? index : glue.text(field.key)}]`);
      emitStore(glue, target, field.shape, part, { block, pointer: "p", offset: field.offset });
    });
  } else {
    const view = UNSIGNED[shape.discriminant];
    const at = `${memoryOf(target).view(view)}[${place("p", 0, VIEWS[view][1])}]`;
    emitCases(glue, shape, "v", block, {
      chosen: (index) => block.add(`${at} = ${index};`),
      payload: (part, value) => emitStore(glue, target, part, value, { block, pointer: "p", offset: shape.payload }),
    });
  }
  return `function ${name}(v, p) {\n${block.text}\n}`;
}

/** Statements that tell the cases of a variant apart. `chosen` is given an expression of the case's number. */
function emitCases(
  glue: GlueWriter,
  shape: CasesShape,
  value: string,
  block: Block,
  write: { chosen(index: string): void; payload(part: Shape, value: string): void },
): void {
  if (shape.kind === "option") {
    const some = shape.cases[1]?.shape;
    const is = block.keep(`${value} !== undefined && ${value} !== null`);
    write.chosen(`${is} ? 1 : 0`);
    if (some === undefined) return;
    block.add(`if (${is}) {`);
    write.payload(some, value);
    block.add("}");
    return;
  }
  const tags = shape.cases.map(({ tag }) => tag);
  const index = block.keep(emitIndexOf(glue, tags, block.keep(`${value}.tag`)));
  write.chosen(index);
  if (!shape.cases.some((one) => one.shape !== undefined)) return;
  const part = block.keep(`${value}.val`);
  block.add(`switch (${index}) {`);
  shape.cases.forEach((one, number) => {
    if (one.shape === undefined) return;
    block.add(`case ${number}:`);
    write.payload(one.shape, part);
    block.add("break;");
  });
  block.add("}");
}

function lowerParts(glue: GlueWriter, target: Target, shape: Compound, value: string, block: Block): string[] {
  if ("fields" in shape) {
    return shape.fields.flatMap(({ key, shape: part }, index) => {
      const field = block.keep(`${value}[${key === undefined ? index : glue.text(key)}]`);
      return emitLowerFlat(glue, target, part, field, block);
    });
  }
  const joined = flatOf(shape);
  const slots = joined.map((type) => block.keep(ZEROS[type]));
  const [first = "", ...payload] = slots;
  emitCases(glue, shape, value, block, {
    chosen: (index) => block.add(`${first} = ${index};`),
    payload: (part, of) => {
      const values = emitLowerFlat(glue, target, part, of, block);
      flatOf(part).forEach((type, index) => {
        block.add(`${payload[index]} = ${coerce(type, joined[index + 1] ?? type, values[index] ?? "")};`);
      });
    },
  });
  return slots;
}

/** A function has one result: the flat values come back in variables of the instance, to be read at once. */
function lowerByFunction(glue: GlueWriter, target: Target, shape: Compound, value: string, block: Block): string[] {
  const outlets = flatOf(shape).map((type, index) => glue.variable(`o_${type}_${index}`, ZEROS[type]));
  const lower = glue.helper(`lower ${target.key} ${shape.id}`, (name) => {
    const body = new Block();
    const values = lowerParts(glue, target, shape, "v", body).map((one) => body.keep(one));
    outlets.forEach((outlet, index) => body.add(`${outlet} = ${values[index]};`));
    return `function ${name}(v) {\n${body.text}\n}`;
  });
  block.add(`${lower}(${value});`);
  return outlets.map((outlet) => block.keep(outlet));
}

/** The function that puts a string or list into the memory, returns where and leaves its length in `length`. */
function writerOf(glue: GlueWriter, target: Target, shape: StringShape | ListShape): string {
  const allocate = emitAllocator(glue, target);
  if (shape.kind === "list") return listWriter(glue, target, shape.element, allocate);
  return glue.helper(`write string ${target.key}`, (name) => {
    const bytes = memoryOf(target).view("bytes");
    const utf16 = (length: string): string =>
      `v = v.toWellFormed();\nvar p = ${allocate}(2, v.length * 2);\nwriteUtf16(${bytes}, v, p);\n` +
      `length = ${length};\nreturn p;`;
    switch (target.encoding) {
      case "utf8":
        return (
          `function ${name}(v) {\nvar n = utf8Size(v);\nvar p = ${allocate}(1, n);\n` +
          `writeUtf8(${bytes}, v, p, n);\nlength = n;\nreturn p;\n}`
        );
      case "utf16":
        return `function ${name}(v) {\n${utf16("v.length")}\n}`;
      case "latin1+utf16":
      default:
        return (
          `function ${name}(v) {\nif (!isLatin1(v)) {\n${utf16("tagUtf16(v.length)")}\n}\n` +
          `var q = ${allocate}(2, v.length);\nwriteLatin1(${bytes}, v, q);\nlength = v.length;\nreturn q;\n}`
        );
    }
  });
}

function listWriter(glue: GlueWriter, target: Target, element: Shape, allocate: string): string {
  const memory = memoryOf(target);
  return glue.helper(`write list ${target.key} ${element.id}`, (name) => {
    const { size, align } = element;
    const head = `function ${name}(v) {\nvar n = v.length;\nvar p = ${allocate}(${align}, n * ${size});\n`;
    const tail = "length = n;\nreturn p;\n}";
    const block = new Block();
    block.add(`for (var i = 0, q = p; i < n; i++, q += ${size}) {`);
    const item = block.keep("v[i]");
    emitStore(glue, target, element, item, { block, pointer: "q", offset: 0 });
    block.add("}");
    if (!isViewKind(element.kind)) return `${head}${block.text}\n${tail}`;
    const [typed, shift] = VIEWS[element.kind];
    const set = `${memory.view(element.kind)}.set(v, ${place("p", 0, shift)});`;
    return `${head}if (v instanceof ${typed}) ${set}\nelse {\n${block.text}\n}\n${tail}`;
  });
}

function handleOf(target: Target, shape: HandleShape, value: string): string {
  if (shape.kind === "borrow" && target.defines(shape.resource)) return value;
  return `${target.handles}.${shape.kind}(${target.numberOf(shape.resource)}, ${value})`;
}

function wordsOf(glue: GlueWriter, keys: readonly string[], value: string): string[] {
  const words = Array<string>(Math.ceil(keys.length / 32)).fill("");
  return words.map((_, word) => {
    const bits = keys
      .slice(word * 32, word * 32 + 32)
      .map((key, bit) => `(${value}[${glue.text(key)}] ? ${1 << bit} : 0)`);
    return `(${bits.join(" | ")})`;
  });
}

function flatOf(shape: Shape): readonly CoreType[] {
  if (shape.flat === undefined) throw new Error(`A ${shape.kind} has no flat form`);
  return shape.flat;
}

function memoryOf({ memory }: Target): MemoryNames {
  if (memory === undefined) throw new Error("A type needs a memory, and there is none");
  return memory;
}
