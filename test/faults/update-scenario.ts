// What happens to a device whose power goes at one step of an update.

import { copyFile, cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { versionComponent, type Behaviour } from "../support/version-components.ts";
import { liveUpdate, type UpdateLife } from "./update-device-process.ts";

export interface UpdateScenario {
  /** Steps of an update that nothing cuts. */
  readonly whole: UpdateLife;
  /** The life that is cut at `step`, and the next one. */
  cutAt(step: number): Promise<{ readonly cut: UpdateLife; readonly next: UpdateLife }>;
}

/** A device on which version 1 was accepted, and whose file was overwritten with version 2, which is of that kind. */
export async function prepareUpdate(folder: string, behaviour: Behaviour): Promise<UpdateScenario> {
  const paths = {
    folder: join(folder, "device"),
    cache: join(folder, "..", "cache"),
    file: join(folder, "app.wasm"),
  };
  const [before, after] = [join(folder, "device-before"), join(folder, "v2.wasm")];
  await mkdir(folder, { recursive: true });
  await writeFile(paths.file, await versionComponent(1));
  await writeFile(after, await versionComponent(2, behaviour));
  const first = await liveUpdate({ ...paths, folder: before });
  if (first.end?.answer !== 1) throw new Error(`version 1 does not run: ${JSON.stringify(first)}`);
  await copyFile(after, paths.file);
  const device = (name: string) => ({ ...paths, folder: join(folder, name) });
  await cp(before, join(folder, "device-whole"), { recursive: true });
  const whole = await liveUpdate(device("device-whole"));
  return {
    whole,
    async cutAt(step) {
      const own = device(`device-${step}`);
      await cp(before, own.folder, { recursive: true });
      const cut = await liveUpdate(own, step);
      return { cut, next: await liveUpdate(own) };
    },
  };
}

/** What speaks against it; nothing when all is well. */
export function judgeCut(
  behaviour: Behaviour,
  { cut, next }: Awaited<ReturnType<UpdateScenario["cutAt"]>>,
): string | undefined {
  const want = behaviour === "good" ? 2 : 1;
  if (!cut.cut) return "it was not cut";
  if (next.cut) return "the next life was cut";
  if (next.end?.state !== "running") return `nothing runs: ${JSON.stringify(next)}`;
  return next.end.answer === want ? undefined : `version ${next.end.answer} runs, want ${want}`;
}
