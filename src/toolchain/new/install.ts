import { spawn } from "node:child_process";
import { once } from "node:events";
import { PetioleError } from "../../domain/errors.ts";
import { reasonOf } from "../../lib/reason.ts";

/** What npm needs not do, and what it has already is not fetched again. */
const ARGUMENTS = ["install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];

/** Runs `npm install` in a project; it writes to standard error. @throws PetioleError ERR_PROJECT_INSTALL */
export async function installPackages(folder: string): Promise<void> {
  const fail = (reason: string, cause?: unknown): PetioleError =>
    new PetioleError(
      "ERR_PROJECT_INSTALL",
      `Cannot install what "${folder}" needs: ${reason}; the project is made, npm install in it tries again`,
      {
        cause,
      },
    );
  const child = spawn("npm", ARGUMENTS, { cwd: folder, stdio: ["ignore", process.stderr, process.stderr] });
  try {
    const [code] = (await once(child, "exit")) as [number | null];
    if (code !== 0) throw fail(`npm install ended with ${code ?? "a signal"}`);
  } catch (cause) {
    if (cause instanceof PetioleError) throw cause;
    throw fail(reasonOf(cause), cause);
  }
}
