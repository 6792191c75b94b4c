// Makes a component of a core module in text form, for tests.

import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { writeFileAtomic } from "../src/lib/files.ts";
import { joinWit, type WitSource } from "../src/toolchain/wit/packages.ts";

export interface CoreSource {
  /** Text form, with exports and imports named as the canonical ABI has it. */
  readonly entry: string;
  readonly wit: WitSource;
  /** The component file to write; its folder is made when missing. */
  readonly out: string;
}

/** For components that do what no language's tools would produce. Returns the size. */
export async function buildCoreComponent(source: CoreSource): Promise<number> {
  // Loaded only here: it brings WASI shims that start a thread.
  const tools = await import("@bytecodealliance/jco-transpile/wasm-tools");
  const core = await tools.parse(await readFile(source.entry, "utf8"));
  const embedded = await tools.componentEmbed({ binary: core, witSource: joinWit(source.wit) });
  const component = await tools.componentNew(embedded);
  await mkdir(dirname(source.out), { recursive: true });
  await writeFileAtomic(source.out, component, 0o644);
  return component.byteLength;
}
