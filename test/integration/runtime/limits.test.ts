// Pins: each limit that a component reaches is a typed error for the caller where there is one, an event at most once a
// second, and a count; failing again and again is `degraded` until it works again.

import { afterAll, describe, test } from "vitest";
import { WitError } from "../../../src/domain/errors.ts";
import { mebibytes, millis } from "../../../src/domain/units.ts";
import type { ComponentEvent, LimitName } from "../../../src/runtime/contract.ts";
import { waitFor } from "../../support/wait-for.ts";
import { bare, heldImports, limits, openRuntime, probe, type LogEntry } from "./support.ts";
import { tempFolder } from "../../support/processes.ts";

const cache = await tempFolder();
afterAll(() => cache[Symbol.asyncDispose]());

/** Events of a component as they come. */
function recordEvents(): { readonly events: ComponentEvent[]; readonly onEvent: (event: ComponentEvent) => void } {
  const events: ComponentEvent[] = [];
  return { events, onEvent: (event) => events.push(event) };
}

const reached = (limit: LimitName, count = 1): ComponentEvent => ({ kind: "limit-reached", limit, count });

describe("a limit that is reached", () => {
  test("deadline: computing and waiting", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const { events, onEvent } = recordEvents();
    const held = heldImports();
    const options = { onEvent, onImport: held.handler, limits: limits({ deadline: 300 }) };
    await using component = await host.start("bare", options);
    await expect(bare(component, "loop")).rejects.toMatchObject({ code: "ERR_COMPONENT_DEADLINE" });
    await expect(bare(component, "pass")).rejects.toMatchObject({ code: "ERR_COMPONENT_DEADLINE" });
    expect(component.stats().breaches).toMatchObject({ deadline: 2, memory: 0 });
    await waitFor("both to be told", () => events.length === 2);
    expect(events).toEqual([reached("deadline"), reached("deadline")]);
  });

  test("memory: of the guest, and arguments that are too large for it", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const { events, onEvent } = recordEvents();
    await using component = await host.start("bare", { onEvent, limits: limits({ memory: mebibytes(4) }) });
    await expect(bare(component, "memory")).rejects.toMatchObject({ code: "ERR_COMPONENT_MEMORY" });
    const large = { subject: "ok", body: new Uint8Array(mebibytes(5)), replyTo: undefined };
    await expect(component.call("wasmcloud:messaging/handler", "handle-message", [large])).rejects.toMatchObject({
      code: "ERR_COMPONENT_MEMORY",
    });
    expect(events[0]).toEqual(reached("memory"));
    expect(component.stats().breaches.memory).toBe(2);
  });

  test("table: a component that starts with more is refused", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await expect(host.start("behaviour", { limits: limits({ table: 3 }) })).rejects.toMatchObject({
      code: "ERR_COMPONENT_MEMORY",
      message: expect.stringContaining("table") as string,
    });
  });

  test("stack: recursion without end, in WebAssembly and in a script", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const { events, onEvent } = recordEvents();
    await using component = await host.start("bare", { onEvent });
    await expect(bare(component, "recursion")).rejects.toMatchObject({ code: "ERR_COMPONENT_TRAP" });
    expect(events).toEqual([reached("stack")]);
    expect(component.stats().breaches.stack).toBe(1);
    await bare(component, "ok");
    await using script = await host.start("behaviour");
    await expect(probe(script, "recurse")).rejects.toThrow(/stack/);
    expect(await probe(script, "count")).toBeDefined();
  });

  test("queue", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const { events, onEvent } = recordEvents();
    const held = heldImports();
    const options = { onEvent, onImport: held.handler, limits: limits({ queue: 1 }) };
    await using component = await host.start("bare", options);
    const calls = [bare(component, "pass"), bare(component, "ok")];
    await expect(bare(component, "ok")).rejects.toMatchObject({ code: "ERR_COMPONENT_BUSY" });
    await expect(bare(component, "ok")).rejects.toMatchObject({ code: "ERR_COMPONENT_BUSY" });
    (await held.next()).answer(undefined);
    await Promise.all(calls);
    expect(component.stats().breaches.queue).toBe(2);
    await waitFor("both to be told", () => events.length === 2);
    expect(events).toEqual([reached("queue"), reached("queue")]);
  });

  test("queue: also while no instance can be made yet", async ({ expect }) => {
    await using host = openRuntime(cache.path, {
      restarts: { initial: millis(60_000), max: millis(60_000), random: () => 0.999 },
    });
    const component = await host.start("bare", { limits: limits({ queue: 10 }) });
    const failing = [1, 2, 3, 4, 5, 6].map(() => bare(component, "trap"));
    const [waiting, ...beyond] = failing.splice(3);
    for (const one of failing) await expect(one).rejects.toMatchObject({ code: "ERR_COMPONENT_TRAP" });
    // The pause is long, and each of those that wait may make for another one.
    beyond.push(bare(component, "ok"));
    for (const one of beyond) await expect(one).rejects.toMatchObject({ code: "ERR_COMPONENT_BUSY" });
    expect(component.stats()).toMatchObject({ pending: 1, failures: 3, breaches: { queue: 3 } });
    const stopped = expect(waiting).rejects.toMatchObject({ code: "ERR_COMPONENT_STOPPED" });
    await component[Symbol.asyncDispose]();
    await stopped;
  });

  test("log rate: what is beyond it is held back and counted", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const { events, onEvent } = recordEvents();
    await using component = await host.start("behaviour", { onEvent, limits: limits({ logRate: 5 }) });
    await probe(component, "chatter");
    const logged = host.entries.filter((entry: LogEntry) => entry.message === "Component logged").length;
    expect(logged).toBeGreaterThanOrEqual(20);
    expect(component.stats().breaches.log).toBe(100_000 - logged);
    expect(events).toEqual([reached("log", 100_000 - logged)]);
  });

  test("computing time: calls wait until it is made up for", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const { events, onEvent } = recordEvents();
    await using component = await host.start("behaviour", { onEvent, limits: limits({ cpu: 0.1 }) });
    while (component.stats().breaches.cpu === 0) await probe(component, "chatter");
    await probe(component, "count");
    const { cpuTime } = component.stats();
    // Half a second was saved up.
    expect(cpuTime).toBeGreaterThan(500);
    expect(events).toContainEqual(reached("cpu"));
  });

  test("computing time: that of starts and of calls that miss their deadline counts", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const component = await host.start("behaviour", { limits: limits({ cpu: 0.1 }) });
    expect(component.stats().cpuTime).toBeGreaterThan(0);
    await using looping = await host.start("bare", { limits: limits({ deadline: 600, cpu: 0.1 }) });
    await expect(bare(looping, "loop")).rejects.toMatchObject({ code: "ERR_COMPONENT_DEADLINE" });
    expect(looping.stats().cpuTime).toBeGreaterThanOrEqual(600);
    await bare(looping, "ok");
    expect(looping.stats().breaches.cpu).toBeGreaterThan(0);
  });
});

describe("a component that fails again and again", () => {
  test("is degraded until a call of it ends well, and says so once", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const { events, onEvent } = recordEvents();
    await using component = await host.start("bare", { onEvent });
    const trap = (): Promise<void> =>
      expect(bare(component, "trap")).rejects.toMatchObject({ code: "ERR_COMPONENT_TRAP" });
    await trap();
    await trap();
    expect(component.stats().degraded).toBe(false);
    await trap();
    await trap();
    expect(component.stats().degraded).toBe(true);
    expect(events).toEqual([
      { kind: "degraded", failures: 3, lastError: expect.stringContaining("unreachable") as string },
    ]);
    // A returned err is no failure.
    await expect(bare(component, "err")).rejects.toEqual(new WitError("refused"));
    expect(component.stats().degraded).toBe(false);
    expect(events[1]).toEqual({ kind: "recovered" });
  });
});
