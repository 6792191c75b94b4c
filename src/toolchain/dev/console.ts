// The terminal of `petiole dev`: events above, a prompt below.

import { createInterface, type Interface } from "node:readline";
import type { DevEvent, Emit } from "./events.ts";
import { createThinOut } from "./thin-out.ts";
import { createView, safeText } from "./view.ts";

export interface ConsoleOptions {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
  readonly json: boolean;
  readonly verbose: boolean;
  readonly colours: boolean;
}

export interface Console extends Disposable {
  readonly emit: Emit;
  /** Of a command that was typed. */
  answer(text: string): void;
  /** Hands over what is typed, line by line. */
  prompt(onLine: (line: string) => void, onEnd: () => void): void;
}

const PROMPT = "> ";
const MOST_UNREAD = 1024 * 1024;

export function createConsole({ input, output, json, verbose, colours }: ConsoleOptions): Console {
  const view = createView({ colours, verbose });
  const thinOut = createThinOut(() => performance.now());
  let prompt: Interface | undefined;
  let dropped = 0;
  /** Whoever reads more slowly than things happen misses some: memory does not pay for it. */
  const hasRoom = (): boolean => {
    if (output.writableLength > MOST_UNREAD) {
      dropped += 1;
      return false;
    }
    if (dropped > 0) {
      const note: DevEvent = { kind: "note", text: `${dropped} lines were left out` };
      dropped = 0;
      show(note);
    }
    return true;
  };
  const show = (event: DevEvent): void => {
    if (json) output.write(`${JSON.stringify(event, plain)}\n`);
    else {
      const { isShown, left } = thinOut(event);
      if (left > 0) print(`  … ${left} more like the next one`);
      if (isShown) for (const line of view(event)) print(line);
    }
  };
  const print = (text: string): void => {
    if (prompt === undefined || !prompt.terminal) {
      output.write(`${text}\n`);
      return;
    }
    // Over the prompt, which comes again below with what is typed so far.
    output.write(`\r\u001b[K${text}\n`);
    prompt.prompt(true);
  };
  return {
    emit: (event) => {
      if (hasRoom()) show(event);
    },
    answer: (text) => {
      if (json) output.write(`${JSON.stringify({ kind: "answer", text })}\n`);
      else print(safeText(text));
    },
    prompt(onLine, onEnd) {
      const terminal = !json && input.isTTY && output.isTTY;
      const made = createInterface({ input, ...(terminal && { output }), terminal, prompt: PROMPT });
      prompt = made;
      made.on("line", (line) => {
        onLine(line);
        if (terminal) made.prompt();
      });
      made.on("SIGINT", onEnd);
      // At the end of a terminal's input, Ctrl-D, nobody types any more; a script may be done and the rest go on.
      made.on("close", () => {
        if (terminal && prompt !== undefined) onEnd();
      });
      if (terminal) made.prompt();
    },
    [Symbol.dispose]() {
      const closing = prompt;
      prompt = undefined;
      closing?.close();
      input.unref?.();
    },
  };
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  return value instanceof Error ? value.message : value;
}
