// Single components of wit-bindgen's tests, called from outside with values of all kinds.

import { call, type ForeignCall, type ForeignComponent, type Host } from "../foreign-component.ts";
import { WitError } from "../../../src/domain/errors.ts";

const single = (
  name: string,
  language: string,
  shows: string,
  calls: readonly ForeignCall[],
  more: Partial<ForeignComponent> = {},
): ForeignComponent => ({ name, language, madeWith: "wit-bindgen 0.63", shows, calls, ...more });

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const strings = "test:strings/to-test";
const lists = "test:lists/to-test";
const records = "test:records/to-test";
const variants = "test:variants/to-test";
const options = "test:options/to-test";
const numbers = "test:numbers/numbers";
const flavorful = "test:flavorful/to-test";
const results = "test:results/test";
const F32_THIRD = Math.fround(1 / 3);

/** What the results component asks, by the value it asks with. */
const failing = (): Host => (_interfaceName, functionName, args) => {
  const [asked] = args;
  if (asked === 1) return asked;
  switch (functionName) {
    case "string-error":
      throw new WitError("zero");
    case "enum-error":
      throw new WitError("b");
    case "record-error":
      throw new WitError({ line: 420, column: 0 });
    case "variant-error":
      throw new WitError({ tag: "e2", val: { line: 420, column: 7 } });
    default:
      throw new WitError(undefined);
  }
};

/** The resource `y` that a component imports, as a provider serves it. */
const numbersByHandle = (): Host => {
  const values = new Map<number, number>();
  let last = 0;
  const make = (value: number): number => {
    values.set(++last, value);
    return last;
  };
  return (_interfaceName, functionName, [handle, value]) => {
    const of = Number(handle);
    switch (functionName) {
      case "[constructor]y":
        return make(of);
      case "[method]y.get-a":
        return values.get(of);
      case "[method]y.set-a":
        return void values.set(of, Number(value));
      case "[static]y.add":
        return make((values.get(of) ?? Number.NaN) + Number(value));
      default:
        throw new Error(`nothing serves ${functionName}`);
    }
  };
};

