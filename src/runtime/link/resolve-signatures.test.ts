import { parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import { describe, test } from "vitest";
import { PetioleError } from "../../domain/errors.ts";
import { resolveComponent } from "./resolve.ts";

/** Why a component is refused. */
async function refusal(text: string): Promise<string> {
  const bytes = await parse(`(component ${text})`);
  try {
    resolveComponent(bytes, "it");
  } catch (error) {
    if (error instanceof PetioleError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "fine";
}

/** A component whose core module imports a lowered `f` of the component type `type` as `core`. */
const importing = (type: string, core: string): string => `
  (core module $libc (memory (export "m") 1)
    (func (export "alloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
  (core instance $libc (instantiate $libc))
  (import "f" (func $f ${type}))
  (core func $p (canon lower (func $f) (memory (core memory $libc "m")) (realloc (core func $libc "alloc"))))
  (core module $m ${core})
  (core instance (instantiate $m (with "" (instance (export "p" (func $p))))))`;

/** A component that lifts `f` of a core module to the component type `type`. */
const lifting = (type: string, core: string, options = ""): string => `
  (core module $m ${core} (memory (export "m") 1))
  (core instance $i (instantiate $m))
  (func (export "f") ${type} (canon lift (core func $i "f") ${options}))`;

const MEMORY = `(memory (core memory $i "m"))`;

describe("Core functions used by the canonical ABI", () => {
  test.for([
    ["a number", `(param "x" s32)`, `(import "" "p" (func (param i32)))`],
    [
      "numbers of all types",
      `(param "a" u64) (param "b" f32) (param "c" f64) (param "d" char) (result bool)`,
      `(import "" "p" (func (param i64 f32 f64 i32) (result i32)))`,
    ],
    ["a result in memory", `(param "a" u8) (result string)`, `(import "" "p" (func (param i32 i32)))`],
    [
      "more parameters than fit",
      `${Array.from({ length: 17 }, (_, n) => `(param "p${n}" u64)`).join(" ")} (result u64)`,
      `(import "" "p" (func (param i32) (result i64)))`,
    ],
    [
      "a type among others that are no functions'",
      `(param "x" u64)`,
      `(type (struct (field (mut i8)) (field (ref null func)))) (type (array i64))
       (rec (type (sub (struct))) (type $t (sub final (func (param i64)))))
       (import "" "p" (func (type $t)))`,
    ],
  ] as const)("are taken when they fit: %s", async ([, type, core], { expect }) => {
    expect(await refusal(importing(type, core))).toBe("fine");
  });

  test.for([
    ["a reference", `(param "x" s32)`, `(param funcref)`, "(other)->(), and is given (i32)->()"],
    ["a reference with a type", `(param "x" s32)`, `(param (ref func))`, "(other)->(), and is given (i32)->()"],
    ["another number", `(param "x" s64)`, `(param i32)`, "(i32)->(), and is given (i64)->()"],
    ["too few", `(param "x" string)`, `(param i32)`, "(i32)->(), and is given (i32 i32)->()"],
    ["another result", `(result u8)`, `(result externref)`, "()->(other), and is given ()->(i32)"],
  ] as const)(
    "are refused when they are imported as what they are not: %s",
    async ([, type, core, fault], { expect }) => {
      const message = await refusal(importing(type, `(import "" "p" (func ${core}))`));
      expect(message).toContain(`ERR_COMPONENT_INVALID: Cannot read "it": it has a core module that imports "" "p" as`);
      expect(message).toContain(fault);
    },
  );

  test("are refused when built-ins for resources are imported as what they are not", async ({ expect }) => {
    const text = (core: string): string => `
      (type $r (resource (rep i32)))
      (core func $new (canon resource.new $r)) (core func $drop (canon resource.drop $r))
      (core module $m (import "" "new" (func (param i32) (result i32))) (import "" "drop" (func ${core})))
      (core instance (instantiate $m (with "" (instance (export "new" (func $new)) (export "drop" (func $drop))))))`;
    expect(await refusal(text("(param i32)"))).toBe("fine");
    expect(await refusal(text("(param externref)"))).toContain('imports "" "drop" as (other)->()');
  });

  test.for([
    ["fine", `(result u32)`, `(func (export "f") (result i32) (i32.const 0))`, ""],
    [
      '"f" ()->(other) as a function of the component, want ()->(i32)',
      `(result s32)`,
      `(func (export "f") (result funcref) (ref.null func))`,
      "",
    ],
    ['"f" (i64)->() as a function', `(param "a" u32)`, `(func (export "f") (param i64))`, ""],
    [
      '"f" (other)->() as a function',
      `(param "a" u32)`,
      `(import "" "given" (func $g (param externref))) (export "f" (func $g))`,
      "",
    ],
    [
      '"r" (i32)->(i32) to allocate memory',
      `(param "a" string)`,
      `(func (export "f") (param i32 i32)) (func (export "r") (param i32) (result i32) (i32.const 0))`,
      `${MEMORY} (realloc (core func $i "r"))`,
    ],
    [
      '"done" (i64)->() to free a result, want (i32)->()',
      `(result string)`,
      `(func (export "f") (result i32) (i32.const 0)) (func (export "done") (param i64))`,
      `${MEMORY} (post-return (core func $i "done"))`,
    ],
  ] as const)("are checked when they are lifted: %s", async ([fault, type, core, options], { expect }) => {
    const inner = lifting(type, core, options);
    const given = `(core module $o (func (export "given") (param externref))) (core instance $o (instantiate $o))`;
    const text = core.includes("import")
      ? `${given} ${inner.replace("(instantiate $m)", `(instantiate $m (with "" (instance $o)))`)}`
      : inner;
    expect(await refusal(text)).toContain(fault);
  });

  test("are checked when they end a resource", async ({ expect }) => {
    const text = `(core module $m (func (export "d") (param i64))) (core instance $i (instantiate $m))
      (type (resource (rep i32) (dtor (core func $i "d"))))`;
    expect(await refusal(text)).toContain('"d" (i64)->() as a destructor, want (i32)->()');
  });
});
