// The agent's log. Apart from log.ts, so that what only takes a Logger does not load a library for it.

import { pino, type DestinationStream } from "pino";
import { loggerOf, type Logger, type LogLevel } from "./log.ts";

/** One JSON object a line to `destination`, standard output unless given, written synchronously. */
export function createLogger(level: LogLevel, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return wrap(pino(options, destination ?? pino.destination({ fd: 1, sync: true })));
}

function wrap(inner: pino.Logger): Logger {
  return loggerOf(
    (level) => (message, fields) => inner[level](fields ?? {}, message),
    (fields) => wrap(inner.child(fields)),
  );
}
