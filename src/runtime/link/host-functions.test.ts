import { describe, test } from "vitest";
import { createHostFunctions } from "./host-functions.ts";

const NAME = "acme:a/things@0.2.3";

class Thing {
  ended = 0;
  readonly size: number;

  constructor(size: number) {
    this.size = size;
  }
  static ofTwo(one: number, other: number): Thing {
    return new this(one + other);
  }
  sizeOf(): number {
    return this.size;
  }
  addAll(a: number, b: number, c: number): number {
    return this.size + a + b + c;
  }
  [Symbol.dispose](): void {
    this.ended++;
  }
}

class LargeThing extends Thing {
  override sizeOf(): number {
    return this.size * 1000;
  }
}

const functions = createHostFunctions({
  "acme:a/things": { countAll: () => 3, Thing, notAFunction: 1 },
});
const call = (name: string, ...args: unknown[]): unknown => functions.find(NAME, name)?.(...(args as never[]));

describe("createHostFunctions()", () => {
  test("finds functions of an interface in any version", ({ expect }) => {
    expect(call("count-all")).toBe(3);
    expect(functions.find("acme:a/things", "count-all")).toBeDefined();
  });

  test("finds constructors, static functions and methods, whose first argument is the representation", ({ expect }) => {
    const thing = call("[constructor]thing", 5);
    expect(thing).toBeInstanceOf(Thing);
    expect(call("[method]thing.size-of", thing)).toBe(5);
    expect(call("[method]thing.add-all", thing, 1, 2, 3)).toBe(11);
    expect(call("[static]thing.of-two", 1, 2)).toEqual(new Thing(3));
  });

  test("calls the method of what the representation is", ({ expect }) => {
    expect(call("[method]thing.size-of", new LargeThing(2))).toBe(2000);
  });

  test("finds nothing that is not there, nor what every object has", ({ expect }) => {
    for (const name of [
      "other",
      "to-string",
      "not-a-function",
      "constructor",
      "[method]thing.other",
      "[method]thing.to-string",
      "[method]thing.constructor",
      "[method]other.size-of",
      "[static]thing.other",
      "[constructor]other",
    ]) {
      expect(functions.find(NAME, name), name).toBeUndefined();
    }
    expect(functions.find("acme:a/others", "count-all")).toBeUndefined();
    expect(functions.find("constructor", "name")).toBeUndefined();
  });

  test("dropResource() disposes what can be disposed", ({ expect }) => {
    const thing = new Thing(1);
    functions.dropResource(NAME, "thing", thing);
    functions.dropResource(NAME, "thing", { any: "thing" });
    functions.dropResource(NAME, "thing", 5);
    expect(thing.ended).toBe(1);
  });
});
