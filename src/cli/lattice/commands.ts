import { Option, type Command } from "commander";
import { countArgument, durationArgument } from "../arguments.ts";
import type { LatticeOptions } from "./options.ts";
import type { LinkOptions, PutLinkOptions } from "./shared.ts";
import type { EventOptions } from "./show.ts";
import type { ScaleOptions, StartOptions, WorkOptions } from "./work.ts";

/** Adds `petiole lattice` and its commands. Each is loaded when it is asked for. */
export function addLatticeCommands(program: Command): void {
  const lattice = program
    .command("lattice")
    .description("Ask and command the hosts of a wasmCloud lattice, from any machine that reaches its NATS.");

  add(lattice.command("hosts").description("List the hosts that answer.")).action(async (options: LatticeOptions) => {
    const { latticeHosts } = await import("./show.ts");
    await latticeHosts(options);
  });

  add(
    lattice
      .command("inventory")
      .argument("[host]", "id or its beginning, or a part of the name; all hosts unless given")
      .description("Show what runs on a host."),
  ).action(async (host: string | undefined, options: LatticeOptions) => {
    const { latticeInventory } = await import("./show.ts");
    await latticeInventory(host, options);
  });

  add(
    lattice
      .command("start")
      .argument("<reference>", "such as file:///opt/components/x.wasm or petiole://mqtt")
      .argument("<id>", "name that it gets in the lattice")
      .description("Start a component or a provider, and wait until it runs.")
      .addOption(hostOption("the first that takes it"))
      .addOption(new Option("--count <count>", "instances of a component at most").argParser(countArgument).default(1))
      .addOption(listOption("--config <name>", "a named configuration; may be given several times"))
      .option("--provider", "it is a provider, which the reference does not tell"),
  ).action(async (reference: string, id: string, options: StartOptions) => {
    const { latticeStart } = await import("./work.ts");
    await latticeStart(reference, id, options);
  });

  add(
    lattice
      .command("scale")
      .argument("<id>", "a component that runs")
      .argument("<count>", "instances at most", countArgument)
      .description("Change how many instances of a component there may be, and which configurations it has.")
      .addOption(hostOption("the one that runs it"))
      .addOption(listOption("--config <name>", "each of the named configurations that it has from now on")),
  ).action(async (id: string, count: number, options: ScaleOptions) => {
    const { latticeScale } = await import("./work.ts");
    await latticeScale(id, count, options);
  });

  add(
    lattice
      .command("stop")
      .argument("<id>", "a component or provider that runs")
      .description("Stop a component or a provider.")
      .addOption(hostOption("the one that runs it")),
  ).action(async (id: string, options: WorkOptions) => {
    const { latticeStop } = await import("./work.ts");
    await latticeStop(id, options);
  });

  addLinkCommands(lattice);
  addConfigCommands(lattice);

  add(
    lattice
      .command("events")
      .description("Print the events of the hosts, one a line, for as long as --timeout says.")
      .option("--follow", "until interrupted"),
  ).action(async (options: EventOptions) => {
    const { latticeEvents } = await import("./show.ts");
    await latticeEvents(options);
  });
}

function addLinkCommands(lattice: Command): void {
  const link = lattice.command("link").description("Work with the links of the lattice.");
  add(link.command("list").description("List all links.")).action(async (options: LatticeOptions) => {
    const { latticeLinks } = await import("./show.ts");
    await latticeLinks(options);
  });
  add(
    link
      .command("put")
      .argument("<source>", "a component that imports, or a provider that delivers")
      .argument("<target>", "a provider that serves, or a component that exports")
      .argument("<interface...>", "of one package, such as wasi:keyvalue/store")
      .description("Link two ends, or change the link between them.")
      .addOption(linkNameOption())
      .addOption(listOption("--source-config <name>", "a named configuration for the source"))
      .addOption(listOption("--target-config <name>", "a named configuration for the target")),
  ).action(async (source: string, target: string, interfaces: string[], options: PutLinkOptions) => {
    const { latticeLinkPut } = await import("./shared.ts");
    await latticeLinkPut(source, target, interfaces, options);
  });
  add(
    link
      .command("del")
      .argument("<source>", "where the link begins")
      .argument("<package>", "such as wasi:keyvalue")
      .description("Delete a link.")
      .addOption(linkNameOption()),
  ).action(async (source: string, packageName: string, options: LinkOptions) => {
    const { latticeLinkDelete } = await import("./shared.ts");
    await latticeLinkDelete(source, packageName, options);
  });
}

function addConfigCommands(lattice: Command): void {
  const config = lattice.command("config").description("Work with the named configurations of the lattice.");
  add(
    config
      .command("put")
      .argument("<name>")
      .argument("[pair...]", "key=value")
      .description("Store a configuration, in the place of the one of this name."),
  ).action(async (name: string, pairs: string[], options: LatticeOptions) => {
    const { latticeConfigPut } = await import("./shared.ts");
    await latticeConfigPut(name, pairs, options);
  });
  add(config.command("get").argument("<name>").description("Show a configuration.")).action(
    async (name: string, options: LatticeOptions) => {
      const { latticeConfigGet } = await import("./shared.ts");
      await latticeConfigGet(name, options);
    },
  );
  add(config.command("del").argument("<name>").description("Delete a configuration.")).action(
    async (name: string, options: LatticeOptions) => {
      const { latticeConfigDelete } = await import("./shared.ts");
      await latticeConfigDelete(name, options);
    },
  );
}

/** Adds the options of a command that speaks with a lattice. */
function add(command: Command): Command {
  for (const option of [...natsOptions(), latticeNameOption("--lattice <name>")]) command.addOption(option);
  return command.addOption(new Option("--json", "print JSON, for programs"));
}

/** How NATS is reached. */
export const connectionOptions = (): Option[] => [
  new Option("--nats <url>", "NATS of the lattice; user:password@ before the host logs in")
    .default("nats://127.0.0.1:4222")
    .env("NATS_URL"),
  new Option("--creds <file>", "NATS credentials").env("NATS_CREDS"),
];

/** How a lattice is reached, and asked. */
export const natsOptions = (): Option[] => [
  ...connectionOptions(),
  new Option("--timeout <duration>", "how long answers are waited for")
    .argParser(durationArgument)
    .default(durationArgument("2s"), "2s"),
];
export const latticeNameOption = (flags: string): Option =>
  new Option(flags, "name of the lattice").default("default").env("WASMCLOUD_LATTICE");

const hostOption = (otherwise: string): Option =>
  new Option("--host <host>", `id or its beginning, or a part of the name; ${otherwise} unless given`);
const linkNameOption = (): Option => new Option("--name <name>", "name of the link").default("default");
const listOption = (flags: string, what: string): Option =>
  new Option(flags, what).argParser((text: string, list: readonly string[]) => [...list, text]).default([], "none");
