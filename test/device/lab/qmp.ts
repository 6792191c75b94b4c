// QEMU's machine protocol, as far as the lab uses it: <https://www.qemu.org/docs/master/interop/qmp-spec.html>

import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";

/** Sends one command over a connection of its own. @throws Error with QEMU's answer when it refuses */
export async function askQemu(path: string, execute: string, args: object = {}): Promise<void> {
  const socket = connect(path);
  await once(socket, "connect");
  try {
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    const answer = async (): Promise<void> => {
      for (;;) {
        const { value, done } = await lines.next();
        if (done === true) throw new Error(`QEMU ended before it answered ${execute}`);
        const message = JSON.parse(value) as { readonly return?: unknown; readonly error?: unknown };
        if (message.error !== undefined) throw new Error(`QEMU refused ${execute}: ${value}`);
        if (message.return !== undefined) return;
      }
    };
    socket.write('{"execute":"qmp_capabilities"}\n');
    await answer();
    socket.write(`${JSON.stringify({ execute, arguments: args })}\n`);
    await answer();
  } finally {
    socket.destroy();
  }
}
