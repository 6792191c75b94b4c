// Pins: `npm run example -- kvcounter` tells its story to a good end and leaves nothing behind.

import { describe, test } from "vitest";
import { playExample } from "../../support/examples.ts";

describe("npm run example -- kvcounter", () => {
  test("counts across a power cut, and cleans up", async ({ expect }) => {
    await using example = await playExample("kvcounter");
    const { code } = await example.process.exited;
    const output = example.process.output();
    expect(code, output).toBe(0);
    expect(output).toContain("✓ It went on from 2 to 3");
    expect(await example.leftBehind()).toEqual({ processes: [], files: [] });
  });
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
