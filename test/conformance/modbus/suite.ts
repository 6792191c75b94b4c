// What petiole:modbus promises, on any line and with any device that holds what `initialMemory` says as unit 7.

import { describe, test } from "vitest";
import type { Provider } from "../../../src/provider/contract.ts";
import { createMailbox, type Mailbox } from "../../support/mailbox.ts";
import { initialMemory, SLAVE_SIZE } from "../../support/modbus-slave.ts";
import { bindLink, type BoundLink } from "../../support/provider-rig.ts";
import { waitFor } from "../../support/wait-for.ts";

export const CLIENT = "petiole:modbus/client";
export const UNIT = 7;

/** A provider with a bus called `field`. */
export interface ModbusRig extends AsyncDisposable {
  readonly provider: Provider;
}

interface Reading {
  readonly name: string;
  readonly measure: string;
  readonly value: { readonly tag: string; readonly val: unknown };
}

export interface ReadingsBatch {
  readonly bus: string;
  readonly poll: string;
  readonly unit: number;
  readonly timestamp: bigint;
  readonly sequence: bigint;
  readonly lost: bigint;
  readonly readings: readonly Reading[];
}

/** A link through which the device can be written to, once the bus is open. */
export async function openClient(rig: ModbusRig): Promise<BoundLink> {
  const link = await bindLink(rig.provider, { config: { buses: ["field"], write: true } });
  await waitFor("an answer on the bus", async () => {
    await link.call(CLIENT, "read-coils", "field", UNIT, 0, 1);
    return true;
  });
  return link;
}

export async function handleReadings(
  rig: ModbusRig,
  config: object = {},
  before?: () => Promise<void>,
): Promise<{ readonly batches: Mailbox<ReadingsBatch>; readonly link: BoundLink }> {
  const batches = createMailbox<ReadingsBatch>();
  const link = await bindLink(rig.provider, {
    config: { buses: ["field"], ...config },
    handler: async (_name, args) => {
      batches.put(args[0] as ReadingsBatch);
      await before?.();
    },
  });
  return { batches, link };
}

export const failsWith = (payload: object): object => ({ payload });

/** A table with every type; the values are those of `initialMemory`, and of what the test has written. */
const TABLE = [
  { name: "raw", address: 10 },
  { name: "tenths", address: 11, scale: 0.1, offset: -1, measure: "°C" },
  { name: "negative", address: 20, type: "i16" },
  { name: "long", address: 21, type: "u32" },
  { name: "swapped", address: 23, type: "i32", word_order: "little" },
  { name: "real", address: 25, type: "f32" },
  { name: "sensor", table: "input", address: 3 },
  { name: "lamp", table: "coil", address: 1 },
  { name: "switch", table: "discrete", address: 2 },
  { name: "nowhere", address: 5000 },
];

