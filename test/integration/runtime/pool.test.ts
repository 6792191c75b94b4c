// Pins: a component has as many instances as its calls need and its limits allow, in the workers that it may use; they
// are recycled between two calls, and what other components lose with a worker is made good.

import { availableParallelism } from "node:os";
import { afterAll, describe, test } from "vitest";
import { isPetioleError, WitError } from "../../../src/domain/errors.ts";
import { bytes, mebibytes, millis } from "../../../src/domain/units.ts";
import type { ComponentEvent, ImportHandler, RunningComponent } from "../../../src/runtime/contract.ts";
import { waitFor } from "../../support/wait-for.ts";
import { MESSAGING, bare, heldImports, limits, openRuntime, probe } from "./support.ts";
import { tempFolder } from "../../support/processes.ts";

const cache = await tempFolder();
afterAll(() => cache[Symbol.asyncDispose]());

/** The number of calls that the instance has seen which serves this one. */
const bareCount = (component: RunningComponent): Promise<unknown> =>
  bare(component, "n").catch((error: unknown) => (error instanceof WitError ? error.payload : error));

const answer = { subject: "s", body: new Uint8Array(3), replyTo: undefined };

describe("instances", () => {
  test("keep their state and the calls under way when memory is given back", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const held = heldImports();
    await using counting = await host.start("bare");
    await using asking = await host.start("behaviour", { onImport: held.handler });
    const first = await bareCount(counting);
    const waiting = probe(asking, "request");
    const question = await held.next();
    host.runtime.releaseMemory();
    const second = await bareCount(counting);
    question.answer(answer);
    expect([Number(second) - Number(first), await waiting]).toEqual([1, "3"]);
    expect([counting.stats().restarts, asking.stats().restarts]).toEqual([0, 0]);
  });

  test("are made when a call finds none that is free, up to the limit", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const held = heldImports();
    await using component = await host.start("behaviour", { onImport: held.handler, limits: limits({ instances: 2 }) });
    expect(component.stats().instances).toBe(1);
    const calls = [1, 2, 3].map(() => probe(component, "request"));
    const [first, second] = [await held.next(), await held.next()];
    expect(component.stats()).toMatchObject({ instances: 2, pending: 3, restarts: 0 });
    second.answer(answer);
    expect(await calls[1]).toBe("3");
    // The third begins on the instance that became free.
    (await held.next()).answer(answer);
    first.answer(answer);
    expect(await Promise.all(calls)).toEqual(["3", "3", "3"]);
    expect(component.stats()).toMatchObject({ instances: 2, calls: 3, failures: 0 });
    expect(component.stats().memory).toBeGreaterThan(65_536);
  });

  test("are not made while one that is there keeps up", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using component = await host.start("bare", { limits: limits({ instances: 4 }) });
    for (let call = 1; call <= 9; call++) expect(await bareCount(component)).toBe(String(call));
    expect(component.stats().instances).toBe(1);
  });

  test("begin calls in the order they came, however many wait", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const seen: unknown[] = [];
    const onImport: ImportHandler = async (_interfaceName, _functionName, [message]) => {
      seen.push((message as { readonly subject: string }).subject);
    };
    await using component = await host.start("bare", { onImport, limits: limits({ instances: 3, queue: 500 }) });
    const subjects = Array.from({ length: 300 }, (_, index) => `pass ${index}`);
    await Promise.all(subjects.map((subject) => bare(component, subject)));
    expect(seen).toEqual(subjects);
  });

  test("fail alone: the calls of the others end as if nothing had happened", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const held = heldImports();
    await using component = await host.start("behaviour", {
      onImport: held.handler,
      limits: limits({ instances: 2, deadline: 1500 }),
    });
    const waiting = probe(component, "request");
    const request = await held.next();
    await expect(probe(component, "recurse")).rejects.toSatisfy(
      (error) => error instanceof WitError || isPetioleError(error, "ERR_COMPONENT_TRAP"),
    );
    expect(await probe(component, "length", "four")).toBe("4");
    request.answer(answer);
    expect(await waiting).toBe("3");
  });

  test.skipIf(availableParallelism() < 2)(
    "spread over the workers, which do not wait for each other",
    async ({ expect }) => {
      await using host = openRuntime(cache.path, { workers: 2 });
      await using component = await host.start("bare", { limits: limits({ instances: 2, deadline: 1500 }) });
      const looping = expect(bare(component, "loop")).rejects.toMatchObject({ code: "ERR_COMPONENT_DEADLINE" });
      expect(await bareCount(component)).toBe("1");
      expect(await bareCount(component)).toBe("2");
      expect(component.stats()).toMatchObject({ instances: 2, pending: 1 });
      await looping;
      // The one in the other worker has lost nothing.
      expect(await bareCount(component)).toBe("3");
    },
  );

  test("of a dedicated component cost the others nothing when their worker is ended", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using neighbour = await host.start("bare", { id: "neighbour" });
    await using bad = await host.start("bare", { isolation: "dedicated", limits: limits({ deadline: 1000 }) });
    const looping = expect(bare(bad, "loop")).rejects.toMatchObject({ code: "ERR_COMPONENT_DEADLINE" });
    expect(await bareCount(neighbour)).toBe("1");
    await looping;
    expect(await bareCount(neighbour)).toBe("2");
    expect(neighbour.stats().restarts).toBe(0);
    expect(await bareCount(bad)).toBe("1");
  });
});

