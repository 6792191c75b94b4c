// Contract: components that are composed of others run as one: functions of one that another calls, resources that pass
// between them, strings from one memory to the other, and as many instances as were asked for.

import vm from "node:vm";
import { parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import { describe, test } from "vitest";
import { abi } from "../../../src/runtime/link/abi.ts";
import { emitGlue } from "../../../src/runtime/link/emit.ts";
import type { HostFunction, LinkedInstantiate } from "../../../src/runtime/link/linked-glue.ts";
import { resolveComponent } from "../../../src/runtime/link/resolve.ts";

type Call = (name: string, ...args: unknown[]) => unknown;

/** Makes instances of a component in text form. `host` serves what it imports. */
async function link(text: string, host: HostFunction = () => undefined): Promise<() => Call> {
  const bytes = await parse(`(component ${text})`);
  const plan = resolveComponent(bytes);
  const glue = vm.runInThisContext(emitGlue(plan, { waits: () => false })) as LinkedInstantiate; // As emitGlue() says.
  const modules = plan.modules.map(
    ({ start, end }) => new WebAssembly.Module(Uint8Array.from(bytes.subarray(start, end))),
  );
  return () => {
    const instance = glue({
      abi,
      coreModule(index) {
        const module = modules[index];
        if (module === undefined) throw new Error(`There is no core module ${index}`);
        return module;
      },
      instantiateCore: (module, imports) => new WebAssembly.Instance(module, imports),
      hostFunction: () => host,
      dropResource: () => {},
    });
    return (name, ...args) => instance.exported("$root", name)?.(...args);
  };
}

/** Makes things out of numbers, and knows which ended. */
const MAKER = `(component $maker
  (core module $m
    (import "resource" "new" (func $new (param i32) (result i32)))
    (global $ended (mut i32) (i32.const 0))
    (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
    (func (export "get") (param i32) (result i32) (local.get 0))
    (func (export "ended") (result i32) (global.get $ended))
    (func (export "dtor") (param i32) (global.set $ended (i32.add (global.get $ended) (local.get 0)))))
  (core module $late
    (table (export "t") 1 funcref)
    (func (export "dtor") (param i32) (call_indirect (param i32) (local.get 0) (i32.const 0))))
  (core module $fill (import "" "t" (table 1 funcref)) (import "" "f" (func $f (param i32))) (elem (i32.const 0) func $f))
  (core instance $late (instantiate $late))
  (type $thing (resource (rep i32) (dtor (core func $late "dtor"))))
  (core func $new (canon resource.new $thing))
  (core instance $i (instantiate $m (with "resource" (instance (export "new" (func $new))))))
  (core instance (instantiate $fill
    (with "" (instance (export "t" (table $late "t")) (export "f" (func $i "dtor"))))))
  (func $make (param "n" u32) (result (own $thing)) (canon lift (core func $i "make")))
  (func $get (param "self" (borrow $thing)) (result u32) (canon lift (core func $i "get")))
  (func $ended (result u32) (canon lift (core func $i "ended")))
  (component $shim
    (import "import-type-thing" (type $t (sub resource)))
    (import "import-make" (func $make (param "n" u32) (result (own $t))))
    (import "import-get" (func $get (param "self" (borrow $t)) (result u32)))
    (import "import-ended" (func $ended (result u32)))
    (export $named "thing" (type $t))
    (export "[static]thing.make" (func $make) (func (param "n" u32) (result (own $named))))
    (export "[method]thing.get" (func $get) (func (param "self" (borrow $named)) (result u32)))
    (export "ended" (func $ended)))
  (instance $things (instantiate $shim
    (with "import-type-thing" (type $thing))
    (with "import-make" (func $make))
    (with "import-get" (func $get))
    (with "import-ended" (func $ended))))
  (export "acme:a/things" (instance $things)))`;

/** Makes a thing, asks it for its number, and drops it. */
const USER = `(component $user
  (import "acme:a/things" (instance $things
    (export "thing" (type $t (sub resource)))
    (export "[static]thing.make" (func (param "n" u32) (result (own $t))))
    (export "[method]thing.get" (func (param "self" (borrow $t)) (result u32)))))
  (alias export $things "thing" (type $t))
  (core func $make (canon lower (func $things "[static]thing.make")))
  (core func $get (canon lower (func $things "[method]thing.get")))
  (core func $drop (canon resource.drop $t))
  (core module $m
    (import "t" "make" (func $make (param i32) (result i32)))
    (import "t" "get" (func $get (param i32) (result i32)))
    (import "t" "drop" (func $drop (param i32)))
    (func (export "run") (param i32) (result i32) (local i32 i32)
      (local.set 1 (call $make (local.get 0)))
      (local.set 2 (call $get (local.get 1)))
      (call $drop (local.get 1))
      (local.get 2)))
  (core instance $i (instantiate $m
    (with "t" (instance (export "make" (func $make)) (export "get" (func $get)) (export "drop" (func $drop))))))
  (func $run (param "n" u32) (result u32) (canon lift (core func $i "run")))
  (export "run" (func $run)))`;

/** A memory with an allocator that never frees. */
const MEMORY = `(core module $memory
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local i32)
      (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
      (global.set $next (i32.add (local.get 4) (local.get 3)))
      (local.get 4)))
  (core instance $memory (instantiate $memory))`;
const PASSING = `(memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))`;
/** A core function that hands its string parameter to the import "next" and returns what that returned. */
const PASS_ON = `(core module $pass
    (import "m" "memory" (memory 1))
    (import "m" "next" (func $next (param i32 i32 i32)))
    (func (export "pass") (param i32 i32) (result i32)
      (call $next (local.get 0) (local.get 1) (i32.const 16))
      (i32.const 16)))
  (core instance $pass (instantiate $pass
    (with "m" (instance (export "memory" (memory $memory "memory")) (export "next" (func $next))))))`;
/** Passes a string on to `next`, in an encoding of its own. */
const relay = (name: string, encoding: string): string => `(component $${name}
  (import "next" (func $wanted (param "s" string) (result string)))
  ${MEMORY}
  (core func $next (canon lower (func $wanted) ${PASSING} string-encoding=${encoding}))
  ${PASS_ON}
  (func $pass (param "s" string) (result string) (canon lift (core func $pass "pass") ${PASSING} string-encoding=${encoding}))
  (export "pass" (func $pass)))`;

describe("a composed component", () => {
  test("passes a resource from the component that makes it to the one that uses and drops it", async ({ expect }) => {
    const instantiate = await link(`${MAKER} ${USER}
      (instance $maker (instantiate $maker))
      (instance $user (instantiate $user (with "acme:a/things" (instance $maker "acme:a/things"))))
      (export "run" (func $user "run"))
      (export "ended" (func $maker "acme:a/things" "ended"))`);
    const call = instantiate();
    expect([call("run", 7), call("ended"), call("run", 30), call("ended")]).toEqual([7, 7, 30, 37]);
    const another = instantiate();
    expect(another("ended")).toBe(0);
  });

  test("has an instance of a component for each time that it is instantiated", async ({ expect }) => {
    const instantiate = await link(`${MAKER} ${USER}
      (instance $one (instantiate $maker))
      (instance $two (instantiate $maker))
      (instance $user-of-two (instantiate $user (with "acme:a/things" (instance $two "acme:a/things"))))
      (export "run" (func $user-of-two "run"))
      (export "one" (func $one "acme:a/things" "ended"))
      (export "two" (func $two "acme:a/things" "ended"))`);
    const call = instantiate();
    expect([call("run", 5), call("one"), call("two")]).toEqual([5, 0, 5]);
  });

  test("passes strings from one memory to the next, whatever their encodings", async ({ expect }) => {
    const heard: string[] = [];
    const instantiate = await link(
      `${relay("first", "utf8")} ${relay("second", "utf16")} ${relay("third", "latin1+utf16")}
      (import "host" (func $host (param "s" string) (result string)))
      (instance $third (instantiate $third (with "next" (func $host))))
      (instance $second (instantiate $second (with "next" (func $third "pass"))))
      (instance $first (instantiate $first (with "next" (func $second "pass"))))
      (export "pass" (func $first "pass"))`,
      (text: string) => {
        heard.push(text);
        return `${text}!`;
      },
    );
    const call = instantiate();
    const texts = ["", "plain", "größer", "日本 🌱"];
    expect(texts.map((text) => call("pass", text))).toEqual(texts.map((text) => `${text}!`));
    expect(heard).toEqual(texts);
  });
});
