import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  makeReadOnly(): Promise<void>;
}

/** A file system of one megabyte in memory; undefined where none may be mounted. */
export async function smallDisk(): Promise<SmallDisk | undefined> {
  const path = await mkdtemp(join(tmpdir(), "petiole-disk-"));
  try {
    const mounted = await mountMemory(path, "1m");
    return {
      path,
      makeReadOnly: async () => void (await run("mount", ["-o", "remount,ro", path])),
      [Symbol.asyncDispose]: async () => {
        await mounted[Symbol.asyncDispose]();
        await rm(path, { recursive: true });
      },
    };
  } catch {
    await rm(path, { recursive: true });
    return undefined;
  }
}

/** Puts a file system in memory over an existing folder. @throws Error where none may be mounted */
export async function mountMemory(path: string, size: string): Promise<AsyncDisposable> {
  await run("mount", ["-t", "tmpfs", "-o", `size=${size},mode=700`, "tmpfs", path]);
  return { [Symbol.asyncDispose]: async () => void (await run("umount", [path])) };
}
