import { resolve } from "node:path";
import { runAgent } from "../daemon/run.ts";

export async function run(file: string): Promise<void> {
  await runAgent(resolve(file));
}
