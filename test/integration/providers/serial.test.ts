// Pins what the serial provider owes to real terminals: prompt delivery, and survival of unplugging without a leak.

import { existsSync, readdirSync } from "node:fs";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "vitest";
import { serialSchema, type PortConfig } from "../../../providers/serial/config.ts";
import type { OpenSerialDevice } from "../../../providers/serial/line/device.ts";
import { createSerialProvider } from "../../../providers/serial/index.ts";
import { openSerialPort } from "../../../providers/serial/line/serialport.ts";
import { deviceAddonPath } from "../../../src/lib/device-io.ts";
import { serialSuite, type SerialRig } from "../../conformance/serial/suite.ts";
import { createMailbox } from "../../support/mailbox.ts";
import { bindLink, startProvider } from "../../support/provider-rig.ts";
import { createSocket, openPty, type Pty } from "../../support/pty.ts";

/** How often the device is pulled out; a thousand take some ten seconds. */
const ROUNDS = Number(process.env["PETIOLE_TEST_UNPLUGS"] ?? 100);

async function startOnPty(options: object = {}): Promise<SerialRig> {
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

  test(`${ROUNDS} times unplugged in the middle of a frame, no file descriptor is left and each part is counted`, async ({
    expect,
  }) => {
    await using rig = await startOnPty();
    const presence = createMailbox<boolean>();
    const frames = createMailbox<{ readonly lost: bigint; readonly sequence: bigint }>();
    await using _link = await bindLink(rig.provider, {
      config: { ports: ["boiler"] },
      handler: (name, args) => {
        if (name === "handle-presence") presence.put(args[1] === true);
        else frames.put(args[0] as { lost: bigint; sequence: bigint });
      },
    });
    await using port = await bindLink(rig.provider, { config: { ports: ["boiler"] } });
    await presence.waitFor(1);
    const cycle = async (): Promise<void> => {
      const seen = presence.all.length;
      rig.write("cut");
      let read = 0;
      while (read < 3) {
        const chunk = await port.call("petiole:serial/raw", "read", "boiler", 16, 60_000_000_000n);
        read += (chunk as { bytes: Uint8Array }).bytes.length;
      }
      await rig.unplug();
      await presence.waitFor(seen + 1);
      rig.plug();
      await presence.waitFor(seen + 2);
      rig.write("whole\n");
      await frames.waitFor(frames.all.length + 1);
      await port.call("petiole:serial/raw", "read", "boiler", 16, 0n);
    };
    // What is opened once and kept, such as the thread pool's, does not count.
    for (let i = 0; i < 5; i += 1) await cycle();
    const before = readdirSync("/proc/self/fd").length;
    for (let i = 0; i < ROUNDS; i += 1) await cycle();
    expect(readdirSync("/proc/self/fd").length).toBe(before);
    expect(presence.all).toEqual([true, ...Array.from({ length: ROUNDS + 5 }, () => [false, true]).flat()]);
    expect(frames.all.map(({ lost }) => lost)).toEqual(Array.from({ length: ROUNDS + 5 }, () => 1n));
    expect(frames.all.at(-1)?.sequence).toBe(BigInt(2 * (ROUNDS + 5)));
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

  test("a device that is plugged in is opened at once, however long the pauses between attempts have become", async ({
    expect,
  }) => {
    using socket = createSocket();
    await using pty = openPty();
    const boiler = { path: socket.path, reopen: { initial: "1d", max: "1d" } };
    await using rig = await startProvider(createSerialProvider, { ports: { boiler } });
    const presence = createMailbox<unknown>();
    const handler = (_name: string, args: readonly unknown[]): void => presence.put(args[1]);
    await using _link = await rig.bind({ config: { ports: ["boiler"] }, handler });
    socket.plug(pty);
    expect(await presence.waitFor(1)).toEqual([true]);
  });

  test("what keeps a port from opening is told by its code, and nothing is left open", async ({ expect }) => {
    await using pty = openPty();
    const port = (options: object): PortConfig => {
      const [one] = Object.values(serialSchema.parse({ ports: { boiler: { path: pty.path, ...options } } }).ports);
      if (one === undefined) throw new Error("no port");
      return one;
    };
    const before = readdirSync("/proc/self/fd").length;
    const open = async (options: object): Promise<unknown> => await openSerialPort(port(options), () => {});
    await expect(open({ path: "/dev/pts/nothing" })).rejects.toMatchObject({ code: "ERR_DEVICE_MISSING" });
    await expect(open({ rs485: {} })).rejects.toMatchObject({
      code: existsSync(deviceAddonPath()) ? "ERR_DEVICE_UNSUPPORTED" : "ERR_DEVICE_ADDON",
    });
    expect(readdirSync("/proc/self/fd").length).toBe(before);
    await using _held = await openSerialPort(port({}), () => {});
    await expect(open({})).rejects.toMatchObject({ code: "ERR_DEVICE_BUSY" });
  });
});
