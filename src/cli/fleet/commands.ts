import { Option, type Command } from "commander";
import { countArgument, durationArgument } from "../arguments.ts";
import type { FleetOptions } from "./shared.ts";
import type { DeviceCommandOptions } from "./devices.ts";
import type { InitOptions } from "./init.ts";
import type { ProfileOptions } from "./profile.ts";
import type { TokenOptions } from "./token.ts";

/** Adds `petiole fleet` and its commands, for the operator's machine. Each is loaded when it is asked for. */
export function addFleetCommands(program: Command): void {
  const fleet = program
    .command("fleet")
    .description("Enrol devices: issue tokens, answer devices, list and revoke them. For the operator's machine.");
  const command = (name: string, description: string): Command =>
    fleet
      .command(name)
      .description(description)
      .addOption(new Option("--dir <folder>", "folder of the fleet").default("fleet").env("PETIOLE_FLEET"))
      .addOption(new Option("--json", "print JSON, for programs"));
  const hours = (flags: string, what: string, standard: string): Option =>
    new Option(flags, what).argParser(durationArgument).default(durationArgument(standard), standard);

  command("init", "Make a fleet: its keys, and what the hub's configuration needs.")
    .requiredOption("--hub <url...>", "client port of the hub, such as tls://hub.example:4222; may be given again")
    .option("--name <name>", "name of its account at the hub", "FLEET")
    .option("--config <file>", "configuration of the devices, whose permissions follow from it")
    .option("--ca <file>", "certificate (PEM) of who signs the hub's, when that is no known authority")
    .option("--operator-seed <file>", "seed of the operator (SO…) that a hub has already")
    .option("--system-seed <file>", "seed of that hub's system account (SA…)")
    .option("--accounts-dir <folder>", "where the hub keeps its accounts", "/var/lib/nats/accounts")
    .addOption(hours("--lifetime <duration>", "for how long credentials of devices hold", "60d"))
    .action(async (options: InitOptions) => {
      const { fleetInit } = await import("./init.ts");
      await fleetInit(options);
    });

  command("profile", "Make or change a role of devices: what they may do at the hub.")
    .argument("[name]", "name of the profile", "default")
    .requiredOption("--config <file>", "configuration of the devices, whose permissions follow from it")
    .option("--dry-run", "show what would change, change nothing")
    .action(async (name: string, options: ProfileOptions) => {
      const { fleetProfile } = await import("./profile.ts");
      await fleetProfile(name, options);
    });

  command("token", "Issue a token with which a device enrols, and print it. It is kept nowhere.")
    .option("--name <device>", "the only device that may use it; any, unless given")
    .option("--profile <name>", "what the device may do", "default")
    .addOption(hours("--expires <duration>", "for how long it holds", "24h"))
    .addOption(new Option("--uses <count>", "so many devices may use it").argParser(countArgument).default(1))
    .option("--replace", "it may take the place of a device of the same name, which is revoked")
    .option("--label <name=value...>", "shown with the device")
    .option("--out <file>", "file to write it to, for its owner alone, instead of standard output")
    .action(async (options: TokenOptions) => {
      const { fleetToken } = await import("./token.ts");
      await fleetToken(options);
    });

  command("tokens", "List the tokens that were issued, and how often they were used.").action(
    async (options: FleetOptions) => {
      const { fleetTokens } = await import("./token.ts");
      await fleetTokens(options);
    },
  );

  command("withdraw", "Take back a token.")
    .argument("<token>", "its key as `petiole fleet tokens` shows it, or the beginning of it")
    .option("--dry-run", "show what would happen, change nothing")
    .action(async (token: string, options: DeviceCommandOptions) => {
      const { fleetWithdraw } = await import("./token.ts");
      await fleetWithdraw(token, options);
    });

  command("serve", "Answer devices until SIGTERM or SIGINT.").action(async (options: FleetOptions) => {
    const { fleetServe } = await import("./serve.ts");
    await fleetServe(options);
  });

  command("devices", "List the devices of the fleet.").action(async (options: FleetOptions) => {
    const { fleetDevices } = await import("./devices.ts");
    await fleetDevices(options);
  });

  command("revoke", "Shut a device out: its connection is closed, and it gets no new credentials.")
    .argument("<device>", "name of the device")
    .option("--dry-run", "show what would happen, change nothing")
    .action(async (device: string, options: DeviceCommandOptions) => {
      const { fleetRevoke } = await import("./devices.ts");
      await fleetRevoke(device, options);
    });

  command("remove", "Forget a device that was revoked, so that its name is free again.")
    .argument("<device>", "name of the device")
    .option("--dry-run", "show what would happen, change nothing")
    .action(async (device: string, options: DeviceCommandOptions) => {
      const { fleetRemove } = await import("./devices.ts");
      await fleetRemove(device, options);
    });

  command("push", "Tell the hub the fleet's account as it is now: roles, and keys that were revoked.").action(
    async (options: FleetOptions) => {
      const { fleetPush } = await import("./devices.ts");
      await fleetPush(options);
    },
  );
}
