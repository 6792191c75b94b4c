import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { silentLogger } from "../../lib/log.ts";
import { LOOP_MODULE, optimisedCode } from "../../../test/support/machine-code.ts";
import { MACHINE_CODE_HEADER, openMachineCode } from "./addon.ts";

const machineCode = openMachineCode(silentLogger);
const EMPTY_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

const runLoop = (module: WebAssembly.Module): unknown => {
  const { f } = new WebAssembly.Instance(module).exports;
  return typeof f === "function" ? f(7) : "no function";
};

describe.skipIf(machineCode === undefined)("MachineCode (skipped without the add-on: npm run build:native)", () => {
  if (machineCode === undefined) return;

  test("load() makes a module of what serialize() gave", async ({ expect }) => {
    const code = await optimisedCode(machineCode);
    const { accepted, module } = machineCode.load(LOOP_MODULE, code);
    expect(accepted).toBe(true);
    expect(runLoop(await module)).toBe(0);
    // It is optimised from the start.
    expect((await machineCode.serialize(await module))?.byteLength).toBe(code.byteLength);
  });

  test("load() compiles what comes without usable machine code", async ({ expect }) => {
    const code = await optimisedCode(machineCode);
    const otherVersion = code.map((byte, index) => (index === 4 ? byte ^ 1 : byte));
    for (const unusable of [otherVersion, new Uint8Array(), code.subarray(0, MACHINE_CODE_HEADER)]) {
      const { accepted, module } = machineCode.load(LOOP_MODULE, unusable);
      expect(accepted).toBe(false);
      expect(runLoop(await module)).toBe(0);
    }
  });

  test("load() rejects what is no module", async ({ expect }) => {
    const { module } = machineCode.load(EMPTY_MODULE.with(3, 0), new Uint8Array());
    await expect(module).rejects.toThrow(WebAssembly.CompileError);
  });

  test("load() throws when it gets something else, or bytes that others may change", ({ expect }) => {
    const text = "text" as unknown as Uint8Array;
    expect(() => machineCode.load(text, text)).toThrow(TypeError);
    const shared = new Uint8Array(new SharedArrayBuffer(64));
    expect(() => machineCode.load(shared, EMPTY_MODULE)).toThrow(TypeError);
  });

  test("serialize() gives nothing for a module without code", async ({ expect }) => {
    expect(await machineCode.serialize(new WebAssembly.Module(EMPTY_MODULE))).toBeUndefined();
    // Counts down by 2, and was never run.
    const cold = LOOP_MODULE.with(LOOP_MODULE.length - 10, 2);
    expect(await machineCode.serialize(new WebAssembly.Module(Uint8Array.from(cold)))).toBeUndefined();
  });
});

describe("openMachineCode()", () => {
  test("goes on without an add-on", ({ expect }) => {
    expect(openMachineCode(silentLogger, "/nowhere/petiole-native.node")).toBeUndefined();
  });

  test("goes on without one that cannot be loaded, and says so", async ({ expect }) => {
    const folder = await mkdtemp(join(tmpdir(), "petiole-addon-"));
    try {
      const warnings: string[] = [];
      const log = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
      await writeFile(join(folder, "it.node"), "no add-on");
      expect(openMachineCode(log, join(folder, "it.node"))).toBeUndefined();
      expect(warnings).toHaveLength(1);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