export function modbusSuite(subject: { readonly name: string; create(options?: object): Promise<ModbusRig> }): void {
  describe(`petiole:modbus on ${subject.name}`, () => {
    test("client reads bits and registers", async ({ expect }) => {
      await using rig = await subject.create();
      await using link = await openClient(rig);
      const memory = initialMemory();
      const read = async (name: string, address: number, count: number): Promise<unknown> =>
        await link.call(CLIENT, name, "field", UNIT, address, count);
      expect(await read("read-coils", 1, 19)).toEqual(memory.coils.slice(1, 20));
      expect(await read("read-discrete-inputs", 0, SLAVE_SIZE)).toEqual(memory.discrete);
      expect(await read("read-holding-registers", 5, 125)).toEqual(Uint16Array.from(memory.holding.slice(5, 130)));
      expect(await read("read-input-registers", 199, 1)).toEqual(Uint16Array.from([1199]));
    });

    test("client writes bits and registers", async ({ expect }) => {
      await using rig = await subject.create();
      await using link = await openClient(rig);
      const call = async (name: string, ...args: readonly unknown[]): Promise<unknown> =>
        await link.call(CLIENT, name, "field", UNIT, ...args);
      expect(await call("write-coil", 1, true)).toBeUndefined();
      expect(await call("write-coil", 0, false)).toBeUndefined();
      expect(await call("read-coils", 0, 3)).toEqual([false, true, false]);
      expect(await call("write-register", 9, 0xfedc)).toBeUndefined();
      const bits = Array.from({ length: 21 }, (_, i) => i % 5 < 2);
      expect(await call("write-coils", 40, bits)).toBeUndefined();
      expect(await call("read-coils", 40, 21)).toEqual(bits);
      const words = Uint16Array.from({ length: 123 }, (_, i) => 65_535 - i);
      expect(await call("write-registers", 50, words)).toBeUndefined();
      expect(await call("read-holding-registers", 50, 123)).toEqual(words);
      expect(await call("read-holding-registers", 9, 1)).toEqual(Uint16Array.from([0xfedc]));
    });

    test("client tells of exceptions, and refuses what cannot be asked", async ({ expect }) => {
      await using rig = await subject.create();
      await using link = await openClient(rig);
      await using reader = await bindLink(rig.provider, { config: { buses: ["field"] } });
      const read = async (unit: number, address: number, count: number): Promise<unknown> =>
        await link.call(CLIENT, "read-holding-registers", "field", unit, address, count);
      const illegal = { tag: "exception", val: { tag: "illegal-data-address" } };
      await expect(read(UNIT, 5000, 1)).rejects.toMatchObject(failsWith(illegal));
      await expect(read(UNIT, 0, 126)).rejects.toMatchObject(failsWith({ tag: "invalid-argument" }));
      await expect(read(UNIT, 0, 0)).rejects.toMatchObject(failsWith({ tag: "invalid-argument" }));
      await expect(read(UNIT, 65_535, 2)).rejects.toMatchObject(failsWith({ tag: "invalid-argument" }));
      await expect(read(0, 0, 1)).rejects.toMatchObject(failsWith({ tag: "invalid-argument" }));
      await expect(read(248, 0, 1)).rejects.toMatchObject(failsWith({ tag: "invalid-argument" }));
      const write = reader.call(CLIENT, "write-register", "field", UNIT, 0, 1);
      await expect(write).rejects.toMatchObject(failsWith({ tag: "not-permitted" }));
      const other = reader.call(CLIENT, "read-coils", "other", UNIT, 0, 1);
      await expect(other).rejects.toMatchObject(failsWith({ tag: "not-granted" }));
    });

    test("a poll turns registers into readings, and says which of them are not to be had", async ({ expect }) => {
      await using rig = await subject.create({ polls: { meter: { unit: UNIT, every: "20ms", registers: TABLE } } });
      await using client = await openClient(rig);
      const real = Buffer.alloc(4);
      real.writeFloatBE(-12.5);
      const words = [0xfffe, 0x0001, 0x0002, 0xfffe, 0xffff, real.readUInt16BE(0), real.readUInt16BE(2)];
      await client.call(CLIENT, "write-registers", "field", UNIT, 20, words);
      const { batches, link } = await handleReadings(rig);
      await using _link = link;
      const [first, second] = await batches.waitFor(2);
      expect(first).toMatchObject({ bus: "field", poll: "meter", unit: UNIT, sequence: 1n, lost: 0n });
      expect(second).toMatchObject({ sequence: 2n, lost: 0n });
      expect(second?.timestamp).toBeGreaterThan(first?.timestamp ?? 0n);
      const ok = (val: number): object => ({ tag: "ok", val });
      expect(second?.readings.map(({ name, value }) => [name, value])).toEqual([
        ["raw", ok(30)],
        ["tenths", ok(2.3)],
        ["negative", ok(-2)],
        ["long", ok(0x1_0002)],
        ["swapped", ok(-2)],
        ["real", ok(-12.5)],
        ["sensor", ok(1003)],
        ["lamp", ok(0)],
        ["switch", ok(1)],
        ["nowhere", { tag: "err", val: { tag: "exception", val: { tag: "illegal-data-address" } } }],
      ]);
      expect(second?.readings[1]?.measure).toBe("°C");
    });
  });
}
