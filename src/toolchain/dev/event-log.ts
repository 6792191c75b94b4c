import { loggerOf, type LogFields, type Logger, type LogLevel } from "../../lib/log.ts";
import type { Emit } from "./events.ts";

export interface EventLogDeps {
  readonly emit: Emit;
  /** Says where in the sources something is that a component wrote. */
  readonly locate: (component: string, text: string) => string;
}

/** What the engine in a component prints around the one line that tells of an exception. */
const PANIC_NOISE = /^(?:thread '.*' .*panicked at |note: run with `RUST_BACKTRACE)/;
const PANIC =
  /^Failed to call '([^']+)': Exception\(Exception \{ message: (?:Some\((".*?")\)|None), stack: (?:Some\((".*")\)|None)/;

/** An exception that nobody caught, as JavaScript shows one. Undefined for any other text. */
function readPanic(text: string): string | undefined {
  const [, name, message, stack] = PANIC.exec(text) ?? [];
  if (name === undefined) return undefined;
  const read = (quoted: string | undefined): string => {
    try {
      return quoted === undefined ? "" : String(JSON.parse(quoted));
    } catch {
      return quoted ?? "";
    }
  };
  return [`${name} threw: ${read(message)}`, read(stack).trimEnd()].filter((part) => part !== "").join("\n");
}

/** The agent's log as events: what components write apart from what the agent says of itself. */
export function createEventLog({ emit, locate }: EventLogDeps): Logger {
  const write = (level: LogLevel, message: string, fields: LogFields): void => {
    const { component, text, context } = fields;
    const isSaid = message === "Component logged" || message === "Component printed";
    if (isSaid && typeof component === "string" && typeof text === "string") {
      if (text === "" || PANIC_NOISE.test(text)) return;
      const about = typeof context === "string" && context !== "" && context !== component ? `${context}: ` : "";
      const thrown = readPanic(text);
      if (thrown === undefined) emit({ kind: "said", component, level, text: `${about}${locate(component, text)}` });
      else emit({ kind: "said", component, level: "error", text: locate(component, thrown) });
      return;
    }
    emit({ kind: "log", level, message, fields });
  };
  const logger = (own: LogFields): Logger =>
    loggerOf(
      (level) => (message, fields) => write(level, message, { ...own, ...fields }),
      (more) => logger({ ...own, ...more }),
    );
  return logger({});
}
