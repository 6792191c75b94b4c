import { askAgent } from "../../adapters/control/client.ts";
import { printAnswer, socketOf, type AgentOptions } from "../agent-socket.ts";
import { formatOutbox } from "./report-text.ts";

/** `petiole outbox` */
export async function outboxReport(options: AgentOptions): Promise<void> {
  const report = await askAgent(await socketOf(options), "outbox");
  printAnswer(options, report, formatOutbox);
}
