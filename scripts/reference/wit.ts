// The interfaces of wit/ with their comments. What is needed of the language is little: items with comments before them, that end
// with a semicolon, a comma or a block.

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { head } from "./markdown.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

interface Item {
  /** Without the comment, the attributes, and what is in its block: `record reading`, `read: func(name: string)`. */
  readonly text: string;
  readonly doc: string;
  /** Undefined when it has no block. */
  readonly items: readonly Item[] | undefined;
}

export function witPage(): string {
  const files = globSync("wit/*.wit", { cwd: ROOT }).sort();
  return [
    head(
      "WIT interfaces",
      "`wit/*.wit`",
      "Interfaces of petiole's own, with functions and types. Those of WASI and wasmCloud that petiole serves are listed in\n[wit/README.md](../../wit/README.md); [capabilities.md](../capabilities.md) says which provider serves or calls what.",
    ),
    ...files.flatMap((file) => packageSection(readFileSync(join(ROOT, file), "utf8"), file)),
  ].join("\n");
}

function packageSection(source: string, file: string): string[] {
  const items = parseWit(source, file);
  const name = items.find(({ text }) => text.startsWith("package "))?.text.slice("package ".length);
  if (name === undefined) throw new Error(`${file}: no package`);
  const id = name.replace(/@.*/, "");
  return [
    `## ${id}\n`,
    `\`${name}\`, in [${file}](../../${file}).\n`,
    ...items.flatMap(({ text, doc, items: inside = [] }) => {
      const [kind, title = ""] = text.split(" ");
      if (kind === "interface") return [`### ${id}/${title}\n`, ...paragraph(doc), ...inside.flatMap(member)];
      // A world is a list of interfaces, as an example of what a component may have.
      return kind === "world"
        ? [`World \`${title}\`: ${inside.map((item) => `\`${item.text}\``).join(", ")}.\n`, ...paragraph(doc)]
        : [];
    }),
  ];
}

/** A function or a type of an interface. */
function member({ text, doc, items }: Item): string[] {
  if (text.startsWith("use ")) return [];
  const inside =
    items === undefined ? [] : items.map(({ text, doc }) => `  - \`${text}\`${doc === "" ? "" : `: ${doc}`}`);
  return [[`- \`${text}\`${doc === "" ? "" : `: ${doc}`}`, ...inside].join("\n"), ""];
}

const paragraph = (text: string): string[] => (text === "" ? [] : [`${text}\n`]);

/** @throws Error where the text is not as expected */
export function parseWit(source: string, file: string): Item[] {
  const tokens = [...source.matchAll(/\/\/\/([^\n]*)|\/\/[^\n]*|@[a-z]+\([^)]*\)|[{};,]|[^{};,\s]+|\s+/g)];
  let position = 0;

  function block(isOuter: boolean): Item[] {
    const items: Item[] = [];
    let doc: string[] = [];
    let text = "";
    // Commas within parentheses, angle brackets or the braces of a `use` are no ends.
    let depth = 0;
    const finish = (inside?: readonly Item[]): void => {
      if (text.trim() !== "")
        items.push({ text: text.replaceAll(/\s+/g, " ").trim(), doc: doc.join(" "), items: inside });
      doc = [];
      text = "";
    };
    for (let token = tokens[position]; token !== undefined; token = tokens[position]) {
      position += 1;
      const [whole, comment] = token;
      if (comment !== undefined) doc.push(comment.trim());
      else if (whole.startsWith("//") || (whole.startsWith("@") && text.trim() === "")) continue;
      else if (whole === "{" && !text.trimEnd().endsWith(".")) finish(block(false));
      else if (whole === "}" && depth === 0) {
        finish();
        if (isOuter) throw new Error(`${file}: "}" where nothing is open`);
        return items;
      } else if ((whole === ";" || whole === ",") && depth === 0) finish();
      else {
        text += whole;
        depth += count(whole, /[(<{]/g) - count(whole.replaceAll("->", ""), /[)>}]/g);
      }
    }
    if (!isOuter) throw new Error(`${file}: a block has no end`);
    return items;
  }
  return block(true);
}

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;
