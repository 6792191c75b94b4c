// Pins: values, errors and resources cross both ways as src/provider/contract.ts says; calls of one component are
// served in order, within a bounded queue, and components in one worker do not wait for each other.

import { afterAll, describe, test } from "vitest";
import { WitError } from "../../../src/domain/errors.ts";
import type { ImportHandler } from "../../../src/runtime/contract.ts";
import { MIRROR, PROBE, bare, heldImports, limits, openRuntime, probe } from "./support.ts";
import { tempFolder } from "../../support/processes.ts";

const cache = await tempFolder();
afterAll(() => cache[Symbol.asyncDispose]());

const EVERYTHING = {
  numbers: {
    small: 255,
    medium: 65_535,
    large: 4_294_967_295,
    signedSmall: -128,
    signedMedium: -32_768,
    signedLarge: -2_147_483_648,
    // As exact as a QuickJS guest has them.
    huge: 9_007_199_254_740_991n,
    signedHuge: -9_007_199_254_740_991n,
    single: 0.5,
    double: -0.1,
  },
  lists: {
    bytes: Uint8Array.of(0, 127, 255),
    words: Uint16Array.of(0, 65_535),
    integers: Int32Array.of(-1, 0, 1),
    doubles: Float64Array.of(0.1, -Infinity),
    names: ["", "ü", "🌱"],
    pairs: [
      ["a", 1],
      ["b", 2],
    ],
    truths: [true, false],
  },
  truth: true,
  letter: "🌱",
  text: "leaf \u0000 stem",
  colour: "deep-blue",
  permissions: { mayRead: true, mayWrite: false, mayExecute: true },
  shapes: [
    { tag: "point" },
    { tag: "circle", val: 1.5 },
    { tag: "box", val: [1, 2] },
    { tag: "named-thing", val: "x" },
  ],
  maybe: "something",
  nothing: undefined,
  outcome: { tag: "ok", val: 7 },
  failure: { tag: "err", val: "red" },
};

