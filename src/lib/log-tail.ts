import { inspect } from "node:util";
import type { LogLine } from "../domain/log-report.ts";
import type { Clock } from "./clock.ts";
import { loggerOf, type LogFields, type Logger, type LogLevel } from "./log.ts";

/** The newest lines of a log, as many as there is room for. */
export interface LogTail {
  add(level: LogLevel, message: string, fields: LogFields): void;
  /** Those that came after the one with this number, oldest first. */
  since(seq: number): LogLine[];
}

export interface LogTailOptions {
  readonly lines: number;
  /** Characters of all lines together, as JSON. */
  readonly size: number;
}

/** What `petiole logs` can show. It is kept whether anybody asks or not, so it is little. */
export const USUAL_TAIL: LogTailOptions = { lines: 256, size: 64 * 1024 };
const LONGEST_TEXT = 500;
const MOST_FIELDS = 12;
/** Unlike JSON it takes rings, and does not look at all of something large. */
const BRIEFLY = { depth: 2, maxArrayLength: 20, maxStringLength: 100, breakLength: Infinity } as const;

export function createLogTail(clock: Pick<Clock, "wall">, { lines, size }: LogTailOptions = USUAL_TAIL): LogTail {
  // As text: a line that is kept must not keep alive what its fields refer to.
  let kept: { readonly seq: number; readonly text: string }[] = [];
  let total = 0;
  let last = 0;
  return {
    add(level, message, fields) {
      last += 1;
      const line: LogLine = { seq: last, at: clock.wall(), level, message: cut(message), fields: textsOf(fields) };
      const text = JSON.stringify(line);
      kept.push({ seq: last, text });
      total += text.length;
      let drop = 0;
      while (kept.length - drop > lines || total > size) {
        total -= kept[drop]?.text.length ?? 0;
        drop += 1;
      }
      if (drop > 0) kept = kept.slice(drop);
    },
    // They were written above.
    since: (seq) => kept.filter((line) => line.seq > seq).map(({ text }) => JSON.parse(text) as LogLine),
  };
}

/** Writes to `log`, and keeps what it writes in `tail`. */
export function tailedLogger(log: Logger, tail: LogTail, fields: LogFields = {}): Logger {
  return loggerOf(
    (level) => (message, more) => {
      log[level](message, more);
      tail.add(level, message, more === undefined ? fields : { ...fields, ...more });
    },
    (more) => tailedLogger(log.child(more), tail, { ...fields, ...more }),
  );
}

function textsOf(fields: LogFields): Record<string, string> {
  const known = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known.slice(0, MOST_FIELDS).map(([key, value]) => [cut(key), cut(textOf(value))]));
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return value.message;
  return inspect(value, BRIEFLY);
}

const cut = (text: string): string => (text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT - 1)}…` : text);
