import type { Config } from "../config/schema.ts";
import type { Clock } from "../lib/clock.ts";
import { openDatagrams } from "../lib/device-io.ts";
import { limitLog, type LimitedLog } from "../lib/limited-log.ts";
import { createLogTail, tailedLogger, type LogTail } from "../lib/log-tail.ts";
import type { Logger } from "../lib/log.ts";
import { reasonOf } from "../lib/reason.ts";
import { createJournalLogger, isJournalStream } from "../lib/systemd/journal-log.ts";

export interface OpenLogDeps {
  readonly config: Config["log"];
  /** What systemd says of standard output and standard error: `$JOURNAL_STREAM`. */
  readonly journalStream: string | undefined;
  readonly clock: Clock;
}

export interface AgentLog extends LimitedLog {
  /** What was written last. */
  readonly tail: LogTail;
}

/** The agent's log: entries with fields where the output goes to systemd's journal, else JSON lines on standard output. */
export async function openLog({ config: { level, rate }, journalStream, clock }: OpenLogDeps): Promise<AgentLog> {
  const [log, complaint] = await openUnlimited(level, journalStream);
  const tail = createLogTail(clock);
  const limited = limitLog({ log: tailedLogger(log, tail), level, rate, clock });
  if (complaint !== undefined) limited.log.warn("The log goes to the journal as text", { reason: complaint });
  return { ...limited, tail };
}

async function openUnlimited(
  level: Config["log"]["level"],
  stream: string | undefined,
): Promise<[Logger, string | undefined]> {
  let complaint: string | undefined;
  if (isJournalStream(stream)) {
    try {
      return [createJournalLogger({ level, send: openDatagrams() }), undefined];
    } catch (error) {
      complaint = reasonOf(error);
    }
  }
  const { createLogger } = await import("../lib/json-log.ts");
  return [createLogger(level), complaint];
}
