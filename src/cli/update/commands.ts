import { Option, type Command } from "commander";
import type { AgentOptions } from "../agent-socket.ts";
import type { WithAgentOptions } from "../outbox/commands.ts";
import type { DecideOptions } from "./decide.ts";

/** Adds `petiole update` and its commands. Each is loaded when it is asked for. */
export function addUpdateCommands(program: Command, withAgentOptions: WithAgentOptions): void {
  const update = program.command("update").description("Look at new versions of components, and decide about them.");

  withAgentOptions(
    update
      .command("status")
      .description("Show which version runs, which is on trial and for how long, and which failed."),
  ).action(async (options: AgentOptions) => {
    const { updateStatus } = await import("./show.ts");
    await updateStatus(options);
  });

  const decision = (name: "accept" | "rollback" | "forgive", description: string): Command =>
    withAgentOptions(
      update
        .command(name)
        .argument("<component>", "name of the component")
        .description(description)
        .option("--dry-run", "show what would happen, change nothing"),
    ).action(async (component: string, options: DecideOptions) => {
      const { updateDecide } = await import("./decide.ts");
      await updateDecide(component, name, options);
    });
  decision("accept", "End a trial now: the new version stays.");
  decision("rollback", "End a trial now: the version before runs again, and the new one is marked bad.");
  decision("forgive", "Take the mark from versions that failed, and try again what is wanted.").addOption(
    new Option("--digest <digest>", "this version only: sha256: and 64 hexadecimal digits"),
  );
}
