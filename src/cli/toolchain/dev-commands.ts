import type { Command, Option } from "commander";
import type { DevOptions } from "../../toolchain/dev/command.ts";

/** Adds `petiole dev`, and `petiole dev send` for the one that runs. */
export function addDevCommands(program: Command, jsonOption: () => Option): void {
  const command = program
    .command("dev")
    .description(
      "Run a component's project on simulated devices, and follow its sources. q quits, help lists commands.",
    )
    .option("--dir <folder>", "the component's project", ".")
    .option("--hub <url>", "NATS server that plays the hub; without it the outbox keeps what is for the hub")
    .option("--keep", "keep stores and outbox in the project, for the next time")
    .option("--verbose", "show what the agent logs of itself, too")
    .option("--ui", "open the live page of the agent")
    .addOption(jsonOption())
    .action(async (options: DevOptions) => {
      const { dev } = await import("../../toolchain/dev/command.ts");
      await dev(options, { env: process.env, input: process.stdin, output: process.stdout, openUi });
    });
  command
    .command("send")
    .argument("<command...>", "such as gpio press button")
    .description("Play a simulated device of the session that runs in a project.")
    .option("--dir <folder>", "the component's project", ".")
    .addOption(jsonOption())
    .action(async (words: readonly string[], options: Pick<DevOptions, "dir" | "json">) => {
      const { devSend } = await import("../../toolchain/dev/command.ts");
      await devSend(words, options, process.stdout);
    });
}

async function openUi(socket: string): Promise<AsyncDisposable & { readonly url: string }> {
  const { startUi } = await import("../../ui/start-ui.ts");
  const { openInBrowser } = await import("../open-in-browser.ts");
  const stack = new AsyncDisposableStack();
  const { url } = stack.use(await startUi({ socket, listen: "127.0.0.1:0" }));
  // Without a desktop the address is all there is.
  stack.use(await openInBrowser(url));
  return { url, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
