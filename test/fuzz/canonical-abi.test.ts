// Contract: for any types and values, a value that passes through our glue into a component, from there to the host,
// and all the way back, is the same everywhere, and the transpiler's glue agrees. Whatever a component returns or passes
// that is no value of the type, both refuse, or both take for the same value.

import { inspect, isDeepStrictEqual } from "node:util";
import { array, assert, asyncProperty, integer, nat, oneof, sample, type Arbitrary } from "fast-check";
import { describe, test } from "vitest";
import { GuestTrap } from "../../src/runtime/link/abi.ts";
import type { WitType } from "../../src/lib/wit/type.ts";
import {
  echoComponent,
  garbageSize,
  linkedCaller,
  transpileComponent,
  type Caller,
  type Encoding,
} from "../support/echo-component.ts";
import { linkComponent } from "../support/link-component.ts";
import { arbitraryType, arbitraryValue } from "../support/wit-arbitraries.ts";

const VALUES = 12;
const TYPES = array(arbitraryType(), { minLength: 3, maxLength: 6 });
const SEED = integer();

describe("emitGlue()", () => {
  test("passes values of any types in UTF-8 as the transpiler's glue does", async () => {
    await assert(
      asyncProperty(TYPES, SEED, async (types, seed) => {
        const bytes = await echoComponent(types, "utf8");
        const seen: unknown[] = [];
        const host = hostOf(types, (value) => seen.push(value));
        const ours = linkedCaller(linkComponent(bytes)(host));
        const theirs = await (await transpileComponent(bytes, types)).instantiate(host);
        types.forEach((type, index) => {
          for (const value of sample(arbitraryValue(type), { numRuns: VALUES, seed })) {
            check(ours(`f${index}`, value), value, "our result", type);
            check(seen.pop(), value, "what our host was given", type);
            check(tidy(theirs(`f${index}`, value)), tidy(value), "the transpiler's result", type);
            check(tidy(seen.pop()), tidy(value), "what the transpiler's host was given", type);
          }
        });
      }),
      { numRuns: 20 },
    );
  });

  test.each<Encoding>(["utf16", "compact-utf16"])("passes strings in %s", async (encoding) => {
    await assert(
      asyncProperty(TYPES, SEED, async (types, seed) => {
        const all: readonly WitType[] = [...types, { kind: "list", element: { kind: "string" } }];
        const seen: unknown[] = [];
        const bytes = await echoComponent(all, encoding);
        const ours = linkedCaller(linkComponent(bytes)(hostOf(all, (value) => seen.push(value))));
        all.forEach((type, index) => {
          for (const value of sample(arbitraryValue(type), { numRuns: VALUES, seed })) {
            check(ours(`f${index}`, value), value, "the result", type);
            check(seen.pop(), value, "what the host was given", type);
          }
        });
      }),
      { numRuns: 8 },
    );
  });

  test("passes values of any types through a host that may answer later", async () => {
    await assert(
      asyncProperty(TYPES, SEED, async (types, seed) => {
        const bytes = await echoComponent(types, "utf8");
        let calls = 0;
        const host = Object.fromEntries(
          types.map((_, index) => [
            `f${index}`,
            // Every other answer is there at once, and then nothing is suspended.
            (value: unknown) => (calls++ % 2 === 0 ? value : Promise.resolve(value)),
          ]),
        );
        const ours = linkedCaller(linkComponent(bytes, { waits: () => true })(host));
        for (const [index, type] of types.entries()) {
          for (const value of sample(arbitraryValue(type), { numRuns: VALUES, seed })) {
            check(await ours(`f${index}`, value), value, "the result", type);
          }
        }
      }),
      { numRuns: 8 },
    );
  });

  test("takes garbage as the transpiler's glue does, or refuses it", async () => {
    await assert(
      asyncProperty(TYPES, SEED, async (types, seed) => {
        const bytes = await echoComponent(types, "utf8");
        const linked = linkComponent(bytes);
        const transpiled = await transpileComponent(bytes, types);
        for (const [index, type] of types.entries()) {
          for (const garbage of sample(garbageOf(type), { numRuns: VALUES, seed })) {
            for (const name of [`answer${index}`, `ask${index}`]) {
              await compare(garbage, type, async (bytes) => [
                // A new instance for each: after a refusal it is done for.
                await outcome(types, name, bytes, (host) => linkedCaller(linked(host))),
                await outcome(types, name, bytes, (host) => transpiled.instantiate(host)),
              ]);
            }
          }
        }
      }),
      { numRuns: 8 },
    );
  });
});

