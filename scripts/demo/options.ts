import { parseArgs } from "node:util";

export interface DemoOptions {
  /** Leave everything running at the end, until Ctrl-C. */
  readonly keep: boolean;
  /** How long the sensors send: a third before the link is cut, a third while it is, a third after. */
  readonly seconds: number;
}

export const USAGE = `npm run demo -- [--keep] [--seconds N]

  --keep       leave everything running at the end, until Ctrl-C
  --seconds N  how long the sensors send, from 3 to 3600; 15 unless given`;

/** Undefined when help was asked for. Throws an Error for people when the arguments cannot be understood. */
export function parseOptions(args: readonly string[]): DemoOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      keep: { type: "boolean", default: false },
      seconds: { type: "string", default: "15" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const seconds = values.seconds.trim() === "" ? Number.NaN : Number(values.seconds);
  if (!(seconds >= 3 && seconds <= 3600)) {
    throw new Error(`Cannot use --seconds "${values.seconds}": want a number from 3 to 3600`);
  }
  return { keep: values.keep, seconds };
}
