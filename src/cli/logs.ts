import { askAgent } from "../adapters/control/client.ts";
import { isPetioleError } from "../domain/errors.ts";
import type { LogLine } from "../domain/log-report.ts";
import { socketOf, type AgentOptions } from "./agent-socket.ts";
import { printable } from "./printable.ts";

export interface LogsOptions extends AgentOptions {
  readonly follow?: true;
}

const PAUSE_MS = 1000;

/** `petiole logs`: what the agent has written last, and with `--follow` what it writes from then on, over restarts. */
export async function logs(options: LogsOptions): Promise<void> {
  const socket = await socketOf(options);
  const print = (lines: readonly LogLine[]): void => {
    for (const line of lines) {
      process.stdout.write(`${options.json === true ? JSON.stringify(line) : printable(formatLine(line))}\n`);
    }
  };
  let { run, lines } = await askAgent(socket, "logs");
  let seq = (lines[0]?.seq ?? 1) - 1;
  for (;;) {
    const missed = (lines[0]?.seq ?? 0) - seq - 1;
    if (missed > 0) process.stderr.write(`${missed} lines came faster than the agent keeps them\n`);
    print(lines);
    seq = lines.at(-1)?.seq ?? seq;
    if (options.follow !== true) return;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const next = await askAgent(socket, "logs", { params: { since: seq } }).catch((error: unknown) => {
      // It may be starting again.
      if (isPetioleError(error, "ERR_CONTROL_UNREACHABLE")) return { run, lines: [] };
      throw error;
    });
    // Another run counts from one: what it had written before it was asked is not to be missed.
    if (next.run !== run) seq = 0;
    ({ run, lines } = next.run === run ? next : await askAgent(socket, "logs"));
  }
}

function formatLine({ at, level, message, fields }: LogLine): string {
  const more = Object.entries(fields).map(
    ([key, value]) => `${key}=${/[\s"=]/.test(value) ? JSON.stringify(value) : value}`,
  );
  return [new Date(at).toISOString(), level.toUpperCase().padEnd(5), message, ...more].join(" ");
}
