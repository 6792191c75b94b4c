import { Option, type Command } from "commander";
import { RELEASE_TARGETS } from "../../domain/release.ts";
import { withRegistryOptions } from "../artifacts/commands.ts";
import { connectionOptions } from "../lattice/commands.ts";
import { momentArgument, versionArgument } from "../arguments.ts";
import type { PackOptions } from "./pack.ts";
import type { ShowReleaseOptions } from "./show.ts";
import type { PushReleaseOptions } from "./push.ts";
import type { SignReleaseOptions } from "./sign.ts";

/** Adds `petiole release` and its commands. Each is loaded when it is asked for. */
export function addReleaseCommands(
  program: Command,
  jsonOption: () => Option,
  withConfigOptions: (command: Command) => Command,
): void {
  const release = program
    .command("release")
    .description("Make releases of petiole, from which agents update themselves.");

  release
    .command("pack")
    .description("Pack an executable of petiole, with a signed statement, into one file.")
    .requiredOption("--binary <file>", "executable, such as dist/linux-arm64/petiole")
    .addOption(new Option("--target <target>", "what it is for").choices(RELEASE_TARGETS).makeOptionMandatory())
    .addOption(new Option("--version <version>", "such as 1.2.0").argParser(versionArgument).makeOptionMandatory())
    .requiredOption("--key <file>", "private key (Ed25519: PEM, or the seed of an account)")
    .option("-o, --out <file>", "file to write; default petiole-<version>-<target>.release")
    .addOption(new Option("--not-before <time>", "valid from 2027-01-31 on").argParser(momentArgument))
    .addOption(new Option("--not-after <time>", "not valid from then on").argParser(momentArgument))
    .addOption(
      new Option("--min-agent <version>", "oldest petiole that may update to it directly").argParser(versionArgument),
    )
    .addOption(jsonOption())
    .action(async (options: PackOptions) => {
      const { releasePack } = await import("./pack.ts");
      await releasePack(options);
    });

  release
    .command("sign")
    .argument("<file>", "release")
    .description("Add the signature of one more key to a release.")
    .requiredOption("--key <file>", "private key (Ed25519: PEM, or the seed of an account)")
    .addOption(jsonOption())
    .action(async (file: string, options: SignReleaseOptions) => {
      const { releaseSign } = await import("./sign.ts");
      await releaseSign(file, options);
    });

  release
    .command("show")
    .argument("<file>", "release")
    .description("Show what a release says of itself, and check that its executable is what was signed.")
    .addOption(jsonOption())
    .action(async (file: string, options: ShowReleaseOptions) => {
      const { releaseShow } = await import("./show.ts");
      await releaseShow(file, options);
    });

  const push = release
    .command("push")
    .argument("<file>", "release")
    .argument("<reference>", "oci://registry/repository:tag, or nats-object://bucket/name")
    .description("Put a release into a registry, or an object store of the hub, from which agents fetch it.")
    .option("--dry-run", "check the release, send nothing");
  for (const option of connectionOptions()) push.addOption(option);
  withRegistryOptions(withConfigOptions(push)).action(
    async (file: string, reference: string, options: PushReleaseOptions) => {
      const { releasePush } = await import("./push.ts");
      await releasePush(file, reference, options);
    },
  );
}
