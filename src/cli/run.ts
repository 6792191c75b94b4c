import { resolve } from "node:path";
import { loadConfig } from "../config/load.ts";
import { runAgent } from "../daemon/run.ts";

export async function run(file: string): Promise<void> {
  const { config } = await loadConfig(file);
  await runAgent(config, resolve(file));
}
