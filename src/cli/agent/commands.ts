import type { Command, Option } from "commander";
import type { AgentOptions } from "../agent-socket.ts";
import type { WithAgentOptions } from "../outbox/commands.ts";
import type { RollbackOptions, UpdateOptions } from "./update.ts";

/** Adds `petiole agent` and its commands. Each is loaded when it is asked for. */
export function addAgentCommands(
  program: Command,
  withAgentOptions: WithAgentOptions,
  configOption: () => Option,
): void {
  const agent = program.command("agent").description("Update the agent itself, and look at the versions of it.");

  withAgentOptions(
    agent
      .command("update")
      .argument("<release>", "file, or oci://…, nats-object://bucket/name or file:///path of the device")
      .description("Install a signed release of petiole and start it on trial.")
      .option("--dry-run", "check everything that can be checked without installing it")
      .option("--allow-downgrade", "also a version older than the one that runs")
      .option("--again", "also a version that failed here before")
      .option("--wait", "until the new version has proved itself, or the old one runs again"),
  ).action(async (release: string, options: UpdateOptions) => {
    const { agentUpdate } = await import("./update.ts");
    await agentUpdate(release, options);
  });

  withAgentOptions(
    agent.command("versions").description("Show which version runs, what it could go back to, and which failed."),
  ).action(async (options: AgentOptions) => {
    const { agentVersions } = await import("./versions.ts");
    await agentVersions(options);
  });

  withAgentOptions(
    agent
      .command("rollback")
      .description("Go back to the version before, and mark the one that runs.")
      .option("--dry-run", "show what would happen, change nothing"),
  ).action(async (options: RollbackOptions) => {
    const { agentRollback } = await import("./update.ts");
    await agentRollback(options);
  });

  // Asked by the agent of a version that it is about to install.
  agent
    .command("preflight", { hidden: true })
    .addOption(configOption())
    .action(async ({ config }: { config: string }) => {
      const { agentPreflight } = await import("./preflight.ts");
      await agentPreflight(config);
    });
}
