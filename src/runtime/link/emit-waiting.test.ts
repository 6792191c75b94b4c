import { describe, test } from "vitest";
import { callExport, linkText } from "../../../test/support/link-component.ts";
import { resolveComponent } from "./resolve.ts";
import { parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import { findWaiting } from "./emit-waiting.ts";
import type { LinkPlan } from "./plan.ts";

/** `ask` waits, `tell` does not; `both` calls them through a table that another module fills, `plain` is on its own. */
const SHIMMED = `
  (import "ask" (func $ask (param "x" string) (result u32)))
  (import "tell" (func $tell (param "x" u32) (result u32)))
  (core module $shim
    (table (export "table") 1 1 funcref)
    (func (export "ask") (param i32 i32) (result i32)
      (call_indirect (param i32 i32) (result i32) (local.get 0) (local.get 1) (i32.const 0))))
  (core instance $shim (instantiate $shim))
  (core func $tell (canon lower (func $tell)))
  (core module $main
    (import "" "ask" (func $ask (param i32 i32) (result i32)))
    (import "" "tell" (func $tell (param i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 8) "hello")
    (func (export "both") (result i32) (call $tell (call $ask (i32.const 8) (i32.const 5)))))
  (core instance $main (instantiate $main
    (with "" (instance (export "ask" (func $shim "ask")) (export "tell" (func $tell))))))
  (core func $ask (canon lower (func $ask) (memory (core memory $main "memory"))))
  (core module $fill
    (import "" "table" (table 1 1 funcref))
    (import "" "ask" (func $ask (param i32 i32) (result i32)))
    (elem (i32.const 0) func $ask))
  (core instance (instantiate $fill
    (with "" (instance (export "table" (table $shim "table")) (export "ask" (func $ask))))))
  (core module $alone (func (export "plain") (result i32) (i32.const 3)))
  (core instance $alone (instantiate $alone))
  (func (export "both") (result u32) (canon lift (core func $main "both")))
  (func (export "plain") (result u32) (canon lift (core func $alone "plain")))`;

const waits = (name: string): boolean => name === "ask";

describe("findWaiting()", () => {
  test("finds what can be suspended through imports, shared tables and other functions", async ({ expect }) => {
    const plan = resolveComponent(await parse(`(component ${SHIMMED})`));
    const waiting = findWaiting(plan, (_, name) => waits(name));
    expect(waiting.lowers).toEqual([false, true]);
    expect(waiting.lifts).toEqual([true, false]);
    expect(findWaiting(plan, () => false).lifts).toEqual([false, false]);
    expect(findWaiting(plan, (_, name) => name === "tell").lifts).toEqual([true, false]);
  });
});

describe("findWaiting() in large plans", () => {
  test("counts a caller of many functions once", async ({ expect }) => {
    const plan = resolveComponent(
      await parse(`(component
        (import "ask" (func $ask))
        (core func $ask (canon lower (func $ask)))
        (core module $a (import "" "ask" (func $f)) (export "f" (func $f)))
        (core instance $a (instantiate $a (with "" (instance (export "ask" (func $ask))))))
        (func $lifted (canon lift (core func $a "f")))
        (core func $lowered (canon lower (func $lifted)))
        (core module $b (import "" "f" (func $f)) (export "f" (func $f)))
        (core instance $b (instantiate $b (with "" (instance (export "f" (func $lowered))))))
        (func (export "f") (canon lift (core func $b "f"))))`),
    );
    // As many as a plan may hold.
    const steps = plan.steps.map((step) =>
      step.kind === "instantiate"
        ? { ...step, imports: step.imports.flatMap((one) => Array(200_000).fill(one)) }
        : step,
    );
    const large = { ...plan, steps } as LinkPlan;
    expect(findWaiting(large, (_, name) => waits(name)).lifts).toEqual([true, true]);
  });
});

describe("emitGlue(): imports that wait", () => {
  test("suspends the component while a promise is pending, and only then", async ({ expect }) => {
    const instantiate = await linkText(SHIMMED, { waits });
    const { promise, resolve } = Promise.withResolvers<number>();
    const order: string[] = [];
    const instance = instantiate({
      ask: (text: string) => (order.push(text), promise),
      tell: (x: number) => (order.push("told"), x + 1),
    });
    const call = callExport(instance, "both");
    expect(call).toBeInstanceOf(Promise);
    expect(order).toEqual(["hello"]);
    // What cannot wait answers at once, also while the other is suspended, where it shares nothing with it but the
    // instance's guard against a second call.
    expect(() => callExport(instance, "plain")).toThrow("cannot be entered");
    resolve(41);
    expect(await call).toBe(42);
    expect(order).toEqual(["hello", "told"]);
    expect(callExport(instance, "plain")).toBe(3);
  });

  test("takes an answer that is there at once", async ({ expect }) => {
    const instance = (await linkText(SHIMMED, { waits }))({ ask: () => 1, tell: (x: number) => x });
    expect(await callExport(instance, "both")).toBe(1);
  });

  test("fails with what the promise was rejected with", async ({ expect }) => {
    const failure = new Error("no");
    const instance = (await linkText(SHIMMED, { waits }))({ ask: () => Promise.reject(failure), tell: () => 1 });
    await expect(callExport(instance, "both")).rejects.toBe(failure);
    expect(() => callExport(instance, "both")).toThrow("cannot be entered");
  });

  test("fails when the later answer does not fit", async ({ expect }) => {
    const instance = (await linkText(SHIMMED, { waits }))({ ask: () => Promise.resolve("text"), tell: () => 1 });
    await expect(callExport(instance, "both")).rejects.toThrow('found "text", want a number (u32)');
  });

  test("suspends all components of a composition that are in the call", async ({ expect }) => {
    const instantiate = await linkText(
      `(import "ask" (func $ask (result u32)))
      (component $inner
        (import "ask" (func $ask (result u32)))
        (core func $lowered (canon lower (func $ask)))
        (core module $m
          (import "" "ask" (func $ask (result i32)))
          (func (export "f") (result i32) (i32.add (call $ask) (i32.const 1))))
        (core instance $i (instantiate $m (with "" (instance (export "ask" (func $lowered))))))
        (func (export "f") (result u32) (canon lift (core func $i "f"))))
      (instance $first (instantiate $inner (with "ask" (func $ask))))
      (instance $second (instantiate $inner (with "ask" (func $first "f"))))
      (export "f" (func $second "f"))`,
      { waits },
    );
    let asked = 0;
    const instance = instantiate({ ask: () => (asked++ === 0 ? Promise.resolve(5) : 7) });
    expect(await callExport(instance, "f")).toBe(7);
    expect(await callExport(instance, "f")).toBe(9);
  });

  test("waits for destructors that wait", async ({ expect }) => {
    const instantiate = await linkText(
      `(import "ask" (func $ask (param "x" u32) (result u32)))
      (core func $ask (canon lower (func $ask)))
      (core module $ends
        (import "" "ask" (func $ask (param i32) (result i32)))
        (global $last (mut i32) (i32.const 0))
        (func (export "end") (param i32) (global.set $last (call $ask (local.get 0))))
        (func (export "last") (result i32) (global.get $last)))
      (core instance $ends (instantiate $ends (with "" (instance (export "ask" (func $ask))))))
      (type $r (resource (rep i32) (dtor (core func $ends "end"))))
      (core func $new (canon resource.new $r))
      (core func $drop (canon resource.drop $r))
      (core module $m
        (import "" "new" (func $new (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (import "" "last" (func $last (result i32)))
        (func (export "run") (result i32) (call $drop (call $new (i32.const 20))) (call $last)))
      (core instance $i (instantiate $m (with "" (instance
        (export "new" (func $new)) (export "drop" (func $drop)) (export "last" (func $ends "last"))))))
      (func (export "run") (result u32) (canon lift (core func $i "run")))`,
      { waits },
    );
    const instance = instantiate({ ask: (x: number) => Promise.resolve(x + 1) });
    expect(await callExport(instance, "run")).toBe(21);
  });
});
