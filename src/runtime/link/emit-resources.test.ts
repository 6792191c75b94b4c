import { describe, test } from "vitest";
import { callExport, linkText, type HostFunctions } from "../../../test/support/link-component.ts";
import { MisfitValue } from "../../lib/wit/value.ts";
import { GuestTrap } from "./abi.ts";

// Things are the host's. `script` is the body of the exported function `run`, which gets one number; `take` gets a thing
// that it owns, `see` one that it borrows.
const USER = (script: string, more = "") => `
  (import "acme:a/things" (instance $things
    (export "thing" (type $thing (sub resource)))
    (export "other" (type $other (sub resource)))
    (export "make" (func (param "n" u32) (result (own $thing))))
    (export "make-other" (func (result (own $other))))
    (export "look" (func (param "t" (borrow $thing)) (result u32)))
    (export "give" (func (param "t" (own $thing))))
    (export "both" (func (param "a" (borrow $thing)) (param "b" (own $thing))))))
  (alias export $things "thing" (type $thing))
  (alias export $things "other" (type $other))
  (core func $make (canon lower (func $things "make")))
  (core func $make-other (canon lower (func $things "make-other")))
  (core func $look (canon lower (func $things "look")))
  (core func $give (canon lower (func $things "give")))
  (core func $both (canon lower (func $things "both")))
  (core func $drop (canon resource.drop $thing))
  (core module $m
    (import "" "make" (func $make (param i32) (result i32)))
    (import "" "make-other" (func $make-other (result i32)))
    (import "" "look" (func $look (param i32) (result i32)))
    (import "" "give" (func $give (param i32)))
    (import "" "both" (func $both (param i32 i32)))
    (import "" "drop" (func $drop (param i32)))
    (global $kept (mut i32) (i32.const 0))
    (func (export "run") (param $n i32) (result i32) (local $h i32) ${script})
    (func (export "take") (param i32) (result i32) (call $look (local.get 0)))
    (func (export "see") (param i32) (result i32) (call $look (local.get 0)) ${more}))
  (core instance $i (instantiate $m (with "" (instance
    (export "make" (func $make)) (export "make-other" (func $make-other)) (export "look" (func $look))
    (export "give" (func $give)) (export "both" (func $both)) (export "drop" (func $drop))))))
  (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run")))
  (func (export "take") (param "t" (own $thing)) (result u32) (canon lift (core func $i "take")))
  (func (export "see") (param "t" (borrow $thing)) (result u32) (canon lift (core func $i "see")))`;

function things() {
  const dropped: unknown[] = [];
  const given: unknown[] = [];
  const host: HostFunctions = {
    make: (n: number) => ({ n }),
    "make-other": () => "other",
    look: (thing: { readonly n: number }) => thing.n,
    give: (thing: unknown) => given.push(thing),
    both: () => {},
  };
  const dropResource = (interfaceName: string, resource: string, thing: unknown): void => {
    dropped.push([interfaceName, resource, thing]);
  };
  return { dropped, given, host, more: { dropResource } };
}

