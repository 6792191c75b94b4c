import { askAgent } from "../../adapters/control/client.ts";
import type { DrainReport } from "../../domain/outbox-report.ts";
import { seconds } from "../../domain/units.ts";
import { printAnswer, socketOf, type AgentOptions } from "../agent-socket.ts";
import { createProgress } from "../progress.ts";

export interface DrainOptions extends AgentOptions {
  readonly wait?: true;
}

/** `petiole outbox drain` */
export async function outboxDrain(options: DrainOptions): Promise<void> {
  using progress = createProgress(options.json === true);
  const answer = await askAgent(await socketOf(options), "outbox-drain", {
    params: { wait: options.wait === true },
    onProgress: (report) => progress.show(formatDrain(report)),
    timeout: seconds(30),
  });
  progress[Symbol.dispose]();
  printAnswer(options, answer, (report) =>
    report.left.length > 0 ? `rate limit lifted; ${formatDrain(report)}` : "everything that waited is delivered",
  );
}

function formatDrain({ left, paused }: DrainReport): string {
  const lanes = left.map(({ lane, rows }) => `${lane} ${rows}`).join(", ");
  return `waiting: ${lanes}${paused ? " (forwarding is PAUSED, until petiole outbox resume)" : ""}`;
}
