// C: clang with wasi-libc, as the WASI SDK and Zig have it.

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ToolMissing, type Language } from "./language.ts";
import { fetchedWheel, makeComponent, run, which } from "./tools.ts";

const ZIG = "ziglang==0.17.1";
const FLAGS = ["-mexec-model=reactor", "-Oz", "-s", "-Wall", "-Wextra", "-Werror"];

interface Compiler {
  readonly command: readonly string[];
  readonly name: string;
}

async function findCompiler(fetch: boolean): Promise<Compiler> {
  const sdk = process.env["WASI_SDK_PATH"];
  if (sdk !== undefined && existsSync(join(sdk, "bin/clang"))) {
    return { command: [join(sdk, "bin/clang"), "--target=wasm32-wasip1"], name: `WASI SDK in ${sdk}` };
  }
  const zig = (await which("zig")) ?? (await fetchedZig(fetch));
  if (zig === undefined) {
    throw new ToolMissing(
      "there is no C compiler for WebAssembly",
      "set WASI_SDK_PATH to a WASI SDK, install Zig, or let --fetch get Zig from PyPI (90 MB)",
    );
  }
  return { command: [zig, "cc", "-target", "wasm32-wasi"], name: `Zig ${await run(zig, ["version"])}` };
}

async function fetchedZig(allowed: boolean): Promise<string | undefined> {
  const folder = await fetchedWheel(ZIG, allowed);
  return folder && join(folder, "ziglang/zig");
}

export const c: Language = {
  name: "c",
  component: "nmea",
  inputs: ["src/{component,sentence}.{c,h}", "bindings/*", "wit/**/*.wit"],
  async build({ folder, work, fetch }) {
    const { command, name } = await findCompiler(fetch);
    const [program = "", ...args] = command;
    const core = join(work, "core.wasm");
    const sources = ["src/component.c", "src/sentence.c", "bindings/nmea.c"];
    await run(program, [...args, ...FLAGS, ...sources, "-o", core], { cwd: folder });
    return { component: await makeComponent({ core: await readFile(core), wit: join(folder, "wit") }), by: name };
  },
};
