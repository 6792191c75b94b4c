import type { Argument, Command, Option } from "commander";

/** What manual pages and shell completions are made of: the command line as plain data. */
export interface CommandNode {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly description: string;
  /** Without the names before it, such as `[options] <file>`. */
  readonly usage: string;
  readonly arguments: readonly ArgumentNode[];
  readonly options: readonly OptionNode[];
  readonly commands: readonly CommandNode[];
}

export interface ArgumentNode {
  readonly name: string;
  readonly description: string;
  readonly choices: readonly string[];
  readonly isFile: boolean;
}

export interface OptionNode {
  /** As the help shows it: `-o, --out <file>`. */
  readonly flags: string;
  /** `-o` and `--out`. */
  readonly names: readonly string[];
  readonly description: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
  readonly isFile: boolean;
  readonly fallback: string | undefined;
  readonly env: string | undefined;
}

/** A command with the names that lead to it: `petiole outbox ledger`. */
export interface PlacedCommand {
  readonly path: string;
  readonly node: CommandNode;
}

const FILE_WORDS = /^(file|path|folder|manifest|port)$/;

export function describeCommand(command: Command): CommandNode {
  const help = command.createHelp();
  return {
    name: command.name(),
    aliases: command.aliases(),
    description: command.description(),
    usage: command.usage(),
    arguments: command.registeredArguments.map(describeArgument),
    options: help.visibleOptions(command).map(describeOption),
    commands: help
      .visibleCommands(command)
      .filter((child) => child.name() !== "help")
      .map(describeCommand),
  };
}

/** The command and everything below it, each before what is below it. */
export function flatten(node: CommandNode, before = ""): PlacedCommand[] {
  const path = before === "" ? node.name : `${before} ${node.name}`;
  return [{ path, node }, ...node.commands.flatMap((child) => flatten(child, path))];
}

function describeArgument(argument: Argument): ArgumentNode {
  const name = argument.name();
  const choices = argument.argChoices ?? [];
  return {
    name,
    description: argument.description,
    choices,
    isFile: choices.length === 0 && (FILE_WORDS.test(name) || argument.description.includes(".wasm)")),
  };
}

function describeOption(option: Option): OptionNode {
  const choices = option.argChoices ?? [];
  const value = /[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1];
  const fallback: unknown = option.defaultValueDescription ?? option.defaultValue;
  return {
    flags: option.flags,
    names: [option.short, option.long].filter((name) => name !== undefined),
    description: option.description,
    takesValue: value !== undefined,
    choices,
    isFile: value !== undefined && choices.length === 0 && FILE_WORDS.test(value),
    fallback: typeof fallback === "string" || typeof fallback === "number" ? String(fallback) : undefined,
    env: option.envVar,
  };
}
