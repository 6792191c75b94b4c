import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { describe, test } from "vitest";
import { tempFolder } from "../../../test/support/processes.ts";
import { checkBlockDevice, type BlockDevice } from "./block-device.ts";

const STICK = {
  "sys/sdb/removable": "1\n",
  "sys/sdb/size": "62333952\n",
  "sys/sdb/dev": "8:16\n",
  "sys/sdb/device/vendor": "Generic \n",
  "sys/sdb/device/model": "SD Reader\n",
  "sys/sdb/sdb1/dev": "8:17\n",
  "sys/sdb/sdb2/dev": "8:18\n",
  mountinfo: "25 1 8:2 / / rw - ext4 /dev/sda2 rw\n",
  swaps: "Filename Type Size Used Priority\n/dev/sda3 partition 1 0 -2\n",
};

async function check(
  files: Readonly<Record<string, string>>,
  path = "/dev/sdb",
  number = files[`sys/${basename(path)}/dev`]?.trim() ?? "",
): Promise<BlockDevice> {
  await using folder = await tempFolder();
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder.path, name)), { recursive: true });
    await writeFile(join(folder.path, name), text);
  }
  const [sys, mountinfo, swaps] = ["sys", "mountinfo", "swaps"].map((name) => join(folder.path, name)) as [
    string,
    string,
    string,
  ];
  return await checkBlockDevice(path, { sys, mountinfo, swaps, numberOf: async () => number });
}

describe("checkBlockDevice()", () => {
  test("takes a card that nothing uses", async ({ expect }) => {
    expect(await check(STICK)).toEqual({ name: "sdb", model: "Generic SD Reader", size: 62333952 * 512 });
  });

  test("takes a card in a slot of the board, and no soldered memory", async ({ expect }) => {
    const slot = { "sys/mmcblk0/removable": "0", "sys/mmcblk0/device/type": "SD\n", "sys/mmcblk0/size": "1" };
    expect(await check(slot, "/dev/mmcblk0")).toMatchObject({ name: "mmcblk0" });
    const soldered = { ...slot, "sys/mmcblk0/device/type": "MMC\n" };
    await expect(check(soldered, "/dev/mmcblk0")).rejects.toThrow(/not removable/);
  });

  test.for([
    ["a disk that is built in", { "sys/sdb/removable": "0\n" }, /not removable/],
    [
      "one with a mounted partition",
      { mountinfo: "30 25 8:17 / /media/bootfs rw - vfat /dev/sdb1 rw\n" },
      /"sdb1" is mounted at "\/media\/bootfs"/,
    ],
    [
      "one with a mounted partition that has another number",
      { mountinfo: "30 25 0:44 / /media/data rw - btrfs /dev/sdb2 rw\n" },
      /"sdb2" is mounted at "\/media\/data"/,
    ],
    ["one that is mounted whole", { mountinfo: "30 25 8:16 / /mnt rw - vfat /dev/sdb rw\n" }, /"sdb" is mounted/],
    ["one with swap", { swaps: "/dev/sdb2 partition 1 0 -2\n" }, /"sdb2" is swap/],
    ["one that a volume lies on", { "sys/sdb/sdb2/holders/dm-0": "" }, /"dm-0" uses "sdb2"/],
    ["a partition", { "sys/sdb/partition": "1\n" }, /name the whole disk/],
  ] as const)("refuses %s", async ([, changes, reason], { expect }) => {
    await expect(check({ ...STICK, ...changes })).rejects.toMatchObject({
      code: "ERR_IMAGE_TARGET",
      message: expect.stringMatching(reason),
    });
  });

  test("refuses another disk under the name of a card", async ({ expect }) => {
    await expect(check(STICK, "/home/me/sdb", "8:0")).rejects.toThrow(/not the disk "sdb"/);
  });

  test("refuses what the kernel does not know", async ({ expect }) => {
    await expect(check(STICK, "/dev/sdz")).rejects.toThrow(/does not know/);
  });
});
