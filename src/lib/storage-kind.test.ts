import { describe, test } from "vitest";
import { inspectStorage, judgeStorage, parseMountInfo } from "./storage-kind.ts";

const CARD = "25 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw";
const OVERLAY_ROOT =
  "25 1 0:23 / / rw,relatime shared:1 - overlay overlayroot rw,lowerdir=/media/root-ro,upperdir=/media/root-rw/overlay,workdir=/media/root-rw/overlay-workdir/_";
const UPPER_IN_MEMORY = "27 25 0:22 / /media/root-rw rw,relatime - tmpfs tmpfs-root rw";
const HIDDEN_OVERLAY = "25 1 0:23 / / rw - overlay overlay rw,lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work";
const DATA = "40 25 179:3 / /var/lib/petiole rw,noatime - ext4 /dev/mmcblk0p3 rw";
const ZRAM = "41 25 252:0 / /var/lib/petiole rw - ext4 /dev/zram0 rw";

const judge = (type: string | undefined, isUpperHere: boolean, ...lines: readonly string[]) =>
  judgeStorage({ path: "/var/lib/petiole/state", type, mounts: parseMountInfo(lines.join("\n")), isUpperHere });

describe("judgeStorage()", () => {
  test.for([
    ["a card", judge(undefined, false, CARD), "yes", undefined],
    ["memory", judge("tmpfs", false, CARD, "40 25 0:9 / /var/lib rw - tmpfs tmpfs rw"), "no", "in memory (tmpfs)"],
    ["a disk in compressed memory", judge(undefined, false, CARD, ZRAM), "no", "(/dev/zram0)"],
    ["an overlay over memory", judge("overlay", true, OVERLAY_ROOT, UPPER_IN_MEMORY), "no", "writes to memory"],
    [
      "an overlay that hides where it writes",
      judge("overlay", false, HIDDEN_OVERLAY),
      "unknown",
      "may write to memory",
    ],
    [
      "an overlay that is seen to write to a disk",
      judge("overlay", true, CARD, overlayAt("/mnt")),
      "yes",
      "of its own",
    ],
    ["a partition under an overlay", judge(undefined, false, OVERLAY_ROOT, UPPER_IN_MEMORY, DATA), "yes", undefined],
    ["what nothing is known of", judge(undefined, false), "yes", undefined],
  ] as const)("%s", ([, kind, survives, reason], { expect }) => {
    expect(kind.survives).toBe(survives);
    if (reason === undefined) expect(kind.reason).toBeUndefined();
    else expect(kind.reason).toContain(reason);
  });

  function overlayAt(upper: string): string {
    return `42 25 0:40 / /var/lib/petiole rw - overlay overlay rw,lowerdir=/a,upperdir=${upper}/up,workdir=${upper}/w`;
  }
});

test("parseMountInfo() reads names with spaces, and lines that are none", ({ expect }) => {
  const mounts = parseMountInfo("1 2 0:1 / /media/my\\040stick rw - vfat /dev/sda1 rw\nnonsense\n");
  expect(mounts).toEqual([
    { mountPoint: "/media/my stick", fileSystem: "vfat", source: "/dev/sda1", upper: undefined, options: ["rw", "rw"] },
  ]);
});

test("inspectStorage() sees that /dev/shm is memory", async ({ expect }) => {
  expect(await inspectStorage("/dev/shm")).toMatchObject({ survives: "no", fileSystem: "tmpfs" });
});
