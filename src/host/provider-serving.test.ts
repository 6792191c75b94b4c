import { describe, test } from "vitest";
import { emptyLattice } from "../../test/support/remote-ends.ts";
import { systemClock } from "../lib/clock.ts";
import { createMetricsRegistry } from "../lib/metrics.ts";
import { createLinkMeters } from "./link-meters.ts";
import type { RemoteEnds } from "./ports.ts";
import { createProviderServing } from "./provider-serving.ts";

type Call = Parameters<RemoteEnds["serveProvider"]>[2];

const meter = createLinkMeters(createMetricsRegistry(), systemClock).of({
  source: "one",
  target: "store",
  name: "default",
});

function createWorld() {
  const events: string[] = [];
  const callers = new Map<string, Call>();
  const remote = emptyLattice({
    serveProvider: (provider, name, call) => {
      events.push(`serve ${provider} ${name}`);
      callers.set(name, call);
      return { [Symbol.asyncDispose]: async () => void events.push(`end ${provider} ${name}`) };
    },
  });
  const serving = createProviderServing(remote);
  const add = (component: string, linkName: string, answer: string) =>
    serving.add(
      { provider: "store", component, name: linkName, interfaces: ["a:b/get", "a:b/set"] },
      { functions: { "a:b/get": { get: (key: string) => `${answer} ${key}` } }, meter },
    );
  const call = async (source: string | undefined, linkName: string): Promise<unknown> =>
    await callers.get("a:b/get")?.({ source, linkName }, "a:b/get", "get", ["x"]);
  return { events, add, call };
}

describe("createProviderServing()", () => {
  test("has each call served over the link of whoever makes it", async ({ expect }) => {
    const { add, call } = createWorld();
    add("one", "default", "first");
    add("one", "other", "second");
    add("two", "default", "third");
    expect([await call("one", "default"), await call("one", "other"), await call("two", "default")]).toEqual([
      "first x",
      "second x",
      "third x",
    ]);
    for (const source of ["three", undefined]) {
      await expect(call(source, "default")).rejects.toMatchObject({ code: "ERR_LINK_INVALID" });
    }
  });

  test("is seen by the lattice once for each interface, as long as there is a link", async ({ expect }) => {
    const { events, add, call } = createWorld();
    const links = [add("one", "default", "first"), add("two", "default", "second")];
    expect(events).toEqual(["serve store a:b/get", "serve store a:b/set"]);
    await links[0]?.[Symbol.asyncDispose]();
    await expect(call("one", "default")).rejects.toMatchObject({ code: "ERR_LINK_INVALID" });
    expect(await call("two", "default")).toBe("second x");
    expect(events).toHaveLength(2);
    await links[1]?.[Symbol.asyncDispose]();
    await links[1]?.[Symbol.asyncDispose]();
    expect(events.slice(2)).toEqual(["end store a:b/get", "end store a:b/set"]);
  });
});
