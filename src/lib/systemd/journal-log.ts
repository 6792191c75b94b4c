import { fstatSync, statSync } from "node:fs";
import type { SendDatagram } from "../device-io.ts";
import { isErrno } from "../files.ts";
import { LOG_LEVELS, loggerOf, type LogFields, type Logger, type LogLevel, type WriteLine } from "../log.ts";
import { journalEntry, shortJournalEntry } from "./journal-entry.ts";

export const JOURNAL_SOCKET = "/run/systemd/journal/socket";

/** Whether standard output or standard error go to the journal, which says so in `stream` as `device:inode`. */
export function isJournalStream(stream: string | undefined, socket: string = JOURNAL_SOCKET): boolean {
  if (stream === undefined || !/^\d+:\d+$/.test(stream)) return false;
  try {
    const ends = [1, 2].map((descriptor) => fstatSync(descriptor, { bigint: true }));
    return statSync(socket).isSocket() && ends.some(({ dev, ino }) => `${dev}:${ino}` === stream);
  } catch {
    return false;
  }
}

export interface JournalLogDeps {
  readonly level: LogLevel;
  readonly send: SendDatagram;
  readonly socket?: string;
}

/**
 * A log into the journal of systemd. Nothing is waited for: what the journal does not take, because its queue is full, is
 * lost, and how much that was is said as soon as it takes something again.
 */
export function createJournalLogger({ level, send, socket = JOURNAL_SOCKET }: JournalLogDeps): Logger {
  const least = LOG_LEVELS.indexOf(level);
  let lost = 0;

  function attempt(entry: Buffer): "sent" | "too large" | "lost" {
    try {
      send(socket, entry);
      return "sent";
    } catch (error) {
      return isErrno(error, "EMSGSIZE") ? "too large" : "lost";
    }
  }

  function write(of: LogLevel, message: string, fields: LogFields): void {
    if (lost > 0) {
      const told = attempt(journalEntry("warn", "The journal did not take entries of the log", { lost }));
      if (told === "sent") lost = 0;
    }
    const result = attempt(journalEntry(of, message, fields));
    const isOut = result === "sent" || (result === "too large" && attempt(shortJournalEntry(of, message)) === "sent");
    if (!isOut) lost += 1;
  }

  function loggerWith(own: LogFields): Logger {
    const at =
      (of: LogLevel): WriteLine =>
      (message, fields) => {
        if (LOG_LEVELS.indexOf(of) >= least) write(of, message, { ...own, ...fields });
      };
    return loggerOf(at, (fields) => loggerWith({ ...own, ...fields }));
  }

  return loggerWith({});
}
