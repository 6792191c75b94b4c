import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Report } from "../frame.ts";

/** The components are built before they are measured; that takes no time when nothing changed. */
export function withComponents(part: (report: Report) => Promise<void>): (report: Report) => Promise<void> {
  return async (report) => {
    const script = fileURLToPath(new URL("../../scripts/build-examples.ts", import.meta.url));
    const { status, stderr } = spawnSync(process.execPath, [script], { encoding: "utf8" });
    if (status !== 0) throw new Error(`Cannot build the components: ${stderr}`);
    await part(report);
  };
}
