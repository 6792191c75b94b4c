// The interface `api` of peer/wit/interop.wit, and values of its types.

import type { WireFunction, WireType } from "../../../src/adapters/lattice/wrpc/types.ts";

export const INSTANCE = "petiole:interop/api@0.1.0";

const STRING: WireType = { kind: "string" };
const list = (element: WireType): WireType => ({ kind: "list", element });
const option = (some: WireType): WireType => ({ kind: "option", some });
const tuple = (...elements: WireType[]): WireType => ({ kind: "tuple", elements });
const record = (fields: Readonly<Record<string, WireType>>): WireType => ({
  kind: "record",
  fields: Object.entries(fields).map(([name, type]) => ({ name, type })),
});
const variant = (cases: Readonly<Record<string, WireType | undefined>>): WireType => ({
  kind: "variant",
  cases: Object.entries(cases).map(([name, type]) => ({ name, type })),
});

const FAILURE = variant({ "not-found": undefined, other: STRING });

const READING = record({
  name: STRING,
  value: { kind: "f64" },
  unit: option({ kind: "char" }),
  tags: list(STRING),
  at: { kind: "u64" },
  offset: { kind: "s16" },
  level: { kind: "enum", names: ["low", "normal", "high"] },
  modes: { kind: "flags", names: ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8"] },
  source: variant({
    unknown: undefined,
    sensor: { kind: "u32" },
    named: STRING,
    pair: tuple({ kind: "s8" }, { kind: "s64" }),
  }),
  previous: option(tuple({ kind: "bool" }, { kind: "f32" })),
});

const NUMBERS = record({
  a: { kind: "u8" },
  b: { kind: "s8" },
  c: { kind: "u16" },
  d: { kind: "s16" },
  e: { kind: "u32" },
  f: { kind: "s32" },
  g: { kind: "u64" },
  h: { kind: "s64" },
  i: { kind: "f32" },
  j: { kind: "f64" },
});

const BODY = record({
  content: { kind: "stream", element: { kind: "u8" } },
  trailers: { kind: "future", value: option(STRING) },
  status: { kind: "u16" },
});

const LISTS = [list({ kind: "u8" }), list({ kind: "u16" }), list(list({ kind: "s32" }))] as const;

const fn = (params: readonly WireType[], result?: WireType): WireFunction => ({
  params: params.map((type, index) => ({ name: `p${index}`, type })),
  result,
});

export const FUNCTIONS = {
  nothing: fn([]),
  count: fn([NUMBERS], NUMBERS),
  check: fn([list(READING), option(FAILURE)], { kind: "result", ok: list(READING), err: FAILURE }),
  lists: fn(LISTS, tuple(...LISTS)),
  pass: fn([BODY], { kind: "result", ok: BODY, err: STRING }),
} as const satisfies Record<string, WireFunction>;

export interface Body {
  readonly content: Uint8Array | AsyncIterable<Uint8Array>;
  readonly trailers: string | undefined | Promise<string | undefined>;
  readonly status: number;
}

export const LEAST = {
  a: 0,
  b: -128,
  c: 0,
  d: -32_768,
  e: 0,
  f: -2_147_483_648,
  g: 0n,
  h: -(2n ** 63n),
  i: -3.402_823_466_385_288_6e38,
  j: -0.5,
};

export const MOST = {
  a: 255,
  b: 127,
  c: 65_535,
  d: 32_767,
  e: 4_294_967_295,
  f: 2_147_483_647,
  g: 2n ** 64n - 1n,
  h: 2n ** 63n - 1n,
  i: 3.402_823_466_385_288_6e38,
  j: 1e300,
};

const reading = (source: unknown): unknown => ({
  name: "Kessel é 😀",
  value: 21.5,
  unit: "°",
  tags: ["a", ""],
  at: 1_700_000_000_000_000_000n,
  offset: -300,
  level: "high",
  modes: { m0: true, m1: false, m2: false, m3: false, m4: false, m5: false, m6: false, m7: false, m8: true },
  source,
  previous: [true, 0.25],
});

export const READINGS: readonly unknown[] = [
  reading({ tag: "unknown" }),
  reading({ tag: "sensor", val: 300 }),
  reading({ tag: "named", val: "roof" }),
  reading({ tag: "pair", val: [-1, -(2n ** 63n)] }),
];
