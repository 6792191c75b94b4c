// Contract: whatever the bytes of a component, reading them ends in what it imports and exports or in
// ERR_COMPONENT_INVALID, and making a plan of it in one of these or in UnsupportedComponent; soon, and in bounded memory.

import { readFileSync } from "node:fs";
import { array, assert, constantFrom, integer, nat, oneof, property, record, uint8Array } from "fast-check";
import { parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import { beforeAll, describe, test } from "vitest";
import { PetioleError } from "../../src/domain/errors.ts";
import { inspectComponent } from "../../src/runtime/binary/component-binary.ts";
import { resolveComponent } from "../../src/runtime/link/resolve.ts";
import { UnsupportedComponent } from "../../src/runtime/link/unsupported.ts";
import { FIXTURES } from "../support/component-files.ts";

interface Sample {
  readonly bytes: Uint8Array;
  /** Places of the bytes that are not in core modules, which nothing reads but V8. */
  readonly places: readonly number[];
}

const samples: Sample[] = [];

// Two components joined by a resource, with outer aliases, inline exports and a component as an argument.
const COMPOSED = `(component
  (type $pair (tuple u8 string))
  (component $maker
    (core module $m (memory (export "m") 1) (func (export "make") (result i32) (i32.const 7)) (func (export "d") (param i32)))
    (core instance $i (instantiate $m))
    (type $r (resource (rep i32) (dtor (core func $i "d"))))
    (func $make (result (own $r)) (canon lift (core func $i "make")))
    (component $shim
      (import "type" (type $t (sub resource)))
      (import "make" (func $make (result (own $t))))
      (export $named "thing" (type $t))
      (export "[static]thing.make" (func $make) (func (result (own $named)))))
    (instance $things (instantiate $shim (with "type" (type $r)) (with "make" (func $make))))
    (export "acme:a/things" (instance $things)))
  (component $apply
    (import "maker" (component $c))
    (import "acme:a/things" (instance $things
      (export "thing" (type $t (sub resource)))
      (export "[static]thing.make" (func (result (own $t))))))
    (alias outer 1 $pair (type $p))
    (import "tell" (func $tell (param "p" $p)))
    (instance (instantiate $c))
    (alias export $things "thing" (type $thing))
    (core func $make (canon lower (func $things "[static]thing.make")))
    (core func $drop (canon resource.drop $thing))
    (core instance $inline (export "make" (func $make)) (export "drop" (func $drop)))
    (export "tell" (func $tell)))
  (import "tell" (func $tell (param "p" $pair)))
  (instance $maker (instantiate $maker))
  (instance $applied (instantiate $apply
    (with "maker" (component $maker))
    (with "acme:a/things" (instance $maker "acme:a/things"))
    (with "tell" (func $tell))))
  (export "tell" (func $applied "tell")))`;

beforeAll(async () => {
  const all = [...FIXTURES.map((file) => readFileSync(file)), await parse(COMPOSED)];
  for (const bytes of all) {
    const { modules } = resolveComponent(bytes);
    const places = Array.from(bytes.keys()).filter((place) => {
      const within = modules.find(({ start, end }) => place >= start && place < end);
      return within === undefined || place < within.start + 100;
    });
    samples.push({ bytes, places });
  }
});

/** How reading and planning end, when they end as they should. */
function outcome(bytes: Uint8Array): string {
  const ended: string[] = [];
  for (const read of [inspectComponent, resolveComponent]) {
    try {
      read(bytes);
      ended.push("fine");
    } catch (error) {
      const refused = error instanceof PetioleError && error.code === "ERR_COMPONENT_INVALID";
      if (!refused && !(error instanceof UnsupportedComponent && read === resolveComponent)) throw error;
      ended.push(error.name);
    }
  }
  return ended.join();
}

const seldomRead = { numRuns: 1000 };
const sample = nat().map((number) => samples[number % samples.length] as Sample); // There are samples.
const edit = record({
  place: nat(),
  cut: oneof(nat(3), nat(40)),
  bytes: oneof(
    uint8Array({ maxLength: 3 }),
    // Indices, sorts and opcodes that mean something almost everywhere, and counts that are too large.
    array(constantFrom(0, 1, 2, 3, 4, 5, 0x12, 0x40, 0x42, 0x69, 0x70, 0x73, 0x7f), { maxLength: 3 }),
    constantFrom([0xff, 0xff, 0xff, 0xff, 0x0f], [0xff, 0xff, 0x7f]),
  ),
});

describe("the component loader", () => {
  test("knows its samples", ({ expect }) => {
    expect(samples.map(({ bytes }) => outcome(bytes))).toEqual(samples.map(() => "fine,fine"));
  });

  test("survives bytes that were changed, put in or cut out", ({ expect }) => {
    const seen = new Set<string>();
    assert(
      property(sample, array(edit, { minLength: 1, maxLength: 4 }), ({ bytes, places }, edits) => {
        let damaged = bytes;
        for (const { place, cut, bytes: put } of edits) {
          const at = places[place % places.length] ?? 0;
          damaged = Buffer.concat([damaged.subarray(0, at), Uint8Array.from(put), damaged.subarray(at + cut)]);
        }
        seen.add(outcome(damaged));
      }),
      seldomRead,
    );
    expect(seen).toContain("PetioleError,PetioleError");
  });

  // Changes that keep lengths come further than others: the sections are still found.
  test("survives single bytes that were replaced", ({ expect }) => {
    const seen = new Set<string>();
    assert(
      property(sample, nat(), integer({ min: 0, max: 255 }), ({ bytes, places }, place, byte) => {
        const damaged = Uint8Array.from(bytes);
        damaged[places[place % places.length] ?? 0] = byte;
        seen.add(outcome(damaged));
      }),
      seldomRead,
    );
    expect(seen).toContain("PetioleError,PetioleError");
    expect(seen).toContain("fine,fine");
  });

  test("survives every truncation of small components, and some of large ones", ({ expect }) => {
    for (const { bytes, places } of samples) {
      const ends = places.length < 8000 ? places : places.filter((_, index) => index % 50 === 0);
      for (const end of ends) expect(outcome(bytes.subarray(0, end))).toMatch(/^(fine|PetioleError),/);
    }
  });

  test("survives one component spliced into another", () => {
    assert(
      property(sample, sample, nat(), nat(), (one, other, from, to) => {
        const head = one.bytes.subarray(0, one.places[from % one.places.length]);
        const tail = other.bytes.subarray(other.places[to % other.places.length]);
        outcome(Buffer.concat([head, tail]));
      }),
      seldomRead,
    );
  });

  test("survives sections of anything", () => {
    const section = record({ id: nat(12), content: uint8Array({ maxLength: 40 }) });
    assert(
      property(array(section, { maxLength: 12 }), (sections) => {
        const parts = sections.map(({ id, content }) => Uint8Array.from([id, content.length, ...content]));
        outcome(Buffer.concat([Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0), ...parts]));
      }),
      { numRuns: 4000 },
    );
  });

  test("does not keep what a small file only claims or repeats", ({ expect }) => {
    const preamble = Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0);
    const many = (...unit: number[]): Uint8Array =>
      Buffer.concat([preamble, Buffer.alloc(unit.length * 300_000, Uint8Array.from(unit))]);
    // Empty sections, empty core modules, empty components, types of one byte each.
    expect(outcome(many(0, 0))).toBe("PetioleError,PetioleError");
    expect(outcome(many(1, 8, 0, 0x61, 0x73, 0x6d, 1, 0, 0, 0))).toBe("PetioleError,PetioleError");
    expect(outcome(many(4, 8, ...preamble))).toBe("PetioleError,PetioleError");
    expect(outcome(many(7, 2, 1, 0x7f))).toBe("PetioleError,PetioleError");
  });
});
