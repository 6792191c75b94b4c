// The agent's log as JSON lines, for whoever has no journal. Apart from log.ts, so that what only takes a Logger does not
// load it.

import { writeSync } from "node:fs";
import { isErrno } from "./files.ts";
import { LOG_LEVELS, loggerOf, type LogFields, type Logger, type LogLevel } from "./log.ts";

export interface LineSink {
  write(line: string): void;
}

/** One JSON object a line to `sink`, standard output unless given, written synchronously. */
export function createLogger(level: LogLevel, sink: LineSink = standardOutput): Logger {
  return childOf({}, LOG_LEVELS.slice(LOG_LEVELS.indexOf(level)), sink);
}

function childOf(own: LogFields, levels: readonly LogLevel[], sink: LineSink): Logger {
  return loggerOf(
    (level) => {
      if (!levels.includes(level)) return () => {};
      return (msg, fields) => {
        const time = new Date().toISOString();
        sink.write(`${toJson({ level, time, ...own, ...fields, msg })}\n`);
      };
    },
    (fields) => childOf({ ...own, ...fields }, levels, sink),
  );
}

/** Whatever is in the fields: a line is better than an error about one. */
function toJson(line: Readonly<Record<string, unknown>>): string {
  try {
    return JSON.stringify(line, replace);
  } catch {
    const shown = Object.entries(line).map(([key, value]) => [key, isSimple(value) ? value : "(cannot be shown)"]);
    return JSON.stringify(Object.fromEntries(shown), replace);
  }
}

const isSimple = (value: unknown): boolean => ["string", "number", "boolean"].includes(typeof value);

function replace(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (!(value instanceof Error)) return value;
  const { name, message, stack, cause } = value;
  return {
    ...Object.fromEntries(Object.entries(value)),
    type: name,
    message,
    stack,
    ...(cause === undefined ? {} : { cause }),
  };
}

const PAUSE_MS = 5;

const standardOutput: LineSink = {
  write(line) {
    const bytes = Buffer.from(line);
    for (let at = 0; at < bytes.byteLength;) {
      try {
        at += writeSync(1, bytes, at);
      } catch (error) {
        // Nobody reads it, or the disk is full: no reason for an agent to end.
        if (!isErrno(error, "EAGAIN")) return;
        // A pipe that is full, and that somebody made non-blocking.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
      }
    }
  },
};
