// The steps of a tutorial, as a document has them: what its reader types, sees and writes.
//
//   ```sh                 commands, one after another in one terminal
//   ```sh background      a command that goes on, in a second terminal
//   ```text               what the block of commands before it prints; … stands for anything
//   ```text background    what the command in the second terminal prints next
//   ```ts src/index.ts    the content of a file
//   <!-- tutorial: stop -->       Ctrl-C in the second terminal
//   <!-- tutorial: running -->    from here on the reader has something that runs
//   <!-- tutorial: skip -->       the next block is for reading only

export type Step =
  | { readonly kind: "run"; readonly at: string; readonly command: string; readonly output: string | undefined }
  | { readonly kind: "start"; readonly at: string; readonly command: string; readonly output: string | undefined }
  | { readonly kind: "watch"; readonly at: string; readonly output: string }
  | { readonly kind: "write"; readonly at: string; readonly file: string; readonly text: string }
  | { readonly kind: "stop"; readonly at: string }
  | { readonly kind: "running"; readonly at: string };

export interface Chapter {
  readonly title: string;
  readonly steps: readonly Step[];
}

interface Block {
  readonly info: string;
  readonly text: string;
}

/** @throws Error for a block that is no step */
export function readTutorial(markdown: string, name: string): Chapter[] {
  const chapters: { title: string; steps: Step[] }[] = [];
  let skip = false;
  for (const { at, item } of itemsOf(markdown, name)) {
    if (item.kind === "heading") {
      chapters.push({ title: item.text, steps: [] });
      continue;
    }
    const steps = chapters.at(-1)?.steps;
    if (steps === undefined) throw new Error(`${at}: a step before the first heading`);
    if (item.kind === "comment") {
      if (item.text === "skip") skip = true;
      else if (item.text === "stop" || item.text === "running") steps.push({ kind: item.text, at });
      else throw new Error(`${at}: there is no "tutorial: ${item.text}"`);
    } else if (skip) skip = false;
    else addBlock(steps, item, at);
  }
  return chapters.filter(({ steps }) => steps.length > 0);
}

function addBlock(steps: Step[], { info, text }: Block, at: string): void {
  const [language = "", ...rest] = info.split(" ");
  const argument = rest.join(" ");
  const last = steps.at(-1);
  if (language === "sh" && argument === "") steps.push({ kind: "run", at, command: text, output: undefined });
  else if (language === "sh" && argument === "background")
    steps.push({ kind: "start", at, command: text, output: undefined });
  else if (language === "text" && argument === "background") steps.push({ kind: "watch", at, output: text });
  else if (language === "text" && (last?.kind === "run" || last?.kind === "start") && last.output === undefined)
    steps[steps.length - 1] = { ...last, output: text };
  else if (/^[a-z]+$/.test(language) && /^\S+$/.test(argument))
    steps.push({ kind: "write", at, file: argument, text: `${text}\n` });
  else throw new Error(`${at}: a block "${info}" is no step; <!-- tutorial: skip --> leaves it out`);
}

type Item =
  | { readonly kind: "heading"; readonly text: string }
  | { readonly kind: "comment"; readonly text: string }
  | { readonly kind: "block"; readonly info: string; readonly text: string };

function* itemsOf(markdown: string, name: string): Generator<{ readonly at: string; readonly item: Item }> {
  let open: { info: string; lines: string[]; at: string } | undefined;
  for (const [index, line] of markdown.split("\n").entries()) {
    const at = `${name}:${index + 1}`;
    const fence = /^```(.*)$/.exec(line)?.[1];
    if (open !== undefined) {
      if (fence === undefined) open.lines.push(line);
      else {
        yield { at: open.at, item: { kind: "block", info: open.info, text: open.lines.join("\n") } };
        open = undefined;
      }
      continue;
    }
    if (fence !== undefined) open = { info: fence.trim(), lines: [], at };
    const heading = /^#+ (.*)$/.exec(line)?.[1];
    if (heading !== undefined) yield { at, item: { kind: "heading", text: heading } };
    const comment = /^<!-- tutorial: (.*) -->$/.exec(line)?.[1];
    if (comment !== undefined) yield { at, item: { kind: "comment", text: comment } };
  }
  if (open !== undefined) throw new Error(`${open.at}: a block without an end`);
}
