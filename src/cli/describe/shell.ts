import { flatten, type CommandNode, type OptionNode, type PlacedCommand } from "./tree.ts";

/** What every shell is told of one command. */
export interface Place {
  readonly path: string;
  readonly node: CommandNode;
  /** Names that lead further down, each with the path that it leads to. */
  readonly children: readonly { readonly word: string; readonly path: string; readonly description: string }[];
  readonly takesFiles: boolean;
  readonly choices: readonly string[];
}

export function placesOf(root: CommandNode): Place[] {
  return flatten(root).map(({ path, node }: PlacedCommand) => ({
    path,
    node,
    children: node.commands.flatMap((child) =>
      [child.name, ...child.aliases].map((word) => ({
        word,
        path: `${path} ${child.name}`,
        description: child.description,
      })),
    ),
    takesFiles: node.arguments.some((argument) => argument.isFile),
    choices: node.arguments.flatMap((argument) => argument.choices),
  }));
}

/** Words that may follow a command: commands below it, choices of its arguments, and its options. */
export const wordsOf = ({ node, children, choices }: Place): string[] => [
  ...children.map(({ word }) => word),
  ...choices,
  ...node.options.flatMap(({ names }) => names),
];

export interface OptionValue {
  /** `petiole outbox export --lane` */
  readonly patterns: readonly string[];
  readonly option: OptionNode;
}

export const optionValues = ({ path, node }: Place): OptionValue[] =>
  node.options
    .filter(({ takesValue }) => takesValue)
    .map((option) => ({ option, patterns: option.names.map((name) => `${path} ${name}`) }));

/** In single quotes, as bash and zsh read it. */
export const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
