// A component that gives back what it gets, by way of the host, for any types: made of text, run with our glue and with
// the transpiler's.

import vm from "node:vm";
import { generate, $init } from "@bytecodealliance/jco-transpile/component";
import { componentEmbed, componentNew, parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import { ShapeTable, type Shape } from "../../src/runtime/link/abi-shape.ts";
import type { LinkedInstance } from "../../src/runtime/link/linked-glue.ts";
import { GLUE_FILE } from "../../src/runtime/prepare/child-protocol.ts";
import { glueScript, type Instantiate } from "../../src/runtime/prepare/glue.ts";
import type { WitType } from "../../src/lib/wit/type.ts";
import type { HostFunctions } from "./link-component.ts";
import { witText } from "./wit-arbitraries.ts";

export const HOST = "test:fuzz/host";
export const GUEST = "test:fuzz/guest";
export type Encoding = "utf8" | "utf16" | "compact-utf16";

/** Bytes that the garbage functions take: all flat values, or a whole value of the type. */
export function garbageSize(type: WitType): number {
  return Math.max(16 * 8, new ShapeTable().shape(type).size);
}

/**
 * For the n-th type, `host` has `f<n>: func(value: T) -> T`, and `guest` has
 * - `f<n>: func(value: T) -> T`, which passes the value to the host and its answer on;
 * - `answer<n>: func(bytes: list<u8>) -> T`, which returns the bytes as if they were a value of the type;
 * - `ask<n>: func(bytes: list<u8>)`, which passes them to the host so.
 */
export async function echoComponent(types: readonly WitType[], encoding: Encoding): Promise<Uint8Array> {
  const definitions: string[] = [];
  const names = types.map((type) => witText(type, definitions));
  const uses = definitions.map((_, index) => `t${index}`);
  const wit = [
    "package test:fuzz;",
    "interface host {",
    ...definitions,
    ...names.map((name, index) => `f${index}: func(value: ${name}) -> ${name};`),
    "}",
    "interface guest {",
    uses.length === 0 ? "" : `use host.{${uses.join(", ")}};`,
    ...names.flatMap((name, index) => [
      `f${index}: func(value: ${name}) -> ${name};`,
      `answer${index}: func(bytes: list<u8>) -> ${name};`,
      `ask${index}: func(bytes: list<u8>);`,
    ]),
    "}",
    "world fuzz { import host; export guest; }",
  ].join("\n");
  const binary = await parse(coreText(types.map((type) => new ShapeTable().shape(type))));
  return componentNew(await componentEmbed({ binary, witSource: wit, stringEncoding: encoding }));
}

/** One function of an instance, in the JavaScript mapping of our glue. */
export type Caller = (name: string, value: unknown) => unknown;

export function linkedCaller(instance: LinkedInstance): Caller {
  return (name, value) => known(instance.exported(GUEST, name), name)(value);
}

export interface Transpiled {
  instantiate(host: HostFunctions): Promise<Caller>;
}

export async function transpileComponent(bytes: Uint8Array, types: readonly WitType[]): Promise<Transpiled> {
  await $init;
  const { files } = generate(bytes, {
    name: "component",
    instantiation: { tag: "async" },
    map: [[HOST, HOST]],
    noNodejsCompat: true,
    noTypescript: true,
    base64Cutoff: 0,
  });
  const contents = new Map(files);
  const modules = new Map<string, WebAssembly.Module>();
  for (const [name, content] of files) {
    if (name.endsWith(".wasm")) modules.set(name, new WebAssembly.Module(Uint8Array.from(content)));
  }
  const typeOf = (name: string): WitType | undefined => types[Number(/\d+$/.exec(name)?.[0])];
  const glue = glueScript(Buffer.from(known(contents.get(GLUE_FILE), "glue")).toString("utf8"));
  const instantiate = new vm.Script(glue).runInThisContext() as Instantiate; // What glueScript() promises.
  return {
    instantiate: async (host) => {
      const exports = await instantiate(
        (name) => known(modules.get(name), name),
        { [HOST]: Object.fromEntries(Object.entries(host).map(([name, fn]) => [name, answering(typeOf(name), fn)])) },
        (module, imports) => new WebAssembly.Instance(module, imports),
      );
      const guest = exports[GUEST] as Readonly<Record<string, (value: unknown) => unknown>>; // An exported interface.
      return (name, value) => {
        const call = (): unknown => known(guest[name], name)(value);
        return typeOf(name)?.kind === "result" && !name.startsWith("ask") ? tagged(call) : call();
      };
    },
  };
}

/**
 * The transpiler's glue takes an object with both properties for a result, unless the ok value is a result itself or an
 * option of one: then it takes everything for that, and what is thrown for the err value.
 */
function answering(type: WitType | undefined, fn: (value: never) => unknown): (value: never) => unknown {
  if (type?.kind !== "result") return fn;
  return (value) => {
    const { tag, val } = fn(value) as { readonly tag: "ok" | "err"; readonly val?: unknown }; // It is a result.
    if (!isMaybeResult(type.ok)) return { tag, val };
    if (tag === "ok") return val;
    throw Object.assign(new Error("err"), { payload: val });
  };
}

function isMaybeResult(type: WitType | undefined): boolean {
  return type?.kind === "option" ? isMaybeResult(type.some) : type?.kind === "result";
}

/** The transpiler's glue throws an `err`. */
function tagged(call: () => unknown): unknown {
  try {
    return { tag: "ok", val: call() };
  } catch (error) {
    if (error instanceof Error && error.constructor.name === "ComponentError" && "payload" in error) {
      return { tag: "err", val: error.payload };
    }
    throw error;
  }
}

function coreText(shapes: readonly Shape[]): string {
  const functions = shapes.map((shape, index) => {
    const params = shape.flat ?? ["i32"];
    const byPointer = shape.flat === undefined || shape.flat.length > 1;
    const result = byPointer ? ["i32"] : (shape.flat ?? []);
    const list = (keyword: string, types: readonly string[]): string =>
      types.length === 0 ? "" : `(${keyword} ${types.join(" ")})`;
    const signature = `${list("param", byPointer ? [...params, "i32"] : params)} ${byPointer ? "" : list("result", result)}`;
    const room = `(local.set $r (call $realloc (i32.const 0) (i32.const 0) (i32.const ${shape.align}) (i32.const ${shape.size})))`;
    const call = (args: readonly string[]): string =>
      byPointer ? `${room} (call $f${index} ${args.join(" ")} (local.get $r))` : `(call $f${index} ${args.join(" ")})`;
    const slots =
      shape.flat === undefined
        ? ["(local.get 0)"]
        : shape.flat.map((type, slot) => `(${type}.load offset=${slot * 8} (local.get 0))`);
    return {
      imported: `(import "${HOST}" "f${index}" (func $f${index} ${signature}))`,
      exported: [
        `(func (export "${GUEST}#f${index}") ${list("param", params)} ${list("result", result)} (local $r i32)`,
        call(params.map((_, param) => `(local.get ${param})`)),
        byPointer ? "(local.get $r))" : ")",
        `(func (export "${GUEST}#answer${index}") (param i32 i32) ${list("result", result)}`,
        byPointer ? "(local.get 0))" : `${(shape.flat ?? []).map((type) => `(${type}.load (local.get 0))`).join("")})`,
        `(func (export "${GUEST}#ask${index}") (param i32 i32) (local $r i32)`,
        byPointer || result.length === 0 ? call(slots) : `(drop ${call(slots)})`,
        ")",
      ].join("\n"),
    };
  });
  return [
    "(module",
    ...functions.map(({ imported }) => imported),
    // What is made room for soon crosses the end of the memory, which then grows.
    '(memory (export "memory") 1)',
    "(global $next (mut i32) (i32.const 64000))",
    '(func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)',
    "(local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))",
    "(global.set $next (i32.add (local.get $at) (local.get 3)))",
    "(block $enough (loop $grow",
    "(br_if $enough (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))",
    "(if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))",
    "(br $grow)))",
    "(local.get $at))",
    ...functions.map(({ exported }) => exported),
    ")",
  ].join("\n");
}

function known<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`There is no ${what}`);
  return value;
}
