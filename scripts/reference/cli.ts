import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { flatten, type CommandNode, type OptionNode, type PlacedCommand } from "../../src/cli/describe/tree.ts";
import { head, table } from "./markdown.ts";

/** The command line of a checkout, which is the whole one. */
export function readCommandLine(): CommandNode {
  const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
  const printed = execFileSync(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", main, "completion", "json"],
    { encoding: "utf8", maxBuffer: 16 * 1024 * 1024 },
  );
  return JSON.parse(printed) as CommandNode;
}

export function cliPage(root: CommandNode): string {
  const all = flatten(root);
  const leaves = all.filter(({ path, node }) => path !== root.name && isRunnable(node));
  return [
    head(
      "Commands",
      "the command line itself",
      "Every command with its arguments and options. [cli.md](../cli.md) has what they have in common: output, exit codes,\nsignals, the control socket. Every command has `--help`.",
    ),
    table(
      ["command", "what it does"],
      leaves.map(({ path, node }) => [`[\`${path}\`](#${anchor(path)})`, node.description]),
    ),
    ...leaves.flatMap(commandSection),
  ].join("\n");
}

/** A group such as `petiole config` only leads to its commands; `petiole outbox` does something itself. */
const isRunnable = (node: CommandNode): boolean =>
  node.commands.length === 0 || node.options.some(({ names }) => !names.includes("--help"));

const anchor = (path: string): string => path.replaceAll(" ", "-");

function commandSection({ path, node }: PlacedCommand): string[] {
  const own = node.options.filter(({ names }) => !names.includes("--help"));
  const argumentRows = node.arguments
    .filter(({ description, choices }) => description !== "" || choices.length > 0)
    .map(({ name, description, choices }) => [`\`${name}\``, withMore(description, choices, [])]);
  return [
    `## ${path}\n`,
    `\`\`\`\n${path} ${node.usage}\n\`\`\`\n`,
    `${node.description}${node.aliases.length === 0 ? "" : ` Also called \`${node.aliases.join("`, `")}\`.`}\n`,
    ...(argumentRows.length === 0 ? [] : [table(["argument", ""], argumentRows)]),
    ...(own.length === 0
      ? []
      : [
          table(
            ["option", ""],
            own.map((option) => [`\`${option.flags}\``, optionText(option)]),
          ),
        ]),
  ];
}

const optionText = ({ description, choices, fallback, env }: OptionNode): string =>
  withMore(description, choices, [
    ...(env === undefined ? [] : [`\`$${env}\``]),
    ...(fallback === undefined ? [] : [`${env === undefined ? "default" : "else"} \`${fallback}\``]),
  ]);

function withMore(description: string, choices: readonly string[], more: readonly string[]): string {
  const parts = [...(choices.length === 0 ? [] : [choices.map((choice) => `\`${choice}\``).join(", ")]), ...more];
  return [description.replaceAll("<", "&lt;"), ...(parts.length === 0 ? [] : [`(${parts.join("; ")})`])]
    .join(" ")
    .trim();
}
