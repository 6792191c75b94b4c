// What the backend sysfs can do of petiole:gpio, on a chip of gpio-sim; the suite as a whole asks for more than sysfs has.

import { describe, test } from "vitest";
import { gpioLines } from "../conformance/gpio/suite.ts";
import { createSimRigs } from "../support/gpio-rigs.ts";
import { createMailbox } from "../support/mailbox.ts";
import { bindLink } from "../support/provider-rig.ts";

const LINES = "petiole:gpio/lines";

interface Batch {
  readonly events: readonly { readonly edge: string; readonly sequence: bigint }[];
}

export function sysfsSuite(path: string, scale: number): void {
  const { door, lamp, valve } = gpioLines();
  const create = createSimRigs({ backend: "sysfs", path, scale });

  describe(`petiole:gpio on ${path} through sysfs`, () => {
    test("edges arrive, levels are logical, and a chip that was unplugged serves again", async ({ expect }) => {
      await using rig = await create({ door, lamp, valve });
      const edges = createMailbox<string>();
      await using _link = await bindLink(rig.provider, {
        config: { lines: { door: "read" } },
        handler: (_name, args) => {
          for (const { edge, sequence } of (args[0] as Batch).events) edges.put(`${edge} ${sequence}`);
        },
      });
      await using lines = await bindLink(rig.provider, {
        config: { lines: { door: "read", lamp: "write", valve: "write" } },
      });
      const get = async (...labels: string[]): Promise<unknown> => await lines.call(LINES, "get-many", labels);
      expect(await get("door", "lamp", "valve")).toEqual(["active", "inactive", "active"]);
      expect([rig.voltage("lamp"), rig.voltage("valve")]).toEqual([false, false]);
      rig.drive("door", true);
      await edges.waitFor(1);
      rig.drive("door", false);
      expect(await edges.waitFor(2)).toEqual(["falling 1", "rising 2"]);
      await lines.call(LINES, "set-many", [
        ["lamp", "active"],
        ["valve", "inactive"],
      ]);
      expect([rig.voltage("lamp"), rig.voltage("valve")]).toEqual([true, true]);
      await rig.plug(false);
      await rig.plug(true);
      expect(await get("lamp", "valve")).toEqual(["inactive", "active"]);
      rig.drive("door", true);
      expect(await edges.waitFor(3)).toEqual(["falling 1", "rising 2", "falling 3"]);
    });
  });
}
