import { askAgent } from "../adapters/control/client.ts";
import { formatPrometheus } from "../lib/metrics.ts";
import { socketOf, type AgentOptions } from "./agent-socket.ts";

/** `petiole metrics`: for programs in either form, so the text is printed as it is. */
export async function metrics(options: AgentOptions): Promise<void> {
  const families = await askAgent(await socketOf(options), "metrics");
  process.stdout.write(options.json === true ? `${JSON.stringify(families)}\n` : formatPrometheus(families));
}
