import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, test } from "vitest";
import { tempFolder } from "../../test/support/processes.ts";
import { compareIdentity, readIdentity, type DeviceIdentity } from "./identity.ts";

const MACHINE = "0123456789abcdef0123456789abcdef";

async function system(files: Readonly<Record<string, string>>): Promise<DeviceIdentity> {
  await using folder = await tempFolder();
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder.path, path)), { recursive: true });
    await writeFile(join(folder.path, path), text);
  }
  return await readIdentity(folder.path);
}

const board = (machine: string, serial: string): Promise<DeviceIdentity> =>
  system({ "etc/machine-id": `${machine}\n`, "proc/device-tree/serial-number": `${serial}\0` });

describe("readIdentity()", () => {
  test("takes the machine id and the board's serial as digests", async ({ expect }) => {
    const { machine, serial } = await board(MACHINE, "10000000abcd1234");
    expect(machine).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(serial).toEqual({ source: "device-tree", digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
    expect(serial?.digest).not.toBe(machine);
    expect(await board(MACHINE.toUpperCase(), "10000000ABCD1234")).toEqual({ machine, serial });
  });

  test("asks the firmware of a PC where there is no device tree", async ({ expect }) => {
    const { serial } = await system({ "sys/class/dmi/id/product_uuid": "9b3d1c2e-0000-4a1f-9c77-1234567890ab\n" });
    expect(serial?.source).toBe("dmi-uuid");
  });

  test.for([
    "03000200-0400-0500-0006-000700080009",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "To Be Filled By O.E.M.",
    "",
  ])('takes "%s" for no serial, and the next place for one', async (uuid, { expect }) => {
    const files = { "sys/class/dmi/id/product_uuid": uuid, "sys/class/dmi/id/product_serial": "PF3XK9" };
    expect((await system(files)).serial?.source).toBe("dmi-serial");
  });

  test("a machine id that is to be made at the first boot is none", async ({ expect }) => {
    expect(await system({ "etc/machine-id": "uninitialized\n" })).toEqual({ machine: undefined, serial: undefined });
    expect(await system({})).toEqual({ machine: undefined, serial: undefined });
  });
});

describe("compareIdentity()", () => {
  const identity = (machine: string | undefined, serial: string | undefined): DeviceIdentity => ({
    machine,
    serial: serial === undefined ? undefined : { source: "device-tree", digest: serial },
  });

  test.for([
    // What was enrolled, what is there now, and the verdicts by hardware and by machine id.
    ["the same device", identity("m", "s"), identity("m", "s"), "same", "same"],
    ["a copied or moved card", identity("m", "s"), identity("m", "t"), "other", "changed"],
    ["a system that was set up anew", identity("m", "s"), identity("n", "s"), "changed", "other"],
    ["another device altogether", identity("m", "s"), identity("n", "t"), "other", "other"],
    ["no serial, same system", identity("m", undefined), identity("m", undefined), "same", "same"],
    ["no serial, another system", identity("m", undefined), identity("n", undefined), "other", "other"],
    ["a serial that could not be read before", identity("m", undefined), identity("m", "s"), "changed", "changed"],
    ["a serial that cannot be read any more", identity("m", "s"), identity("m", undefined), "same", "same"],
    ["nothing to compare", identity(undefined, "s"), identity("m", undefined), "unknown", "unknown"],
  ] as const)("%s", ([, enrolled, now, hardware, machine], { expect }) => {
    expect(compareIdentity(enrolled, now, "hardware")).toBe(hardware);
    expect(compareIdentity(enrolled, now, "machine-id")).toBe(machine);
    expect(compareIdentity(enrolled, now, "off")).toBe("same");
  });

  test("does not compare serials of different places", ({ expect }) => {
    const now: DeviceIdentity = { machine: "m", serial: { source: "dmi-serial", digest: "t" } };
    expect(compareIdentity(identity("m", "s"), now, "hardware")).toBe("same");
  });
});
