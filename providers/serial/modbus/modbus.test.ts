import { array, assert, constantFrom, integer, nat, property, uint8Array } from "fast-check";
import { describe, test } from "vitest";
import { millis } from "#provider";
import {
  CLIENT,
  UNIT,
  failsWith,
  handleReadings,
  modbusSuite,
  openClient,
  type ModbusRig,
} from "../../../test/conformance/modbus/suite.ts";
import { createModbusSlave, initialMemory, sealed, type Slave } from "../../../test/support/modbus-slave.ts";
import { bindLink, providerDeps, startProvider } from "../../../test/support/provider-rig.ts";
import { createSimulatedCable, type SimulatedCable } from "../line/simulated.ts";
import { frameSilence } from "./bus.ts";
import { modbusSchema } from "./config.ts";
import { crc16 } from "./crc.ts";
import { encodeRequest, findAnswer, isSendable, type Request } from "./frames.ts";
import { createModbusProvider } from "./index.ts";
import { planReads } from "./reads.ts";

interface Rig extends ModbusRig {
  readonly cable: SimulatedCable;
  readonly slave: Slave;
}

/** A device at the far end of a simulated cable. */
async function startOnCable(options: object = {}): Promise<Rig> {
  const cable = createSimulatedCable();
  const slave = createModbusSlave({ unit: UNIT, memory: initialMemory(), send: (bytes) => cable.write(bytes) });
  const ended = new AbortController();
  void (async () => {
    while (!ended.signal.aborted) slave.receive(await cable.read(1));
  })();
  const field = {
    path: "/dev/simulated",
    timeout: "20s",
    give_up_after: "20ms",
    busy_delay: "1ms",
    broadcast_delay: "1ms",
    reopen: { initial: "1ms", max: "5ms" },
    ...options,
  };
  const rig = await startProvider((deps) => createModbusProvider(deps, cable.open), { buses: { field } });
  return {
    provider: rig.provider,
    cable,
    slave,
    async [Symbol.asyncDispose]() {
      ended.abort();
      await rig[Symbol.asyncDispose]();
    },
  };
}

modbusSuite({ name: "a simulated cable with the tests' own device", create: startOnCable });

const poll = (raw: object) => {
  const parsed = modbusSchema.parse({
    buses: { b: { path: "/dev/x", polls: { p: { unit: 1, every: "1s", ...raw } } } },
  });
  const [one] = Object.values(parsed.buses["b"]?.polls ?? {});
  if (one === undefined) throw new Error("no poll");
  return one;
};
const bus = (raw: object) => {
  const one = modbusSchema.parse({ buses: { b: { path: "/dev/x", ...raw } } }).buses["b"];
  if (one === undefined) throw new Error("no bus");
  return one;
};

