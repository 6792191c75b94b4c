// The C++ add-on (native/machine-code.cc), where there is one.

import { existsSync } from "node:fs";
import type { Logger } from "../../lib/log.ts";
import { loadAddon, nativeLibrary } from "../../lib/parts.ts";

/** What machine code begins with: magic number, hash of V8's version, CPU features, hash of the flags; a word each. */
export const MACHINE_CODE_HEADER = 16;

/** Machine code of WebAssembly modules as bytes. */
export interface MachineCode {
  /**
   * What V8 has optimised of a module by now, made in another thread; undefined when there is nothing of the kind. What
   * is not in it is compiled when it is called, as in a new module.
   */
  serialize(module: WebAssembly.Module): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /**
   * The module of `wireBytes`, with its machine code when V8 accepts it. V8 checks only the header: both must have been
   * verified to be what serialize() gave.
   */
  load(
    wireBytes: Uint8Array,
    machineCode: Uint8Array,
  ): { readonly accepted: boolean; readonly module: Promise<WebAssembly.Module> };
}

interface Addon {
  serialize(module: WebAssembly.Module): Promise<ArrayBuffer>;
  load: MachineCode["load"];
}

/** Where the add-on for a machine such as "linux-arm64" is built to. */
export function nativeAddonPath(target?: string): string {
  return nativeLibrary("petiole-native.node", target);
}

/** Where the library is built to that tells an emulated process which processor to compile for. */
export function targetCpuPath(target: string): string {
  return nativeLibrary("petiole-target-cpu.so", target);
}

/** Undefined when the add-on was not built, or was built for another Node: nothing but speed depends on it. */
export function openMachineCode(log: Logger, path: string = nativeAddonPath()): MachineCode | undefined {
  if (!existsSync(path)) {
    log.debug("No add-on for machine code, components are compiled at every start", { path });
    return undefined;
  }
  let addon: Addon;
  try {
    addon = loadAddon(path) as Addon; // Made of native/machine-code.cc.
  } catch (error) {
    log.warn("Add-on for machine code cannot be loaded, components are compiled at every start", { path, err: error });
    return undefined;
  }
  return {
    async serialize(module) {
      const bytes = new Uint8Array(await addon.serialize(module));
      return bytes.byteLength > MACHINE_CODE_HEADER ? bytes : undefined;
    },
    load: (wireBytes, machineCode) => addon.load(wireBytes, machineCode),
  };
}
