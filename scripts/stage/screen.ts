// Progress for people: check marks and a live line on a terminal, plain lines in a pipe.

import { styleText } from "node:util";

export interface ScreenOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface Screen {
  heading(text: string): void;
  /** A line of text under the present heading. */
  note(text: string): void;
  /** A command as somebody would type it at `place`; its output follows. */
  command(place: string, text: string): void;
  /** What a command printed. */
  output(text: string): void;
  /** Replaces the live line; in a pipe each one is a line of its own. */
  live(text: string): void;
  /** Says what is being done, then that it is done, with the detail that `work` returns and the time it took. */
  task<T>(title: string, work: () => Promise<T>, detail?: (result: T) => string): Promise<T>;
  verdict(ok: boolean, text: string): void;
}

type Style = Parameters<typeof styleText>[0];

export function createScreen(output: ScreenOutput, now: () => number = () => performance.now()): Screen {
  const interactive = output.isTTY === true;
  const paint = (style: Style, text: string): string =>
    interactive ? styleText(style, text, { validateStream: false }) : text;
  const eraseLive = interactive ? "\r\u001b[2K" : "";
  // Some terminals say 0 when they do not know.
  const columns = output.columns === undefined || output.columns === 0 ? 80 : output.columns;
  const line = (text: string): void => void output.write(`${eraseLive}${text}\n`);

  const live = (text: string): void => {
    if (!interactive) line(`  ${text}`);
    // A line that wraps could not be erased again.
    else output.write(`${eraseLive}${paint("cyan", `  ${text}`.slice(0, columns - 1))}`);
  };

  return {
    heading: (text) => line(`\n${paint("bold", text)}`),
    note: (text) => line(text === "" ? "" : `  ${text}`),
    command: (place, text) => line(`  ${paint("dim", `${place}$`)} ${paint("bold", text)}`),
    output: (text) => {
      for (const one of text.trimEnd().split("\n")) line(`    ${one}`.trimEnd());
    },
    live,
    verdict: (ok, text) => line(`\n${paint(ok ? ["bold", "green"] : ["bold", "red"], `${ok ? "✓" : "✗"} ${text}`)}`),
    async task(title, work, detail) {
      if (interactive) live(`… ${title}`);
      const start = now();
      try {
        const result = await work();
        const said = detail?.(result) ?? "";
        const took = paint("dim", `(${((now() - start) / 1000).toFixed(1)} s)`);
        line(`  ${paint("green", "✓")} ${title}${said === "" ? "" : `: ${said}`} ${took}`);
        return result;
      } catch (error) {
        line(`  ${paint("red", "✗")} ${title}`);
        throw error;
      }
    },
  };
}
