// Pins: whatever one component does, its calls fail with a typed error, it works again at the next call, and its
// neighbour in the same worker is alive.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import { afterAll, describe, test } from "vitest";
import { PetioleError, WitError } from "../../../src/domain/errors.ts";
import { mebibytes, millis } from "../../../src/domain/units.ts";
import type { RunningComponent } from "../../../src/runtime/contract.ts";
import { PROBE, bare, fixture, heldImports, limits, openRuntime, probe, wasi, type TestRuntime } from "./support.ts";
import { tempFolder } from "../../support/processes.ts";

const cache = await tempFolder();
afterAll(() => cache[Symbol.asyncDispose]());

interface Pair extends AsyncDisposable {
  readonly host: TestRuntime;
  readonly bad: RunningComponent;
  readonly neighbour: RunningComponent;
}

/** The component under test and a healthy one in the same worker, which has been called once. */
async function startPair(
  name: "bare" | "behaviour" | "wasi",
  options: Parameters<TestRuntime["start"]>[1] = {},
): Promise<Pair> {
  await using stack = new AsyncDisposableStack();
  const host = stack.use(openRuntime(cache.path));
  const neighbour = stack.use(await host.start("behaviour", { id: "neighbour" }));
  await probe(neighbour, "count");
  const bad = stack.use(await host.start(name, options));
  const owned = stack.move();
  return { host, bad, neighbour, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const bareCount = (component: RunningComponent): Promise<unknown> =>
  bare(component, "n").catch((error: unknown) => (error instanceof WitError ? error.payload : error));

describe("RunningComponent.call()", () => {
  test("ends a loop at the deadline, and the neighbour goes on in a new worker", async ({ expect }) => {
    await using pair = await startPair("bare", { limits: limits({ deadline: 500 }) });
    expect(await bareCount(pair.bad)).toBe("1");
    const looping = bare(pair.bad, "loop");
    const queued = probe(pair.neighbour, "count");
    await expect(looping).rejects.toMatchObject({
      code: "ERR_COMPONENT_DEADLINE",
      message: 'Cannot call "handle-message" of component "bare" within 500 ms: it was still computing',
    });
    // It had not begun when its worker was ended, so nothing of it is lost; the instance is a new one.
    expect(await queued).toBe("1");
    expect(await bareCount(pair.bad)).toBe("1");
    expect(pair.bad.stats()).toMatchObject({ calls: 3, failures: 1, restarts: 1, pending: 0 });
    expect(pair.neighbour.stats()).toMatchObject({ calls: 2, failures: 0, restarts: 1, pending: 0 });
  });

  test("fails what a neighbour had begun with ERR_COMPONENT_STOPPED when its worker is ended", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const held = heldImports();
    await using neighbour = await host.start("behaviour", { id: "neighbour", onImport: held.handler });
    await using bad = await host.start("bare", { limits: limits({ deadline: 500 }) });
    const begun = probe(neighbour, "request");
    const queued = probe(neighbour, "count");
    const request = await held.next();
    await expect(bare(bad, "loop")).rejects.toMatchObject({ code: "ERR_COMPONENT_DEADLINE" });
    await expect(begun).rejects.toMatchObject({ code: "ERR_COMPONENT_STOPPED", retryable: true });
    request.answer({ subject: "too late", body: new Uint8Array(), replyTo: undefined });
    expect(await queued).toBe("1");
  });

  test("counts the deadline from when the call began, not while another keeps the worker busy", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using hog = await host.start("bare", { id: "hog", limits: limits({ deadline: 1200 }) });
    await using quick = await host.start("bare", { id: "quick", limits: limits({ deadline: 400 }) });
    const hogging = bare(hog, "loop");
    const waiting = bareCount(quick);
    await expect(hogging).rejects.toMatchObject({ code: "ERR_COMPONENT_DEADLINE" });
    expect(await waiting).toBe("1");
    expect(quick.stats()).toMatchObject({ calls: 1, failures: 0 });
  });

  test("discards only the instance when a capability takes longer than the deadline", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const slow = heldImports();
    const held = heldImports();
    await using neighbour = await host.start("behaviour", { id: "neighbour", onImport: held.handler });
    const begun = probe(neighbour, "request");
    const request = await held.next();
    await using bad = await host.start("behaviour", { onImport: slow.handler, limits: limits({ deadline: 1000 }) });
    await expect(probe(bad, "request")).rejects.toMatchObject({
      code: "ERR_COMPONENT_DEADLINE",
      message: expect.stringContaining("waiting for a capability") as string,
    });
    // The reply comes too late and finds nobody.
    (await slow.next()).answer({ subject: "s", body: new Uint8Array(), replyTo: undefined });
    expect(await probe(bad, "count")).toBe("1");
    request.answer({ subject: "s", body: new Uint8Array(4), replyTo: undefined });
    expect(await begun).toBe("4");
    expect(neighbour.stats()).toMatchObject({ restarts: 0, failures: 0 });
  });

  test("ends a guest that loops after a capability has answered", async ({ expect }) => {
    await using pair = await startPair("behaviour", {
      id: "bad",
      limits: limits({ deadline: 1000 }),
      onImport: async () => undefined,
    });
    await expect(probe(pair.bad, "publishThenLoop")).rejects.toMatchObject({
      code: "ERR_COMPONENT_DEADLINE",
      message: expect.stringContaining("computing") as string,
    });
    expect(await probe(pair.neighbour, "count")).toBe("1");
    expect(await probe(pair.bad, "count")).toBe("1");
  });

  for (const [command, what] of [
    ["trap", "executes unreachable"],
    ["recursion", "recurses without end"],
    ["string", "returns a string outside its memory"],
  ] as const) {
    test(`fails with ERR_COMPONENT_TRAP and replaces only the instance when the guest ${what}`, async ({ expect }) => {
      await using pair = await startPair("bare");
      expect(await bareCount(pair.bad)).toBe("1");
      await expect(bare(pair.bad, command)).rejects.toMatchObject({ code: "ERR_COMPONENT_TRAP" });
      expect(await bareCount(pair.bad)).toBe("1");
      expect(await probe(pair.neighbour, "count")).toBe("2");
      expect(pair.neighbour.stats().restarts).toBe(0);
      expect(pair.bad.stats()).toMatchObject({ calls: 3, failures: 1, restarts: 1, pending: 0 });
    });
  }

  test("fails with ERR_COMPONENT_TRAP when the guest exits", async ({ expect }) => {
    await using pair = await startPair("wasi");
    await expect(wasi(pair.bad, "x")).rejects.toMatchObject({
      code: "ERR_COMPONENT_TRAP",
      message: expect.stringContaining("exited with status 1") as string,
    });
    expect(await wasi(pair.bad, "random")).toBe("");
    expect(await probe(pair.neighbour, "count")).toBe("2");
  });

  test("fails with ERR_COMPONENT_MEMORY when the guest takes memory without end", async ({ expect }) => {
    await using pair = await startPair("bare", { limits: limits({ memory: mebibytes(4) }) });
    await expect(bare(pair.bad, "memory")).rejects.toMatchObject({ code: "ERR_COMPONENT_MEMORY", retryable: false });
    expect(await bareCount(pair.bad)).toBe("1");
    expect(await probe(pair.neighbour, "count")).toBe("2");
  });

  test("leaves it to a JavaScript guest to see that its memory is full, within the limit", async ({ expect }) => {
    await using pair = await startPair("behaviour", { id: "bad", limits: limits({ memory: mebibytes(8) }) });
    await expect(probe(pair.bad, "allocate")).rejects.toEqual(new WitError("out of memory"));
    expect(await probe(pair.bad, "count")).toBe("1");
    expect(await probe(pair.neighbour, "count")).toBe("2");
  });

  test("fails with ERR_COMPONENT_MEMORY when the guest fills the heap of the worker with handles", async ({
    expect,
  }) => {
    await using host = openRuntime(cache.path, { workerHeap: mebibytes(16) });
    await using neighbour = await host.start("bare", { id: "neighbour" });
    await using bad = await host.start("wasi");
    await expect(wasi(bad, "keep")).rejects.toMatchObject({ code: "ERR_COMPONENT_MEMORY" });
    expect(await bareCount(neighbour)).toBe("1");
    expect(await wasi(bad, "random")).toBe("");
  });

  test("fails with ERR_COMPONENT_MEMORY when what the guest returns is too large for the host", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using neighbour = await host.start("bare", { id: "neighbour" });
    // Two bytes in the guest's memory are an array in JavaScript.
    const text = `(component
      (core module $m
        (memory (export "memory") 40)
        (func (export "pairs") (param i32) (result i32)
          (i32.store (i32.const 16) (i32.const 1024)) (i32.store (i32.const 20) (local.get 0)) (i32.const 16)))
      (core instance $i (instantiate $m))
      (func $pairs (param "count" u32) (result (list (tuple u8 u8)))
        (canon lift (core func $i "pairs") (memory (core memory $i "memory"))))
      (instance $large (export "pairs" (func $pairs)))
      (export "acme:test/large" (instance $large)))`;
    const file = join(cache.path, "large.wasm");
    await writeFile(file, await parse(text));
    const prepared = await host.runtime.prepare(file, new AbortController().signal);
    await using bad = await host.startPrepared(prepared, { id: "bad" });
    await expect(bad.call("acme:test/large", "pairs", [1_200_000])).rejects.toMatchObject({
      code: "ERR_COMPONENT_MEMORY",
      message: 'Cannot call "pairs" of component "bad": the values of one call are too large for the host',
    });
    expect(await bareCount(neighbour)).toBe("1");
    expect(await bad.call("acme:test/large", "pairs", [10_000])).toHaveLength(10_000);
  });

  test("refuses arguments larger than the guest's memory with ERR_COMPONENT_MEMORY", async ({ expect }) => {
    await using pair = await startPair("behaviour", { id: "bad", limits: limits({ memory: mebibytes(8) }) });
    await expect(probe(pair.bad, "length", new Uint8Array(mebibytes(9)))).rejects.toMatchObject({
      code: "ERR_COMPONENT_MEMORY",
    });
    expect(await probe(pair.bad, "length", new Uint8Array(mebibytes(1)))).toBe(String(mebibytes(1)));
    expect(pair.bad.stats().restarts).toBe(0);
  });

  test("passes what a capability failed with on to the caller, and replaces the instance", async ({ expect }) => {
    const failure = new PetioleError("ERR_LATTICE_UNREACHABLE", "Cannot publish: offline");
    await using pair = await startPair("behaviour", { id: "bad", onImport: () => Promise.reject(failure) });
    await probe(pair.bad, "count");
    await expect(probe(pair.bad, "request")).rejects.toBe(failure);
    expect(await probe(pair.bad, "count")).toBe("1");
    expect(await probe(pair.neighbour, "count")).toBe("2");
  });

  test("reports an import that nothing serves, and any other fault of a capability", async ({ expect }) => {
    await using pair = await startPair("behaviour", { id: "bad" });
    await expect(probe(pair.bad, "request")).rejects.toMatchObject({
      code: "ERR_INVARIANT",
      message: expect.stringContaining("nothing serves request of wasmcloud:messaging/consumer") as string,
    });
    expect(await probe(pair.bad, "count")).toBe("1");
    expect(await probe(pair.neighbour, "count")).toBe("2");
  });

  for (const [answer, found] of [
    [undefined, "found undefined, want a bigint"],
    [Number.NaN, "found NaN, want a bigint"],
    [-1n, "found -1n, want a bigint"],
  ] as const) {
    test(`refuses a capability's answer of ${String(answer)} for a u64`, async ({ expect }) => {
      await using pair = await startPair("behaviour", {
        id: "bad",
        onImport: async (_interfaceName, functionName) => (functionName === "open" ? "bucket" : answer),
      });
      await expect(probe(pair.bad, "increment")).rejects.toMatchObject({
        code: "ERR_INVARIANT",
        message: expect.stringContaining(found) as string,
      });
      expect(await probe(pair.bad, "count")).toBe("1");
      expect(await probe(pair.neighbour, "count")).toBe("2");
    });
  }

  test("refuses an answer that cannot be sent to the guest", async ({ expect }) => {
    await using pair = await startPair("behaviour", { id: "bad", onImport: async () => () => "no value" });
    await expect(probe(pair.bad, "absent")).rejects.toMatchObject({ code: "ERR_INVARIANT" });
    expect(await probe(pair.bad, "count")).toBe("1");
    expect(await probe(pair.neighbour, "count")).toBe("2");
  });

  test("waits longer and longer before it replaces an instance that fails again and again", async ({ expect }) => {
    await using host = openRuntime(cache.path, {
      restarts: { initial: millis(150), max: millis(150), random: () => 0.999 },
    });
    await using bad = await host.start("bare");
    const trap = async (): Promise<number> => {
      const started = performance.now();
      await expect(bare(bad, "trap")).rejects.toMatchObject({ code: "ERR_COMPONENT_TRAP" });
      return performance.now() - started;
    };
    const times = [await trap(), await trap(), await trap(), await trap()];
    expect(times[3]).toBeGreaterThan(140);
    expect(await bareCount(bad)).toBe("1");
    expect(await bareCount(bad)).toBe("2");
  });
});

