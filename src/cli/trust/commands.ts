import { Option, type Command } from "commander";
import { momentArgument, versionArgument } from "../arguments.ts";
import type { GenerateOptions, ShowOptions } from "./keys.ts";
import type { SignOptions } from "./sign.ts";
import type { VerifyOptions } from "./verify.ts";

/** Adds `petiole keys`, `petiole sign` and `petiole verify`. Each is loaded when it is asked for. */
export function addTrustCommands(program: Command, configOption: () => Option, jsonOption: () => Option): void {
  const keys = program.command("keys").description("Make and look at the keys that sign components.");

  keys
    .command("generate")
    .description("Make an Ed25519 key pair: a private key that its owner alone may read, and FILE.pub for the devices.")
    .requiredOption("-o, --out <file>", "file for the private key; one that is there is never overwritten")
    .addOption(
      new Option("--form <form>", "PEM, or the seed of an account as NATS and wasmCloud have it")
        .choices(["pem", "nkey"])
        .default("pem"),
    )
    .addOption(jsonOption())
    .action(async (options: GenerateOptions) => {
      const { keysGenerate } = await import("./keys.ts");
      await keysGenerate(options);
    });

  keys
    .command("show")
    .argument("<file>", "a private or public key")
    .description("Show the public key of a key file in every form.")
    .option("--private", "show the private key as well")
    .addOption(jsonOption())
    .action(async (file: string, options: ShowOptions) => {
      const { keysShow } = await import("./keys.ts");
      await keysShow(file, options);
    });

  keys
    .command("list")
    .description("List the keys and digests that a configuration trusts.")
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (options: { config: string; json?: true }) => {
      const { keysList } = await import("./keys.ts");
      await keysList(options);
    });

  program
    .command("sign")
    .argument("<file>", "component (.wasm)")
    .description("Sign a component: make FILE.sig, or add a signature to it.")
    .requiredOption("--key <file>", "private key (Ed25519: PEM, or the seed of an account)")
    .requiredOption("--name <name>", "name of the component: devices run it under this name only")
    .addOption(new Option("--version <version>", "such as 1.2.0").argParser(versionArgument).makeOptionMandatory())
    .addOption(
      new Option("--not-before <time>", "valid from 2027-01-31 or 2027-01-31T12:00:00Z on").argParser(momentArgument),
    )
    .addOption(new Option("--not-after <time>", "not valid from then on").argParser(momentArgument))
    .addOption(new Option("--min-agent <version>", "oldest petiole that may run it").argParser(versionArgument))
    .option("--force", "replace a file that holds another statement, with its signatures")
    .addOption(jsonOption())
    .action(async (file: string, options: SignOptions) => {
      const { sign } = await import("./sign.ts");
      await sign(file, options);
    });

  program
    .command("verify")
    .argument("<file>", "component (.wasm)")
    .description("Say whether a device would run a component, and everything that speaks against it.")
    .addOption(new Option("--config <file>", "by the policy of this configuration, and what its agent remembers"))
    .addOption(
      new Option("--key <file>", "by this public key; may be given several times, one of them is enough")
        .argParser(addFile)
        .conflicts("config"),
    )
    .option("--name <name>", "name that it has to be signed for; default from the configuration or the file")
    .addOption(jsonOption())
    .action(async (file: string, options: VerifyOptions, command: Command) => {
      if (options.config === undefined && options.key === undefined) command.error("error: want --config or --key");
      const { verify } = await import("./verify.ts");
      await verify(file, options);
    });
}

function addFile(file: string, files: readonly string[] | undefined): readonly string[] {
  return [...(files ?? []), file];
}
