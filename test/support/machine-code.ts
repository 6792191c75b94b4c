import type { MachineCode } from "../../src/runtime/machine-code/addon.ts";

/** Exports `f`, which counts its argument down to 0. */
export const LOOP_MODULE = Uint8Array.fromHex(
  "0061736d01000000 010601 60017f017f 03020100 0705010166 0000 0a120110 00 0340 2000 41016b2200 0d00 0b 2000 0b".replaceAll(
    " ",
    "",
  ),
);

/** Runs LOOP_MODULE until V8 has optimised it. */
export async function optimisedCode(machineCode: MachineCode): Promise<Uint8Array<ArrayBuffer>> {
  const module = new WebAssembly.Module(LOOP_MODULE);
  const { f } = new WebAssembly.Instance(module).exports;
  if (typeof f !== "function") throw new Error("LOOP_MODULE has no function");
  for (;;) {
    f(100_000);
    const code = await machineCode.serialize(module);
    if (code !== undefined) return code;
  }
}
