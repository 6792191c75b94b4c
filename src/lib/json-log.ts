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
    return JSON.stringify(Object.fromEntries(Object.entries(line).map(([key, value]) => [key, shown(value)])), replace);
  }
}

/** The value, if it can be shown; of an error at least what it says. */
function shown(value: unknown): unknown {
  try {
    JSON.stringify(value, replace);
    return value;
  } catch {
    return value instanceof Error ? told(value) : "(cannot be shown)";
  }
}

const told = ({ name, message, stack }: Error): Readonly<Record<string, string>> => ({
  type: name,
  message,
  stack: stack ?? "",
});

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
    ...(value instanceof AggregateError ? { errors: value.errors } : {}),
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
