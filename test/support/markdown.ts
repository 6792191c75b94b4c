// What the documents hold that can be checked: links, headings, and commands in fenced blocks.

import type { CommandNode } from "../../src/cli/describe/tree.ts";

interface MarkdownLink {
  /** Relative to the page; empty for a place on the same one. */
  readonly path: string;
  /** Without the number sign; empty for the page as a whole. */
  readonly anchor: string;
}

/** Links within the repository. */
export const linksOf = (markdown: string): MarkdownLink[] =>
  [...withoutBlocks(markdown).matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].map(
    ([, path = "", anchor = ""]) => ({ path, anchor }),
  );

/** Of the headings, as GitHub makes them. */
export function anchorsOf(markdown: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of withoutBlocks(markdown).matchAll(/^#{1,6} (.*)$/gm)) {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const anchor = text
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replace(/\s/g, "-");
    let free = anchor;
    for (let count = 1; anchors.has(free); count += 1) free = `${anchor}-${count}`;
    anchors.add(free);
  }
  return anchors;
}

export interface Block {
  /** Behind the opening fence: `sh`, `yaml title`. */
  readonly info: string;
  readonly text: string;
  /** Of the first line inside, from 1. */
  readonly line: number;
}

/** Fenced blocks, in their order. */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: { info: string; lines: string[]; line: number } | undefined;
  for (const [index, line] of markdown.split("\n").entries()) {
    const fence = /^ *```(.*)$/.exec(line);
    if (fence === null) open?.lines.push(line);
    else if (open === undefined) open = { info: (fence[1] ?? "").trim(), lines: [], line: index + 2 };
    else {
      blocks.push({ info: open.info, text: open.lines.join("\n"), line: open.line });
      open = undefined;
    }
  }
  return blocks;
}

/** Commands of the blocks for a shell, as words: without comments, and what only stands before a command. */
export function commandsOf(markdown: string): string[][] {
  return blocksOf(markdown).flatMap(({ info, text }) => {
    const lines = text.replaceAll(/\\\n\s*/g, " ").split("\n");
    // Others than those for a shell show commands with a prompt before them.
    const isShell = /^(?:sh|console|bash)\b/.test(info);
    return lines
      .filter((line) => isShell || line.startsWith("$ "))
      .flatMap((line) =>
        line
          .replace(/^\s*\$ /, "")
          .replace(/(^|\s)#.*$/, "")
          .split(/\s(?:\||\|\||&&|;)\s|\$\(/),
      )
      .map(wordsOf)
      .filter((words) => words.length > 0);
  });
}

/** Without variables before it, and programs that run another one. */
function wordsOf(command: string): string[] {
  const words = command
    .replace(/[[\]()]/g, " ")
    .split(/\s+/)
    .filter((word) => word !== "");
  const isPrefix = (word: string): boolean => /^(?:[A-Z_]+=.*|sudo|npx|exec|time|while|if|!|then|do)$/.test(word);
  let rest = words;
  for (let [first] = rest; first !== undefined && isPrefix(first); [first] = rest) {
    rest = rest.slice(first === "sudo" && rest[1] === "-u" ? 3 : 1);
  }
  return rest;
}

export const isPetiole = ([program = "", next = ""]: readonly string[]): boolean =>
  /^(?:\.?\.?\/?(?:\S*\/)?)petiole$/.test(program) && /^(?:[a-z]|--)/.test(next);

/** What is wrong with a command of petiole: names and options that its command line does not have. */
export function faultsOf(root: CommandNode, words: readonly string[]): string[] {
  const known = [...root.options];
  let node = root;
  let rest = words.slice(1);
  for (;;) {
    const [name] = rest;
    const next = node.commands.find((child) => child.name === name || child.aliases.includes(name ?? ""));
    if (next === undefined) break;
    node = next;
    known.push(...next.options);
    rest = rest.slice(1);
  }
  const isGroup = node.commands.length > 0 && node.arguments.length === 0;
  const [first = ""] = rest;
  const command = words.join(" ");
  if (isGroup && first !== "" && /^[a-z]/.test(first)) return [`"${command}": there is no "${node.name} ${first}"`];
  const options = rest.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.replace(/=.*$/, ""));
  return options
    .filter((option) => !known.some(({ names }) => names.includes(option)))
    .map((option) => `"${command}": there is no ${option}`);
}

const withoutBlocks = (markdown: string): string => markdown.replace(/^ *```[\s\S]*?^ *```/gm, "");
