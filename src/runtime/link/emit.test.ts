import { parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import { describe, test } from "vitest";
import { callExport, linkPlan, linkText } from "../../../test/support/link-component.ts";
import { camelCase } from "../../lib/wit/names.ts";
import type { FunctionType, WitType } from "../../lib/wit/type.ts";
import { converterOf, MisfitValue } from "../../lib/wit/value.ts";
import { GuestTrap, MisfitAnswer, TooLarge } from "./abi.ts";
import { emitGlue } from "./emit.ts";
import type { CanonOptions, LinkPlan } from "./plan.ts";
import { UnsupportedComponent } from "./unsupported.ts";

/** A memory of which everything up to 1024 is free to use, and an allocator that never frees and counts its calls. */
const MEMORY = `(core module $memory
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (global $calls (mut i32) (i32.const 0))
    (func (export "calls") (result i32) (global.get $calls))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (local.set 4 (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
      (global.set $next (i32.add (local.get 4) (local.get 3)))
      (local.get 4)))
  (core instance $memory (instantiate $memory))`;
const PASSING = `(memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))`;
const CALLS = `(func (export "calls") (result u32) (canon lift (core func $memory "calls")))`;

/** What `call` throws. */
function thrown(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error;
  }
}

/** What the host gets when the core function returns `core`. */
function liftFlat(type: WitType, core: unknown): unknown {
  const options = { encoding: "utf8", memory: undefined, realloc: undefined, postReturn: undefined } as const;
  const plan: LinkPlan = {
    ...hostilePlan(type),
    modules: [],
    steps: [
      { kind: "instantiate", module: 0, imports: [] },
      {
        kind: "lift",
        core: { kind: "export", instance: 0, name: "f" },
        type: { params: [], result: type },
        options,
        owner: 0,
      },
    ],
    exported: [{ interfaceName: "$root", functionName: "f", target: { kind: "lifted", lifted: 0 } }],
  };
  const module = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  const instance = linkPlan(plan, new Uint8Array())(
    {},
    { coreModule: () => module, instantiateCore: () => ({ exports: { f: () => core } }) },
  );
  return callExport(instance, "f");
}

/** The component exports `f: func(x: u32) -> u32`, which passes its parameter to the import `f` and returns the answer. */
const PASS_ON = `(import "f" (func $f (param "x" u32) (result u32)))
  (core func $lowered (canon lower (func $f)))
  (core module $m
    (import "" "f" (func $f (param i32) (result i32)))
    (func (export "f") (param i32) (result i32) (call $f (local.get 0))))
  (core instance $i (instantiate $m (with "" (instance (export "f" (func $lowered))))))
  (func (export "f") (param "x" u32) (result u32) (canon lift (core func $i "f")))`;

