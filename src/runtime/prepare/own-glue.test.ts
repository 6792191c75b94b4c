import { describe, test } from "vitest";
import { linkComponent } from "./own-glue.ts";

// A component with the core module whose bytes are given, and nothing else.
const wrap = (module: readonly number[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0, 1, module.length].concat(module));
const MODULE = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

describe("linkComponent()", () => {
  test("gives the modules by number, as they are in the file", async ({ expect }) => {
    const { glue, modules } = await linkComponent(wrap(MODULE), "it.wasm");
    expect(glue.kind).toBe("linked");
    expect([...modules]).toEqual([["0", Uint8Array.from(MODULE)]]);
  });

  test("does not keep a file in memory that is mostly something else", async ({ expect }) => {
    const nothing = [0, 101, 0].concat(Array.from({ length: 100 }, () => 0)); // A custom section without a name.
    const file = Uint8Array.from([...wrap(MODULE), ...nothing]);
    const { modules } = await linkComponent(file, "it.wasm");
    expect([...modules.values()].map(({ buffer }) => buffer.byteLength)).toEqual([MODULE.length]);
  });

  test("refuses a core module that is not valid", async ({ expect }) => {
    // A function section without a code section.
    await expect(linkComponent(wrap([...MODULE, 3, 2, 1, 0]), "it.wasm")).rejects.toMatchObject({
      code: "ERR_COMPONENT_INVALID",
    });
  });
});
