import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface UpdateLife {
  /** Ended by itself at the step, as a power cut would end it. */
  readonly cut: boolean;
  /** Steps that it came to, by name. */
  readonly steps: readonly string[];
  /** What answered in the end; undefined when it was cut before. */
  readonly end: { readonly state: string; readonly answer: number; readonly update?: string } | undefined;
}

const CHILD = fileURLToPath(new URL("./update-child.ts", import.meta.url));
const LIMIT_MS = 60_000;

/** One life of a device that is wanted to run `file`. @throws Error when it ends otherwise than by its end or a cut */
export async function liveUpdate(
  paths: { readonly folder: string; readonly cache: string; readonly file: string },
  cutAt?: number,
): Promise<UpdateLife> {
  const args = ["--disable-warning=ExperimentalWarning", CHILD, paths.folder, paths.cache, paths.file];
  if (cutAt !== undefined) args.push(String(cutAt));
  const { cut, stdout } = await new Promise<{ cut: boolean; stdout: string }>((resolve, reject) => {
    execFile(process.execPath, args, { timeout: LIMIT_MS, killSignal: "SIGTERM" }, (error, out, err) => {
      if (error === null) resolve({ cut: false, stdout: out });
      else if (error.signal === "SIGKILL") resolve({ cut: true, stdout: out });
      else reject(new Error(`the device failed: ${err}${out}`, { cause: error }));
    });
  });
  // A cut may have come in the middle of a line.
  const lines = stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const end = lines.find((line) => "state" in line);
  return {
    cut,
    steps: lines.flatMap(({ name }) => (typeof name === "string" ? [name] : [])),
    end: end as UpdateLife["end"], // As update-child.ts prints it.
  };
}
