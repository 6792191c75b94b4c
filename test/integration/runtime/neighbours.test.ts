import { afterAll, describe, test } from "vitest";
import type { HttpRequest } from "../../../src/lib/http-message.ts";
import type { ComponentEvent } from "../../../src/runtime/contract.ts";
import { waitFor } from "../../support/wait-for.ts";
import { bare, heldImports, limits, openRuntime, probe } from "./support.ts";
import { tempFolder } from "../../support/processes.ts";

const cache = await tempFolder();
afterAll(() => cache[Symbol.asyncDispose]());

const answer = { subject: "s", body: new Uint8Array(3), replyTo: undefined };
const deadlineExceeded = { code: "ERR_COMPONENT_DEADLINE" };

describe("components that share a worker", () => {
  test("are answered although the next one computes until the worker is ended", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using quick = await host.start("bare", { id: "quick" });
    await using bad = await host.start("bare", { id: "bad", limits: limits({ deadline: 700 }) });
    const answered = bare(quick, "ok");
    const looping = expect(bare(bad, "loop")).rejects.toMatchObject(deadlineExceeded);
    await answered;
    expect(bad.stats().pending).toBe(1);
    await looping;
    expect(quick.stats()).toMatchObject({ calls: 1, failures: 0 });
  });

  test("begin calls however many of another one wait", async ({ expect }) => {
    await using host = openRuntime(cache.path, { maxTurns: 4 });
    const held = heldImports();
    await using waiting = await host.start("bare", {
      id: "waiting",
      onImport: held.handler,
      limits: limits({ instances: 9, queue: 20 }),
    });
    await using neighbour = await host.start("behaviour", { id: "neighbour", onImport: held.handler });
    const calls = Array.from({ length: 9 }, () => bare(waiting, "pass"));
    const made = [await held.next(), await held.next(), await held.next(), await held.next()];
    const request = probe(neighbour, "request");
    const own = await held.next();
    expect(own.functionName).toBe("request");
    own.answer(answer);
    expect(await request).toBe("3");
    expect(waiting.stats()).toMatchObject({ pending: 9, calls: 0 });
    for (const one of made) one.answer(undefined);
    for (let rest = 0; rest < 5; rest++) (await held.next()).answer(undefined);
    await Promise.all(calls);
  });
});

describe("disposing a component", () => {
  test("ends code of it that computes, and waits for that", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using neighbour = await host.start("bare", { id: "neighbour" });
    // Without an end of its own the loop would outlast the test.
    const bad = await host.start("bare", { id: "bad", limits: limits({ deadline: 600_000 }) });
    const before = bare(neighbour, "ok");
    const looping = expect(bare(bad, "loop")).rejects.toMatchObject({ code: "ERR_COMPONENT_STOPPED" });
    // The worker says so when the loop is next.
    await before;
    await Promise.all([bad[Symbol.asyncDispose](), bad[Symbol.asyncDispose]()]);
    await looping;
    expect(bad.stats()).toMatchObject({ instances: 0, reserved: 0 });
    await bare(neighbour, "ok");
    expect(neighbour.stats()).toMatchObject({ failures: 0 });
  });

  test("costs its neighbours nothing when it only waits", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const held = heldImports();
    await using neighbour = await host.start("bare", { id: "neighbour" });
    const component = await host.start("bare", { onImport: held.handler });
    const call = expect(bare(component, "pass")).rejects.toMatchObject({ code: "ERR_COMPONENT_STOPPED" });
    await held.next();
    await component[Symbol.asyncDispose]();
    await call;
    expect(component.stats()).toMatchObject({ instances: 0, reserved: 0 });
    await bare(neighbour, "ok");
    expect(neighbour.stats()).toMatchObject({ restarts: 0 });
  });
});

describe("a request whose client goes before its turn", () => {
  test("says nothing about how the component does", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    const events: ComponentEvent[] = [];
    await using component = await host.start("http", {
      limits: limits({ queue: 20 }),
      onEvent: (one) => events.push(one),
    });
    const request = (pathWithQuery: string, onCancelable?: HttpRequest["onCancelable"]): HttpRequest => {
      const base = { method: "GET", scheme: "http", authority: "device", headers: [], body: undefined } as const;
      return { ...base, pathWithQuery, ...(onCancelable && { onCancelable }) };
    };
    for (let failure = 0; failure < 4; failure++) {
      await expect(component.http(request("/unreachable"))).rejects.toMatchObject({ code: "ERR_COMPONENT_TRAP" });
    }
    const before = component.stats();
    expect(before.degraded).toBe(true);
    // It answers and then waits for its client, so the next request does not begin.
    const first = await component.http(request("/big"));
    let leave: ((reason: Error) => void) | undefined;
    const second = component.http(request("/hello", (cancel) => (leave = cancel)));
    await waitFor("the second to be sent", () => component.stats().pending === 2);
    leave?.(new Error("gone before"));
    await expect(second).rejects.toThrow("gone before");
    await waitFor("the second to be forgotten", () => component.stats().pending === 1);
    expect(component.stats()).toMatchObject({ calls: before.calls, degraded: true });
    expect(events.map((one) => one.kind)).toEqual(["degraded"]);
    if (first.body instanceof Uint8Array) throw new Error("want a stream");
    for await (const chunk of first.body) expect(chunk.byteLength).toBeGreaterThan(0);
    await waitFor("the first to end", () => !component.stats().degraded);
    expect(component.stats()).toMatchObject({ calls: before.calls + 1 });
  });
});
