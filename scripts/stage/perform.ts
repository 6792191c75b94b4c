// What every show has around it: Ctrl-C, a folder for its files, a word about what went wrong, and an end that leaves
// nothing behind.

import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reasonOf } from "../../src/lib/reason.ts";
import { lastLines } from "./agent.ts";
import { createScreen, type Screen } from "./screen.ts";

const LOG_LINES = 15;
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** Functions here may be taken out of it. */
export interface Stage {
  readonly screen: Screen;
  /** An empty folder for all files. Removed at the end, unless something failed. */
  readonly folder: string;
  /** Aborted by Ctrl-C, and by what the show cannot go on without. */
  readonly signal: AbortSignal;
  /** Hands over what is to be disposed at the end, the last first. */
  readonly own: <T extends AsyncDisposable | Disposable>(one: T) => T;
  /** Ends the show with this reason. */
  readonly fail: (reason: unknown) => void;
  /** Tells of a log whose end is shown when the show fails. */
  readonly log: (name: string, file: string) => void;
}

export interface Ending {
  readonly ok: boolean;
  /** Shown with `--keep`: what runs, and how to look at it. */
  readonly hints: readonly (readonly [name: string, text: string])[];
}

export interface Show {
  readonly name: string;
  /** Leave everything running at the end, until Ctrl-C. */
  readonly keep: boolean;
  readonly play: (stage: Stage) => Promise<Ending>;
}

/** Performs a show on standard output and gives the exit code for it. */
export async function perform(show: Show): Promise<number> {
  const end = new AbortController();
  // npm passes Ctrl-C on a second time: any further one is taken for the same.
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => end.abort(new Interrupted(`Ended by ${name}`)));
  }
  // Whoever reads the output may go away first, as `head` does; then the rest is for nobody, but cleaned up.
  process.stdout.on("error", (cause) => end.abort(new Interrupted("Nobody reads the output", { cause })));
  const screen = createScreen(process.stdout);
  const folder = await mkdtemp(join(tmpdir(), `petiole-${show.name}-`));
  const logs: (readonly [name: string, file: string])[] = [];
  try {
    const ok = await playAndDispose(show, {
      screen,
      folder,
      signal: end.signal,
      fail: (reason) => end.abort(reason),
      log: (name, file) => void logs.push([name, file]),
    });
    if (!ok) await explain(logs);
    else await rm(folder, { recursive: true, force: true });
    return ok ? EXIT.ok : EXIT.failed;
  } catch (error) {
    // Whatever failed then failed because of it.
    if (end.signal.reason instanceof Interrupted) {
      screen.note(reasonOf(end.signal.reason));
      await rm(folder, { recursive: true, force: true });
      return EXIT.interrupted;
    }
    screen.verdict(false, reasonOf(end.signal.aborted ? end.signal.reason : error));
    await explain(logs);
    return EXIT.failed;
  }
}

async function playAndDispose(show: Show, stage: Omit<Stage, "own">): Promise<boolean> {
  await using stack = new AsyncDisposableStack();
  const { ok, hints } = await show.play({ ...stage, own: (one) => stack.use(one) });
  if (show.keep) await keep(hints, stage);
  return ok;
}

/** Keeps everything running until Ctrl-C, which is then a regular end. */
async function keep(hints: Ending["hints"], { screen, signal }: Omit<Stage, "own">): Promise<void> {
  screen.heading("Everything keeps running until Ctrl-C");
  const width = Math.max(...hints.map(([name]) => name.length)) + 1;
  for (const [name, text] of hints) screen.note(`${`${name}:`.padEnd(width)} ${text}`);
  // Nothing else need keep the process alive.
  const alive = setInterval(() => {}, 60_000);
  if (!signal.aborted) await once(signal, "abort");
  clearInterval(alive);
  if (!(signal.reason instanceof Interrupted)) throw signal.reason;
}

async function explain(logs: readonly (readonly [name: string, file: string])[]): Promise<void> {
  for (const [name, file] of logs) {
    const lines = await lastLines(file, LOG_LINES);
    console.error(`\n${name}'s log is ${file}; it ends with:\n${lines.map((line) => `  ${line}`).join("\n")}`);
  }
}
