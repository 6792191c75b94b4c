// The demo's hand on the simulated GPIO chip: it presses the button and sees the lamp.

import { join } from "node:path";
import { describe, test } from "vitest";
import { openControlSocket } from "../../../providers/gpio/control-socket.ts";
import { createSimulatedChip } from "../../../providers/gpio/simulated.ts";
import { connectChip } from "../../../scripts/stage/chip.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { tempFolder } from "../../support/processes.ts";

async function openBench() {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const path = join(folder.path, "chip.sock");
  const simulated = createSimulatedChip({ lines: 8, clock: systemClock });
  const server = await openControlSocket(path, simulated, silentLogger);
  stack.use(server);
  return {
    simulated,
    server,
    chip: stack.use(await connectChip(path)),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

describe("connectChip()", () => {
  test("drives a line and hears of the next change of another", async ({ expect }) => {
    await using bench = await openBench();
    const { simulated, chip } = bench;
    using _lamp = simulated.onChange((line, high) => line === 1 && simulated.drive(2, high));
    const lit = chip.nextChange(2);
    await chip.set(1, true);
    expect(await lit).toBe(true);
    const dark = chip.nextChange(2);
    await chip.set(1, false);
    expect(await dark).toBe(false);
    expect(simulated.voltage(1)).toBe(false);
  });

  test("passes on what the chip refuses, and goes on", async ({ expect }) => {
    await using bench = await openBench();
    await expect(bench.chip.set(99, true)).rejects.toThrow('answered "error');
    await bench.chip.set(1, true);
    expect(bench.simulated.voltage(1)).toBe(true);
  });

  test("rejects what waits when the chip goes away", async ({ expect }) => {
    await using bench = await openBench();
    const change = bench.chip.nextChange(2);
    await Promise.all([
      expect(change).rejects.toThrow("closed its control socket"),
      bench.server[Symbol.asyncDispose](),
    ]);
    await expect(bench.chip.set(1, true)).rejects.toThrow("the connection is closed");
  });
});
