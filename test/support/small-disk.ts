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
    await run("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", path]);
  } catch {
    await rm(path, { recursive: true });
    return undefined;
  }
  return {
    path,
    makeReadOnly: async () => void (await run("mount", ["-o", "remount,ro", path])),
    [Symbol.asyncDispose]: async () => {
      await run("umount", [path]);
      await rm(path, { recursive: true });
    },
  };
}
