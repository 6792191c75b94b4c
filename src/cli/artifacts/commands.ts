import { InvalidArgumentError, Option, type Command } from "commander";
import type { CacheOptions } from "./cache.ts";
import type { PullOptions } from "./pull.ts";
import type { PushOptions } from "./push.ts";

/** Options of the commands that talk to registries. */
export const withRegistryOptions = (command: Command): Command =>
  command
    .option("--docker-config <file>", "docker's config.json, for its credentials")
    .option("--insecure", "plain http, for a registry without TLS");

/** Adds `petiole pull`, `push` and `artifacts`. Each is loaded when it is asked for. */
export function addArtifactCommands(program: Command, withConfigOptions: (command: Command) => Command): void {
  const withBoth = (command: Command): Command => withRegistryOptions(withConfigOptions(command));
  withBoth(
    program
      .command("pull")
      .argument("<reference>", "registry/repository:tag, …@sha256:…, or file:///path")
      .description("Fetch a component into the agent's cache, or into a file.")
      .option("-o, --out <file>", "file to write, instead of the cache"),
  ).action(async (reference: string, options: PullOptions) => {
    const { pull } = await import("./pull.ts");
    await pull(reference, options);
  });

  withBoth(
    program
      .command("push")
      .argument("<file>", "component (.wasm)")
      .argument("<reference>", "registry/repository:tag")
      .description("Publish a component in a registry, as wash does, and print its digest.")
      .option("--version <version>", "version to note in the image")
      .addOption(
        new Option("-a, --annotation <name=value>", "an annotation; may be given several times")
          .argParser(addAnnotation)
          .default({}, "none"),
      ),
  ).action(async (file: string, reference: string, options: PushOptions) => {
    const { push } = await import("./push.ts");
    await push(file, reference, options);
  });

  const artifacts = program.command("artifacts").description("Work with the components that were fetched.");
  withConfigOptions(
    artifacts.command("list").description("List what is on the device, who uses it and what it was called."),
  ).action(async (options: CacheOptions) => {
    const { artifactsList } = await import("./cache.ts");
    await artifactsList(options);
  });
  withConfigOptions(
    artifacts
      .command("prune")
      .description("Remove what no component has, had before, or is getting.")
      .option("--dry-run", "show what would be removed, change nothing"),
  ).action(async (options: CacheOptions & { readonly dryRun?: true }) => {
    const { artifactsPrune } = await import("./cache.ts");
    await artifactsPrune(options);
  });
}

function addAnnotation(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals <= 0) throw new InvalidArgumentError("want name=value");
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
}
