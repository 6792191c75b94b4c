// Pins `petiole serial`: what it prints of a real terminal, and how it ends.

import { spawn } from "node:child_process";
import { describe, test } from "vitest";
import { createSerialTools } from "../../../providers/serial/tools.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { PETIOLE, petiole } from "../../support/agent.ts";
import { openPty } from "../../support/pty.ts";
import { waitFor } from "../../support/wait-for.ts";

describe("petiole serial", () => {
  test("list prints what JSON and people want", async ({ expect }) => {
    const { code, stdout } = await petiole("serial", "list", "--json");
    expect([code, Object.keys(JSON.parse(stdout) as object)]).toEqual([0, ["ports"]]);
  });

  test("monitor decodes frames and what is none, and ends after as many as it was told", async ({ expect }) => {
    await using pty = openPty();
    let ended = false;
    const framing = '{ type: length, start: "\\xaa" }';
    const running = petiole("serial", "monitor", pty.path, "--framing", framing, "--count", "2", "--json").finally(
      () => (ended = true),
    );
    // What comes before the port is open is thrown away, and more than 4 KiB of it would be cut.
    let looks = 0;
    const look = (): boolean => {
      looks += 1;
      if (!ended && looks % 20 === 0) pty.write(Buffer.from([1, 2, 0xaa, 3, ...Buffer.from("t=1")]));
      return ended;
    };
    await waitFor("the monitor to have seen its frames", look, 100_000);
    const { code, stdout, stderr } = await running;
    expect([code, stderr]).toEqual([0, ""]);
    const lines = stdout.trim().split("\n");
    const shown = lines.map((line) => ({ ...(JSON.parse(line) as object), time: "" }));
    const noise = { time: "", dropped: 2, reason: "invalid" };
    const frame = { time: "", hex: "743d31", text: "t=1" };
    expect(shown).toEqual([noise, frame, noise, frame]);
  });

  test("monitor ends in order when nobody reads any more what it prints", async ({ expect }) => {
    await using pty = openPty();
    const child = spawn(PETIOLE, ["serial", "monitor", pty.path], { stdio: ["ignore", "pipe", "pipe"] });
    let errors = "";
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
    child.stdout.once("data", () => child.stdout.destroy());
    let ended: readonly unknown[] | undefined;
    child.once("close", (...how) => (ended = how));
    // What comes before the port is open is thrown away.
    let looks = 0;
    const look = (): boolean => {
      looks += 1;
      if (ended === undefined && looks % 20 === 0) pty.write("x\n");
      return ended !== undefined;
    };
    await waitFor("the monitor to end", look, 100_000);
    expect([ended, errors]).toEqual([[0, null], ""]);
  });

  test("monitor says what is wrong, and ends with the code for it", async ({ expect }) => {
    const missing = await petiole("serial", "monitor", "/dev/pts/nothing");
    expect([missing.code, missing.stderr]).toEqual([3, expect.stringContaining("ERR_DEVICE_MISSING")]);
  });

  test("monitor() refuses a framing that is none and a port in use, and tells when the device went away", async ({
    expect,
  }) => {
    await using pty = openPty();
    const monitor = async (config: object, onFramed = (): void => {}): Promise<void> =>
      await createSerialTools(systemClock).monitor(
        { path: pty.path, ...config },
        onFramed,
        new AbortController().signal,
      );
    await expect(monitor({ framing: { type: "morse" } })).rejects.toMatchObject({ code: "ERR_PROVIDER_CONFIG" });
    let isOpen = false;
    const first = monitor({}, () => (isOpen = true));
    const second = expect(first).rejects.toMatchObject({ code: "ERR_DEVICE_MISSING" });
    await waitFor("the port to be read", () => {
      if (!isOpen) pty.write("x\n");
      return isOpen;
    });
    await expect(monitor({ framing: { type: "gap" } })).rejects.toMatchObject({ code: "ERR_DEVICE_BUSY" });
    await pty.unplug();
    await second;
  });
});