describe("recycling", () => {
  test("replaces an instance after a number of calls, between two of them", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const events: ComponentEvent[] = [];
    await using component = await host.start("bare", {
      recycling: { calls: 3 },
      onEvent: (event) => events.push(event),
      limits: limits({ queue: 20 }),
    });
    const counts = await Promise.all(Array.from({ length: 8 }, () => bareCount(component)));
    expect(counts).toEqual(["1", "2", "3", "1", "2", "3", "1", "2"]);
    expect(component.stats()).toMatchObject({ recycled: 2, restarts: 0, failures: 0, calls: 8 });
    expect(events).toEqual([
      { kind: "recycled", reason: "calls" },
      { kind: "recycled", reason: "calls" },
    ]);
  });

  test("replaces an instance whose memory has grown", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using component = await host.start("bare", { recycling: { memory: mebibytes(2) } });
    const send = (size: number): Promise<unknown> =>
      component.call(MESSAGING, "handle-message", [{ subject: "ok", body: new Uint8Array(size), replyTo: undefined }]);
    await send(1000);
    expect(component.stats()).toMatchObject({ recycled: 0, memory: 65_536 });
    await send(mebibytes(3));
    await waitFor("a new instance", () => component.stats().recycled === 1);
    expect(await bareCount(component)).toBe("1");
    expect(component.stats().memory).toBe(65_536);
  });

  test("replaces an instance that is old, also after it was idle", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using component = await host.start("bare", { recycling: { age: millis(150) } });
    await waitFor("the instance to be old", async () => {
      await bareCount(component);
      return component.stats().recycled > 0;
    });
    expect(component.stats()).toMatchObject({ restarts: 0, failures: 0 });
  });
});

