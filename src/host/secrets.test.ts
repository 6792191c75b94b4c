import { describe, test } from "vitest";
import { PetioleError } from "../domain/errors.ts";
import { SecretReference, type SecretValue } from "../domain/secret.ts";
import { seconds } from "../domain/units.ts";
import { createRedactor } from "../lib/redactor.ts";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { recordingLogger } from "../../test/support/provider-rig.ts";
import type { SecretBackend } from "./ports.ts";
import { createSecrets } from "./secrets.ts";

function world(settles = false) {
  const values = new Map<string, SecretValue | PetioleError>();
  const clock = createFakeClock();
  const log = recordingLogger();
  let reads = 0;
  const backend: SecretBackend = {
    refresh: seconds(2),
    settles,
    read: async ({ reference }) => {
      reads += 1;
      const found = values.get(reference.secret);
      if (found instanceof PetioleError) throw found;
      if (found === undefined) throw new PetioleError("ERR_SECRET_NOT_FOUND", `There is no ${reference.toString()}`);
      return found;
    },
  };
  const redactor = createRedactor();
  const secrets = createSecrets({ backends: new Map([["box", backend]]), fallback: "box", redactor, clock, log });
  return { values, clock, log, secrets, redactor, reads: () => reads };
}

const request = (secret: string, asker = "p") => ({ reference: new SecretReference({ secret }), asker });

describe("createSecrets()", () => {
  test("get() reads one that is not watched each time, and hides what it read", async ({ expect }) => {
    const { values, secrets, redactor } = world();
    await using _all = secrets;
    values.set("a", "first-value");
    expect(await secrets.get(request("a"))).toBe("first-value");
    values.set("a", "second-value");
    expect(await secrets.get(request("a"))).toBe("second-value");
    expect(redactor.text("first-value second-value")).toBe("*** ***");
  });

  test("a watched one is read once, looked at again, and told of with its next value", async ({ expect }) => {
    const { values, clock, secrets, reads } = world();
    await using _all = secrets;
    values.set("a", "one");
    const told: string[] = [];
    using _watching = secrets.watch([request("a")], (changed) =>
      told.push(...changed.map((one) => one.reference.secret)),
    );
    expect([await secrets.get(request("a")), await secrets.get(request("a")), reads()]).toEqual(["one", "one", 1]);
    await clock.advance(seconds(4));
    expect([told, secrets.generation(request("a"))]).toEqual([[], 0]);
    values.set("a", "two");
    expect(await secrets.get(request("a"))).toBe("one");
    await clock.advance(seconds(2));
    expect([told, secrets.generation(request("a"))]).toEqual([["a"], 1]);
    expect(await secrets.get(request("a"))).toBe("two");
  });

  test("where a value may be seen half written, it counts when it is seen twice", async ({ expect }) => {
    const { values, clock, secrets } = world(true);
    await using _all = secrets;
    values.set("a", "one");
    using _watching = secrets.watch([request("a")], () => {});
    await secrets.get(request("a"));
    values.set("a", "tw");
    await clock.advance(seconds(2));
    values.set("a", "two");
    await clock.advance(seconds(2));
    expect(await secrets.get(request("a"))).toBe("one");
    await clock.advance(seconds(2));
    expect(await secrets.get(request("a"))).toBe("two");
    expect(secrets.generation(request("a"))).toBe(1);
  });

  test("one that goes stays in use, is said once, and its return is no change", async ({ expect }) => {
    const { values, clock, log, secrets } = world();
    await using _all = secrets;
    values.set("a", "one");
    let told = 0;
    using _watching = secrets.watch([request("a")], () => (told += 1));
    await secrets.get(request("a"));
    values.delete("a");
    await clock.advance(seconds(6));
    expect(await secrets.get(request("a"))).toBe("one");
    expect(log.records.map(({ level, message }) => [level, message])).toEqual([
      ["warn", "A secret cannot be read again: what uses it goes on with the one it has"],
    ]);
    values.set("a", "one");
    await clock.advance(seconds(2));
    expect([told, secrets.generation(request("a"))]).toEqual([0, 0]);
  });

  test("one that was missing is told of when it is there", async ({ expect }) => {
    const { values, clock, secrets } = world(true);
    await using _all = secrets;
    let told = 0;
    using _watching = secrets.watch([request("a")], () => (told += 1));
    await expect(secrets.get(request("a"))).rejects.toMatchObject({ code: "ERR_SECRET_NOT_FOUND" });
    values.set("a", "here");
    await clock.advance(seconds(4));
    expect([told, await secrets.get(request("a"))]).toEqual([1, "here"]);
  });

  test("a backend that is none is refused with a code, one that fails otherwise is unavailable", async ({ expect }) => {
    const { values, secrets } = world();
    await using _all = secrets;
    const elsewhere = { reference: new SecretReference({ secret: "a", backend: "vault" }), asker: "p" };
    await expect(secrets.get(elsewhere)).rejects.toMatchObject({ code: "ERR_SECRET_BACKEND" });
    values.set("a", "some-value");
    await secrets.get(request("a"));
    values.set("a", Object.assign(new PetioleError("ERR_SECRET_UNAVAILABLE", "cut"), {}));
    await expect(secrets.get(request("a"))).rejects.toMatchObject({ code: "ERR_SECRET_UNAVAILABLE", retryable: true });
  });

  test("each name that somebody has for a secret is told of, with the backend or without it", async ({ expect }) => {
    const { values, clock, secrets } = world();
    await using _all = secrets;
    values.set("a", "one");
    const named = { reference: new SecretReference({ secret: "a", backend: "box" }), asker: "p" };
    const told: (string | undefined)[] = [];
    const before = secrets.watch([request("a")], () => {});
    using _watching = secrets.watch([named, request("a")], (changed) => {
      told.push(...changed.map(({ reference }) => reference.backend));
    });
    before[Symbol.dispose]();
    await secrets.get(named);
    values.set("a", "two");
    await clock.advance(seconds(2));
    expect(told).toEqual(["box", undefined]);
  });

  test("each asker has its own reading", async ({ expect }) => {
    const { values, secrets, reads } = world();
    await using _all = secrets;
    values.set("a", "one");
    using _watching = secrets.watch([request("a", "p"), request("a", "q")], () => {});
    await Promise.all([secrets.get(request("a", "p")), secrets.get(request("a", "p")), secrets.get(request("a", "q"))]);
    expect(reads()).toBe(2);
  });
});
