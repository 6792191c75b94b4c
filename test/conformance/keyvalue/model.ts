import * as fc from "fast-check";
import { test } from "vitest";
import { open, text, type KeyValueSubject } from "./subject.ts";

type Command =
  | { readonly kind: "set" | "swap"; readonly key: string; readonly value: string }
  | { readonly kind: "get" | "delete"; readonly key: string }
  | { readonly kind: "increment"; readonly key: string; readonly delta: bigint }
  | { readonly kind: "set-many"; readonly pairs: readonly (readonly [string, string])[] }
  | { readonly kind: "delete-many"; readonly keys: readonly string[] };

const key = fc.oneof(
  fc.constantFrom("a", "a.b", "*", "n"),
  fc.string({ minLength: 1, maxLength: 20, unit: "grapheme" }),
);
const value = fc.oneof(fc.constantFrom("", "1", "-7"), fc.string({ maxLength: 40, unit: "grapheme" }));
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ kind: fc.constantFrom("set", "swap"), key, value }),
  fc.record({ kind: fc.constantFrom("get", "delete"), key }),
  fc.record({ kind: fc.constant("increment"), key, delta: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }) }),
  fc.record({ kind: fc.constant("set-many"), pairs: fc.array(fc.tuple(key, value), { maxLength: 5 }) }),
  fc.record({ kind: fc.constant("delete-many"), keys: fc.array(key, { maxLength: 5 }) }),
);

const MAX = 2n ** 63n - 1n;

/** The counter's next value, or undefined when it refuses. */
function counted(stored: string | undefined, delta: bigint): bigint | undefined {
  if (stored !== undefined && !/^-?\d{1,20}$/.test(stored)) return undefined;
  const sum = BigInt(stored ?? 0) + delta;
  return sum > MAX || sum < -MAX - 1n ? undefined : sum;
}

export function modelTests(subject: KeyValueSubject): void {
  test("any sequence of calls does what it does to a map", async ({ expect }) => {
    await using rig = await subject.create();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 25 }), async (commands) => {
        run += 1;
        await using bucket = await open(rig, { version: "0.2.0-draft2", identifier: `run-${run}` });
        const model = new Map<string, string>();
        for (const one of commands) await apply(one, bucket, model);
        const keys = [...model.keys()];
        expect(new Set(await bucket.listAll())).toEqual(new Set(keys));
        expect(await bucket.getMany(keys)).toEqual([...model]);
      }),
      { numRuns: 15 },
    );

    async function apply(one: Command, bucket: Awaited<ReturnType<typeof open>>, model: Map<string, string>) {
      switch (one.kind) {
        case "set":
          await bucket.set(one.key, one.value);
          return void model.set(one.key, one.value);
        case "swap":
          await bucket.swap(await bucket.cas(one.key), one.value);
          return void model.set(one.key, one.value);
        case "get":
          expect(text(await bucket.get(one.key))).toBe(model.get(one.key));
          return expect(await bucket.exists(one.key)).toBe(model.has(one.key));
        case "delete":
          await bucket.remove(one.key);
          return void model.delete(one.key);
        case "increment": {
          const sum = counted(model.get(one.key), one.delta);
          const answer = bucket.increment(one.key, one.delta);
          if (sum === undefined) return await expect(answer).rejects.toMatchObject({ payload: { tag: "other" } });
          expect(await answer).toBe(sum);
          return void model.set(one.key, sum.toString());
        }
        case "set-many":
          await bucket.setMany(one.pairs);
          for (const [name, stored] of one.pairs) model.set(name, stored);
          return;
        case "delete-many":
        default:
          await bucket.deleteMany(one.keys);
          for (const name of one.keys) model.delete(name);
      }
    }
  });
}
