import { checkProject, explainReport } from "../build/check.ts";
import { runCompiler } from "../build/guest-types.ts";
import type { Project } from "../project/project.ts";
import { join } from "node:path";
import type { Emit } from "./events.ts";
import { faultsOf } from "./fault.ts";

export interface TypeCheckDeps {
  readonly emit: Emit;
  readonly shown: (file: string) => string;
}

/** Checks types beside everything else: nothing waits for it. The last one that is asked for counts. */
export interface TypeCheck extends AsyncDisposable {
  /** `isNew`: the types of the world have to be made first. */
  check(project: Project, options: { readonly isNew: boolean }): void;
  /** Gives up the one that runs: the sources are others by now. */
  stop(): void;
}

export function createTypeCheck({ emit, shown }: TypeCheckDeps): TypeCheck {
  let current: { readonly stop: AbortController; readonly done: Promise<void> } | undefined;
  let hadFaults = false;

  async function run(project: Project, isNew: boolean, signal: AbortSignal): Promise<void> {
    const began = performance.now();
    try {
      if (isNew) await checkProject(project, { signal });
      else await recheck(project, signal);
      if (hadFaults) emit({ kind: "types", component: project.name, took: performance.now() - began, faults: [] });
      hadFaults = false;
    } catch (error) {
      if (signal.aborted) return;
      hadFaults = true;
      const took = performance.now() - began;
      emit({ kind: "types", component: project.name, took, faults: faultsOf(error, shown) });
    }
  }

  return {
    check(project, { isNew }) {
      current?.stop.abort();
      const stop = new AbortController();
      const before = current?.done;
      const done = (async () => {
        await before;
        if (!stop.signal.aborted) await run(project, isNew, stop.signal);
      })();
      current = { stop, done };
    },
    stop: () => current?.stop.abort(),
    async [Symbol.asyncDispose]() {
      current?.stop.abort();
      await current?.done;
    },
  };
}

/** With the types that are there. */
async function recheck(project: Project, signal: AbortSignal): Promise<void> {
  const config = join(project.types, `${project.world}.tsconfig.json`);
  const report = await runCompiler(config, { cwd: project.folder, signal });
  if (report !== undefined) throw new Error(explainReport(report, project));
}
