// A way to run the suite of test/conformance/serial on a terminal.

import { createSerialProvider } from "../../providers/serial/index.ts";
import type { SerialRig } from "../conformance/serial/suite.ts";
import { startProvider } from "./provider-rig.ts";
import { createSocket, openPty, type Pty } from "./pty.ts";

export async function startOnPty(options: object = {}): Promise<SerialRig> {
  const socket = createSocket();
  let pty: Pty = openPty();
  socket.plug(pty);
  const rig = await startProvider(createSerialProvider, {
    ports: {
      boiler: {
        path: socket.path,
        framing: { max_length: 32 },
        write_buffer: "1KiB",
        reopen: { initial: "2ms", max: "10ms" },
        ...options,
      },
    },
  });
  return {
    provider: rig.provider,
    write: (bytes) => pty.write(bytes),
    read: async (length) => await pty.read(length),
    stall: (stalled) => pty.stall(stalled),
    plug: () => {
      pty = openPty();
      socket.plug(pty);
    },
    unplug: async () => {
      socket.remove();
      await pty.unplug();
    },
    async [Symbol.asyncDispose]() {
      await rig[Symbol.asyncDispose]();
      await pty.unplug();
      socket[Symbol.dispose]();
    },
  };
}
