import { InvalidArgumentError, Option, type Command } from "commander";
import type { CloudInitOptions } from "./cloud-init.ts";
import { FIRST_BOOTS } from "./first-boots.ts";
import type { PrepareOptions } from "./prepare.ts";

/** Adds `petiole image` and its commands. Each is loaded when it is asked for. */
export function addImageCommands(program: Command, jsonOption: () => Option): void {
  const image = program.command("image").description("Make a card or an image with which a device sets itself up.");
  const withProvision = (command: Command): Command =>
    command
      .requiredOption("--config <file>", "configuration that the device gets")
      .addOption(new Option("--token <token>", "token of one enrolment").conflicts("tokenFile"))
      .option("--token-file <file>", "file with it, so that no list of processes shows it")
      .option("--name <name>", "name of the device, in place of the configuration's")
      .option("--replace-config", "also replace a configuration that somebody made on the device");

  withProvision(
    image
      .command("prepare")
      .argument("<target>", "image file, folder where its boot partition is mounted, or card such as /dev/sdb")
      .description("Put the package and a provisioning file on an image's boot partition."),
  )
    .addOption(
      new Option(
        "--package <file>",
        "petiole_0.1.0_arm64.deb; may be given several times, for what it needs; without it the image must have petiole",
      ).argParser(addFile),
    )
    .addOption(new Option("--first-boot <how>", "how the package gets installed").choices(FIRST_BOOTS).default("auto"))
    .option("--dry-run", "show what would be written, change nothing")
    .option("--yes", "do not ask before writing to a card")
    .addOption(jsonOption())
    .action(async (target: string, options: PrepareOptions) => {
      const { imagePrepare } = await import("./prepare.ts");
      await imagePrepare(target, options);
    });

  withProvision(
    image
      .command("cloud-init")
      .description("Print user-data with which cloud-init sets a device up; it has the token in it."),
  )
    .option("--package-url <url>", "where the device fetches the package; without it the image must have petiole")
    .addOption(new Option("--package-sha256 <digest>", "its digest").argParser(digestArgument))
    .action(async (options: CloudInitOptions, command: Command) => {
      if ((options.packageUrl === undefined) !== (options.packageSha256 === undefined)) {
        command.error("error: want both --package-url and --package-sha256");
      }
      const { imageCloudInit } = await import("./cloud-init.ts");
      await imageCloudInit(options);
    });
}

function addFile(file: string, files: readonly string[] | undefined): readonly string[] {
  return [...(files ?? []), file];
}

function digestArgument(text: string): string {
  if (/^[0-9a-f]{64}$/.test(text)) return text;
  throw new InvalidArgumentError("want 64 hexadecimal digits");
}
