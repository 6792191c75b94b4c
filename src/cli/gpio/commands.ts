import { InvalidArgumentError, Option, type Command } from "commander";
import { countArgument, durationArgument } from "../arguments.ts";
import type { GetOptions, SetOptions, WatchOptions } from "./lines.ts";

/** Adds `petiole gpio` and its commands. Each is loaded when it is asked for. */
export function addGpioCommands(program: Command, withJson: (command: Command) => Command): void {
  const gpio = program.command("gpio").description("Look at GPIO chips of this machine and use their lines by hand.");
  const chip = "label of the chip, such as pinctrl-rp1; or its name, number or path";
  const activeLow = "low is active";

  withJson(
    gpio
      .command("list")
      .argument("[chip]", chip)
      .description("List chips and their lines: names, directions, settings and who uses them."),
  ).action(async (which: string | undefined, options: { readonly json?: true }) => {
    const { gpioList } = await import("./list.ts");
    await gpioList(which, options);
  });

  withJson(
    gpio
      .command("get")
      .argument("<chip>", chip)
      .argument("<line...>", "numbers or names of lines")
      .description("Read lines. What they do stays as it is, unless a bias is asked for.")
      .addOption(biasOption())
      .option("--active-low", activeLow),
  ).action(async (which: string, lines: readonly string[], options: GetOptions) => {
    const { gpioGet } = await import("./lines.ts");
    await gpioGet(which, lines, options);
  });

  withJson(
    gpio
      .command("set")
      .argument("<chip>", chip)
      .argument("<line=level...>", "such as GPIO27=active; active and 1, inactive and 0 are the same", addLevel)
      .description("Set lines as outputs and hold them until Ctrl-C; afterwards the chip may let them go.")
      .addOption(new Option("--for <duration>", "hold them so long only, such as 2s").argParser(durationArgument))
      .addOption(new Option("--drive <drive>", "how").choices(["push-pull", "open-drain", "open-source"]))
      .option("--active-low", activeLow),
  ).action(async (which: string, levels: ReadonlyMap<string, boolean>, options: SetOptions) => {
    const { gpioSet } = await import("./lines.ts");
    await gpioSet(which, levels, options);
  });

  withJson(
    gpio
      .command("watch")
      .argument("<chip>", chip)
      .argument("<line...>", "numbers or names of lines")
      .description("Take lines as inputs and print their edges until Ctrl-C.")
      .addOption(new Option("--edges <edges>", "which").choices(["rising", "falling", "both"]).default("both"))
      .addOption(new Option("--debounce <duration>", "what a change has to last").argParser(durationArgument))
      .addOption(new Option("--count <count>", "end after so many edges").argParser(countArgument))
      .addOption(biasOption())
      .option("--active-low", activeLow),
  ).action(async (which: string, lines: readonly string[], options: WatchOptions) => {
    const { gpioWatch } = await import("./lines.ts");
    await gpioWatch(which, lines, options);
  });
}

const biasOption = (): Option =>
  new Option("--bias <bias>", "resistor").choices(["as-is", "disabled", "pull-up", "pull-down"]);

const LEVELS: Readonly<Record<string, boolean>> = { active: true, "1": true, inactive: false, "0": false };

function addLevel(text: string, levels: ReadonlyMap<string, boolean> = new Map()): ReadonlyMap<string, boolean> {
  const equals = text.lastIndexOf("=");
  const level = LEVELS[text.slice(equals + 1)];
  if (equals <= 0 || level === undefined) throw new InvalidArgumentError("want such as GPIO27=active or 27=0");
  return new Map([...levels, [text.slice(0, equals), level]]);
}
