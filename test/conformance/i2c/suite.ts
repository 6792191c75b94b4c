// What a component may rely on from `wasi:i2c` and `petiole:i2c`, whatever the bus is.

import { describe, test } from "vitest";
import type { Provider } from "../../../src/provider/contract.ts";
import { bindLink, type BoundLink } from "../../support/provider-rig.ts";

const DEVICES = "petiole:i2c/devices";
const I2C = "wasi:i2c/i2c";

/** A device with registers: 0x00 to 0x03 have the bytes 1 to 4. */
export const REGISTERS = 0x48;
/** A device that answers 0xbeef to 0xe000, and nothing to anything else. */
export const ANSWERS = 0x44;
/** Nothing is there. */
export const ABSENT = 0x50;

/** What the simulated bus is made of. */
export const BUS_DEVICES = {
  "0x48": { registers: { "0": "01 02 03 04" } },
  "0x44": { answers: { e000: "beef" } },
} as const;

/** A started provider with a bus of these devices. */
export interface I2cRig extends AsyncDisposable {
  readonly provider: Provider;
}

async function link(rig: I2cRig): Promise<BoundLink> {
  const devices = { memory: REGISTERS, sensor: ANSWERS, absent: ABSENT };
  return await bindLink(rig.provider, { config: { devices }, interfaces: [DEVICES, I2C] });
}

export function describeI2c(name: string, create: () => Promise<I2cRig>): void {
  describe(`wasi:i2c on ${name}`, () => {
    test("lists what is granted, and opens nothing else", async ({ expect }) => {
      await using rig = await create();
      await using bound = await link(rig);
      expect(await bound.call(DEVICES, "list-devices")).toEqual([
        ["memory", REGISTERS],
        ["sensor", ANSWERS],
        ["absent", ABSENT],
      ]);
      expect(await bound.call(DEVICES, "open", "memory")).toBeDefined();
      await expect(bound.call(DEVICES, "open", "other")).rejects.toMatchObject({ payload: { tag: "not-granted" } });
    });

    test("writes and reads registers, in one transaction or in several", async ({ expect }) => {
      await using rig = await create();
      await using bound = await link(rig);
      const handle = await bound.call(DEVICES, "open", "memory");
      const method = (name: string, ...args: readonly unknown[]): Promise<unknown> =>
        bound.call(I2C, `[method]i2c.${name}`, handle, REGISTERS, ...args);
      expect(await method("write-read", Uint8Array.of(1), 3n)).toEqual(Uint8Array.of(2, 3, 4));
      await method("write", Uint8Array.of(0x10, 7, 8, 9));
      await method("write", Uint8Array.of(0x11));
      expect(await method("read", 2n)).toEqual(Uint8Array.of(8, 9));
      const operations = [
        { tag: "write", val: Uint8Array.of(0x00) },
        { tag: "read", val: 1n },
        { tag: "read", val: 0n },
        { tag: "write", val: Uint8Array.of(0x10) },
        { tag: "read", val: 3n },
      ];
      expect(await method("transaction", operations)).toEqual([
        Uint8Array.of(1),
        new Uint8Array(0),
        Uint8Array.of(7, 8, 9),
      ]);
      expect(await method("transaction", [])).toEqual([]);
    });

    test("says who did not acknowledge: nobody there, nobody granted, a device with nothing to say", async ({
      expect,
    }) => {
      await using rig = await create();
      await using bound = await link(rig);
      const handle = await bound.call(DEVICES, "open", "absent");
      const noAcknowledge = { payload: { tag: "no-acknowledge", val: "address" } };
      const read = (address: number): Promise<unknown> => bound.call(I2C, "[method]i2c.read", handle, address, 1n);
      await expect(read(ABSENT)).rejects.toMatchObject(noAcknowledge);
      await expect(read(ANSWERS)).rejects.toMatchObject(noAcknowledge);
      const other = await bindLink(rig.provider, { config: { devices: { memory: REGISTERS } } });
      await using _other = other;
      await expect(other.call(I2C, "[method]i2c.read", "memory", ANSWERS, 1n)).rejects.toMatchObject(noAcknowledge);
      await expect(other.call(I2C, "[method]i2c.read", "memory", 0xffff, 1n)).rejects.toMatchObject(noAcknowledge);
    });

    test("refuses what no bus takes: too long, too many", async ({ expect }) => {
      await using rig = await create();
      await using bound = await link(rig);
      const call = (name: string, ...args: readonly unknown[]): Promise<unknown> =>
        bound.call(I2C, `[method]i2c.${name}`, "memory", REGISTERS, ...args);
      const other = { payload: { tag: "other" } };
      await expect(call("read", 8193n)).rejects.toMatchObject(other);
      await expect(call("read", 2n ** 64n - 1n)).rejects.toMatchObject(other);
      await expect(call("write", new Uint8Array(8193))).rejects.toMatchObject(other);
      const many = Array.from({ length: 43 }, () => ({ tag: "read", val: 1n }));
      await expect(call("transaction", many)).rejects.toMatchObject(other);
      expect(await call("transaction", many.slice(1))).toHaveLength(42);
    });

    test("keeps transactions apart, and ends those that run before the link does", async ({ expect }) => {
      await using rig = await create();
      const bound = await link(rig);
      const registers = [0, 1, 2, 3];
      const reads = Array.from({ length: 40 }, async (_, index) => {
        const register = registers[index % 4] ?? 0;
        return await bound.call(I2C, "[method]i2c.write-read", "memory", REGISTERS, Uint8Array.of(register), 1n);
      });
      await bound[Symbol.asyncDispose]();
      const expected = reads.map((_, index) => Uint8Array.of((index % 4) + 1));
      expect(await Promise.all(reads)).toEqual(expected);
    });
  });
}