describe("RunningComponent.call()", () => {
  test("passes every kind of type to the guest, to a capability and back", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const seen: unknown[] = [];
    await using component = await host.start("types", {
      onImport: async (interfaceName, functionName, args) => {
        seen.push([interfaceName, functionName, ...args]);
        return args[0];
      },
    });
    expect(await component.call(MIRROR, "reflect", [EVERYTHING])).toEqual(EVERYTHING);
    expect(seen).toEqual([[MIRROR, "reflect", EVERYTHING]]);
  });

  test("passes plain results, none, and tuples", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const answers: Record<string, (args: readonly unknown[]) => unknown> = {
      add: ([left, right]) => Number(left) + Number(right),
      nothing: () => "ignored, as the function has no result",
      swap: ([pair]) => (Array.isArray(pair) ? pair.toReversed() : undefined),
    };
    await using component = await host.start("types", { onImport: async (_, name, args) => answers[name]?.(args) });
    expect(await component.call(MIRROR, "add", [4_000_000_000, -1])).toBe(3_999_999_999);
    expect(await component.call(MIRROR, "nothing", [])).toBeUndefined();
    expect(await component.call(MIRROR, "swap", [["x", 3]])).toEqual([3, "x"]);
  });

  test("rejects with WitError when the function returned err, and keeps the instance", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using component = await host.start("behaviour");
    expect(await probe(component, "count")).toBe("1");
    await expect(probe(component, "fail")).rejects.toEqual(new WitError("asked to fail"));
    expect(await probe(component, "count")).toBe("2");
    expect(component.stats()).toMatchObject({ calls: 3, failures: 0, restarts: 0, pending: 0 });
  });

  test("lowers a capability's WitError as the err of the import", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using component = await host.start("behaviour", {
      onImport: async () => {
        throw new WitError({ tag: "access-denied" });
      },
    });
    expect(JSON.parse(String(await probe(component, "denied")))).toEqual({ payload: { tag: "access-denied" } });
  });

  test("gives resources to capabilities as their representations, also borrowed ones", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const calls: unknown[] = [];
    const values = new Map<unknown, unknown>();
    const onImport: ImportHandler = async (interfaceName, functionName, args) => {
      calls.push([interfaceName, functionName, args[0]]);
      switch (functionName) {
        case "open":
          return { bucket: args[0] };
        case "[method]bucket.set":
          values.set(args[1], args[2]);
          return undefined;
        case "[method]bucket.get":
          return values.get(args[1]);
        case "[method]bucket.list-keys":
          return { keys: [...values.keys()], cursor: undefined };
        case "increment":
          return 40n + BigInt(String(args[2]));
        default:
          throw new Error(functionName);
      }
    };
    await using component = await host.start("behaviour", { onImport });
    expect(await probe(component, "setAndGet", "12345")).toBe("5");
    expect(await probe(component, "absent")).toBe("none");
    expect(await probe(component, "keys")).toBe('{"keys":["key"],"cursor":null}');
    expect(await probe(component, "increment")).toBe("42");
    const bucket = { bucket: "readings" };
    expect(calls).toEqual([
      ["wasi:keyvalue/store", "open", "readings"],
      ["wasi:keyvalue/store", "[method]bucket.set", bucket],
      ["wasi:keyvalue/store", "[method]bucket.get", bucket],
      ["wasi:keyvalue/store", "open", "readings"],
      ["wasi:keyvalue/store", "[method]bucket.get", bucket],
      ["wasi:keyvalue/store", "open", "readings"],
      ["wasi:keyvalue/store", "[method]bucket.list-keys", bucket],
      ["wasi:keyvalue/store", "open", "readings"],
      ["wasi:keyvalue/atomics", "increment", bucket],
    ]);
  });

  test("serves the calls of one component in the order they were made", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const held = heldImports();
    await using component = await host.start("behaviour", { onImport: held.handler });
    const order: string[] = [];
    const first = probe(component, "request").then(() => order.push("first"));
    const rest = ["second", "third"].map((name) => probe(component, "count").then(() => order.push(name)));
    const request = await held.next();
    expect(component.stats().pending).toBe(3);
    expect(order).toEqual([]);
    request.answer({ subject: "s", body: Uint8Array.of(1, 2), replyTo: undefined });
    await Promise.all([first, ...rest]);
    expect(order).toEqual(["first", "second", "third"]);
  });

  test("refuses a call beyond the queue with ERR_COMPONENT_BUSY and serves those before it", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const held = heldImports();
    await using component = await host.start("behaviour", { onImport: held.handler, limits: limits({ queue: 2 }) });
    const running = probe(component, "request");
    const waiting = [probe(component, "count"), probe(component, "count")];
    await expect(probe(component, "count")).rejects.toMatchObject({ code: "ERR_COMPONENT_BUSY", retryable: true });
    (await held.next()).answer({ subject: "s", body: new Uint8Array(3), replyTo: undefined });
    expect(await running).toBe("3");
    expect(await Promise.all(waiting)).toEqual(["1", "2"]);
  });

  test("lets other components of the worker run while one waits for a capability", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const held = heldImports();
    await using waiting = await host.start("behaviour", { id: "waiting", onImport: held.handler });
    await using other = await host.start("behaviour", { id: "other" });
    const call = probe(waiting, "request");
    const request = await held.next();
    expect(await probe(other, "count")).toBe("1");
    expect(await probe(other, "count")).toBe("2");
    request.answer({ subject: "s", body: new Uint8Array(9), replyTo: undefined });
    expect(await call).toBe("9");
  });

  test("copies arguments when the call is made", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const seen: unknown[] = [];
    await using component = await host.start("types", {
      onImport: async (_interfaceName, _functionName, args) => {
        seen.push(args[0]);
        return [1, "back"];
      },
    });
    const pair: [string, number] = ["before", 1];
    const call = component.call(MIRROR, "swap", [pair]);
    pair[0] = "after";
    expect(await call).toEqual([1, "back"]);
    expect(seen).toEqual([["before", 1]]);
  });

  test("refuses what would fill the heap of the worker before the guest sees it", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const large = { ...EVERYTHING, shapes: Array.from({ length: 300_000 }, () => ({ tag: "point" })) };
    let answer: unknown = large;
    await using component = await host.start("types", { onImport: async () => answer });
    const refused = { code: "ERR_COMPONENT_MEMORY", message: expect.stringContaining("heap of its worker") as string };
    await expect(component.call(MIRROR, "reflect", [large])).rejects.toMatchObject(refused);
    await expect(component.call(MIRROR, "reflect", [EVERYTHING])).rejects.toMatchObject(refused);
    answer = EVERYTHING;
    expect(await component.call(MIRROR, "reflect", [EVERYTHING])).toEqual(EVERYTHING);
    expect(component.stats()).toMatchObject({ breaches: { memory: 1 }, instances: 1 });
  });

  test("refuses what the component does not export", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using component = await host.start("behaviour");
    await expect(bare(component, "x")).rejects.toMatchObject({ code: "ERR_EXPORT_MISSING" });
    await expect(component.call(PROBE, "walk", [])).rejects.toMatchObject({ code: "ERR_EXPORT_MISSING" });
    expect(await probe(component, "count")).toBe("1");
  });

  test("refuses arguments that do not fit, naming the part, and does not disturb the instance", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using component = await host.start("types", { onImport: async (_, __, args) => args[0] });
    const wrong = { ...EVERYTHING, numbers: { ...EVERYTHING.numbers, small: undefined } };
    await expect(component.call(MIRROR, "reflect", [wrong])).rejects.toMatchObject({
      code: "ERR_LINK_INVALID",
      message: expect.stringContaining("numbers.small: found undefined, want a number (u8)") as string,
    });
    expect(await component.call(MIRROR, "reflect", [EVERYTHING])).toEqual(EVERYTHING);
  });
});
