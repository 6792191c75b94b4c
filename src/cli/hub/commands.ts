import type { Command } from "commander";

/** `withOptions` adds --config and --json. */
export function addHubCommands(program: Command, withOptions: (command: Command) => Command): void {
  const hub = program.command("hub").description("What the hub has to know of this device.");
  withOptions(
    hub
      .command("permissions")
      .description("Print what this device's user must be allowed at the hub, for nats-server's configuration."),
  ).action(async ({ config, ...options }: { config: string; json?: true }) => {
    const { permissions } = await import("./permissions.ts");
    await permissions(config, options);
  });
}
