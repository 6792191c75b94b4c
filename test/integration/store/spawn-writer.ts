import { spawn } from "node:child_process";
import { once } from "node:events";
import { execPath } from "node:process";
import { fileURLToPath } from "node:url";

export interface Writer extends AsyncDisposable {
  /** Resolves once so many lines were written. Rejects when the process ends before. */
  lines(count: number): Promise<readonly string[]>;
  /** Ends it by SIGKILL and returns every whole line that it wrote. */
  kill(): Promise<readonly string[]>;
}

/** Starts `writer.ts` on a directory. `lines(1)` is there before the store is opened, `lines(2)` after. */
export function spawnWriter(dir: string, tag = "w"): Writer {
  const script = fileURLToPath(new URL("./writer.ts", import.meta.url));
  const child = spawn(execPath, [script, dir, tag], { stdio: ["ignore", "pipe", "inherit"] });
  const closed = once(child, "close");
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    output += chunk;
  });
  const whole = (): readonly string[] => output.split("\n").slice(0, -1);
  const kill = async (): Promise<readonly string[]> => {
    child.kill("SIGKILL");
    await closed;
    return whole();
  };
  return {
    lines: async (count) => {
      while (whole().length < count) {
        const next = once(child.stdout, "data");
        await Promise.race([next, closed]);
        if (child.exitCode !== null) throw new Error(`The writer ended with ${child.exitCode} after: ${output}`);
      }
      return whole();
    },
    kill,
    [Symbol.asyncDispose]: async () => {
      await kill();
    },
  };
}
