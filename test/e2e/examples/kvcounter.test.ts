// Pins: `npm run example -- kvcounter` tells its story to a good end and leaves nothing behind.

import { describe, test } from "vitest";
import { waitFor } from "../../support/wait-for.ts";
import { playExample } from "../../support/examples.ts";

/** Two agents prepare a component each, on a machine that may be busy. */
const LIMIT_MS = 200_000;

describe("npm run example -- kvcounter", () => {
  test(
    "counts over a power cut, swaps of its store and two devices, stays, and cleans up",
    async ({ expect }) => {
      await using example = await playExample("kvcounter", "--keep");
      const output = (): string => example.process.output();
      const ended = example.process.exited.then(({ code }) => code ?? "a signal");
      const kept = waitFor("the end of the story", () => / hosts: .*\n/.test(output()), LIMIT_MS).then(() => "kept");
      expect(await Promise.race([ended, kept]), output()).toBe("kept");

      expect(output()).toMatch(/door"?,"count":2}\n[^]*kill -9[^]*"count":3}/);
      expect(output()).toContain("kvcounter-disk → stores-hub\n");
      expect(output()).toMatch(/(\d+) requests meanwhile, none failed; (\d+) is what the old store has/);
      const [, total] = /✓ (\d+) requests, none failed: the shared count is \1\n/.exec(output()) ?? [];
      expect(Number(total), output()).toBeGreaterThan(0);
      for (const device of ["gw-1", "gw-2"]) {
        const [, url = ""] = new RegExp(`${device}: +curl -X POST (\\S+)`).exec(output()) ?? [];
        expect(await (await fetch(url)).json()).toEqual({ name: "door", count: Number(total) });
      }
      example.process.signal("SIGINT");
      expect(await ended, output()).toBe(0);
      expect(await example.leftBehind()).toEqual({ processes: [], files: [] });
    },
    LIMIT_MS + 20_000,
  );
});

describe("npm run example", () => {
  test("lists the examples, and says so when there is none of a name", async ({ expect }) => {
    await using list = await playExample();
    expect((await list.process.exited).code).toBe(0);
    expect(list.process.output()).toMatch(/^ {2}kvcounter +\S/m);
    await using unknown = await playExample("nobody");
    expect((await unknown.process.exited).code).toBe(2);
    expect(unknown.process.output()).toContain('There is no example "nobody"');
  });
});