/** The functions of the host: each gives back what it gets. */
function hostOf(types: readonly WitType[], see: (value: unknown) => void) {
  const echo = (value: unknown): unknown => {
    see(value);
    return value;
  };
  return Object.fromEntries(types.map((_, index) => [`f${index}`, echo]));
}

/** Bytes that are now and then a small number, a pointer into the memory or a character. */
function garbageOf(type: WitType): Arbitrary<Uint8Array> {
  const word = oneof(
    nat(3),
    nat(0xff),
    nat(0xffff),
    integer().map((value) => value >>> 0),
  );
  const words = Math.ceil(garbageSize(type) / 4);
  return array(word, { minLength: words, maxLength: words }).map(
    (values) => new Uint8Array(Uint32Array.from(values).buffer),
  );
}

type Outcome =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "refused"; readonly error: Error };

/** What a function returned, or for functions that ask the host: what that was given. */
async function outcome(
  types: readonly WitType[],
  name: string,
  garbage: Uint8Array,
  instantiate: (host: ReturnType<typeof hostOf>) => Caller | Promise<Caller>,
): Promise<Outcome> {
  const seen: unknown[] = [];
  const call = await instantiate(hostOf(types, (value) => seen.push(value)));
  try {
    const returned = call(name, garbage);
    return { kind: "value", value: name.startsWith("ask") ? seen[0] : returned };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { kind: "refused", error };
  }
}

// Where the transpiler's glue is not what the canonical ABI says, and ours is.
const TOO_LAX: readonly RegExp[] = [
  // It does not look at where an empty list is, nor whether the items of a list are aligned.
  /^a list lies outside the memory$/,
  // It puts U+FFFD in place of what is no UTF-8.
  /^a string is not valid UTF-8$/,
];
const TOO_STRICT: readonly RegExp[] = [
  // The upper bits of a flat integer do not count.
  /^must be between -?\d+ and \d+$/,
  // Any bit that is set makes a bool true.
  /^invalid variant discriminant for bool$/,
  // Bits without a name do not count.
  /^flags have extraneous bits set$/,
];

async function compare(
  garbage: Uint8Array,
  type: WitType,
  run: (garbage: Uint8Array) => Promise<readonly [ours: Outcome, theirs: Outcome]>,
): Promise<void> {
  const found = disagreement(...(await run(garbage)));
  if (found === undefined) return;
  // It does not cut off the upper half of an i64 that stands for an i32 because of another case of a variant.
  const low = lowHalves(garbage);
  if (!isDeepStrictEqual(low, garbage)) return compare(low, type, run);
  throw new Error(`${garbage.join()} as ${JSON.stringify(type)}: ${found.message}`, { cause: found.cause });
}

function disagreement(ours: Outcome, theirs: Outcome): Error | undefined {
  if (ours.kind === "refused") {
    if (!(ours.error instanceof GuestTrap)) return ours.error;
    if (theirs.kind === "refused" || TOO_LAX.some((known) => known.test(ours.error.message))) return undefined;
    return new Error(`we refuse it, they have ${show(theirs.value)}`, { cause: ours.error });
  }
  if (theirs.kind === "refused") {
    if (TOO_STRICT.some((known) => known.test(theirs.error.message))) return undefined;
    return new Error(`they refuse it, we have ${show(ours.value)}`, { cause: theirs.error });
  }
  if (isDeepStrictEqual(tidy(ours.value), tidy(theirs.value))) return undefined;
  return new Error(`we have ${show(ours.value)}, they have ${show(theirs.value)}`);
}

function show(value: unknown): string {
  return inspect(value, { depth: 9 });
}

function lowHalves(garbage: Uint8Array): Uint8Array {
  return garbage.map((byte, index) => (index % 8 < 4 ? byte : 0));
}

function check(found: unknown, want: unknown, what: string, type: WitType): void {
  if (isDeepStrictEqual(found, want)) return;
  throw new Error(`${what} of ${JSON.stringify(type)}: found ${show(found)}, want ${show(want)}`);
}

/** The transpiler's cases without payload have a `val` of undefined, and its strings lose the mark that they begin with. */
function tidy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(tidy);
  if (typeof value === "string") return value.replace(/^\ufeff/, "");
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  const entries = Object.entries(value).filter(([key, part]) => key !== "val" || part !== undefined);
  return Object.fromEntries(entries.map(([key, part]) => [key, tidy(part)]));
}
