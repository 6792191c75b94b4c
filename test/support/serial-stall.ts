// Run as a process of its own: says whether a byte from a pseudo-terminal is delivered at once ("frame"), or only when
// something else wakes the event loop ("stalled"). With the argument "guarded" the port is guarded.

import { writeSync } from "node:fs";
import { SerialPort } from "serialport";
import { guardBinding } from "../../providers/serial/line/guard.ts";
import { openPty } from "./pty.ts";

const isGuarded = process.argv[2] === "guarded";
// A guarded port is late on a busy machine only; a bare one stalls for as long as it is waited for.
const PATIENCE = isGuarded ? 20_000 : 1000;
// The start of a process and its compilers wake the loop, too: one byte may be lucky.
const ROUNDS = 20;

const pty = openPty();
const port = new SerialPort({ path: pty.path, baudRate: 9600, autoOpen: false });
await new Promise<void>((resolve, reject) => {
  port.open((error) => (error === null ? resolve() : reject(error)));
});
if (isGuarded) guardBinding(port.port);

let received = 0;
let deadline: NodeJS.Timeout | undefined;

const verdict = (text: string): void => {
  writeSync(1, `${text}\n`);
  process.exit(0);
};

port.on("data", () => {
  clearTimeout(deadline);
  received += 1;
  if (received === ROUNDS) verdict("frame");
  else setTimeout(send, 20);
});

function send(): void {
  // Set before the byte is there: this timer is the only thing left to wake the loop.
  deadline = setTimeout(() => verdict("stalled"), PATIENCE);
  pty.write("x");
}
send();
