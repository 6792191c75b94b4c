import { once } from "node:events";
import { askAgent } from "../../adapters/control/client.ts";
import { isPetioleError } from "../../domain/errors.ts";
import type { Millis } from "../../domain/units.ts";
import { systemClock } from "../../lib/clock.ts";
import { socketOf, type AgentOptions } from "../agent-socket.ts";
import { ENTER, leave, paint } from "./paint.ts";
import { renderTop, type Size } from "./render.ts";
import { viewOf, type Look } from "../../ui/agent-view.ts";

export interface TopOptions extends AgentOptions {
  readonly interval: Millis;
  readonly once?: true;
}

/** Where the terminal does not say how large it is, as on a serial line. */
const USUAL = { columns: 80, rows: 24 };
/** `q`, `Q`, Ctrl-C and Ctrl-D. */
const QUIT: ReadonlySet<number> = new Set([0x71, 0x51, 0x03, 0x04]);

/** `petiole top`: a live screen on a terminal; elsewhere, and with `--once`, what it shows now. */
export async function top(options: TopOptions): Promise<void> {
  const socket = await socketOf(options);
  const look = async (): Promise<Look> => {
    const [status, metrics] = await Promise.all([askAgent(socket, "status"), askAgent(socket, "metrics")]);
    return { at: systemClock.monotonic() / 1000, status, metrics };
  };
  const first = await look();
  const isTerminal = process.stdout.isTTY && process.env["TERM"] !== "dumb";
  if (options.once === true || (options.json !== true && !isTerminal)) {
    const view = viewOf(first);
    const text =
      options.json === true ? JSON.stringify(view) : renderTop(view, { columns: 512, rows: undefined }).join("\n");
    process.stdout.write(`${text}\n`);
    return;
  }
  const stop = new AbortController();
  using _signals = untilSignal(stop);
  if (options.json === true) await printViews(first, look, options.interval, stop.signal);
  else await showViews(first, look, options.interval, stop);
}

/** Ends at a signal, and when nobody reads any more. */
function untilSignal(stop: AbortController): Disposable {
  const end = (): void => stop.abort();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.once(signal, end);
  process.stdout.on("error", end);
  return {
    [Symbol.dispose]: () => {
      for (const signal of signals) process.off(signal, end);
    },
  };
}

async function printViews(
  first: Look,
  look: () => Promise<Look>,
  interval: Millis,
  signal: AbortSignal,
): Promise<void> {
  let before: Look | undefined;
  for (let now = first; ;) {
    const isTaken = process.stdout.write(`${JSON.stringify(viewOf(now, before))}\n`);
    if (!isTaken) await once(process.stdout, "drain", { signal }).catch(() => {});
    await pause(interval, signal);
    if (signal.aborted) return;
    [before, now] = [now, await look()];
  }
}

async function showViews(
  first: Look,
  look: () => Promise<Look>,
  interval: Millis,
  stop: AbortController,
): Promise<void> {
  using keys = readKeys(stop);
  let shown: string[] | undefined;
  let lines = (size: Size): string[] => renderTop(viewOf(first), size);
  const draw = (): void => {
    const size = sizeOf(process.stdout);
    // The last row is for what to press; a character in its last column would scroll the screen.
    const room = { columns: size.columns - 1, rows: size.rows - 1 };
    const body = lines(room);
    const blank = Array.from({ length: Math.max(0, room.rows - body.length) }, () => "");
    const next = [...body, ...blank, keys.hint.slice(0, room.columns)];
    process.stdout.write(paint(shown, next));
    shown = next;
  };
  const redraw = (): void => {
    shown = undefined;
    draw();
  };
  process.stdout.write(ENTER);
  process.stdout.on("resize", redraw);
  try {
    let before: Look | undefined;
    for (let now = first; ;) {
      const view = viewOf(now, before);
      lines = (size) => renderTop(view, size);
      draw();
      await pause(interval, stop.signal);
      if (stop.signal.aborted) return;
      const next = await look().catch((error: unknown) => {
        // It may be starting again: what is shown stays, with the reason why it does not change.
        const reason = isPetioleError(error) ? error.message : String(error);
        lines = (size) => [reason.slice(0, size.columns), ...renderTop(view, size)].slice(0, size.rows);
        draw();
      });
      if (next !== undefined) [before, now] = [now, next];
    }
  } finally {
    process.stdout.off("resize", redraw);
    process.stdout.write(leave(sizeOf(process.stdout).rows));
  }
}

function sizeOf({ columns, rows }: { readonly columns?: number; readonly rows?: number }): typeof USUAL {
  const or = (told: number | undefined, usual: number): number => (told === undefined || told < 1 ? usual : told);
  return { columns: or(columns, USUAL.columns), rows: or(rows, USUAL.rows) };
}

/** `q` ends it. Where no key can be read, a signal does. */
function readKeys(stop: AbortController): Disposable & { readonly hint: string } {
  const { stdin } = process;
  if (!stdin.isTTY) return { hint: "Ctrl-C quits", [Symbol.dispose]: () => {} };
  const onData = (data: Buffer): void => {
    // Ctrl-C and Ctrl-D are keys like any other in this mode.
    if (data.some((byte) => QUIT.has(byte))) stop.abort();
  };
  stdin.setRawMode(true);
  stdin.on("data", onData);
  return {
    hint: "q quits",
    [Symbol.dispose]: () => {
      stdin.off("data", onData);
      stdin.setRawMode(false);
      stdin.pause();
    },
  };
}

/** Unlike the clock's own, it keeps the process alive. */
async function pause(duration: Millis, signal: AbortSignal): Promise<void> {
  const alive = setInterval(() => {}, 1 << 30);
  try {
    await systemClock.sleep(duration, signal);
  } catch {
    // The signal is looked at by whoever waits.
  } finally {
    clearInterval(alive);
  }
}
