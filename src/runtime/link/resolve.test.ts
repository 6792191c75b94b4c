import { parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import { describe, test } from "vitest";
import { PetioleError } from "../../domain/errors.ts";
import { inspectComponent } from "../binary/component-binary.ts";
import type { LinkPlan, LinkStep } from "./plan.ts";
import { resolveComponent } from "./resolve.ts";
import { UnsupportedComponent } from "./unsupported.ts";

const resolveText = async (text: string): Promise<LinkPlan> => resolveComponent(await parse(`(component ${text})`));

const stepsOf = <K extends LinkStep["kind"]>(plan: LinkPlan, kind: K): Extract<LinkStep, { kind: K }>[] =>
  plan.steps.filter((step): step is Extract<LinkStep, { kind: K }> => step.kind === kind);

/** Why a component is refused. */
async function refusal(text: string): Promise<string> {
  const bytes = await parse(`(component ${text})`);
  try {
    resolveComponent(bytes, "it");
  } catch (error) {
    if (error instanceof UnsupportedComponent) return `unsupported: ${error.reason}`;
    if (error instanceof PetioleError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "fine";
}

const U32_TYPE = { params: [], result: { kind: "u32" } };
const NO_OPTIONS = { encoding: "utf8", memory: undefined, realloc: undefined, postReturn: undefined };
/** A component that exports `answer: func() -> u32`, made by a core module. */
const ANSWER = `
  (core module $m (func (export "answer") (result i32) (i32.const 42)))
  (core instance $i (instantiate $m))
  (func $answer (result u32) (canon lift (core func $i "answer")))
  (export "answer" (func $answer))`;
const MAKER = `(component $maker
  (core module $m
    (func (export "make") (result i32) (i32.const 7))
    (func (export "get") (param i32) (result i32) (local.get 0))
    (func (export "dtor") (param i32)))
  (core instance $i (instantiate $m))
  (type $thing (resource (rep i32) (dtor (core func $i "dtor"))))
  (func $make (result (own $thing)) (canon lift (core func $i "make")))
  (func $get (param "self" (borrow $thing)) (result u32) (canon lift (core func $i "get")))
  (component $shim
    (import "import-type-thing" (type $t (sub resource)))
    (import "import-make" (func $make (result (own $t))))
    (import "import-get" (func $get (param "self" (borrow $t)) (result u32)))
    (export $named "thing" (type $t))
    (export "[static]thing.make" (func $make) (func (result (own $named))))
    (export "[method]thing.get" (func $get) (func (param "self" (borrow $named)) (result u32))))
  (instance $things (instantiate $shim
    (with "import-type-thing" (type $thing))
    (with "import-make" (func $make))
    (with "import-get" (func $get))))
  (export "acme:a/things" (instance $things)))`;

describe("resolveComponent()", () => {
  test("lists steps in the order of the file, with core items by what makes them", async ({ expect }) => {
    const plan = await resolveText(`
      (import "acme:log/log@1.0.0" (instance $log (export "say" (func (param "text" string)))))
      (core module $libc
        (memory (export "mem") 1)
        (func (export "alloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
      (core module $main
        (import "env" "mem" (memory 1))
        (import "log" "say" (func (param i32 i32)))
        (func (export "greet") (param i32 i32) (result i32) (i32.const 0))
        (func (export "free") (param i32)))
      (core instance $libc (instantiate $libc))
      (core func $say (canon lower (func $log "say") (memory (core memory $libc "mem")) string-encoding=utf16))
      (core instance $main (instantiate $main
        (with "env" (instance $libc))
        (with "log" (instance (export "say" (func $say))))))
      (func $greet (param "name" string) (result string)
        (canon lift (core func $main "greet")
          (memory (core memory $libc "mem")) (realloc (core func $libc "alloc")) (post-return (core func $main "free"))))
      (export "greet" (func $greet))`);
    const memory = { kind: "export", instance: 0, name: "mem" };
    const say = { params: [{ name: "text", type: { kind: "string" } }], result: undefined };
    const greet = { params: [{ name: "name", type: { kind: "string" } }], result: { kind: "string" } };
    expect(plan.steps).toEqual([
      { kind: "instantiate", module: 0, imports: [] },
      {
        kind: "lower",
        target: { kind: "import", interfaceName: "acme:log/log@1.0.0", functionName: "say", type: say },
        type: say,
        options: { encoding: "utf16", memory, realloc: undefined, postReturn: undefined },
        owner: 0,
      },
      {
        kind: "instantiate",
        module: 1,
        imports: [
          { module: "env", name: "mem", item: memory },
          { module: "log", name: "say", item: { kind: "lowered", lowered: 0 } },
        ],
      },
      {
        kind: "lift",
        core: { kind: "export", instance: 1, name: "greet" },
        type: greet,
        options: {
          encoding: "utf8",
          memory,
          realloc: { kind: "export", instance: 0, name: "alloc" },
          postReturn: { kind: "export", instance: 1, name: "free" },
        },
        owner: 0,
      },
    ]);
    expect(plan.imports).toEqual([
      { name: "acme:log/log@1.0.0", functions: [{ name: "say", type: say }], resources: [] },
    ]);
    expect(plan.exports).toEqual([{ name: "$root", functions: [{ name: "greet", type: greet }], resources: [] }]);
    expect(plan.exported).toEqual([
      { interfaceName: "$root", functionName: "greet", target: { kind: "lifted", lifted: 0 } },
    ]);
    expect(plan.owners).toBe(1);
  });

  test("gives the range of each core module, also of nested components", async ({ expect }) => {
    const bytes = await parse(`(component (core module) (component (core module (memory 1))) (core module))`);
    const plan = resolveComponent(bytes);
    expect(plan.modules).toHaveLength(3);
    for (const { start, end } of plan.modules) {
      expect(new WebAssembly.Module(Uint8Array.from(bytes.subarray(start, end)))).toBeInstanceOf(WebAssembly.Module);
    }
    expect(plan.steps).toEqual([]);
  });

  test("joins two components that pass a resource, and dissolves the shim between them", async ({ expect }) => {
    const plan = await resolveText(`
      ${MAKER}
      (component $user
        (import "acme:a/things" (instance $things
          (export "thing" (type $t (sub resource)))
          (export "[static]thing.make" (func (result (own $t))))
          (export "[method]thing.get" (func (param "self" (borrow $t)) (result u32)))))
        (alias export $things "thing" (type $t))
        (core func $make (canon lower (func $things "[static]thing.make")))
        (core func $drop (canon resource.drop $t))
        (core module $m
          (import "t" "make" (func (result i32)))
          (import "t" "drop" (func (param i32)))
          (func (export "run") (result i32) (i32.const 0)))
        (core instance $i (instantiate $m
          (with "t" (instance (export "make" (func $make)) (export "drop" (func $drop))))))
        (func $run (result u32) (canon lift (core func $i "run")))
        (export "run" (func $run)))
      (instance $maker (instantiate $maker))
      (instance $user (instantiate $user (with "acme:a/things" (instance $maker "acme:a/things"))))
      (export "run" (func $user "run"))`);
    const [[thing, origin] = []] = plan.resources;
    expect(plan.resources.size).toBe(1);
    expect(thing).toEqual({ name: "thing" });
    expect(origin).toEqual({ kind: "guest", owner: 1, destructor: { kind: "export", instance: 0, name: "dtor" } });
    // The component itself, the maker and the user; the shim has nothing of its own.
    expect(plan.owners).toBe(3);
    const [make, get, run] = stepsOf(plan, "lift");
    const [lowered] = stepsOf(plan, "lower");
    expect([make?.owner, get?.owner, run?.owner, lowered?.owner]).toEqual([1, 1, 2, 2]);
    expect(lowered?.target).toEqual({ kind: "lifted", lifted: 0 });
    for (const type of [make?.type.result, lowered?.type.result, get?.type.params[0]?.type]) {
      expect(type !== undefined && "resource" in type ? type.resource : undefined).toBe(thing);
    }
    const drop = stepsOf(plan, "instantiate")[1]?.imports[1]?.item;
    expect(drop).toEqual({ kind: "resource-drop", resource: thing, owner: 2 });
    expect(plan.exported).toEqual([
      { interfaceName: "$root", functionName: "run", target: { kind: "lifted", lifted: 2 } },
    ]);
  });

  test("makes new resources and owners each time that a component is instantiated", async ({ expect }) => {
    const plan = await resolveText(`
      ${MAKER}
      (instance $one (instantiate $maker))
      (instance $two (instantiate $maker))
      (export "acme:a/one" (instance $one "acme:a/things"))
      (export "acme:a/two" (instance $two "acme:a/things"))`);
    expect([...plan.resources.values()].map((origin) => origin.kind === "guest" && origin.owner)).toEqual([1, 2]);
    const [one, two] = plan.exports;
    expect(one?.resources[0]).not.toBe(two?.resources[0]);
    expect(stepsOf(plan, "instantiate").map(({ module }) => module)).toEqual([0, 0]);
    expect(plan.exported.map(({ interfaceName, functionName }) => `${interfaceName}#${functionName}`)).toEqual([
      "acme:a/one#[static]thing.make",
      "acme:a/one#[method]thing.get",
      "acme:a/two#[static]thing.make",
      "acme:a/two#[method]thing.get",
    ]);
  });

  test("knows resources of the host by interface, and those taken over as the same", async ({ expect }) => {
    const plan = await resolveText(`
      (import "acme:io/streams" (instance $streams (export "stream" (type (sub resource)))))
      (alias export $streams "stream" (type $stream))
      (import "acme:io/files" (instance $files
        (alias outer 1 $stream (type $outer))
        (export "stream" (type $s (eq $outer)))
        (export "file" (type $f (sub resource)))
        (export "open" (func (param "file" (borrow $f)) (result (own $s))))))
      (import "lone" (type $lone (sub resource)))
      (core func $drop (canon resource.drop $lone))
      (core instance (export "drop" (func $drop)))`);
    expect([...plan.resources]).toEqual([
      [{ name: "stream" }, { kind: "host", interfaceName: "acme:io/streams" }],
      [{ name: "file" }, { kind: "host", interfaceName: "acme:io/files" }],
      [{ name: "lone" }, { kind: "host", interfaceName: "$root" }],
    ]);
    const [streams, files, root] = plan.imports;
    expect(files?.resources[0]).toBe(streams?.resources[0]);
    expect(root).toMatchObject({ name: "$root", resources: [{ name: "lone" }] });
    for (const shape of plan.imports) for (const one of shape.resources) expect(plan.resources.has(one)).toBe(true);
  });

  test("follows outer aliases to types, core modules and components", async ({ expect }) => {
    const plan = await resolveText(`
      (type $pair (tuple u8 u8))
      (core module $m (memory (export "mem") 1) (func (export "f") (result i32) (i32.const 0)))
      (component $leaf ${ANSWER})
      (component $nested
        (alias outer 1 $pair (type $p))
        (core instance $i (instantiate $m))
        (func $f (result $p) (canon lift (core func $i "f") (memory (core memory $i "mem"))))
        (instance $leaf (instantiate $leaf))
        (export "f" (func $f))
        (export "answer" (func $leaf "answer")))
      (instance $n (instantiate $nested))
      (export "f" (func $n "f"))
      (export "answer" (func $n "answer"))`);
    expect(stepsOf(plan, "instantiate").map(({ module }) => module)).toEqual([0, 1]);
    expect(stepsOf(plan, "lift").map(({ type }) => type.result?.kind)).toEqual(["tuple", "u32"]);
    expect(plan.exported.map(({ target }) => target)).toEqual([
      { kind: "lifted", lifted: 0 },
      { kind: "lifted", lifted: 1 },
    ]);
  });

  test("takes instances of inline exports apart, on both levels", async ({ expect }) => {
    const plan = await resolveText(`
      (import "tick" (func $tick))
      (core module $tables (table (export "t") 1 funcref) (global (export "g") i32 (i32.const 1)))
      (core module $user
        (import "a" "first" (table 1 funcref))
        (import "a" "second" (global i32))
        (import "a" "third" (func))
        (func (export "run")))
      (core instance $tables (instantiate $tables))
      (core func $lowered (canon lower (func $tick)))
      (core instance $all
        (export "first" (table $tables "t"))
        (export "second" (global $tables "g"))
        (export "third" (func $lowered)))
      (core instance $user (instantiate $user (with "a" (instance $all))))
      (func $run (canon lift (core func $user "run")))
      (component $relay
        (import "in" (instance $in (export "run" (func))))
        (export "out" (func $in "run")))
      (instance $inline (export "run" (func $run)) (export "unseen" (func $tick)))
      (instance $relayed (instantiate $relay (with "in" (instance $inline))))
      (instance $outer (export "run" (func $relayed "out")) (export "tick" (func $tick)))
      (export "acme:a/both" (instance $outer))`);
    expect(stepsOf(plan, "instantiate")[1]?.imports).toEqual([
      { module: "a", name: "first", item: { kind: "export", instance: 0, name: "t" } },
      { module: "a", name: "second", item: { kind: "export", instance: 0, name: "g" } },
      { module: "a", name: "third", item: { kind: "lowered", lowered: 0 } },
    ]);
    expect(plan.exported).toEqual([
      { interfaceName: "acme:a/both", functionName: "run", target: { kind: "lifted", lifted: 0 } },
      {
        interfaceName: "acme:a/both",
        functionName: "tick",
        target: {
          kind: "import",
          interfaceName: "$root",
          functionName: "tick",
          type: { params: [], result: undefined },
        },
      },
    ]);
    expect(plan.owners).toBe(1);
  });

  test("instantiates components and core modules that are passed as arguments", async ({ expect }) => {
    const plan = await resolveText(`
      (component $answer ${ANSWER})
      (core module $m (func (export "zero") (result i32) (i32.const 0)))
      (component $apply
        (import "c" (component $c (export "answer" (func (result u32)))))
        (import "m" (core module $m (export "zero" (func (result i32)))))
        (instance $made (instantiate $c))
        (core instance $i (instantiate $m))
        (func $zero (result u32) (canon lift (core func $i "zero")))
        (export "zero" (func $zero))
        (export "answer" (func $made "answer")))
      (instance $applied (instantiate $apply (with "c" (component $answer)) (with "m" (core module $m))))
      (export "answer" (func $applied "answer"))`);
    expect(stepsOf(plan, "lift")).toEqual([
      {
        kind: "lift",
        core: { kind: "export", instance: 0, name: "answer" },
        type: U32_TYPE,
        options: NO_OPTIONS,
        owner: 1,
      },
      {
        kind: "lift",
        core: { kind: "export", instance: 1, name: "zero" },
        type: U32_TYPE,
        options: NO_OPTIONS,
        owner: 2,
      },
    ]);
    expect(plan.exported[0]?.target).toEqual({ kind: "lifted", lifted: 0 });
  });

  test.for([
    ["asynchronous functions", `(import "f" (func $f async)) (core func (canon lower (func $f)))`],
    [
      "the asynchronous canonical ABI",
      `(import "f" (func $f)) (core module $m (memory (export "m") 1)) (core instance $i (instantiate $m))
       (core func (canon lower (func $f) async (memory (core memory $i "m"))))`,
    ],
    ["task.cancel", `(core func (canon task.cancel))`],
    ["waitable-set.new", `(core func (canon waitable-set.new))`],
    [
      "values of type stream",
      `(type $s (stream u8)) (import "f" (func $f (param "s" $s))) (core func (canon lower (func $f)))`,
    ],
    ["imported core modules", `(import "m" (core module $m)) (core instance (instantiate $m))`],
    ["imported components", `(import "c" (component $c)) (instance (instantiate $c))`],
    ["memories with 64-bit addresses", `(core module $m (memory i64 1)) (core instance (instantiate $m))`],
    [
      "instances within imported instances",
      `(import "a" (instance $a (export "b" (instance (export "f" (func))))))
       (alias export $a "b" (instance $b)) (core func (canon lower (func $b "f")))`,
    ],
  ] as const)("says what it lacks: %s", async ([reason, text], { expect }) => {
    expect(await refusal(text)).toBe(`unsupported: ${reason}`);
    // What the component imports and exports is known all the same.
    expect(inspectComponent(await parse(`(component ${text})`)).coreModules).toBeTypeOf("number");
  });

  test("has no objection to what is only declared", async ({ expect }) => {
    expect(await refusal(`(type (stream u8)) (import "f" (func async (param "s" (stream u8))))`)).toBe("fine");
  });

  const core = `(core module $m
      (memory (export "m") 1) (func (export "f")) (func (export "g") (param i32 i32) (result i32) (i32.const 0)))
    (core instance $i (instantiate $m))`;
  test.for([
    [
      "needs a memory",
      `${core} (func (param "s" string) (canon lift (core func $i "f") (realloc (core func $i "g"))))`,
    ],
    [
      "needs a realloc",
      `${core} (func (param "s" string) (canon lift (core func $i "f") (memory (core memory $i "m"))))`,
    ],
    [
      "needs a realloc",
      `${core} (import "f" (func $f (result string))) (core func (canon lower (func $f) (memory (core memory $i "m"))))`,
    ],
    ["needs a memory", `(import "f" (func $f (result (tuple u8 u8)))) (core func (canon lower (func $f)))`],
    ["a realloc and no memory", `${core} (func (canon lift (core func $i "f") (realloc (core func $i "g"))))`],
    ['core func "absent" of a core instance that has none', `${core} (alias core export $i "absent" (core func))`],
    ['core func "m" of a core instance that has none', `${core} (alias core export $i "m" (core func))`],
    [
      'passes nothing to a core module that imports "env" "f"',
      `(core module $m (import "env" "f" (func))) (core instance (instantiate $m))`,
    ],
    [
      'has two exports named "F"',
      `${core} (func $f (canon lift (core func $i "f"))) (export "f" (func $f)) (export "F" (func $f))`,
    ],
    ['has two imports named "f"', `(import "f" (func)) (import "f" (func))`],
    ['has nothing where "f" is wanted', `(component $c (import "f" (func))) (instance (instantiate $c))`],
    [
      'has instance "f" where func is wanted',
      `(component $c (import "f" (func))) (instance $i) (instance (instantiate $c (with "f" (instance $i))))`,
    ],
    [
      'another type of function than wanted as "f"',
      `(import "g" (func $g (param "a" u8))) (component $c (import "f" (func (param "a" u16))))
       (instance (instantiate $c (with "f" (func $g))))`,
    ],
    [
      'another type of function than wanted as "[static]thing.make"',
      `${MAKER} (instance $one (instantiate $maker)) (instance $two (instantiate $maker))
       (alias export $one "acme:a/things" (instance $a)) (alias export $two "acme:a/things" (instance $b))
       (alias export $a "thing" (type $t))
       (component $c
         (import "thing" (type $t (sub resource)))
         (import "[static]thing.make" (func (result (own $t)))))
       (instance (instantiate $c (with "thing" (type $t)) (with "[static]thing.make" (func $b "[static]thing.make"))))`,
    ],
    [
      "on a resource that it does not define",
      `(import "r" (type $r (sub resource))) (core func (canon resource.rep $r))`,
    ],
    ["returns a borrow", `(import "r" (type $r (sub resource))) (type (func (result (borrow $r))))`],
    ["has two fields named", `(type (record (field "a" u8) (field "A" u8)))`],
    ["no word in kebab-case", `(type (record (field "a\\"b" u8)))`],
    ["no printable text", `(import "a\\nb" (func))`],
    ["of an outer scope", `(component $c (alias outer 1 0 (type))) (type u8) (instance (instantiate $c))`],
  ] as const)("refuses what is wrong: %s", async ([fault, text], { expect }) => {
    expect(await refusal(text)).toContain(fault);
  });

  const times = (count: number, text: (index: number) => string): string =>
    Array.from({ length: count }, (_, index) => text(index)).join("\n");
  test.for([
    [
      "takes more than 20000 steps",
      `(component $c0) ${times(40, (n) => `(component $c${n + 1} (instance (instantiate $c${n})) (instance (instantiate $c${n})))`)}
       (instance (instantiate $c40))`,
    ],
    [
      "has a type of more than 10000 parts",
      `(type $t0 u8) ${times(40, (n) => `(type $t${n + 1} (tuple $t${n} $t${n}))`)}`,
    ],
    ["has a type of more than 10000 parts", `(type (enum ${times(8, (n) => `"e${n}${"x".repeat(90_000)}"`)}))`],
    [
      "more than 200000 definitions and uses",
      `(type $e' (enum "${"a".repeat(90_000)}" "b")) (export $e "e" (type $e'))
       (core module $m (func (export "f") (param i32))) (core instance $i (instantiate $m))
       ${times(300, () => `(func (param "x" $e) (canon lift (core func $i "f")))`)}`,
    ],
    ["has a type of more than 10000 parts", `(type (record ${times(10_001, (n) => `(field "f${n}" u8)`)}))`],
    ["whose type has more than 10000 parts", `(type (func ${times(10_001, (n) => `(param "p${n}" u8)`)}))`],
    [
      "more than 200000 definitions and uses",
      `(type $i0 (instance)) ${times(40, (n) => `(type $i${n + 1} (instance (export "a" (instance (type $i${n}))) (export "b" (instance (type $i${n})))))`)}
       (import "x" (instance (type $i40)))`,
    ],
    [
      "nests types of instances more than 100 deep",
      `(type $i0 (instance)) ${times(200, (n) => `(type $i${n + 1} (instance (export "a" (instance (type $i${n})))))`)}
       (import "x" (instance (type $i200)))`,
    ],
    [
      "instantiates components more than 100 deep",
      `(component $w (import "x" (component $x)) (instance (instantiate $x (with "x" (component $x)))))
       (instance (instantiate $w (with "x" (component $w))))`,
    ],
  ] as const)("refuses what unfolds without measure: %s", async ([fault, text], { expect }) => {
    const message = await refusal(text);
    expect(message).toContain("ERR_COMPONENT_INVALID");
    expect(message).toContain(fault);
  });
});
