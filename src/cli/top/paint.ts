// Bytes for a terminal, of what changed on its screen: a serial line of 9600 baud takes two seconds for a whole one.

const CSI = "\u001b[";

/** Another screen than that of the shell, without a cursor. */
export const ENTER = `${CSI}?1049h${CSI}?25l`;

/** Back to the shell; below what is shown where the terminal has one screen only. */
export const leave = (rows: number): string => `${CSI}${rows};1H\r\n${CSI}?25h${CSI}?1049l`;

/** Makes the screen show `after`, which showed `before`; `undefined`: nobody knows what it shows. */
export function paint(before: readonly string[] | undefined, after: readonly string[]): string {
  const cleared = before === undefined ? `${CSI}2J` : "";
  const known = before ?? [];
  const count = Math.max(known.length, after.length);
  const parts: string[] = [];
  for (let row = 0; row < count; row += 1) {
    const [old, line] = [known[row] ?? "", after[row] ?? ""];
    if (old === line) continue;
    // What a line begins with often stays.
    const same = commonStart(old, line);
    const rest = line.slice(same);
    const end = line.length < old.length ? `${CSI}K` : "";
    parts.push(`${CSI}${row + 1};${same + 1}H${rest}${end}`);
  }
  return cleared + parts.join("");
}

/** Of lines where a character may take other than one column, nothing. */
function commonStart(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at] && a.charCodeAt(at) < 0x7f) at += 1;
  return at;
}
