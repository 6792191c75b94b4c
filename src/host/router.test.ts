import { describe, test } from "vitest";
import { millis } from "../domain/units.ts";
import { systemClock } from "../lib/clock.ts";
import { createRouter } from "./router.ts";

const meter = { began: () => 0, failed: () => {}, ended: () => {} };

describe("createRouter()", () => {
  test("goes back to the route before when the one that took a part of its place goes first", async ({ expect }) => {
    const router = createRouter({ clock: systemClock, grace: millis(0) });
    const add = (answer: string, ...interfaces: string[]) =>
      router.add({ component: "app", interfaces, functions: async () => answer, meter });
    const ask = async (name: string): Promise<unknown> => await router.call("app", name, "get", []);
    const first = add("first", "a:b/one", "a:b/two");
    const second = add("second", "a:b/one");
    expect([await ask("a:b/one"), await ask("a:b/two")]).toEqual(["second", "first"]);
    second[Symbol.dispose]();
    expect(await ask("a:b/one")).toBe("first");
    const third = add("third", "a:b/one");
    first[Symbol.dispose]();
    expect(await ask("a:b/one")).toBe("third");
    third[Symbol.dispose]();
    await expect(ask("a:b/one")).rejects.toMatchObject({ code: "ERR_PROVIDER_STOPPED" });
    await expect(ask("a:b/two")).rejects.toMatchObject({ code: "ERR_PROVIDER_STOPPED" });
  });
});
