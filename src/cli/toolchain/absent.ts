import type { Command } from "commander";
import { PetioleError } from "../../domain/errors.ts";

const COMMANDS = ["new", "build", "test", "dev"];

/** In the place of addToolchainCommands() in the executable: says where the commands for components are. */
export function addToolchainHints(program: Command): void {
  for (const name of COMMANDS) {
    program
      .command(name, { hidden: true })
      .allowUnknownOption()
      .allowExcessArguments()
      .helpOption(false)
      .action(() => {
        throw new PetioleError(
          "ERR_TOOLCHAIN_MISSING",
          `"petiole ${name}" is not part of the program for devices: it is in the npm package, as "npx petiole ${name}"`,
        );
      });
  }
}
