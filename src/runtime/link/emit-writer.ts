// The text of a glue script while it is written. Every name in it is made here, of a letter and a number; what the
// component calls things gets in through text() and property() only.

import type { CoreItem } from "./plan.ts";
import { ShapeTable, type CoreType } from "./abi-shape.ts";
import { UnsupportedComponent } from "./unsupported.ts";

/** Views of a memory: by the numbers that they hold, with the binary logarithm of their size. */
export const VIEWS = {
  u8: ["Uint8Array", 0],
  s8: ["Int8Array", 0],
  u16: ["Uint16Array", 1],
  s16: ["Int16Array", 1],
  u32: ["Uint32Array", 2],
  s32: ["Int32Array", 2],
  f32: ["Float32Array", 2],
  u64: ["BigUint64Array", 3],
  s64: ["BigInt64Array", 3],
  f64: ["Float64Array", 3],
} as const;
export type ViewKind = keyof typeof VIEWS;

/** A memory and the names of its views, which are made when something asks for them. */
export class MemoryNames {
  readonly #number: number;
  readonly #used = new Set<ViewKind | "bytes">(["u8"]);

  constructor(number: number) {
    this.#number = number;
  }

  get memory(): string {
    return `m${this.#number}`;
  }

  /** `bytes` is a Buffer. */
  view(kind: ViewKind | "bytes"): string {
    this.#used.add(kind);
    return `${kind}_${this.#number}`;
  }

  get size(): string {
    return `${this.view("u8")}.length`;
  }

  /** A statement: a memory that grew detaches the views there are. */
  get refresh(): string {
    return `if (${this.size} === 0) v${this.#number}();`;
  }

  get refreshNow(): string {
    return `v${this.#number}();`;
  }

  get names(): readonly string[] {
    return [this.memory, ...[...this.#used].map((kind) => this.view(kind))];
  }

  /** The function that makes the views anew. To be asked for when all that use them are written. */
  get refresher(): string {
    const lines = [...this.#used].map((kind) => {
      const made = kind === "bytes" ? "bufferOf(buffer)" : `new ${VIEWS[kind][0]}(buffer)`;
      return `${this.view(kind)} = ${made};`;
    });
    return `function v${this.#number}() { var buffer = ${this.memory}.buffer; ${lines.join(" ")} }`;
  }
}

// Scripts of real components have less than a tenth of it.
const MAX_SCRIPT = 8 * 1024 ** 2;
// Names that people write are shorter.
const MAX_INLINE_TEXT = 64;

/** Its methods throw UnsupportedComponent when the script gets too long. */
export class GlueWriter {
  readonly shapes = new ShapeTable();
  /** Text above `instantiate`, the same for all instances. */
  readonly #constants = new Map<string, string>();
  /** Variables of an instance, with what they begin with. */
  readonly #variables = new Map<string, string>();
  readonly #functions: string[] = [];
  readonly #steps: string[] = [];
  readonly #helpers = new Map<string, string>();
  readonly #memories = new Map<string, MemoryNames>();
  readonly #core = new Map<string, string>();
  /** Constants of long texts. */
  readonly #texts = new Map<string, string>();
  #length = 0;

  /** A value that the instances share, by its expression. */
  constant(expression: string): string {
    const known = this.#constants.get(expression);
    if (known !== undefined) return known;
    this.#count(expression);
    const name = `k${this.#constants.size}`;
    this.#constants.set(expression, name);
    return name;
  }

  /** An expression of a text. A long one stands in the script once. */
  text(text: string): string {
    if (text.length <= MAX_INLINE_TEXT) return quote(text);
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    const name = this.constant(quote(text));
    this.#texts.set(text, name);
    return name;
  }

  /** A property of an object literal. */
  property(key: string): string {
    const text = this.text(key);
    return key === "__proto__" || key.length > MAX_INLINE_TEXT ? `[${text}]` : text;
  }

  exportOf(item: CoreItem & { readonly kind: "export" }): string {
    return `i${item.instance}[${this.text(item.name)}]`;
  }

  variable(name: string, initial = "undefined"): string {
    this.#variables.set(name, initial);
    return name;
  }

  /** The function that `build` writes for `key`; it is written once. */
  helper(key: string, build: (name: string) => string): string {
    const known = this.#helpers.get(key);
    if (known !== undefined) return known;
    const name = `f${this.#helpers.size}`;
    this.#helpers.set(key, name);
    this.function(build(name));
    return name;
  }

