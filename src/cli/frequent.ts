import { DEFAULT_CONFIG_FILE } from "../config/default-file.ts";

export type Frequent =
  | { readonly command: "run"; readonly config: string }
  | { readonly command: "version"; readonly json: boolean };

/**
 * What machines start again and again, if the arguments are exactly that. It is done without building the command line
 * that main.ts has for people, which takes a tenth of a second on a small board, and a megabyte for as long as the agent
 * runs. Whatever else is asked for, and every mistake, is left to main.ts.
 */
export function frequentCommand(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Frequent | undefined {
  const [command, option, value, ...more] = args;
  if (more.length > 0) return undefined;
  if (command === "run") {
    if (option === undefined) return { command, config: env["PETIOLE_CONFIG"] ?? DEFAULT_CONFIG_FILE };
    // A value that looks like an option is for main.ts to judge.
    if (option === "--config" && value !== undefined && !value.startsWith("-")) return { command, config: value };
  }
  if (command === "version" && value === undefined) {
    if (option === undefined || option === "--json") return { command, json: option !== undefined };
  }
  return undefined;
}