describe("emitGlue(): calls", () => {
  test("passes arguments and results through host and component", async ({ expect }) => {
    const instantiate = await linkText(PASS_ON);
    const instance = instantiate({ f: (x: number) => x - 1 });
    expect(callExport(instance, "f", 4_000_000_000)).toBe(3_999_999_999);
    expect(instance.exported("$root", "g")).toBeUndefined();
    expect(instance.exported("f", "f")).toBeUndefined();
  });

  test.for([
    ["bool", 2, true],
    ["u8", -1, 0xff],
    ["s8", 0x180, -0x80],
    ["u16", -1, 0xffff],
    ["s16", 0x1_8000, -0x8000],
    ["u32", -1, 0xffff_ffff],
    ["s32", -1, -1],
  ] as const)("takes of a flat %s what its type has room for", async ([type, core, value], { expect }) => {
    const instantiate = await linkText(`(import "f" (func $f (param "x" ${type})))
      (core func $lowered (canon lower (func $f)))
      (core module $m
        (import "" "f" (func $f (param i32)))
        (func (export "f") (result i32) (call $f (i32.const ${core})) (i32.const ${core})))
      (core instance $i (instantiate $m (with "" (instance (export "f" (func $lowered))))))
      (func (export "f") (result ${type}) (canon lift (core func $i "f")))`);
    const seen: unknown[] = [];
    const instance = instantiate({ f: (x: unknown) => seen.push(x) });
    expect(callExport(instance, "f")).toBe(value);
    expect(seen).toEqual([value]);
  });

  test("gives the host values of the declared types, whatever core values come", ({ expect }) => {
    const hostile = [() => {}, {}, null, 1.5, -1, 7n, "7"] as const;
    const kinds = ["bool", "u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64", "f32", "f64", "char"] as const;
    for (const kind of kinds) {
      for (const type of [{ kind }, { kind: "tuple", elements: [{ kind }] }] satisfies WitType[]) {
        for (const core of hostile) {
          const value = thrown(() => liftFlat(type, core));
          const convert = () => converterOf(type)(value, { handle: () => undefined });
          if (!(value instanceof Error)) expect(convert, `${kind} of ${typeof core}`).not.toThrow();
        }
      }
    }
    expect(liftFlat({ kind: "enum", names: ["a"] }, {})).toBe("a");
    expect(liftFlat({ kind: "flags", names: ["a"] }, {})).toEqual({ a: false });
  });

  test("throws MisfitValue with the way to it, before the component is entered", async ({ expect }) => {
    const instantiate = await linkText(`${MEMORY} ${CALLS}
      (type $r (record (field "some-list" (list (tuple u8 string)))))
      (export $named "r" (type $r))
      (core module $m (func (export "f") (param i32 i32 i32 i32)))
      (core instance $i (instantiate $m))
      (func (export "f") (param "text" string) (param "r" $named) (canon lift (core func $i "f") ${PASSING}))`);
    const instance = instantiate();
    const misfit = thrown(() =>
      callExport(instance, "f", "fits", {
        someList: [
          [1, "a"],
          [256, "b"],
        ],
      }),
    );
    expect(misfit).toBeInstanceOf(MisfitValue);
    expect(misfit).toHaveProperty("message", "r.someList[1][0]: found 256, want an integer (u8)");
    expect(callExport(instance, "calls")).toBe(0);
    // It is as good as before.
    callExport(instance, "f", "fits", { someList: [[255, "b"]] });
    expect(callExport(instance, "calls")).toBe(3);
  });

  test("throws MisfitAnswer when the host's answer does not fit, and then the instance is done for", async ({
    expect,
  }) => {
    const instance = (await linkText(PASS_ON))({ f: () => "text" });
    const misfit = thrown(() => callExport(instance, "f", 1));
    expect(misfit).toBeInstanceOf(MisfitAnswer);
    expect(misfit).toMatchObject({ imported: "$root#f", message: 'found "text", want a number (u32)' });
    expect(() => callExport(instance, "f", 1)).toThrow("cannot be entered");
  });

  test("throws what an import threw, and then the instance is done for", async ({ expect }) => {
    const failure = new Error("no");
    const instance = (await linkText(PASS_ON))({
      f() {
        throw failure;
      },
    });
    expect(thrown(() => callExport(instance, "f", 1))).toBe(failure);
    expect(thrown(() => callExport(instance, "f", 1))).toBeInstanceOf(GuestTrap);
  });

  test("lets no call in while another one is under way", async ({ expect }) => {
    const instance = (await linkText(PASS_ON))({ f: () => callExport(instance, "f", 1) });
    expect(() => callExport(instance, "f", 1)).toThrow("cannot be entered");
  });

  test("traps when the component catches what an import threw, and goes on", async ({ expect }) => {
    const instance = (
      await linkText(`(import "f" (func $f))
        (core func $lowered (canon lower (func $f)))
        (core module $m
          (import "" "f" (func $f))
          (func (export "g") (block $caught (try_table (catch_all $caught) (call $f)))))
        (core instance $i (instantiate $m (with "" (instance (export "f" (func $lowered))))))
        (func (export "g") (canon lift (core func $i "g")))`)
    )({
      f() {
        throw new Error("no");
      },
    });
    expect(() => callExport(instance, "g")).toThrow("went on after an import of it had failed");
  });

  test("traps when realloc or post-return call an import", async ({ expect }) => {
    const instance = await linkText(`(import "f" (func $f))
        (core func $lowered (canon lower (func $f)))
        (core module $m
          (import "" "f" (func $f))
          (memory (export "memory") 1)
          (func (export "realloc") (param i32 i32 i32 i32) (result i32) (call $f) (i32.const 64))
          (func (export "take") (param i32 i32))
          (func (export "give") (call $f))
          (func (export "post") (call $f)))
        (core instance $i (instantiate $m (with "" (instance (export "f" (func $lowered))))))
        (func (export "take") (param "x" string)
          (canon lift (core func $i "take") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
        (func (export "give") (canon lift (core func $i "give") (post-return (core func $i "post"))))`);
    expect(() => callExport(instance({ f: () => {} }), "take", "x")).toThrow("where it must not");
    expect(() => callExport(instance({ f: () => {} }), "give")).toThrow("where it must not");
  });
});

