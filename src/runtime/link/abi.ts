// The parts of the canonical ABI that are the same for every component. Glue scripts take them from `GlueHost.abi` by
// these names; all that depends on a component's types is in the script (see emit.ts).

import { Buffer } from "node:buffer";
import { f32ToI32, f64ToI64, i32ToF32, i32ToI64, i64ToF64, i64ToI32 } from "./abi-bits.ts";
import {
  answer,
  GuestTrap,
  misfit,
  misfitName,
  misfitNumber,
  misfitTag,
  stays,
  tooLarge,
  trap,
  under,
} from "./abi-errors.ts";
import { HandleTable } from "./abi-handles.ts";
import * as strings from "./abi-strings.ts";

/** What a core module has to export for the component to work, and does not. */
function badExport(name: string, want: string): never {
  throw new GuestTrap(`a core module exports no ${want} ${JSON.stringify(name)}`);
}

export const abi = {
  f32ToI32,
  f64ToI64,
  i32ToF32,
  i32ToI64,
  i64ToF64,
  i64ToI32,
  ...strings,
  answer,
  misfit,
  misfitName,
  misfitNumber,
  misfitTag,
  stays,
  tooLarge,
  trap,
  under,
  createHandles: (): HandleTable => new HandleTable(),
  /** All of a memory, for the functions that read and write strings. */
  bufferOf: (buffer: ArrayBuffer): Buffer => Buffer.from(buffer),
  coreFunction: (value: unknown, name: string): unknown =>
    typeof value === "function" ? value : badExport(name, "function"),
  coreMemory: (value: unknown, name: string): unknown =>
    value instanceof WebAssembly.Memory && value.buffer instanceof ArrayBuffer ? value : badExport(name, "memory"),
} as const;

export { GuestTrap, MisfitAnswer, TooLarge } from "./abi-errors.ts";