describe("a Modbus bus", () => {
  const read = { code: 3, address: 0, count: 2 } as const;
  const good = sealed([UNIT, 3, 4, 0, 0, 0, 3]);

  test("asks again when no answer comes, a garbled one, or the device is busy", async ({ expect }) => {
    await using rig = await startOnCable({ timeout: "40ms", retries: 4 });
    await using link = await openClient(rig);
    const before = rig.slave.requests.length;
    const garbled = Buffer.from(good);
    garbled.writeUInt8(9, 4);
    rig.slave.disturb(
      () => {},
      () => rig.cable.write(garbled),
      () => rig.cable.write(good.subarray(0, 4)),
      () => rig.cable.write(sealed([UNIT, 0x83, 6])),
    );
    const words = await link.call(CLIENT, "read-holding-registers", "field", UNIT, 0, 2);
    expect(words).toEqual(Uint16Array.from([0, 3]));
    expect(rig.slave.requests.length - before).toBe(5);
    expect(rig.slave.faults).toBe(0);
  });

  test("gives up after its repetitions, with the last reason", async ({ expect }) => {
    await using deaf = await startOnCable({ timeout: "40ms", retries: 1 });
    await using unanswered = await openClient(deaf);
    const silent = (): void => {};
    deaf.slave.disturb(silent, silent);
    await expect(unanswered.call(CLIENT, "read-coils", "field", UNIT, 0, 1)).rejects.toMatchObject(
      failsWith({ tag: "timeout" }),
    );

    await using rig = await startOnCable({ retries: 1 });
    await using link = await openClient(rig);
    const ask = async (): Promise<unknown> => await link.call(CLIENT, "read-coils", "field", UNIT, 0, 1);
    const before = rig.slave.requests.length;
    const noise = (): void => rig.cable.write("noise");
    rig.slave.disturb(noise, noise);
    await expect(ask()).rejects.toMatchObject(failsWith({ tag: "garbled" }));
    const refused = (): void => rig.cable.write(sealed([UNIT, 0x81, 4]));
    rig.slave.disturb(refused, refused);
    await expect(ask()).rejects.toMatchObject(failsWith({ tag: "exception", val: { tag: "server-device-failure" } }));
    expect(rig.slave.requests.length - before).toBe(3);
    const odd = (): void => rig.cable.write(sealed([UNIT, 0x81, 77]));
    // One of the two was not used: an exception is not asked again.
    rig.slave.disturb(odd);
    await expect(ask()).rejects.toMatchObject(failsWith({ tag: "exception", val: { tag: "server-device-failure" } }));
    await expect(ask()).rejects.toMatchObject(failsWith({ tag: "exception", val: { tag: "unknown", val: 77 } }));
  });

  test("finds an answer behind noise and in pieces, and none of another device, function or size", async ({
    expect,
  }) => {
    const frame = Buffer.from(good);
    const values = { kind: "values", bits: [], words: [0, 3] };
    expect(findAnswer(Buffer.concat([Buffer.from([UNIT, 3, 9]), frame]), UNIT, read)).toEqual(values);
    for (let cut = 0; cut < frame.length; cut += 1) {
      expect(findAnswer(frame.subarray(0, cut), UNIT, read)).toBeUndefined();
    }
    expect(findAnswer(frame, UNIT + 1, read)).toBeUndefined();
    expect(findAnswer(frame, UNIT, { ...read, code: 4 })).toBeUndefined();
    expect(findAnswer(frame, UNIT, { ...read, count: 3 })).toBeUndefined();
    const write = { code: 6, address: 1, word: 2 } as const;
    expect(findAnswer(sealed([UNIT, 6, 0, 1, 0, 2]), UNIT, write)).toBeDefined();
    expect(findAnswer(sealed([UNIT, 6, 0, 1, 0, 3]), UNIT, write)).toBeUndefined();
  });

  test("takes an adapter's echo off, also where the answer is the same", async ({ expect }) => {
    const cable = createSimulatedCable();
    const slave = createModbusSlave({ unit: UNIT, memory: initialMemory(), send: (bytes) => cable.write(bytes) });
    const ended = new AbortController();
    void (async () => {
      while (!ended.signal.aborted) {
        const chunk = await cable.read(1);
        cable.write(chunk);
        slave.receive(chunk);
      }
    })();
    const config = { buses: { field: { path: "/dev/simulated", timeout: "40ms", retries: 0, echo: true } } };
    await using rig = await startProvider((deps) => createModbusProvider(deps, cable.open), config);
    await using link = await openClient(rig);
    expect(await link.call(CLIENT, "write-register", "field", UNIT, 1, 5)).toBeUndefined();
    expect(await link.call(CLIENT, "read-holding-registers", "field", UNIT, 1, 1)).toEqual(Uint16Array.from([5]));
    slave.disturb(() => {});
    const unanswered = link.call(CLIENT, "write-register", "field", UNIT, 1, 6);
    await expect(unanswered).rejects.toMatchObject(failsWith({ tag: "timeout" }));
    ended.abort();
  });

  test("sends to all devices without waiting for an answer", async ({ expect }) => {
    await using rig = await startOnCable();
    await using link = await openClient(rig);
    expect(await link.call(CLIENT, "write-register", "field", 0, 3, 99)).toBeUndefined();
    expect(await link.call(CLIENT, "read-holding-registers", "field", UNIT, 3, 1)).toEqual(Uint16Array.from([99]));
  });

  test("asks only the devices that a link grants", async ({ expect }) => {
    await using rig = await startOnCable();
    await using all = await openClient(rig);
    const config = { buses: ["field"], write: true, units: [UNIT] };
    await using link = await bindLink(rig.provider, { config });
    expect(await link.call(CLIENT, "read-coils", "field", UNIT, 0, 1)).toEqual([true]);
    for (const unit of [0, UNIT + 1]) {
      const write = link.call(CLIENT, "write-coil", "field", unit, 0, false);
      await expect(write).rejects.toMatchObject(failsWith({ tag: "not-granted" }));
    }
    expect(await all.call(CLIENT, "read-coils", "field", UNIT, 0, 1)).toEqual([true]);
  });

  test("has one request on the line at a time, and refuses more than it keeps", async ({ expect }) => {
    await using rig = await startOnCable({ silence: "0ms" });
    await using link = await openClient(rig);
    const answers: (() => void)[] = [];
    const hold = Promise.withResolvers<void>();
    rig.slave.disturb((answer) => {
      answers.push(() => rig.cable.write(answer));
      hold.resolve();
    });
    const before = rig.slave.requests.length;
    const calls = Array.from({ length: 300 }, async () => await link.call(CLIENT, "read-coils", "field", UNIT, 0, 1));
    const settled = Promise.allSettled(calls);
    await hold.promise;
    expect(rig.slave.requests.length - before).toBe(1);
    answers[0]?.();
    const results = await settled;
    const refused = results.filter(({ status }) => status === "rejected");
    expect(refused.length).toBe(300 - 256);
    expect(refused[0]).toMatchObject({ reason: failsWith({ tag: "queue-full" }) });
    expect(rig.slave.requests.length - before).toBe(256);
  });

  test("fails a request whose device is pulled out, and goes on when it is back", async ({ expect }) => {
    await using rig = await startOnCable();
    await using link = await openClient(rig);
    const asked = Promise.withResolvers<void>();
    rig.slave.disturb(() => asked.resolve());
    const call = link.call(CLIENT, "read-coils", "field", UNIT, 0, 1);
    call.catch(() => {});
    await asked.promise;
    await rig.cable.unplug();
    await expect(call).rejects.toMatchObject(failsWith({ tag: "disconnected" }));
    const next = link.call(CLIENT, "read-coils", "field", UNIT, 0, 1);
    await expect(next).rejects.toMatchObject(failsWith({ tag: "disconnected" }));
    rig.cable.plug();
    await using again = await openClient(rig);
    expect(await again.call(CLIENT, "read-coils", "field", UNIT, 0, 1)).toEqual([true]);
  });

  test("can be disposed while an answer is waited for", async ({ expect }) => {
    const rig = await startOnCable({ timeout: "1m" });
    await using link = await openClient(rig);
    const asked = Promise.withResolvers<void>();
    rig.slave.disturb(() => asked.resolve());
    const call = link.call(CLIENT, "read-coils", "field", UNIT, 0, 1);
    call.catch(() => {});
    await asked.promise;
    await rig[Symbol.asyncDispose]();
    await expect(call).rejects.toMatchObject(failsWith({ tag: "disconnected" }));
  });

  test("frameSilence() is 3.5 characters, and fixed for fast lines", ({ expect }) => {
    expect(frameSilence(bus({ baud_rate: 9600 }))).toBeCloseTo(4.01, 2);
    expect(frameSilence(bus({ baud_rate: 1200, parity: "none" }))).toBeCloseTo(29.17, 2);
    expect(frameSilence(bus({ baud_rate: 115_200 }))).toBe(1.75);
    expect(frameSilence(bus({ silence: "7ms" }))).toBe(millis(7));
  });
});

