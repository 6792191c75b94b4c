import { Option, type Command } from "commander";
import { ENGINES } from "../../toolchain/build/componentise.ts";
import type { BuildCommandOptions } from "./build.ts";
import type { NewCommandOptions } from "./new.ts";
import type { TestCommandOptions } from "./test.ts";
import { addDevCommands } from "./dev-commands.ts";

/** Adds the commands for those who write components. The executable has absent.ts instead. */
export function addToolchainCommands(program: Command, jsonOption: () => Option): void {
  program
    .command("new")
    .argument("[name]", "name of the component, such as roof-sensor")
    .description("Make a project of a component: WIT, sources, tests and a manifest, from a template.")
    .option("--template <template>", "what to begin with; --list shows them", "sensor")
    .option("--dir <folder>", "folder to make; default the name")
    .option("--list", "list the templates")
    .option("--no-install", "do not run npm install in it")
    .option("--dry-run", "show what would be made, write nothing")
    .addOption(jsonOption())
    .action(async (name: string | undefined, options: NewCommandOptions, command: Command) => {
      if (name === undefined && options.list !== true) command.error("error: want a name, or --list");
      const { createProject } = await import("./new.ts");
      await createProject(name, options);
    });

  program
    .command("test")
    .argument("[files...]", "test files or patterns; default test/**/*.test.ts and src/**/*.test.ts")
    .description("Build the component of a project, and run the project's tests against it.")
    .option("--dir <folder>", "the component's project", ".")
    .option("--name <pattern>", "run only tests whose names match")
    .action(async (files: readonly string[], options: TestCommandOptions) => {
      const { test } = await import("./test.ts");
      await test(files, options);
    });

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
