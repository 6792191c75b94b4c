import { Option, type Command } from "commander";
import { durationArgument } from "../arguments.ts";
import { latticeNameOption, natsOptions } from "../lattice/commands.ts";
import type { AppOptions, ChangeOptions } from "./options.ts";
import type { RemoveOptions } from "./undeploy.ts";

/** Adds `petiole deploy`, `petiole undeploy` and `petiole apps`. Each is loaded when it is asked for. */
export function addAppCommands(program: Command, withAgentOptions: (command: Command) => Command): void {
  const add = (command: Command): Command => {
    withAgentOptions(command).option("--lattice", "ask the wadm of a lattice, instead of this device's agent");
    for (const option of [...natsOptions(), latticeNameOption("--lattice-name <name>")]) command.addOption(option);
    return command;
  };

  add(
    changing(
      program
        .command("deploy")
        .argument("<manifest>", "OAM manifest of an application, in YAML or JSON; - reads standard input")
        .description("Run an application on this device, or a new version of it, and wait until it runs."),
    ),
  ).action(async (manifest: string, options: ChangeOptions) => {
    const { deploy } = await import("./deploy.ts");
    await deploy(manifest, options);
  });

  add(
    changing(
      program
        .command("undeploy")
        .argument("<name>", "name of an application")
        .description("Stop an application, and forget it."),
    ).option("--keep", "with --lattice: wadm keeps the manifest, to deploy it again"),
  ).action(async (name: string, options: RemoveOptions) => {
    const { undeploy } = await import("./undeploy.ts");
    await undeploy(name, options);
  });

  add(
    program
      .command("apps")
      .argument("[name]", "name of an application; all unless given")
      .description("List the applications, with the state of each component and link."),
  ).action(async (name: string | undefined, options: AppOptions) => {
    const { apps } = await import("./show.ts");
    await apps(name, options);
  });
}

const changing = (command: Command): Command =>
  command
    .option("--dry-run", "show what would change, and change nothing")
    .addOption(
      new Option("--wait <duration>", "how long to wait for it")
        .argParser(durationArgument)
        .default(durationArgument("2m"), "2m"),
    )
    .option("--no-wait", "do not wait");
