import { askAgent } from "../adapters/control/client.ts";
import { printAnswer, socketOf, type AgentOptions } from "./agent-socket.ts";
import { formatStatus } from "./status-text.ts";

export async function status(options: AgentOptions): Promise<void> {
  const answer = await askAgent(await socketOf(options), "status");
  printAnswer(options, answer, (status) => formatStatus(status).trimEnd());
}