export const BINDGEN_EXPORTS: readonly ForeignComponent[] = [
  single("strings-c", "C", "strings in UTF-16", [
    call(strings, "roundtrip", ["plain"], "plain"),
    call(strings, "roundtrip", ["\u{1F680}\u{1F680} 𠈄𓀀 ü \0."], "\u{1F680}\u{1F680} 𠈄𓀀 ü \0."),
    call(strings, "return-unicode", [], "\u{1F680}\u{1F680}\u{1F680} 𠈄𓀀"),
    call(strings, "return-empty", [], ""),
  ]),
  single("lists-rust", "Rust", "lists of numbers, strings, tuples", [
    call(lists, "list-roundtrip", [bytes(0, 1, 255)], bytes(0, 1, 255)),
    call(lists, "list-roundtrip", [new Uint8Array(200_000).fill(7)], new Uint8Array(200_000).fill(7)),
    call(lists, "list-result3", [], ["hello,", "world!"]),
    call(
      lists,
      "list-minmax64",
      [BigUint64Array.of(0n, 2n ** 64n - 1n), BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n)],
      [BigUint64Array.of(0n, 2n ** 64n - 1n), BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n)],
    ),
    call(lists, "wasi-http-headers-roundtrip", [[["accept", bytes(42)]]], [["accept", bytes(42)]]),
    call(lists, "empty-list-result", [], bytes()),
    {
      interfaceName: lists,
      functionName: "list-param2",
      args: ["not what it asserts"],
      outcome: { fails: "ERR_COMPONENT_TRAP", says: "unreachable", because: "a wrong argument fails its assertion" },
    },
    call(lists, "string-roundtrip", ["after the trap"], "after the trap"),
  ]),
  single("records-cpp", "C++", "records, tuples and flags", [
    call(records, "multiple-results", [], [4, 5]),
    call(records, "swap-tuple", [[1, 2]], [2, 1]),
    call(records, "roundtrip-flags1", [{ a: true, b: false }], { a: true, b: false }),
    call(records, "roundtrip-record1", [{ a: 8, b: { a: false, b: true } }], { a: 8, b: { a: false, b: true } }),
    call(records, "tuple1", [[1]], [1]),
    {
      interfaceName: records,
      functionName: "swap-tuple",
      args: [[256, 2]],
      outcome: { fails: "ERR_LINK_INVALID", says: "256", because: "arguments are checked before they cross" },
    },
  ]),
  single("variants-c", "C", "variants, options, results and enums", [
    call(variants, "roundtrip-option", [1], 1),
    call(variants, "roundtrip-option", [undefined], undefined),
    call(variants, "roundtrip-result", [{ tag: "ok", val: 2 }], 2),
    {
      interfaceName: variants,
      functionName: "roundtrip-result",
      args: [{ tag: "err", val: 5.3 }],
      outcome: { err: 5 },
    },
    call(variants, "roundtrip-enum", ["b"], "b"),
    call(variants, "invert-bool", [false], true),
    ...[
      ["a", 1, 2, 3, 4n, 5n, 6],
      ["b", 1n, 2, 3, 4, 5, 6],
    ].map(([tag, ...values]) => {
      const casts = values.map((val) => ({ tag, val }));
      return call(variants, "variant-casts", [casts], casts);
    }),
    call(
      variants,
      "variant-enums",
      [true, { tag: "err", val: undefined }, "success"],
      [true, { tag: "err", val: undefined }, "success"],
    ),
  ]),
  single("options-cpp", "C++", "options of options", [
    call(options, "option-roundtrip", ["foo"], "foo"),
    call(options, "option-roundtrip", [undefined], undefined),
    call(options, "double-option-roundtrip", [{ tag: "some", val: 42 }], { tag: "some", val: 42 }),
    call(options, "double-option-roundtrip", [{ tag: "some", val: undefined }], { tag: "some", val: undefined }),
    call(options, "double-option-roundtrip", [{ tag: "none" }], { tag: "none" }),
  ]),
  single("numbers-rust", "Rust", "numbers at the ends of their ranges, state between calls", [
    call(numbers, "roundtrip-u8", [255], 255),
    call(numbers, "roundtrip-s32", [-2_147_483_648], -2_147_483_648),
    call(numbers, "roundtrip-u64", [2n ** 64n - 1n], 2n ** 64n - 1n),
    call(numbers, "roundtrip-s64", [-(2n ** 63n)], -(2n ** 63n)),
    call(numbers, "roundtrip-f32", [F32_THIRD], F32_THIRD),
    call(numbers, "roundtrip-f64", [Number.MIN_VALUE], Number.MIN_VALUE),
    call(numbers, "roundtrip-f64", [Number.NEGATIVE_INFINITY], Number.NEGATIVE_INFINITY),
    call(numbers, "roundtrip-char", ["🚀"], "🚀"),
    call(numbers, "set-scalar", [4], undefined),
    call(numbers, "get-scalar", [], 4),
  ]),
  single("flavorful-c", "C", "lists in records and variants", [
    call(flavorful, "f-list-in-record3", [{ a: "list_in_record3 input" }], { a: "list_in_record3 output" }),
    call(flavorful, "f-list-in-variant3", ["input3"], "output3"),
    { interfaceName: flavorful, functionName: "errno-result", args: [], outcome: { err: "b" } },
    call(flavorful, "errno-result", [], undefined),
    call(
      flavorful,
      "list-of-variants",
      [
        [true, false],
        [
          { tag: "ok", val: undefined },
          { tag: "err", val: undefined },
        ],
        ["success", "a"],
      ],
      [
        [false, true],
        [
          { tag: "err", val: undefined },
          { tag: "ok", val: undefined },
        ],
        ["a", "b"],
      ],
    ),
  ]),
  single(
    "results-cpp",
    "C++",
    "errors of imports, passed on as errors of exports",
    [
      call(results, "string-error", [1], 1),
      { interfaceName: results, functionName: "string-error", args: [0], outcome: { err: "zero" } },
      { interfaceName: results, functionName: "enum-error", args: [0], outcome: { err: "b" } },
      { interfaceName: results, functionName: "record-error", args: [0], outcome: { err: { line: 420, column: 0 } } },
      {
        interfaceName: results,
        functionName: "variant-error",
        args: [0],
        outcome: { err: { tag: "e2", val: { line: 420, column: 7 } } },
      },
      { interfaceName: results, functionName: "empty-error", args: [0], outcome: { err: undefined } },
    ],
    { host: failing },
  ),
  single(
    "resources-rust",
    "Rust",
    "a resource of the host; resources of its own cannot leave it",
    [
      call("exports", "test-imports", [], undefined),
      {
        interfaceName: "exports",
        functionName: "[constructor]kebab-case",
        args: [1],
        outcome: {
          fails: "ERR_COMPONENT_TRAP",
          says: "cannot leave",
          because: "nothing outside could hold or drop a handle of the component",
        },
      },
    ],
    {
      host: numbersByHandle,
      withJco: {
        at: "instantiate",
        code: "ERR_COMPONENT_TRAP",
        says: "await is only valid",
        because: "what it makes for an imported static function is no JavaScript",
      },
    },
  ),
  single("versions-rust", "Rust", "an interface exported in two versions", [
    call("test:dep/test@0.1.0", "y", [1], 2),
    call("test:dep/test@0.2.0", "z", [1, 2], 5),
  ]),
  single("map-rust", "Rust", "maps", [], {
    refused: {
      at: "instantiate",
      code: "ERR_COMPONENT_TRAP",
      says: "already been declared",
      because: "petiole has no mapping for maps, and the glue that jco makes for them is no JavaScript",
    },
  }),
];
