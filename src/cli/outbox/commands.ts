import { InvalidArgumentError, Option, type Command } from "commander";
import { LANES, type Lane } from "../../domain/outbox.ts";
import { EXPORTED_LANES } from "../../domain/outbox-report.ts";
import type { AgentOptions } from "../agent-socket.ts";
import { countArgument, durationArgument } from "../arguments.ts";
import type { DrainOptions } from "./drain.ts";
import type { LedgerOptions } from "./ledger.ts";
import type { PublishOptions } from "./publish.ts";
import type { ExportOptions, ImportOptions } from "./transfer.ts";

/** Adds the options of a command that asks a running agent. */
export type WithAgentOptions = (command: Command) => Command;

/** Adds `petiole outbox` and its commands. Each is loaded when it is asked for. */
export function addOutboxCommands(program: Command, withAgentOptions: WithAgentOptions): void {
  const outbox = withAgentOptions(
    program
      .command("outbox")
      .description("Show what waits for the hub, lane by lane; its commands publish, hold, move and account for it."),
  ).action(async (options: AgentOptions) => {
    const { outboxReport } = await import("./report.ts");
    await outboxReport(options);
  });

  withAgentOptions(
    outbox
      .command("ledger")
      .description("List messages that were given up: which, how many and why.")
      .addOption(laneOption("of this lane only"))
      .addOption(new Option("--since <id>", "entries with a larger id only").argParser(countArgument))
      .addOption(new Option("--limit <count>", "so many, oldest first (1000)").argParser(countArgument)),
  ).action(async (options: LedgerOptions) => {
    const { outboxLedger } = await import("./ledger.ts");
    await outboxLedger(options);
  });

  withAgentOptions(
    outbox
      .command("publish")
      .argument("<subject>", "such as alarms.boiler; device and lane are put before it")
      .description("Put a message into the outbox, its body from standard input or a file.")
      .addOption(laneOption("which promises hold for it").default("standard"))
      .option("--file <file>", "body; - is standard input", "-")
      .addOption(
        new Option("--header <name=value>", "a header; may be given several times")
          .argParser(addHeader)
          .default({}, "none"),
      )
      .addOption(
        new Option("--ttl <duration>", "how long it is worth sending, such as 1h").argParser(durationArgument),
      ),
  ).action(async (subject: string, options: PublishOptions, command: Command) => {
    const { outboxPublish } = await import("./publish.ts");
    await outboxPublish(subject, options, (message) => command.error(message));
  });

  withAgentOptions(
    outbox
      .command("pause")
      .description("Stop forwarding to the hub, over restarts too. Messages are accepted and kept."),
  ).action(async (options: AgentOptions) => {
    const { outboxPause } = await import("./pause.ts");
    await outboxPause(options, "outbox-pause");
  });

  withAgentOptions(outbox.command("resume").description("Forward to the hub again.")).action(
    async (options: AgentOptions) => {
      const { outboxPause } = await import("./pause.ts");
      await outboxPause(options, "outbox-resume");
    },
  );

  withAgentOptions(
    outbox
      .command("drain")
      .description("Forward what waits now without the limit of the rate.")
      .option("--wait", "until all of it is delivered, and show how much is left"),
  ).action(async (options: DrainOptions) => {
    const { outboxDrain } = await import("./drain.ts");
    await outboxDrain(options);
  });

  withAgentOptions(
    outbox
      .command("export")
      .argument("<file>", "file to make, on the agent's own disks")
      .description("Hand what waits over into a file, for a neighbour that has a link.")
      .option("--dry-run", "show what would happen, change nothing")
      .addOption(
        new Option("--lane <lane>", `${EXPORTED_LANES.join(", ")}; may be given several times; default all`).argParser(
          addLane,
        ),
      ),
  ).action(async (file: string, options: ExportOptions) => {
    const { outboxExport } = await import("./transfer.ts");
    await outboxExport(file, options);
  });

  withAgentOptions(
    outbox
      .command("import")
      .argument("<file>", "file that another device exported")
      .description("Take the messages of an export into this outbox, once.")
      .option("--dry-run", "check the whole file and show what is in it, change nothing"),
  ).action(async (file: string, options: ImportOptions) => {
    const { outboxImport } = await import("./transfer.ts");
    await outboxImport(file, options);
  });
}

function laneOption(what: string): Option {
  return new Option("--lane <lane>", what).choices(LANES);
}

function addLane(text: string, lanes: readonly Lane[] = []): readonly Lane[] {
  const lane = EXPORTED_LANES.find((one) => one === text);
  if (lane !== undefined) return [...lanes, lane];
  throw new InvalidArgumentError(`want one of ${EXPORTED_LANES.join(", ")}`);
}

function addHeader(text: string, headers: Readonly<Record<string, string>>): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals <= 0) throw new InvalidArgumentError("want name=value");
  return { ...headers, [text.slice(0, equals)]: text.slice(equals + 1) };
}