describe("the loss of a worker", () => {
  test("lets each of many calls end exactly once, and no guest sees one of them twice", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using bad = await host.start("bare", { id: "bad", limits: limits({ deadline: 700 }) });
    const seen = new Map<string, number>();
    const held: (() => void)[] = [];
    let holding = true;
    const onImport: ImportHandler = async (_interfaceName, _functionName, [message]) => {
      const { subject } = message as { readonly subject: string };
      seen.set(subject, (seen.get(subject) ?? 0) + 1);
      // The first call of each third neighbour is within an import when the worker goes.
      if (holding && subject.endsWith(" 0 of third")) await new Promise<void>((resolve) => held.push(resolve));
    };
    await using stack = new AsyncDisposableStack();
    const neighbours: RunningComponent[] = [];
    for (let index = 0; index < 9; index++) {
      const options = { id: `neighbour-${index}`, onImport, limits: limits({ queue: 40, instances: 1 + (index % 2) }) };
      neighbours.push(stack.use(await host.start("bare", options)));
    }
    const send = (neighbour: number, call: number): [string, Promise<unknown>] => {
      const subject = `pass ${neighbour} ${call} of ${neighbour % 3 === 0 ? "third" : "others"}`;
      const component = neighbours[neighbour];
      if (component === undefined) throw new Error("no such neighbour");
      return [subject, bare(component, subject)];
    };
    const before = [0, 3, 6].map((neighbour) => send(neighbour, 0));
    await waitFor("three calls to be held", () => held.length === 3);
    const looping = expect(bare(bad, "loop")).rejects.toMatchObject({ code: "ERR_COMPONENT_DEADLINE" });
    const rest = neighbours.flatMap((_, neighbour) =>
      Array.from({ length: 20 }, (_, call) => send(neighbour, call + 1)),
    );
    const all = [...before, ...rest];
    const settled = Promise.allSettled(all.map(([, call]) => call));
    await looping;
    holding = false;
    for (const release of held) release();
    let failed = 0;
    for (const [index, outcome] of (await settled).entries()) {
      const subject = all[index]?.[0] ?? "";
      if (outcome.status === "fulfilled") expect(seen.get(subject), subject).toBe(1);
      else {
        failed++;
        expect(outcome.reason).toMatchObject({ code: "ERR_COMPONENT_STOPPED" });
        expect(seen.get(subject) ?? 0, subject).toBeLessThanOrEqual(1);
      }
    }
    expect([...seen.values()].every((times) => times === 1)).toBe(true);
    // What had begun is lost, and at least that which was held; everything else was given to the new instances.
    expect(failed).toBeGreaterThanOrEqual(3);
    expect(failed).toBeLessThanOrEqual(neighbours.length * 2);
    for (const neighbour of neighbours) {
      expect(neighbour.stats()).toMatchObject({ pending: 0 });
      await bare(neighbour, "ok");
    }
  });

  test("has its healthy instances made again before anybody calls them", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using neighbour = await host.start("bare", { id: "neighbour" });
    await using bad = await host.start("bare", { id: "bad", limits: limits({ deadline: 400 }) });
    await expect(bare(bad, "loop")).rejects.toMatchObject({ code: "ERR_COMPONENT_DEADLINE" });
    await waitFor("the new instance", () => {
      const { restarts, instances } = neighbour.stats();
      return restarts === 1 && instances === 1;
    });
    // Whoever is to blame waits for its next call.
    expect(bad.stats()).toMatchObject({ instances: 0, restarts: 0 });
    expect(neighbour.stats()).toMatchObject({ calls: 0, failures: 0 });
  });
});

describe("a worker that breaks whenever it is made", () => {
  test("fails the start of each component with a typed error", async ({ expect }) => {
    await using host = openRuntime(cache.path, { workerEntry: new URL("./no-such-entry.ts", import.meta.url) });
    await expect(host.start("bare")).rejects.toMatchObject({ code: "ERR_COMPONENT_STOPPED" });
    await expect(host.start("bare", { isolation: "dedicated" })).rejects.toMatchObject({
      code: "ERR_COMPONENT_STOPPED",
      message: expect.stringContaining("its worker failed") as string,
    });
  });
});

describe("address space", () => {
  test("is accounted to each component, and given back", async ({ expect }) => {
    await using host = openRuntime(cache.path, { addressSpace: bytes(1e15) });
    const component = await host.start("bare");
    // The bound of the memory at least, and a stack.
    expect(component.stats().reserved).toBeGreaterThan(mebibytes(32));
    await component[Symbol.asyncDispose]();
    await waitFor("the worker to have let go", () => component.stats().reserved === 0);
  });

  test("that is used up is said with ERR_ADDRESS_SPACE, and instances that are there go on", async ({ expect }) => {
    await using measure = openRuntime(cache.path, { addressSpace: bytes(1e15) });
    await using sample = await measure.start("bare");
    const one = sample.stats().reserved;
    await using host = openRuntime(cache.path, { addressSpace: bytes(2.5 * one) });
    const held = heldImports();
    const component = await host.start("bare", { onImport: held.handler, limits: limits({ instances: 9 }) });
    const calls = [1, 2, 3].map(() => bare(component, "pass"));
    const first = await held.next();
    const second = await held.next();
    expect(component.stats()).toMatchObject({ instances: 2, pending: 3 });
    await expect(host.start("bare", { id: "other" })).rejects.toMatchObject({
      code: "ERR_ADDRESS_SPACE",
      retryable: true,
    });
    first.answer(undefined);
    second.answer(undefined);
    (await held.next()).answer(undefined);
    await Promise.all(calls);
    await component[Symbol.asyncDispose]();
    const other = await waitFor("the space to be free", () => host.start("bare", { id: "other" }));
    await bare(other, "ok");
    await other[Symbol.asyncDispose]();
  });
});
