import type { Command } from "commander";
import { bashCompletion } from "./bash.ts";
import { fishCompletion } from "./fish.ts";
import { describeCommand, type CommandNode } from "./tree.ts";
import { zshCompletion } from "./zsh.ts";

const SHELLS = { bash: bashCompletion, fish: fishCompletion, zsh: zshCompletion } as const satisfies Record<
  string,
  (root: CommandNode) => string
>;

/** Prints the completion for a shell, or the command line itself as JSON, which packages make their pages of. */
export function completion(program: Command, form: keyof typeof SHELLS | "json"): void {
  const root = describeCommand(program);
  process.stdout.write(form === "json" ? `${JSON.stringify(root)}\n` : SHELLS[form](root));
}
