import { askAgent } from "../adapters/control/client.ts";
import { socketOf, type AgentOptions } from "./agent-socket.ts";
import { formatStatus } from "./status-text.ts";

export async function status(options: AgentOptions): Promise<void> {
  const answer = await askAgent(await socketOf(options), "status");
  process.stdout.write(options.json === true ? `${JSON.stringify(answer)}\n` : formatStatus(answer));
}
