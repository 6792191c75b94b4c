import { flatten, type CommandNode, type OptionNode } from "../../src/cli/describe/tree.ts";
import { pageHead, roff, type PageTitle } from "./roff.ts";

export interface ManOptions extends Pick<PageTitle, "version" | "epoch"> {
  readonly exitCodes: readonly (readonly [code: number, meaning: string])[];
}

/** petiole(1), from the command line as it is. */
export function manPage(root: CommandNode, { version, epoch, exitCodes }: ManOptions): string {
  const commands = flatten(root).filter(({ node }) => node.commands.length === 0);
  return [
    ...pageHead({ name: root.name, section: 1, summary: "WebAssembly components at the edge", version, epoch }),
    ".SH SYNOPSIS",
    `.B ${root.name}`,
    ".I command",
    "[options] [arguments]",
    ".SH DESCRIPTION",
    roff(root.description),
    ".PP",
    roff(
      "An option stands behind the command that it is for. Durations are written 250ms, 2s, 5m, 1h, 7d; sizes 512B,",
    ),
    "64KiB, 32MiB, 1GiB.",
    ".SH COMMANDS",
    ...commands.flatMap(({ path, node }) => [
      `.SS "${roff(path)} ${roff(node.usage)}"`,
      roff(node.description),
      ...(node.aliases.length === 0 ? [] : [`Also called ${node.aliases.map(roff).join(", ")}.`]),
      ...node.arguments
        .filter(({ description }) => description !== "")
        .flatMap((argument) => [".TP", `.I ${roff(argument.name)}`, sentence(argument.description, argument.choices)]),
      ...node.options.filter(({ names }) => !names.includes("--help")).flatMap(optionLines),
    ]),
    ".SH EXIT STATUS",
    ...exitCodes.flatMap(([code, meaning]) => [".TP", `.B ${code}`, roff(meaning)]),
    ".SH ENVIRONMENT",
    ".TP",
    ".B PETIOLE_CONFIG",
    roff("The configuration file, unless --config names one."),
    ".TP",
    ".B PETIOLE_NATS_SERVER",
    roff("The nats-server that the agent runs, instead of the one on the PATH."),
    ".SH FILES",
    ...FILES.flatMap(([path, meaning]) => [".TP", `.I ${roff(path)}`, roff(meaning)]),
    ".SH SEE ALSO",
    ".BR petiole.yaml (5),",
    ".BR systemctl (1)",
    "",
  ].join("\n");
}

const FILES = [
  ["/etc/petiole/petiole.yaml", "The configuration."],
  ["/var/lib/petiole", "The store, what was enrolled and fetched. Kept when the package is removed."],
  ["/var/cache/petiole", "Prepared components. May be lost at any time."],
  ["/run/petiole/petiole.sock", "The control socket, for the group petiole."],
] as const;

const optionLines = ({ flags, description, choices, fallback, env }: OptionNode): string[] => {
  const more = [
    ...(env === undefined ? [] : [`else $${env}`]),
    ...(fallback === undefined ? [] : [`default ${fallback}`]),
  ];
  return [".TP", `.B ${roff(flags)}`, sentence([description, ...more].join("; "), choices)];
};

const sentence = (text: string, choices: readonly string[]): string =>
  roff(choices.length === 0 ? text : `${text}: ${choices.join(", ")}`);
