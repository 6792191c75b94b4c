import { mkdir, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Chapter, Step } from "./document.ts";
import { difference, foundIn, linesOf } from "./output.ts";
import type { Running, Terminal } from "./terminal.ts";

export interface FollowDeps {
  readonly terminal: Terminal;
  /** What is written differently here, such as ports that others use. */
  readonly rewrite: (text: string) => string;
  readonly say: (line: string) => void;
  /** For what the second terminal is to print. */
  readonly patience: number;
}

export interface Followed {
  readonly chapters: readonly { readonly title: string; readonly seconds: number }[];
  readonly total: number;
  /** From the first command until something runs; undefined when the document does not say where that is. */
  readonly running: number | undefined;
}

/** Does what the chapters tell their reader. @throws Error at the first step that goes otherwise than shown */
export async function followTutorial(chapters: readonly Chapter[], deps: FollowDeps): Promise<Followed> {
  const { say } = deps;
  const begin = performance.now();
  const since = (from: number): number => (performance.now() - from) / 1000;
  const times: { title: string; seconds: number }[] = [];
  let running: number | undefined;
  await using second = createSecondTerminal(deps);
  for (const { title, steps } of chapters) {
    const from = performance.now();
    say(`\n${title}`);
    for (const step of steps) {
      const start = performance.now();
      if (step.kind === "running") running = since(begin);
      else await followStep(step, deps, second);
      say(`  ${since(start).toFixed(1).padStart(6)} s  ${nameOf(step)}`);
    }
    times.push({ title, seconds: since(from) });
  }
  return { chapters: times, total: since(begin), running };
}

interface SecondTerminal extends AsyncDisposable {
  start(command: string): void;
  /** Waits until the command there has printed this, after what was waited for before. */
  watch(shown: string, at: string): Promise<void>;
  stop(): Promise<void>;
}

async function followStep(step: Exclude<Step, { kind: "running" }>, deps: FollowDeps, second: SecondTerminal) {
  const { terminal, rewrite } = deps;
  switch (step.kind) {
    case "run": {
      const { code, output } = await terminal.run(rewrite(step.command));
      if (code !== 0) throw new Error(`${step.at}: ended with ${code}:\n${output}`);
      const fault = step.output === undefined ? undefined : difference(output, rewrite(step.output));
      if (fault !== undefined) throw new Error(`${step.at}: ${fault}`);
      return;
    }
    case "write": {
      const file = resolve(terminal.cwd(), step.file);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, rewrite(step.text));
      return;
    }
    case "start":
      second.start(rewrite(step.command));
      if (step.output !== undefined) await second.watch(rewrite(step.output), step.at);
      return;
    case "watch":
      await second.watch(rewrite(step.output), step.at);
      return;
    case "stop":
      await second.stop();
      return;
  }
}

function createSecondTerminal({ terminal, patience }: FollowDeps): SecondTerminal {
  let running: Running | undefined;
  let seen = 0;

  const stop = async (): Promise<void> => {
    await running?.[Symbol.asyncDispose]();
    running = undefined;
    seen = 0;
  };

  return {
    start(command) {
      if (running !== undefined) throw new Error("Cannot start a second command there: the first one goes on");
      running = terminal.start(command);
    },
    async watch(shown, at) {
      const late = performance.now() + patience;
      for (;;) {
        const output = running?.output() ?? "";
        const found = foundIn(output.slice(seen), shown);
        if (found !== undefined) {
          seen += found;
          return;
        }
        const ended = running === undefined || running.code() !== undefined;
        if (ended || performance.now() > late) {
          const printed = linesOf(output.slice(seen)).join("\n    ");
          throw new Error(`${at}: ${ended ? "it ended" : "it went on"} without\n    ${shown}\n  after\n    ${printed}`);
        }
        await sleep(50);
      }
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function nameOf(step: Step): string {
  if (step.kind === "run") return step.command.split("\n").join("; ");
  if (step.kind === "start") return `${step.command} (goes on)`;
  if (step.kind === "write") return `writes ${step.file}`;
  return { watch: "… and it prints what is shown", stop: "Ctrl-C", running: "── something runs" }[step.kind];
}