  function(text: string): void {
    this.#count(text);
    this.#functions.push(text);
  }

  /** A statement of the instantiation, to be run after those that were added before. */
  step(text: string): void {
    this.#count(text);
    this.#steps.push(text);
  }

  /** The memory is taken from its instance by the step that is written next. */
  memory(item: CoreItem & { readonly kind: "export" }): MemoryNames {
    const key = `${item.instance} ${item.name}`;
    const known = this.#memories.get(key);
    if (known !== undefined) return known;
    const names = new MemoryNames(this.#memories.size);
    this.#memories.set(key, names);
    this.step(`${names.memory} = coreMemory(${this.exportOf(item)}, ${this.text(item.name)}); ${names.refreshNow}`);
    return names;
  }

  /** A variable with the function, taken from its instance by the step that is written next. */
  coreFunction(item: CoreItem & { readonly kind: "export" }, promising = false): string {
    const key = `${promising} ${item.instance} ${item.name}`;
    const known = this.#core.get(key);
    if (known !== undefined) return known;
    const name = this.variable(`c${this.#core.size}`);
    this.#core.set(key, name);
    const found = `coreFunction(${this.exportOf(item)}, ${this.text(item.name)})`;
    this.step(`${name} = ${promising ? `WebAssembly.promising(${found})` : found};`);
    return name;
  }

  #count(text: string): void {
    this.#length += text.length;
    if (this.#length > MAX_SCRIPT) throw new UnsupportedComponent(`glue of more than ${MAX_SCRIPT} characters`);
  }

  /** The whole script; `names` are what it takes of the canonical ABI's common parts, `result` is an expression. */
  finish(names: readonly string[], result: string): string {
    const memories = [...this.#memories.values()];
    const variables = [
      ...[...this.#variables].map(([name, initial]) => `${name} = ${initial}`),
      ...memories.flatMap((memory) => memory.names),
    ];
    return [
      "(function () {",
      '"use strict";',
      ...[...this.#constants].map(([expression, name]) => `const ${name} = ${expression};`),
      "function instantiate(host) {",
      "var abi = host.abi;",
      ...names.map((name) => `var ${name} = abi.${name};`),
      // `var`, as functions that use a `let` of a scope around them check each time that it has been given a value.
      ...variables.map((variable) => `var ${variable};`),
      ...this.#functions,
      ...memories.map((memory) => memory.refresher),
      ...this.#steps,
      `return ${result};`,
      "}",
      "return instantiate;",
      "})()",
    ].join("\n");
  }
}

/** The body of one function: statements, and names for what they compute. */
export class Block {
  readonly lines: string[] = [];
  #names = 0;

  add(...lines: readonly string[]): void {
    this.lines.push(...lines);
  }

  /** A new variable of the function. */
  keep(expression: string): string {
    const name = `t${this.#names++}`;
    this.add(`var ${name} = ${expression};`);
    return name;
  }

  get text(): string {
    return this.lines.join("\n");
  }
}

/** A string literal. JSON's are those of JavaScript, line separators included. */
function quote(text: string): string {
  return JSON.stringify(text);
}

/** The place `offset` bytes behind `pointer`, as an index of a view of elements of 2 ** `shift` bytes. */
export function place(pointer: string, offset: number, shift: number): string {
  const at = offset === 0 ? pointer : `${pointer} + ${offset}`;
  return shift === 0 ? at : `(${at}) >>> ${shift}`;
}

/** Condition that `size` bytes from `pointer` on are not all in the memory, or not aligned. */
export function misplaced(memory: MemoryNames, pointer: string, size: number | string, align: number): string {
  const outside = `${pointer} + ${size} > ${memory.size}`;
  return align === 1 ? outside : `(${pointer} & ${align - 1}) !== 0 || ${outside}`;
}

export function coerce(from: CoreType, to: CoreType, value: string): string {
  if (from === to) return value;
  if (to === "i32") return `f32ToI32(${value})`;
  if (from === "f64") return `f64ToI64(${value})`;
  return from === "f32" ? `i32ToI64(f32ToI32(${value}))` : `i32ToI64(${value})`;
}

export function uncoerce(from: CoreType, to: CoreType, value: string): string {
  if (from === to) return value;
  if (from === "i32") return `i32ToF32(${value})`;
  if (to === "f64") return `i64ToF64(${value})`;
  return to === "f32" ? `i32ToF32(i64ToI32(${value}))` : `i64ToI32(${value})`;
}