describe("emitGlue(): memory", () => {
  /** Exports `f`, whose core function `body` makes. */
  const returning = (type: string, body: string) => `${MEMORY}
    (core module $m
      (import "" "memory" (memory 1))
      (func (export "f") (result i32) ${body}))
    (core instance $i (instantiate $m (with "" (instance (export "memory" (memory $memory "memory"))))))
    (func (export "f") (result ${type}) (canon lift (core func $i "f") (memory (core memory $memory "memory"))))`;
  const store = (at: number, value: number): string => `(i32.store (i32.const ${at}) (i32.const ${value}))`;

  test.for([
    ["a result that is not aligned", "string", "(i32.const 2)"],
    ["a result across the end", "string", "(i32.const 65532)"],
    ["a result beyond the end", "string", "(i32.const -8)"],
    ["a string across the end", "string", `${store(0, 65_530)} ${store(4, 7)} (i32.const 0)`],
    ["an empty string beyond the end", "string", `${store(0, 65_537)} (i32.const 0)`],
    ["a string of 4 GiB", "string", `${store(0, 8)} ${store(4, -1)} (i32.const 0)`],
    ["a list that is not aligned", "(list u32)", `${store(0, 9)} ${store(4, 1)} (i32.const 0)`],
    ["a list whose size overflows", "(list u64)", `${store(0, 8)} ${store(4, 0x2000_0001)} (i32.const 0)`],
    ["an unknown case", "(result u8)", "(i32.store8 (i32.const 0) (i32.const 2)) (i32.const 0)"],
    ["half a surrogate pair", "(tuple char char)", `${store(0, 0xd800)} (i32.const 0)`],
  ] as const)("traps on %s", async ([, type, body], { expect }) => {
    const instance = (await linkText(returning(type, body)))();
    expect(thrown(() => callExport(instance, "f"))).toBeInstanceOf(GuestTrap);
  });

  test("reads a list up to the very end", async ({ expect }) => {
    const body = `${store(65_532, 7)} ${store(0, 65_532)} ${store(4, 1)} (i32.const 0)`;
    const instance = (await linkText(returning("(list u32)", body)))();
    expect(callExport(instance, "f")).toEqual(Uint32Array.of(7));
  });

  /** Exports `f`, which returns a list that begins at 1024, in a memory of so many pages. */
  const listing = (element: string, length: number, pages: number) => `(core module $m
      (memory (export "memory") ${pages})
      (func (export "f") (result i32) ${store(16, 1024)} ${store(20, length)} (i32.const 16)))
    (core instance $i (instantiate $m))
    (func (export "f") (result (list ${element})) (canon lift (core func $i "f") (memory (core memory $i "memory"))))`;

  test.for([
    ["bool", 500_000, 16],
    ["u8", 1_900_000, 30],
    ["(tuple u8 u8)", 200_000, 7],
    ["string", 300_000, 38],
  ] as const)("lifts a long list of %s", async ([element, length, pages], { expect }) => {
    const instance = (await linkText(listing(element, length, pages)))();
    expect(callExport(instance, "f")).toHaveLength(length);
  });

  test.for([
    ["bool", 2_200_000, 35],
    ["(tuple u8 u8)", 300_000, 11],
    ["(tuple u64 u64)", 150_000, 38],
    ["(list u8)", 70_000, 10],
    ["(list u64)", 70_000, 10],
    ["string", 450_000, 56],
    ["(result u8)", 300_000, 11],
    ["(option char)", 600_000, 75],
  ] as const)("says that a list of %s is too large before it is made", async ([element, length, pages], { expect }) => {
    const instance = (await linkText(listing(element, length, pages)))();
    const error = thrown(() => callExport(instance, "f"));
    expect(error).toBeInstanceOf(TooLarge);
    expect(error).toHaveProperty("message", "the values of one call are too large for the host");
  });

  test("counts two bytes for each unit of a text that is not ASCII", async ({ expect }) => {
    const instance = (
      await linkText(`(core module $m
          (memory (export "memory") 140)
          (data (i32.const 1024) "\\e2\\82\\ac")
          (func (export "f") (param i32) (result i32)
            (i32.store (i32.const 16) (local.get 0)) ${store(20, 9_000_000)} (i32.const 16)))
        (core instance $i (instantiate $m))
        (func (export "f") (param "at" u32) (result string)
          (canon lift (core func $i "f") (memory (core memory $i "memory"))))`)
    )();
    expect(callExport(instance, "f", 1027)).toHaveLength(9_000_000);
    expect(thrown(() => callExport(instance, "f", 1024))).toBeInstanceOf(TooLarge);
  });

  test("lifts no more than the memory could hold twice over, however parts overlap", async ({ expect }) => {
    // 4,000 strings, all of them the same 30,000 bytes.
    const body = `(local $at i32)
      (local.set $at (i32.const 1024))
      (loop $next
        (i32.store (local.get $at) (i32.const 34000))
        (i32.store offset=4 (local.get $at) (i32.const 30000))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 33024))))
      ${store(0, 1024)} ${store(4, 4000)} (i32.const 0)`;
    const instance = (await linkText(returning("(list string)", body)))();
    expect(() => callExport(instance, "f")).toThrow("larger than the memory");
  });

  test.for([
    ["is not aligned", "(i32.const 2)"],
    ["is across the end", "(i32.const 65532)"],
  ] as const)("traps when what realloc returns %s", async ([, pointer], { expect }) => {
    const instance = (
      await linkText(`(core module $m
          (memory (export "memory") 1)
          (func (export "realloc") (param i32 i32 i32 i32) (result i32) ${pointer})
          (func (export "f") (param i32 i32)))
        (core instance $i (instantiate $m))
        (func (export "f") (param "x" (list u32))
          (canon lift (core func $i "f") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))`)
    )();
    expect(() => callExport(instance, "f", [1, 2])).toThrow("realloc gave no place");
  });

  test("calls post-return with the core result, after that was read", async ({ expect }) => {
    const instance = (
      await linkText(`(core module $m
          (memory (export "memory") 1)
          (data (i32.const 16) "\\08\\00\\00\\00\\03\\00\\00\\00")
          (data (i32.const 8) "abc")
          (global $freed (mut i32) (i32.const 0))
          (func (export "f") (result i32) (i32.const 16))
          (func (export "freed") (result i32) (global.get $freed))
          (func (export "post") (param i32)
            (global.set $freed (local.get 0))
            (i32.store (i32.const 8) (i32.const 0))))
        (core instance $i (instantiate $m))
        (func (export "f") (result string)
          (canon lift (core func $i "f") (memory (core memory $i "memory")) (post-return (core func $i "post"))))
        (func (export "freed") (result u32) (canon lift (core func $i "freed")))`)
    )();
    expect(callExport(instance, "f")).toBe("abc");
    expect(callExport(instance, "freed")).toBe(16);
  });
});

