import { describe, test } from "vitest";
import { ABSENT, BUS_DEVICES, REGISTERS, describeI2c } from "../../test/conformance/i2c/suite.ts";
import { createFakeI2cKernel, type FakeI2cKernel } from "../../test/support/fake-i2c-kernel.ts";
import { bindLink, providerDeps, startProvider, type Rig } from "../../test/support/provider-rig.ts";
import { i2cSchema, linkSchema } from "./config.ts";
import { createI2cProvider } from "./index.ts";
import { createKernelBus } from "./kernel.ts";
import { createSimulatedBus, type SimulatedBus } from "./simulated.ts";
import { encodeTransfer } from "./uapi.ts";

const DEVICES = "petiole:i2c/devices";
const SIMULATED = { bus: { backend: "simulated", devices: BUS_DEVICES } };
const KERNEL = { bus: { backend: "kernel", path: "/dev/i2c-1", timeout: "50ms" } };

function simulatedBus(): SimulatedBus {
  const { bus } = i2cSchema.parse(SIMULATED);
  if (bus.backend !== "simulated") throw new Error("another backend");
  return createSimulatedBus(bus.devices);
}

async function onKernel(prepare = (_kernel: FakeI2cKernel): void => {}): Promise<Rig & { kernel: FakeI2cKernel }> {
  const kernel = createFakeI2cKernel(simulatedBus());
  prepare(kernel);
  const rig = await startProvider(
    (deps) =>
      createI2cProvider(deps, ({ bus }) => {
        if (bus.backend !== "kernel") throw new Error("another backend");
        return createKernelBus(kernel, bus);
      }),
    KERNEL,
  );
  return { ...rig, kernel };
}

describeI2c("the simulated bus", async (): Promise<Rig> => await startProvider(createI2cProvider, SIMULATED));
describeI2c("the kernel's interface, with a kernel in memory", async (): Promise<Rig> => await onKernel());

describe("a bus of the kernel", () => {
  test("is opened once, with its time limit, and closed", async ({ expect }) => {
    const { kernel, ...rig } = await onKernel();
    expect([kernel.timeout, kernel.descriptors]).toEqual([5, 1]);
    const late = await bindLink(rig.provider, { config: { devices: { memory: REGISTERS } } });
    await rig[Symbol.asyncDispose]();
    await expect(late.call(DEVICES, "open", "memory")).rejects.toMatchObject({ payload: { tag: "other" } });
    expect(kernel.descriptors).toBe(0);
  });

  test.for([
    [
      "is missing",
      (kernel: FakeI2cKernel): void => {
        kernel.plugged = false;
      },
      "ERR_DEVICE_MISSING",
    ],
    [
      "takes SMBus alone",
      (kernel: FakeI2cKernel): void => {
        kernel.plain = false;
      },
      "ERR_DEVICE_UNSUPPORTED",
    ],
  ] as const)("that %s fails to start, typed, and leaves nothing open", async ([, prepare, code], { expect }) => {
    let made: FakeI2cKernel | undefined;
    const starting = onKernel((kernel) => {
      made = kernel;
      prepare(kernel);
    });
    await expect(starting).rejects.toMatchObject({ code });
    expect(made?.descriptors).toBe(0);
  });

  test("does not open a device that a driver has for itself", async ({ expect }) => {
    const { kernel, ...rig } = await onKernel();
    await using _rig = rig;
    kernel.claimed.add(REGISTERS);
    await using bound = await bindLink(rig.provider, { config: { devices: { memory: REGISTERS } } });
    await expect(bound.call(DEVICES, "open", "memory")).rejects.toMatchObject({ payload: { tag: "busy" } });
  });

  test("that is unplugged says so, and works when it is back, with one descriptor", async ({ expect }) => {
    const { kernel, ...rig } = await onKernel();
    await using _rig = rig;
    await using bound = await bindLink(rig.provider, { config: { devices: { memory: REGISTERS } } });
    const read = (): Promise<unknown> =>
      bound.call("wasi:i2c/i2c", "[method]i2c.write-read", "memory", REGISTERS, Uint8Array.of(0), 1n);
    for (let round = 0; round < 3; round += 1) {
      expect(await read()).toEqual(Uint8Array.of(1));
      kernel.plugged = false;
      await expect(read()).rejects.toMatchObject({ payload: { tag: "other" } });
      await expect(bound.call(DEVICES, "open", "memory")).rejects.toMatchObject({ payload: { tag: "disconnected" } });
      expect(kernel.descriptors).toBe(0);
      kernel.plugged = true;
    }
    expect(await read()).toEqual(Uint8Array.of(1));
    expect(kernel.descriptors).toBe(1);
  });
});

describe("encodeTransfer()", () => {
  test("lays out the kernel's messages", ({ expect }) => {
    const { argument, pointers, reads } = encodeTransfer(0x44, [
      { tag: "write", bytes: Uint8Array.of(0xe0, 0x00) },
      { tag: "read", length: 6 },
    ]);
    const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("hex");
    expect(hex(argument)).toBe("00000000000000000200000000000000");
    expect(hex(pointers[0]?.target)).toBe("4400000002000000000000000000000044000100060000000000000000000000");
    expect(pointers.map(({ offset }) => offset)).toEqual([0, 8, 24]);
    expect(hex(pointers[1]?.target)).toBe("e000");
    expect(reads).toEqual([new Uint8Array(6)]);
  });
});

describe("configuration", () => {
  const provider = createI2cProvider(providerDeps());
  test.for([
    [{ bus: { backend: "kernel", path: "i2c-1" } }, "want a device file such as /dev/i2c-1"],
    [{ bus: { backend: "kernel", path: "/dev/i2c-1", timeout: "1ms" } }, "want 10ms to 1m"],
    [{ bus: { backend: "simulated", devices: { "0x80": { registers: {} } } } }, "want a number from 0x8 to 0x77"],
    [{ bus: { backend: "simulated", devices: { "0x44": { registers: { "256": "00" } } } } }, "0x0 to 0xff"],
    [{ bus: { backend: "simulated", devices: { "0x44": { answers: { e0: "1" } } } } }, "want bytes in hexadecimal"],
    [{ bus: { backend: "simulated", devices: { "0x44": {} } } }, "want either registers or answers"],
    [
      { bus: { backend: "simulated", devices: { "0x44": { registers: {} }, "68": { registers: {} } } } },
      "is there already, written in another way",
    ],
  ] as const)("%j: %s", ([config, reason], { expect }) => {
    expect(() => provider.parseConfig(config)).toThrow(reason);
  });

  test("takes addresses as numbers and as text", ({ expect }) => {
    expect(linkSchema.parse({ devices: { a: 0x44, b: "0x45", c: "70" } }).devices).toEqual({ a: 0x44, b: 0x45, c: 70 });
    expect(linkSchema.safeParse({ devices: { a: ABSENT, b: 3 } }).success).toBe(false);
    expect(linkSchema.safeParse({ devices: {} }).success).toBe(false);
    expect(linkSchema.safeParse({ devices: { a: "" } }).success).toBe(false);
  });
});
