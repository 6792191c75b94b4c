import { join } from "node:path";
import { askAgent } from "../adapters/control/client.ts";
import { SOCKET_NAME } from "../adapters/control/protocol.ts";
import { loadConfig } from "../config/load.ts";
import { formatStatus } from "./status-text.ts";

export async function status(options: { config: string; socket?: string; json?: true }): Promise<void> {
  const socket = options.socket ?? join((await loadConfig(options.config)).config.runtime_dir, SOCKET_NAME);
  const answer = await askAgent(socket, "status");
  process.stdout.write(options.json === true ? `${JSON.stringify(answer)}\n` : formatStatus(answer, Date.now()));
}
