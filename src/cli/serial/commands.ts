import { Option, type Command } from "commander";
import { countArgument, durationArgument } from "../arguments.ts";
import type { MonitorOptions } from "./monitor.ts";

/** Adds `petiole serial` and its commands. Each is loaded when it is asked for. */
export function addSerialCommands(program: Command, withJson: (command: Command) => Command): void {
  const serial = program.command("serial").description("Look at the serial ports of this machine, and listen to one.");

  withJson(
    serial.command("list").description("List serial ports: device files, names that stay, drivers, USB devices."),
  ).action(async (options: { readonly json?: true }) => {
    const { serialList } = await import("./list.ts");
    await serialList(options);
  });

  withJson(
    serial
      .command("monitor")
      .argument("<port>", "device file, such as /dev/ttyUSB0 or one below /dev/serial/by-id")
      .description("Print what comes in on a serial port, frame by frame, until Ctrl-C.")
      .addOption(new Option("--baud <rate>", "bits per second").argParser(countArgument).default(9600))
      .addOption(new Option("--data-bits <bits>", "of a character").choices(["5", "6", "7", "8"]).default("8"))
      .addOption(new Option("--parity <parity>", "of a character").choices(["none", "even", "odd"]).default("none"))
      .addOption(new Option("--stop-bits <bits>", "of a character").choices(["1", "2"]).default("1"))
      .addOption(
        new Option("--flow-control <flow>", "who may stop whom")
          .choices(["none", "hardware", "software"])
          .default("none"),
      )
      .option(
        "--framing <framing>",
        'delimiter, length, slip, cobs, gap or raw; or its keys as in the configuration, such as "{ type: gap, gap: 50ms }"',
        "delimiter",
      )
      .option("--hex", "print bytes as hexadecimal digits, text too")
      .addOption(new Option("--count <count>", "end after so many frames").argParser(countArgument))
      .addOption(new Option("--for <duration>", "end after this time, such as 10s").argParser(durationArgument)),
  ).action(async (port: string, options: MonitorOptions) => {
    const { serialMonitor } = await import("./monitor.ts");
    await serialMonitor(port, options);
  });
}
