import { Option, type Command } from "commander";
import { ENGINES } from "../../toolchain/build/componentise.ts";
import type { BuildCommandOptions } from "./build.ts";
import { addDevCommands } from "./dev-commands.ts";

/** Adds the commands for those who write components. The executable has absent.ts instead. */
export function addToolchainCommands(program: Command, jsonOption: () => Option): void {
  program
    .command("build")
    .argument("[folder]", "the component's project", ".")
    .description("Make a component of a project: check the types, bundle, componentise, sign when a key is given.")
    .addOption(
      new Option("--engine <engine>", "JavaScript engine inside the component; default as the project has it").choices(
        ENGINES,
      ),
    )
    .option("--key <file>", "private key that signs it, as `petiole sign` takes it")
    .option("-o, --out <file>", "file to write; default build/<name>.wasm")
    .option("--minify", "shorten the code inside: smaller, and harder to read in reports of errors")
    .addOption(jsonOption())
    .action(async (folder: string, options: BuildCommandOptions) => {
      const { build } = await import("./build.ts");
      await build(folder, options);
    });

  addDevCommands(program, jsonOption);
}