describe("Runtime.start()", () => {
  test("fails with ERR_COMPONENT_MEMORY when the limit is below what the component starts with", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using neighbour = await host.start("bare");
    await expect(host.start("behaviour", { limits: limits({ memory: 65_536 }) })).rejects.toMatchObject({
      code: "ERR_COMPONENT_MEMORY",
    });
    expect(await bareCount(neighbour)).toBe("1");
  });
});

describe("disposal", () => {
  test("of a component fails its calls with ERR_COMPONENT_STOPPED and spares the neighbour", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const held = heldImports();
    await using neighbour = await host.start("behaviour", { id: "neighbour" });
    const component = await host.start("behaviour", { onImport: held.handler });
    const calls = [probe(component, "request"), probe(component, "count"), probe(component, "count")];
    await held.next();
    const outcomes = Promise.allSettled(calls);
    await component[Symbol.asyncDispose]();
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "ERR_COMPONENT_STOPPED" } });
    }
    await expect(component.call(PROBE, "run", ["count", new Uint8Array()])).rejects.toMatchObject({
      code: "ERR_COMPONENT_STOPPED",
    });
    expect(await probe(neighbour, "count")).toBe("1");
    expect(neighbour.stats().restarts).toBe(0);
  });

  test("of a component that loops frees the worker for the neighbour", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using neighbour = await host.start("behaviour", { id: "neighbour" });
    const component = await host.start("bare", { limits: limits({ deadline: 1000 }) });
    const looping = expect(bare(component, "loop")).rejects.toMatchObject({ code: "ERR_COMPONENT_STOPPED" });
    await component[Symbol.asyncDispose]();
    await looping;
    expect(await probe(neighbour, "count")).toBe("1");
  });

  test("of the runtime fails every call in flight", async ({ expect }) => {
    const host = openRuntime(cache.path);
    const held = heldImports();
    const waiting = await host.start("behaviour", { onImport: held.handler });
    const looping = await host.start("bare");
    const calls = [probe(waiting, "request"), probe(waiting, "count")];
    await held.next();
    calls.push(bare(looping, "loop"));
    const outcomes = Promise.allSettled(calls);
    await host[Symbol.asyncDispose]();
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "ERR_COMPONENT_STOPPED" } });
    }
    await expect(host.runtime.prepare(fixture("bare"), AbortSignal.timeout(1000))).rejects.toMatchObject({
      code: "ERR_COMPONENT_STOPPED",
    });
  });
});