describe("a Modbus poll", () => {
  const registers = [
    { name: "a", address: 0 },
    { name: "b", table: "coil", address: 0 },
  ];

  test("asks a device that does not answer once a round, and tells when it is back", async ({ expect }) => {
    await using rig = await startOnCable({
      timeout: "30ms",
      retries: 1,
      polls: { p: { unit: UNIT, every: "10ms", registers } },
    });
    await using _client = await openClient(rig);
    const silent = (): void => {};
    rig.slave.disturb(silent, silent, silent, silent);
    const before = rig.slave.requests.length;
    const { batches, link } = await handleReadings(rig);
    await using _link = link;
    const [first, second, third, fourth] = await batches.waitFor(4);
    const timeout = { tag: "err", val: { tag: "timeout" } };
    const value = (batch: typeof first): unknown => batch?.readings.map((one) => one.value);
    // Twice in the first round, once in each of the next two.
    expect([first, second, third].map(value)).toEqual([1, 2, 3].map(() => [timeout, timeout]));
    expect(value(fourth)).toEqual([
      { tag: "ok", val: 0 },
      { tag: "ok", val: 1 },
    ]);
    expect(rig.slave.requests.length - before).toBeGreaterThanOrEqual(6);
  });

  test("drops the oldest rounds for a slow component, and counts them", async ({ expect }) => {
    await using rig = await startOnCable({ polls: { p: { unit: UNIT, every: "10ms", registers } } });
    await using _client = await openClient(rig);
    const gate = Promise.withResolvers<void>();
    const { batches, link } = await handleReadings(rig, { queue: 2 }, async () => await gate.promise);
    await using _link = link;
    const witness = await handleReadings(rig);
    await using _witness = witness.link;
    await batches.waitFor(1);
    await witness.batches.waitFor(6);
    gate.resolve();
    const all = await batches.waitFor(3);
    const [first, second] = all;
    expect(second?.lost).toBeGreaterThan(0n);
    expect((first?.sequence ?? 0n) + 1n + (second?.lost ?? 0n)).toBe(second?.sequence);
  });

  test("reads only while somebody wants it, and of a link only what it names", async ({ expect }) => {
    const polls = {
      p: { unit: UNIT, every: "10ms", registers },
      q: { unit: UNIT, every: "10ms", registers: [{ name: "c", table: "input", address: 0 }] },
    };
    await using rig = await startOnCable({ polls });
    await using client = await openClient(rig);
    const { batches, link } = await handleReadings(rig, { polls: ["q"] });
    await batches.waitFor(3);
    expect(batches.all.every((batch) => batch.poll === "q")).toBe(true);
    expect(rig.slave.requests.some((request) => request[1] === 3)).toBe(false);
    await link[Symbol.asyncDispose]();
    // The round that ran is over when the bus has taken this.
    await client.call(CLIENT, "read-coils", "field", UNIT, 0, 1);
    const count = rig.slave.requests.length;
    for (let i = 0; i < 3; i += 1) await client.call(CLIENT, "read-coils", "field", UNIT, 0, 1);
    expect(rig.slave.requests.slice(count).filter((request) => request[1] === 4).length).toBeLessThanOrEqual(1);
  });

  test("a link to a bus or poll that is not there is refused", async ({ expect }) => {
    await using rig = await startOnCable();
    const refused = { code: "ERR_LINK_INVALID" };
    await expect(bindLink(rig.provider, { config: { buses: ["other"] } })).rejects.toMatchObject(refused);
    await expect(handleReadings(rig, { polls: ["p"] })).rejects.toMatchObject(refused);
  });

  test("planReads() joins neighbours up to the limits", ({ expect }) => {
    const planned = (raw: object, ...addresses: number[]): unknown =>
      planReads(
        poll({ ...raw, registers: addresses.map((address) => ({ name: `r${address}`, address, type: "u32" })) }),
      ).map(({ request, entries }) => [request.address, request.count, entries.map(({ index, at }) => [index, at])]);
    expect(planned({}, 4, 0, 2)).toEqual([
      [
        0,
        6,
        [
          [1, 0],
          [2, 2],
          [0, 4],
        ],
      ],
    ]);
    expect(planned({}, 0, 3)).toEqual([
      [0, 2, [[0, 0]]],
      [3, 2, [[1, 0]]],
    ]);
    expect(planned({ max_gap: 1 }, 0, 3)).toEqual([
      [
        0,
        5,
        [
          [0, 0],
          [1, 3],
        ],
      ],
    ]);
    expect(planned({ max_read: 3 }, 0, 2)).toEqual([
      [0, 2, [[0, 0]]],
      [2, 2, [[1, 0]]],
    ]);
    expect(planned({}, 0, 1)).toEqual([
      [
        0,
        3,
        [
          [0, 0],
          [1, 1],
        ],
      ],
    ]);
  });

  test("planReads() covers every entry within the limits, whatever the table", ({ expect }) => {
    const table = array(
      integer({ min: 0, max: 400 }).chain((address) =>
        constantFrom(
          { name: "x", address, type: "u16" },
          { name: "x", address, type: "f32" },
          { name: "x", address, table: "input", type: "i16" },
          { name: "x", address, table: "discrete" },
        ),
      ),
      { minLength: 1, maxLength: 60 },
    );
    assert(
      property(table, integer({ min: 2, max: 125 }), nat(20), (list, max_read, max_gap) => {
        const config = poll({ registers: list, max_read, max_gap });
        const reads = planReads(config);
        const seen = reads.flatMap(({ request, entries }) => {
          expect(isSendable(1, request)).toBe(true);
          return entries.map(({ index, at }) => {
            const register = config.registers[index];
            expect(request.address + at).toBe(register?.address);
            expect(at + (register?.type === "f32" ? 2 : 1)).toBeLessThanOrEqual(request.count);
            return index;
          });
        });
        expect(seen.sort((a, b) => a - b)).toEqual(list.map((_, index) => index));
      }),
    );
  });
});

