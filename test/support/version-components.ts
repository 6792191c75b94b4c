// Versions of one component, made of text: each answers with its own number, or misbehaves in its own way.

import { componentEmbed, componentNew, parse } from "@bytecodealliance/jco-transpile/wasm-tools";

export const SERVICE = "test:version/service";

/** `count()` gives this times the number of the version, and how often the instance was asked. */
export const COUNTED = 100_000_000;

/**
 * `answer(value)` gives `number * 1000 + value`, except: `traps`; `hangs`, which never returns; `leaks`, which takes a MiB
 * more each time. `ill` answers, and its `check` does not. `stillborn` traps when it is started.
 */
export type Behaviour = "good" | "traps" | "hangs" | "leaks" | "ill" | "stillborn";

const WIT = `
  package test:version;
  interface service {
    answer: func(value: u32) -> u32;
    count: func() -> u32;
    check: func() -> result;
  }
  world versioned { export service; }`;

const EXTRA: Readonly<Record<Behaviour, string>> = {
  good: "",
  ill: "",
  stillborn: "",
  traps: "unreachable",
  hangs: "(loop br 0)",
  leaks: "(drop (memory.grow (i32.const 16)))",
};

export async function versionComponent(number: number, behaviour: Behaviour = "good"): Promise<Uint8Array> {
  const binary = await parse(`(module
    (memory (export "memory") 1)
    (global $count (mut i32) (i32.const ${number * COUNTED}))
    ${behaviour === "stillborn" ? "(func $start unreachable) (start $start)" : ""}
    (func (export "${SERVICE}#answer") (param i32) (result i32)
      ${EXTRA[behaviour]}
      (i32.add (local.get 0) (i32.const ${number * 1000})))
    (func (export "${SERVICE}#count") (result i32)
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      (global.get $count))
    (func (export "${SERVICE}#check") (result i32) (i32.const ${behaviour === "ill" ? 1 : 0})))`);
  return await componentNew(await componentEmbed({ binary, witSource: WIT }));
}
