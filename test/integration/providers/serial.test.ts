// Pins what the serial provider owes to real terminals: prompt delivery, and survival of unplugging without a leak.

import { readdirSync } from "node:fs";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "vitest";
import type { OpenSerialDevice } from "../../../providers/serial/device.ts";
import { createSerialProvider } from "../../../providers/serial/index.ts";
import { openSerialPort } from "../../../providers/serial/serialport.ts";
import { serialSuite, type SerialRig } from "../../conformance/serial/suite.ts";
import { createMailbox } from "../../support/mailbox.ts";
import { bindLink, startProvider } from "../../support/provider-rig.ts";
import { createSocket, openPty, type Pty } from "../../support/pty.ts";

async function startOnPty(): Promise<SerialRig> {
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
      },
    },
  });
  return {
    provider: rig.provider,
    write: (bytes) => pty.write(bytes),
    read: async (length) => await pty.read(length),
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

serialSuite({ name: "a pseudo-terminal", create: startOnPty });

describe("serial port on a pseudo-terminal", () => {
  // In a process of its own: a test runner has timers and channels that would wake the event loop.
  for (const [guarded, outcome] of [
    ["guarded", "frame"],
    ["bare", "stalled"],
  ] as const) {
    test(`a frame arrives without other events in the loop: ${guarded} is ${outcome}`, async ({ expect }) => {
      const script = new URL("../../support/serial-stall.ts", import.meta.url).pathname;
      const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", script, guarded], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let output = "";
      child.stdout.on("data", (chunk: Buffer) => {
        output += chunk.toString();
      });
      await once(child, "close");
      expect(output.trim()).toBe(outcome);
    });
  }

  test("200 times unplugged and plugged in again, no file descriptor is left", async ({ expect }) => {
    await using rig = await startOnPty();
    const presence = createMailbox<boolean>();
    await using _link = await bindLink(rig.provider, {
      config: { ports: ["boiler"] },
      handler: (name, args) => {
        if (name === "handle-presence") presence.put(args[1] === true);
      },
    });
    await presence.waitFor(1);
    const cycle = async (): Promise<void> => {
      const seen = presence.all.length;
      await rig.unplug();
      await presence.waitFor(seen + 1);
      rig.plug();
      await presence.waitFor(seen + 2);
    };
    // What is opened once and kept, such as the thread pool's, does not count.
    for (let i = 0; i < 5; i += 1) await cycle();
    const before = readdirSync("/proc/self/fd").length;
    for (let i = 0; i < 200; i += 1) await cycle();
    expect(readdirSync("/proc/self/fd").length).toBe(before);
    expect(presence.all).toEqual([true, ...Array.from({ length: 205 }, () => [false, true]).flat()]);
  });

  test("a port that somebody else holds is tried again until it is free, without a leak", async ({ expect }) => {
    await using pty = openPty();
    const config = { ports: { boiler: { path: pty.path, reopen: { initial: "1ms", max: "2ms" } } } };
    const refused = createMailbox<string>();
    const holder = await startProvider(createSerialProvider, config);
    const held = createMailbox<unknown>();
    await using _holding = await holder.bind({ config: { ports: ["boiler"] }, handler: (name) => held.put(name) });
    await held.waitFor(1);
    const open: OpenSerialDevice = async (port, onData) => {
      try {
        return await openSerialPort(port, onData);
      } catch (error) {
        refused.put(String(error));
        throw error;
      }
    };
    await using rig = await startProvider((deps) => createSerialProvider(deps, open), config);
    const presence = createMailbox<unknown>();
    await using _link = await rig.bind({
      config: { ports: ["boiler"] },
      handler: (_name, args) => presence.put(args[1]),
    });
    await refused.waitFor(5);
    const before = readdirSync("/proc/self/fd").length;
    await refused.waitFor(refused.all.length + 50);
    expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before + 1);
    expect(refused.all[0]).toMatch(/lock/i);
    await holder[Symbol.asyncDispose]();
    expect(await presence.waitFor(1)).toEqual([true]);
  });
});
