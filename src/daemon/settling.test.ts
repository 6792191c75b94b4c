import { describe, test } from "vitest";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { seconds } from "../domain/units.ts";
import { silentLogger } from "../lib/log.ts";
import { createSettling } from "./settling.ts";

function rig() {
  const clock = createFakeClock();
  const released: number[] = [];
  const release = async (): Promise<void> => void released.push(clock.monotonic() / 1000);
  return { clock, released, settling: createSettling({ release, clock, log: silentLogger }) };
}

describe("createSettling()", () => {
  test("gives memory back several times, after some quiet", async ({ expect }) => {
    const { clock, released, settling } = rig();
    settling.stir();
    await clock.advance(seconds(4));
    expect(released).toEqual([]);
    await clock.advance(seconds(60));
    expect(released).toEqual([6, 7, 8]);
  });

  test("waits anew when something else was started", async ({ expect }) => {
    const { clock, released, settling } = rig();
    settling.stir();
    await clock.advance(seconds(4));
    settling.stir();
    await clock.advance(seconds(4));
    expect(released).toEqual([]);
    await clock.advance(seconds(60));
    expect(released).toEqual([10, 11, 12]);
  });

  test("waits for nothing once it is disposed", async ({ expect }) => {
    const { clock, released, settling } = rig();
    settling.stir();
    settling[Symbol.dispose]();
    await clock.advance(seconds(60));
    expect([released, clock.sleeping]).toEqual([[], 0]);
  });

  test("says when memory cannot be given back", async ({ expect }) => {
    const clock = createFakeClock();
    const warned: unknown[] = [];
    const log = { ...silentLogger, warn: (_message: string, fields?: object) => void warned.push(fields) };
    const settling = createSettling({ release: () => Promise.reject(new Error("no thread")), clock, log });
    settling.stir();
    await clock.advance(seconds(60));
    expect(warned).toEqual([{ reason: "no thread" }]);
  });
});
