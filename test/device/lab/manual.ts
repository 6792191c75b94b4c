// The commands of the manual: what the blocks of shell in a document tell its reader to type.

import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface ManualCommand {
  /** `install.md:22`. */
  readonly at: string;
  /** As it is written, comments included, and lines that go on put together. */
  readonly text: string;
}

/** The commands of a document's blocks of `sh`, in order. A block that begins with a prompt shows output as well and has none. */
export function commandsOf(name: string, markdown: string): ManualCommand[] {
  const commands: ManualCommand[] = [];
  let inside = false;
  let begun: ManualCommand | undefined;
  for (const [index, line] of markdown.split("\n").entries()) {
    if (line.startsWith("```")) {
      inside = !inside && line === "```sh";
      continue;
    }
    if (!inside || line.trim() === "") continue;
    const { at, text } = begun ?? { at: `${name}:${index + 1}`, text: "" };
    const goesOn = line.endsWith("\\");
    const whole = { at, text: `${text}${goesOn ? `${line.slice(0, -1).trim()} ` : line.trim()}` };
    begun = goesOn ? whole : undefined;
    if (!goesOn) commands.push(whole);
  }
  return commands;
}

export interface Manual {
  /** The command of this document that begins so, once; what is not taken is left. @throws Error when there is none */
  take(document: string, beginning: string): ManualCommand;
  /** Says why a command is not run here. */
  leaveOut(document: string, beginning: string): void;
  readonly left: () => readonly ManualCommand[];
}

/** @param documents of the folder docs, without `.md` */
export function openManual(root: string, documents: readonly string[]): Manual {
  const commands = documents.flatMap((name) =>
    commandsOf(`${name}.md`, readFileSync(join(root, "docs", `${name}.md`), "utf8")),
  );
  const left = new Set(commands);
  const take: Manual["take"] = (document, beginning) => {
    const found = [...left].find(({ at, text }) => at.startsWith(`${document}.md:`) && text.startsWith(beginning));
    if (found === undefined) throw new Error(`docs/${document}.md has no command that begins with "${beginning}"`);
    left.delete(found);
    return found;
  };
  return { take, leaveOut: (document, beginning) => void take(document, beginning), left: () => [...left] };
}