describe("emitGlue(): names", () => {
  test("no name of a component becomes code, and all of them work", async ({ expect }) => {
    const byte: WitType = { kind: "u8" };
    const type: WitType = {
      kind: "tuple",
      elements: [
        { kind: "record", fields: HOSTILE.map((name) => ({ name, type: byte })) },
        { kind: "list", element: { kind: "enum", names: HOSTILE } },
        { kind: "list", element: { kind: "variant", cases: HOSTILE.map((name) => ({ name, type: byte })) } },
        { kind: "flags", names: HOSTILE },
        byte,
      ],
    };
    const keys = HOSTILE.map(camelCase);
    const value = [
      ownProperties(keys.map((key, index) => [key, index])),
      HOSTILE,
      HOSTILE.map((tag, index) => ({ tag, val: index })),
      ownProperties(keys.map((key, index) => [key, index % 2 === 0])),
      7,
    ];
    const memory = await parse(`(module
      (memory (export "memory") 1)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (global.get $next)
        (global.set $next (i32.add (global.get $next) (i32.const 256)))))`);
    const functions = await parse(`(module
      ${CORE_NAMES.map((name, index) => `(import ${text(name)} ${text(name)} (func $f${index} (param i32 i32)))`).join("")}
      ${CORE_NAMES.map(
        (name, index) => `(func (export ${text(name)}) (param i32) (result i32)
          (call $f${index} (local.get 0) (i32.const 512)) (i32.const 512))`,
      ).join("")})`);
    const plan = hostilePlan(type, [memory.length, functions.length]);
    const instance = linkPlan(
      plan,
      Buffer.concat([memory, functions]),
    )(Object.fromEntries(CORE_NAMES.map((name) => [name, (given: unknown) => given])));
    for (const name of CORE_NAMES) expect(instance.exported(name, name)?.(value), name).toEqual(value);
    const misfit = thrown(() => instance.exported("", "")?.([{}, [], [], {}, 7]));
    expect(misfit).toBeInstanceOf(MisfitValue);
    expect(globalThis).not.toHaveProperty("injected");
  });
});

