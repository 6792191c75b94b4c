import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reasonOf } from "../lib/reason.ts";

/** What was done to open a page. Disposing it removes what that took. */
export interface Opened extends AsyncDisposable {
  /** Why no browser can be asked; undefined when one was. */
  readonly reason: string | undefined;
}

/**
 * Has the desktop open `url`. Other users of the machine can read the arguments of a process, so that the program gets the
 * name of a file that only this user can read, and that leads on to the address.
 */
export async function openInBrowser(url: string, program = "xdg-open"): Promise<Opened> {
  const folder = await mkdtemp(join(tmpdir(), "petiole-ui-"));
  const file = join(folder, "open.html");
  await writeFile(file, `<!doctype html><meta http-equiv="refresh" content="0;url=${url}">\n`, { mode: 0o600 });
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const child = spawn(program, [file], { stdio: "ignore", detached: true });
  child.unref();
  const reason = await once(child, "spawn").then(
    () => undefined,
    (error: unknown) => reasonOf(error),
  );
  return { reason, [Symbol.asyncDispose]: remove };
}