describe("emitGlue(): resources of the host", () => {
  test("a handle stands for what the host gave out, until it is dropped", async ({ expect }) => {
    const { dropped, host, more } = things();
    const instance = (
      await linkText(
        USER(`(local.set $h (call $make (local.get $n)))
          (call $look (local.get $h))
          (call $drop (local.get $h))`),
      )
    )(host, more);
    expect(callExport(instance, "run", 7)).toBe(7);
    expect(dropped).toEqual([["acme:a/things", "thing", { n: 7 }]]);
  });

  test("a handle that is given away is the host's again", async ({ expect }) => {
    const { dropped, given, host, more } = things();
    const instance = (await linkText(USER("(call $give (call $make (local.get $n))) (i32.const 1)")))(host, more);
    callExport(instance, "run", 7);
    expect(given).toEqual([{ n: 7 }]);
    expect(dropped).toEqual([]);
  });

  test("a million handles that are made and dropped take the same place", async ({ expect }) => {
    const { host } = things();
    const script = `(loop $next
        (local.set $h (call $make (local.get $n)))
        (call $drop (local.get $h))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $next (local.get $n)))
      (local.get $h)`;
    const instance = (await linkText(USER(script)))(host);
    expect(callExport(instance, "run", 1_000_000)).toBe(1);
  });

  test("handles that pile up end in a trap and not in the host's memory", async ({ expect }) => {
    const { host } = things();
    const script = `(loop $next (drop (call $make (local.get $n))) (br $next)) (i32.const 0)`;
    const instance = (await linkText(USER(script)))(host);
    expect(() => callExport(instance, "run", 1)).toThrow("handles");
  });

  test.for([
    ["use of no handle", "(call $look (i32.const 9))"],
    [
      "use after drop",
      "(local.set $h (call $make (i32.const 1))) (call $drop (local.get $h)) (call $look (local.get $h))",
    ],
    ["drop of no handle", "(call $drop (i32.const 0)) (i32.const 0)"],
    ["a handle of another resource", "(call $look (call $make-other))"],
    ["drop as another resource", "(call $drop (call $make-other)) (i32.const 0)"],
    [
      "giving away what the same call lends",
      "(local.set $h (call $make (i32.const 1))) (call $both (local.get $h) (local.get $h)) (i32.const 0)",
    ],
  ] as const)("traps on %s", async ([, script], { expect }) => {
    const { host, more } = things();
    const instance = (await linkText(USER(script)))(host, more);
    let thrown: unknown;
    try {
      callExport(instance, "run", 1);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(GuestTrap);
  });

  test("lending and giving different handles in one call is fine", async ({ expect }) => {
    const { host } = things();
    const script = "(call $both (call $make (i32.const 1)) (call $make (i32.const 2))) (i32.const 5)";
    expect(callExport((await linkText(USER(script)))(host), "run", 1)).toBe(5);
  });

  test("an exported function takes things of the host's, owned or borrowed", async ({ expect }) => {
    const { host } = things();
    const instance = (await linkText(USER("(i32.const 0)", "(call $drop (local.get 0))")))(host);
    expect(callExport(instance, "take", { n: 3 })).toBe(3);
    expect(callExport(instance, "see", { n: 4 })).toBe(4);
    expect(() => callExport(instance, "see", undefined)).toThrow("found undefined, want a thing");
  });

  test("a borrowed handle that is left at the end of the call is a trap", async ({ expect }) => {
    const { host } = things();
    const instance = (await linkText(USER("(i32.const 0)")))(host);
    expect(() => callExport(instance, "see", { n: 4 })).toThrow(GuestTrap);
  });

  test("a borrowed handle cannot be given away", async ({ expect }) => {
    const { host } = things();
    const instance = (await linkText(USER("(i32.const 0)", "(call $give (local.get 0))")))(host);
    expect(() => callExport(instance, "see", { n: 4 })).toThrow("borrowed");
  });
});

describe("emitGlue(): resources of the component", () => {
  const OWN = (script: string) => `
    (core module $ends (global $ended (mut i32) (i32.const 0))
      (func (export "end") (param i32) (global.set $ended (i32.add (global.get $ended) (local.get 0))))
      (func (export "ended") (result i32) (global.get $ended)))
    (core instance $ends (instantiate $ends))
    (type $r (resource (rep i32) (dtor (core func $ends "end"))))
    (core func $new (canon resource.new $r))
    (core func $rep (canon resource.rep $r))
    (core func $drop (canon resource.drop $r))
    (core module $m
      (import "" "new" (func $new (param i32) (result i32)))
      (import "" "rep" (func $rep (param i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "run") (param $n i32) (result i32) (local $h i32) ${script})
      (func (export "out") (result i32) (call $new (i32.const 5))))
    (core instance $i (instantiate $m (with "" (instance
      (export "new" (func $new)) (export "rep" (func $rep)) (export "drop" (func $drop))))))
    (export $named "r" (type $r))
    (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run")))
    (func (export "ended") (result u32) (canon lift (core func $ends "ended")))
    (func (export "out") (result (own $named)) (canon lift (core func $i "out")))`;

  test("a handle has the number that it was made of, and its destructor gets that", async ({ expect }) => {
    const script = `(local.set $h (call $new (local.get $n)))
      (call $rep (local.get $h))
      (call $drop (local.get $h))`;
    const instance = (await linkText(OWN(script)))();
    expect(callExport(instance, "run", 40)).toBe(40);
    expect(callExport(instance, "run", 2)).toBe(2);
    expect(callExport(instance, "ended")).toBe(42);
  });

  test("a number is no handle", async ({ expect }) => {
    const instance = (await linkText(OWN("(call $rep (local.get $n))")))();
    expect(() => callExport(instance, "run", 1)).toThrow("there is no handle 1");
  });

  test("they do not leave it: the function refuses before it is called", async ({ expect }) => {
    const instance = (await linkText(OWN("(i32.const 3)")))();
    let thrown: unknown;
    try {
      callExport(instance, "out");
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(MisfitValue);
    expect(callExport(instance, "run", 1)).toBe(3);
  });
});
