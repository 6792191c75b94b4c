/** How far something is, on standard error: one line that is written over on a terminal, a line now and then elsewhere. */
export interface Progress extends Disposable {
  show(text: string): void;
}

const PAUSE_MS = 2000;

/** `quiet` shows nothing, for programs. */
export function createProgress(quiet: boolean): Progress {
  const { stderr } = process;
  let shown = "";
  let last = -Infinity;
  return {
    show(text) {
      if (quiet || text === shown) return;
      if (stderr.isTTY) stderr.write(`\r\u001b[K${text}`);
      else if (performance.now() - last < PAUSE_MS) return;
      else stderr.write(`${text}\n`);
      shown = text;
      last = performance.now();
    },
    [Symbol.dispose]: () => {
      if (shown !== "" && stderr.isTTY) stderr.write("\r\u001b[K");
    },
  };
}
