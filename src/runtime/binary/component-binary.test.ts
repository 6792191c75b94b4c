import { assert, nat, property, tuple, uint8Array } from "fast-check";
import { describe, test } from "vitest";
import { PetioleError } from "../../domain/errors.ts";
import { inspectComponent } from "./component-binary.ts";

// The binary format by hand, as far as these tests need it.
const COMPONENT = [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0];
const CORE = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const text = (value: string): number[] => [value.length, ...Buffer.from(value)];
const vec = (...items: number[][]): number[] => [items.length, ...items.flat()];
const section = (id: number, content: number[]): number[] => {
  if (content.length > 0x3fff) throw new Error("too long for this helper");
  return [id, (content.length & 0x7f) | 0x80, content.length >> 7, ...content];
};
const component = (...sections: number[][]): Uint8Array => Uint8Array.from([...COMPONENT, ...sections.flat()]);
const externName = (name: string): number[] => [0, ...text(name)];
const field = (name: string, type: number): number[] => [...text(name), type];

const [U64, U32, STRING] = [0x77, 0x79, 0x73];
const OWN = 0x69;
const BORROW = 0x68;

// (instance (export "bucket" (type (sub resource))) …)
const STORE_TYPE = [
  0x42,
  ...vec(
    [4, ...externName("bucket"), 3, 1], // type 0
    [1, OWN, 0], // type 1
    [1, 0x6a, 1, 1, 1, STRING], // type 2: result<own<bucket>, string>
    [1, 0x40, ...vec(field("identifier", STRING)), 0, 2], // type 3
    [4, ...externName("open"), 1, 3],
    [1, BORROW, 0], // type 4
    [1, 0x40, ...vec(field("self", 4), field("delta", U64)), 1, 0], // type 5
    [4, ...externName("[method]bucket.add"), 1, 5],
  ),
];
const IMPORT_STORE = [section(7, vec(STORE_TYPE)), section(10, vec([...externName("acme:store/store@1.0.0"), 5, 0]))];

// A core module with a function "run", its instance, and the function as core function 0.
const CORE_RUN = [
  section(1, [
    ...CORE,
    ...section(1, vec([0x60, 0, 0])),
    ...section(3, vec([0])),
    ...section(7, vec([...text("run"), 0, 0])),
    ...section(10, vec([2, 0, 0x0b])),
  ]),
  section(2, vec([0, 0, ...vec()])),
  section(6, vec([0, 0, 1, 0, ...text("run")])),
];
const SHAPE = {
  name: "acme:store/store@1.0.0",
  resources: [{ name: "bucket" }],
  functions: [
    {
      name: "open",
      type: {
        params: [{ name: "identifier", type: { kind: "string" } }],
        result: { kind: "result", ok: { kind: "own", resource: { name: "bucket" } }, err: { kind: "string" } },
      },
    },
    {
      name: "[method]bucket.add",
      type: {
        params: [
          { name: "self", type: { kind: "borrow", resource: { name: "bucket" } } },
          { name: "delta", type: { kind: "u64" } },
        ],
        result: undefined,
      },
    },
  ],
};