describe("Modbus frames", () => {
  test("carry the checksum of the specification", ({ expect }) => {
    expect(crc16(Buffer.from("123456789"))).toBe(0x4b37);
    const request: Request = { code: 3, address: 0x6b, count: 3 };
    expect(Buffer.from(encodeRequest(0x11, request)).toString("hex")).toBe("1103006b00037687");
  });

  test("findAnswer() makes nothing of noise, and never throws", ({ expect }) => {
    const request = constantFrom<Request>(
      { code: 1, address: 0, count: 9 },
      { code: 4, address: 0, count: 3 },
      { code: 5, address: 0, on: true },
      { code: 16, address: 0, words: [1] },
    );
    assert(
      property(uint8Array({ maxLength: 600 }), request, (noise, one) => {
        const seeded = Uint8Array.from([...noise, UNIT, one.code, UNIT, one.code | 0x80]);
        const found = findAnswer(seeded, UNIT, one);
        if (found !== undefined) expect(["values", "exception"]).toContain(found.kind);
      }),
    );
  });
});

test("parseConfig() of a Modbus provider reports what does not fit", ({ expect }) => {
  const provider = createModbusProvider(providerDeps());
  const parse = (register: object) => (): unknown =>
    provider.parseConfig({
      buses: {
        b: {
          path: "/dev/x",
          polls: { p: { unit: 1, every: "1s", registers: [{ name: "r", address: 0, ...register }] } },
        },
      },
    });
  expect(parse({})).not.toThrow();
  expect(parse({ table: "coil", type: "u16" })).toThrow(/a coil is a bool/);
  expect(parse({ type: "bool" })).toThrow(/a holding is not a bool/);
  expect(parse({ scale: 0 })).toThrow(/another number than 0/);
  expect(parse({ address: 70_000 })).toThrow(/address/);
  expect(parse({ address: 0xffff })).not.toThrow();
  expect(parse({ address: 0xffff, type: "f32" })).toThrow("its second half is beyond");
  expect(() => provider.parseConfig({ buses: {} })).toThrow(/at least one bus/);
});
