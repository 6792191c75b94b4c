import { askAgent } from "../../adapters/control/client.ts";
import { printAnswer, socketOf, type AgentOptions } from "../agent-socket.ts";
import { formatUpdates } from "./text.ts";

/** `petiole update status` */
export async function updateStatus(options: AgentOptions): Promise<void> {
  const answer = await askAgent(await socketOf(options), "update-status");
  printAnswer(options, answer, formatUpdates);
}