const messageOf = (bytes: Uint8Array): string => {
  try {
    inspectComponent(bytes, "it");
  } catch (error) {
    if (error instanceof PetioleError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "fine";
};

describe("inspectComponent()", () => {
  test("refuses fields and flags that are the same property in JavaScript, but no cases", ({ expect }) => {
    const labels = ["a-1", "a1"];
    const fields = labels.map((label) => field(label, U32));
    const same = '"a-1" and "a1", which are both "a1" in JavaScript';
    expect(messageOf(component(section(7, vec([0x72, ...vec(...fields)]))))).toContain(`two fields ${same}`);
    expect(messageOf(component(section(7, vec([0x6e, ...vec(...labels.map(text))]))))).toContain(`two flags ${same}`);
    inspectComponent(component(section(7, vec([0x6d, ...vec(...labels.map(text))]))));
    inspectComponent(component(section(7, vec([0x40, ...vec(...fields), 1, 0]))));
  });

  test("reads functions, types and resources of an imported interface", ({ expect }) => {
    expect(inspectComponent(component(...IMPORT_STORE))).toEqual({
      imports: [SHAPE],
      exports: [],
      bareImports: [],
      bareExports: [],
      coreModules: 0,
    });
  });

  test("reads names in every form that tools have written", ({ expect }) => {
    const named = (...name: number[]): Uint8Array =>
      component(section(7, vec([0x42, 0])), section(10, vec([...name, 5, 0])));
    const names = [
      [0, ...text("acme:a/b")],
      [1, ...text("acme:a/b")], // interfaces, before names told for themselves what they are
      [2, ...text("acme:a/b"), ...vec([0, ...text("acme:c/d")])], // with annotations
    ].map((name) => inspectComponent(named(...name)).imports[0]?.name);
    expect(names).toEqual(["acme:a/b", "acme:a/b", "acme:a/b"]);
    expect(messageOf(named(3, ...text("x")))).toContain("name of unknown form 3");
  });

  test("knows a resource that one interface takes over from another as the same", ({ expect }) => {
    const bytes = component(
      ...IMPORT_STORE,
      section(6, vec([3, 0, 0, ...text("bucket")])), // type 1: alias of the instance's bucket
      section(
        7,
        vec([
          0x42,
          ...vec(
            [2, 3, 2, 1, 1], // type 0: the outer type 1
            [4, ...externName("bucket"), 3, 0, 0], // type 1
            [1, BORROW, 1], // type 2
            [1, 0x40, ...vec(field("bucket", 2)), 0, U32],
            [4, ...externName("count"), 1, 3],
          ),
        ]),
      ),
      section(10, vec([...externName("acme:store/counters"), 5, 2])),
    );
    const { imports } = inspectComponent(bytes);
    expect(imports.map(({ name }) => name)).toEqual(["acme:store/store@1.0.0", "acme:store/counters"]);
    const param = imports[1]?.functions[0]?.type?.params[0]?.type;
    expect(param).toEqual({ kind: "borrow", resource: { name: "bucket" } });
    expect(imports[1]?.resources[0]).toBe(imports[0]?.resources[0]);
    expect(param?.kind === "borrow" ? param.resource : undefined).toBe(imports[0]?.resources[0]);
  });

  test("reads an exported interface out of the component that makes it", ({ expect }) => {
    const inner = [
      ...COMPONENT,
      ...section(7, vec([0x40, ...vec(field("text", STRING)), 0, U32])),
      ...section(10, vec([...externName("import-func-measure"), 1, 0])),
      ...section(11, vec([...externName("measure"), 1, 0, 1, 1, 0])),
    ];
    const bytes = component(
      section(1, CORE),
      section(7, vec([0x40, ...vec(field("text", STRING)), 0, U32])),
      section(10, vec([...externName("measure"), 1, 0])),
      section(4, inner),
      section(5, vec([0, 0, ...vec([...text("import-func-measure"), 1, 0])])),
      section(11, vec([...externName("acme:text/ruler@0.1.0"), 5, 0, 0])),
    );
    expect(inspectComponent(bytes)).toMatchObject({
      exports: [
        {
          name: "acme:text/ruler@0.1.0",
          functions: [
            {
              name: "measure",
              type: { params: [{ name: "text", type: { kind: "string" } }], result: { kind: "u32" } },
            },
          ],
        },
      ],
      coreModules: 1,
    });
  });

  test("reads functions that are lifted and exported outside of interfaces", ({ expect }) => {
    const bytes = component(
      ...CORE_RUN,
      section(7, vec([0x40, ...vec(), 1, 0])),
      section(8, vec([0, 0, 0, ...vec([0]), 0])),
      section(11, vec([...externName("run"), 1, 0, 0])),
    );
    expect(inspectComponent(bytes).bareExports).toEqual([{ name: "run", type: { params: [], result: undefined } }]);
  });

  test("does not guess types behind built-ins that it does not know", ({ expect }) => {
    const bytes = component(
      section(7, vec([0x40, ...vec(), 1, 0])),
      section(8, vec([0x7d, 0, 0])),
      section(11, vec([...externName("run"), 1, 0, 0])),
    );
    expect(inspectComponent(bytes).bareExports).toEqual([{ name: "run", type: undefined }]);
  });

  test("says what a file is that is no component", ({ expect }) => {
    expect(messageOf(Uint8Array.of())).toBe('ERR_COMPONENT_INVALID: Cannot read "it": it is empty');
    expect(messageOf(Buffer.from("#!/bin/sh"))).toContain("is not WebAssembly");
    expect(messageOf(Uint8Array.of(0, 0x61))).toContain("is cut off");
    expect(messageOf(Uint8Array.from(CORE))).toContain("is a core module, not a component");
    expect(messageOf(Uint8Array.of(0, 0x61, 0x73, 0x6d, 9, 0, 1, 0))).toContain("unknown binary version 09000100");
  });

  test("refuses every truncation of a component that is not one of a whole section", ({ expect }) => {
    const whole = component(...IMPORT_STORE);
    const ends = [COMPONENT.length, COMPONENT.length + (IMPORT_STORE[0]?.length ?? 0), whole.length];
    for (let length = 0; length <= whole.length; length++) {
      const message = messageOf(whole.subarray(0, length));
      if (ends.includes(length)) expect(message).toBe("fine");
      else expect(message).toMatch(/^ERR_COMPONENT_INVALID/);
    }
  });

  test("refuses types and components nested without measure", ({ expect }) => {
    // An index above 63 takes two bytes, as it is a signed number.
    const listOf = (index: number): number[] => (index < 0 ? [0x70, STRING] : [0x70, index | 0x80, 0]);
    const deepList = section(7, vec(...Array.from({ length: 120 }, (_, index) => listOf(index - 1))));
    expect(messageOf(component(deepList))).toContain("nests types more than 100 deep");
    let type: number[] = [0x42, 0];
    for (let depth = 0; depth < 200; depth++) type = [0x42, 1, 1, ...type];
    expect(messageOf(component(section(7, vec(type))))).toContain("nests scopes");
    let nested: number[] = COMPONENT;
    for (let depth = 0; depth < 50; depth++) nested = [...COMPONENT, ...section(4, nested)];
    expect(messageOf(Uint8Array.from(nested))).toContain("nests components");
  });

  test("refuses indices that name nothing, and counts beyond the end", ({ expect }) => {
    expect(messageOf(component(section(7, vec([0x70, 5]))))).toContain("names type 5; there are 0");
    expect(messageOf(component(section(10, vec([...externName("x"), 5, 3]))))).toContain("names type 3");
    expect(messageOf(component(section(7, [0xff, 0xff, 0xff, 0xff, 0x0f])))).toContain("ends within a list");
    expect(messageOf(component(section(7, [0x01, 0x6d, 0x01, 0xa1, 0x8d, 0x06])))).toContain("more than 100000 bytes");
    expect(messageOf(component(section(7, [0xff, 0xff, 0xff, 0xff, 0x7f])))).toContain("more than 32 bits");
    expect(messageOf(component(section(99, [])))).toContain("unknown section 99");
  });

  test("throws nothing but ERR_COMPONENT_INVALID, whatever the bytes", ({ expect }) => {
    const whole = component(...IMPORT_STORE);
    assert(
      property(tuple(nat(whole.length), nat(whole.length), uint8Array({ maxLength: 8 })), ([from, cut, bytes]) => {
        const damaged = Uint8Array.from([...whole.subarray(0, from), ...bytes, ...whole.subarray(from + cut)]);
        expect(messageOf(damaged)).toMatch(/^(fine|ERR_COMPONENT_INVALID)/);
      }),
      { numRuns: 2000 },
    );
    assert(
      property(uint8Array({ maxLength: 300 }), (bytes) => {
        expect(messageOf(component([...bytes]))).toMatch(/^(fine|ERR_COMPONENT_INVALID)/);
      }),
      { numRuns: 2000 },
    );
  });
});
