import { mkdir, mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { systemClock } from "../../../lib/clock.ts";
import { openSensorsBench } from "./sensors.ts";

test("openSensorsBench() writes nothing outside of its folder, whatever the manifest names", async ({ expect }) => {
  const parent = await mkdtemp(join(tmpdir(), "petiole-sensors-"));
  try {
    const folder = join(parent, "state");
    await mkdir(folder);
    const open = async (id: string, sensor: object): Promise<void> => {
      const wanted = { id, type: "sensors", config: { sensors: { one: sensor } }, links: [] };
      await using _bench = await openSensorsBench({ wanted, emit: () => {}, clock: systemClock, folder });
    };
    const out = /leads out of its folder/;
    await expect(open("a", { file: "/sys/../../../target", measure: "x" })).rejects.toThrow(out);
    await expect(open("a", { onewire: "../../../../../../target" })).rejects.toThrow(out);
    await expect(open("a", { hwmon: "x/../../../../../target", channel: "temp1" })).rejects.toThrow(out);
    await open("../b", { file: "/sys/light", measure: "lx" });
    expect(await readdir(parent)).toEqual(["state"]);
    expect(await readFile(join(folder, "sensors-..%2Fb", "light"), "utf8")).toBe("0\n");
  } finally {
    await rm(parent, { recursive: true });
  }
});