describe("emitGlue(): types", () => {
  test("writes as much as a type has parts, however often they are shared", ({ expect }) => {
    const repeated = (times: number, twice: (part: WitType) => WitType): WitType => {
      let type: WitType = { kind: "u32" };
      for (let time = 0; time < times; time++) type = twice(type);
      return type;
    };
    const variant = (part: WitType): WitType => ({
      kind: "variant",
      cases: ["a", "b"].map((name) => ({ name, type: part })),
    });
    const tuple = (part: WitType): WitType => ({ kind: "tuple", elements: [part, part] });
    const list = (part: WitType): WitType => ({ kind: "list", element: tuple(part) });
    // The first one stays flat.
    for (const type of [repeated(15, variant), repeated(40, tuple), repeated(45, list)]) {
      expect(emitGlue(hostilePlan(type), { waits: () => false }).length).toBeLessThan(300_000);
    }
  });

  test("writes a long label once, however often it is used", ({ expect }) => {
    const [one = "", other = ""] = ["a", "b"].map((letter) => letter.repeat(5000));
    const fields = [{ name: one, type: { kind: "u8" } as const }];
    const record: WitType = { kind: "record", fields };
    const types: WitType[] = [
      { kind: "enum", names: [one, other] },
      { kind: "flags", names: [one, other] },
      {
        kind: "variant",
        cases: [
          { name: one, type: record },
          { name: other, type: undefined },
        ],
      },
      record,
    ];
    for (const type of types) {
      const script = emitGlue(hostilePlan(type), { waits: () => false });
      expect(script.split(one).length - 1, type.kind).toBeLessThanOrEqual(2); // Also as the way to it: `.aaa…`.
    }
  });

  test("refuses to write a script of more than 8 MiB", ({ expect }) => {
    const names = Array.from({ length: 9 }, (_, index) => `a${index}`.repeat(2 ** 19));
    expect(() => emitGlue(hostilePlan({ kind: "enum", names }), { waits: () => false })).toThrow(UnsupportedComponent);
    expect(() => emitGlue(hostilePlan({ kind: "enum", names: names.slice(1) }), { waits: () => false })).toThrow(
      "glue of more than 8388608 characters",
    );
    expect(() => emitGlue(hostilePlan({ kind: "enum", names: names.slice(2) }), { waits: () => false })).not.toThrow();
  });

  test("refuses what it does not have", ({ expect }) => {
    const stream: WitType = { kind: "unsupported", what: "stream" };
    expect(() => emitGlue(hostilePlan(stream), { waits: () => false })).toThrow(UnsupportedComponent);
  });
});

const HOSTILE = [
  `${"long".repeat(20)}"];globalThis.injected=true;["`,
  '"];globalThis.injected=true;["',
  "'+(globalThis.injected=true)+'",
  "`${globalThis.injected=true}`",
  "*/globalThis.injected=true;/*",
  "\u2028globalThis.injected=true//\n",
  "\\",
  "__proto__",
  "constructor",
  "toString",
  "",
  "\ud800",
];
/** A binary can name anything that is Unicode. */
const CORE_NAMES = HOSTILE.filter((name) => name.isWellFormed());

/** An object that has "__proto__" of its own, too. */
function ownProperties(entries: readonly (readonly [string, unknown])[]): object {
  return Object.fromEntries(entries);
}

/** A name in the text of a core module. */
function text(name: string): string {
  const bytes = [...new TextEncoder().encode(name)].map((byte) => `\\${byte.toString(16).padStart(2, "0")}`);
  return `"${bytes.join("")}"`;
}

/** For each name an import and an export with it, of `func(value: T) -> T`; see the modules above. */
function hostilePlan(type: WitType, sizes: readonly [number, number] = [0, 0]): LinkPlan {
  const fn: FunctionType = { params: [{ name: "value", type }], result: type };
  const options: CanonOptions = {
    encoding: "utf8",
    memory: { kind: "export", instance: 0, name: "memory" },
    realloc: { kind: "export", instance: 0, name: "realloc" },
    postReturn: undefined,
  };
  const common = { type: fn, options, owner: 0 };
  const [end] = sizes;
  return {
    modules: [
      { start: 0, end },
      { start: end, end: end + sizes[1] },
    ],
    steps: [
      { kind: "instantiate", module: 0, imports: [] },
      ...CORE_NAMES.map((name) => ({
        kind: "lower" as const,
        target: { kind: "import" as const, interfaceName: name, functionName: name, type: fn },
        ...common,
      })),
      {
        kind: "instantiate",
        module: 1,
        imports: CORE_NAMES.map((name, lowered) => ({ module: name, name, item: { kind: "lowered", lowered } })),
      },
      ...CORE_NAMES.map((name) => ({
        kind: "lift" as const,
        core: { kind: "export" as const, instance: 1, name },
        ...common,
      })),
    ],
    resources: new Map(),
    owners: 1,
    imports: [],
    exports: [],
    exported: CORE_NAMES.map((name, lifted) => ({
      interfaceName: name,
      functionName: name,
      target: { kind: "lifted", lifted },
    })),
  };
}
