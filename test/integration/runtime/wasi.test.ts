// Pins: what guests get of WASI 0.2, of configuration and of logging, and what they cannot do with it.

import { afterAll, describe, test } from "vitest";
import { bare, limits, openRuntime, probe, wasi, type LogEntry } from "./support.ts";
import { tempFolder } from "../../support/processes.ts";

const cache = await tempFolder();
afterAll(() => cache[Symbol.asyncDispose]());

const printed = (entries: readonly LogEntry[], stream: string): unknown[] =>
  entries.filter((entry) => entry["stream"] === stream).map((entry) => entry["text"]);

describe("WASI in a component", () => {
  test("environment is what the instance was given", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using component = await host.start("wasi", { env: { SITE: "greenhouse" } });
    expect(await wasi(component, "variable")).toBe("greenhouse");
  });

  test("output goes to the log line by line, the last part at the end of the call", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using component = await host.start("wasi");
    await wasi(component, "out", "one\ntwo\r\nthr");
    await wasi(component, "out", "ee ü\n");
    await wasi(component, "err", "broken\n");
    expect(printed(host.entries, "stdout")).toEqual(["one", "two", "thr", "ee ü"]);
    expect(printed(host.entries, "stderr")).toEqual(["broken"]);
    expect(host.entries.find((entry) => entry["stream"] === "stderr")?.level).toBe("warn");
  });

  test("log is bounded in rate", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using component = await host.start("behaviour");
    await probe(component, "chatter");
    const lines = (): readonly LogEntry[] => host.entries.filter((entry) => entry.message === "Component logged");
    expect(lines().length).toBeGreaterThanOrEqual(200);
    expect(lines().length).toBeLessThan(2000);
  });

  test("log carries level and context", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using component = await host.start("behaviour");
    await probe(component, "log");
    expect(host.entries).toContainEqual({
      level: "warn",
      message: "Component logged",
      context: "probe",
      text: "said by the guest",
    });
  });

  test("configuration is what the instance was given", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using component = await host.start("behaviour", { config: { greeting: "hello", other: "x" } });
    expect(await probe(component, "config")).toBe("hello");
    expect(await probe(component, "noConfig")).toBe("none");
    expect(JSON.parse(String(await probe(component, "configAll")))).toEqual([
      ["greeting", "hello"],
      ["other", "x"],
    ]);
  });

  test("clocks, polling and randomness work", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using component = await host.start("wasi");
    expect(await wasi(component, "sleep")).toBe("slept");
    expect(await wasi(component, "poll")).toBe("slept");
    expect(await wasi(component, "wall clock")).toBe("");
    expect(await wasi(component, "random")).toBe("");
    expect(component.stats()).toMatchObject({ failures: 0 });
  });

  test("a sleeping guest leaves the worker to others, and is ended at its deadline", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using sleeper = await host.start("wasi", { limits: limits({ deadline: 800 }) });
    await using other = await host.start("bare");
    const sleeping = wasi(sleeper, "hour");
    const outcome = expect(sleeping).rejects.toMatchObject({ code: "ERR_COMPONENT_DEADLINE" });
    await bare(other, "ok");
    await outcome;
    expect(other.stats()).toMatchObject({ calls: 1, restarts: 0 });
    expect(await wasi(sleeper, "sleep")).toBe("slept");
  });

  test("a guest that polls what is ready without end is ended at its deadline", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using spinner = await host.start("wasi", { limits: limits({ deadline: 500 }) });
    await using other = await host.start("bare");
    await expect(wasi(spinner, "busy")).rejects.toMatchObject({ code: "ERR_COMPONENT_DEADLINE" });
    await bare(other, "ok");
    expect(await wasi(spinner, "random")).toBe("");
  });

  test("more randomness than there is memory ends the call", async ({ expect }) => {
    await using host = openRuntime(cache.path);
    await using component = await host.start("wasi");
    await expect(wasi(component, "Random")).rejects.toMatchObject({ code: "ERR_COMPONENT_TRAP" });
    expect(await wasi(component, "random")).toBe("");
  });
});
