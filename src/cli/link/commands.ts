import type { Command } from "commander";
import type { AgentOptions } from "../agent-socket.ts";
import type { WithAgentOptions } from "../outbox/commands.ts";
import type { ResetOptions, SwapOptions } from "./swap.ts";

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** Adds `petiole link` and its commands. Each is loaded when it is asked for. */
export function addLinkCommands(program: Command, withAgentOptions: WithAgentOptions): void {
  const link = program.command("link").description("Look at links, and swap the providers behind them while they run.");

  withAgentOptions(
    link.command("list").description("Show the links of the device, how they are, and which were swapped."),
  ).action(async (options: AgentOptions) => {
    const { linkList } = await import("./list.ts");
    await linkList(options);
  });

  withAgentOptions(
    link
      .command("swap")
      .argument("<component>", "name of the component")
      .description("Move links of a component to another provider, while calls run. It stays so over restarts.")
      .requiredOption("--to <provider>", "the provider that it gets")
      .option("--from <provider>", "only links with this provider")
      .option("--name <link>", "only links of this name")
      .option("--interface <interface>", "only links for it, such as wasi:keyvalue/store; more than once", collect)
      .option("--link-config <yaml>", "configuration of the link, or @FILE; unless given, the one that it has")
      .option("--dry-run", "show what would happen, change nothing"),
  ).action(async (component: string, options: SwapOptions) => {
    const { linkSwap } = await import("./swap.ts");
    await linkSwap(component, options);
  });

  withAgentOptions(
    link
      .command("reset")
      .argument("<component>", "name of the component")
      .description("Give swapped links of a component the providers back that its configuration says.")
      .option("--name <link>", "only links of this name")
      .option("--dry-run", "show what would happen, change nothing"),
  ).action(async (component: string, options: ResetOptions) => {
    const { linkReset } = await import("./swap.ts");
    await linkReset(component, options);
  });
}
