import { askAgent } from "../../adapters/control/client.ts";
import { seconds } from "../../domain/units.ts";
import { printAnswer, socketOf, type AgentOptions } from "../agent-socket.ts";

/** What is in flight is waited for. */
const PATIENCE = seconds(60);

/** `petiole outbox pause` and `petiole outbox resume` */
export async function outboxPause(options: AgentOptions, operation: "outbox-pause" | "outbox-resume"): Promise<void> {
  const answer = await askAgent(await socketOf(options), operation, { timeout: PATIENCE });
  printAnswer(options, answer, ({ paused }) =>
    paused ? "forwarding is paused, over restarts too; messages are kept" : "forwarding is not paused",
  );
}
