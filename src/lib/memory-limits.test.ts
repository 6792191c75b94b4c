import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import { tempFolder } from "../../test/support/processes.ts";
import { judgeMemoryLimits, readMemoryLimits, type MemoryFacts } from "./memory-limits.ts";

const SERVICE: MemoryFacts = {
  membership: "0::/system.slice/petiole.service\n",
  controllers: "cpuset cpu io memory pids\n",
  commandLine: "root=/dev/mmcblk0p2 quiet\n",
  max: ["max\n", "536870912\n"],
  high: ["max\n", "469762048\n"],
};

describe("judgeMemoryLimits()", () => {
  test("takes the narrowest limit of all groups", ({ expect }) => {
    expect(judgeMemoryLimits(SERVICE)).toEqual({
      state: "enforced",
      max: 512 * 1024 ** 2,
      high: 448 * 1024 ** 2,
      reason: undefined,
    });
    expect(judgeMemoryLimits({ ...SERVICE, max: ["1000\n", "2000\n"] }).max).toBe(1000);
    expect(judgeMemoryLimits({ ...SERVICE, max: ["max\n"], high: [] })).toMatchObject({
      state: "none",
      max: undefined,
    });
  });

  test("names what switched limits off, and what to do", ({ expect }) => {
    const off = { ...SERVICE, controllers: "cpuset cpu io pids\n", max: [], high: [] };
    const byFirmware = judgeMemoryLimits({ ...off, commandLine: "coherent_pool=1M cgroup_disable=memory quiet\n" });
    expect(byFirmware).toMatchObject({ state: "off", max: undefined });
    expect(byFirmware.reason).toMatch(/cgroup_disable=memory on the kernel's command line.*cgroup_enable=memory/);
    expect(judgeMemoryLimits(off)).toMatchObject({
      state: "off",
      reason: expect.stringContaining("kernel's settings"),
    });
  });

  test("does not guess where it cannot look", ({ expect }) => {
    expect(judgeMemoryLimits({ ...SERVICE, controllers: undefined }).state).toBe("unknown");
    expect(judgeMemoryLimits({ ...SERVICE, membership: "9:cpu,memory:/user\n0::/\n" }).state).toBe("unknown");
    expect(judgeMemoryLimits({ ...SERVICE, membership: "3:memory:/\n" }).state).toBe("unknown");
  });
});

test("readMemoryLimits() looks into the process's group and those around it", async ({ expect }) => {
  await using root = await tempFolder();
  const put = async (path: string, text: string): Promise<void> => {
    const file = join(root.path, path);
    await mkdir(join(file, ".."), { recursive: true });
    await writeFile(file, text);
  };
  expect(readMemoryLimits(root.path).state).toBe("unknown");
  await put("proc/self/cgroup", "0::/system.slice/petiole.service\n");
  await put("sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
  expect(readMemoryLimits(root.path).state).toBe("none");
  await put("sys/fs/cgroup/system.slice/memory.max", "max\n");
  await put("sys/fs/cgroup/system.slice/petiole.service/memory.max", "1048576\n");
  expect(readMemoryLimits(root.path)).toMatchObject({ state: "enforced", max: 1_048_576, high: undefined });
  await put("sys/fs/cgroup/cgroup.controllers", "cpu\n");
  await put("proc/cmdline", "console=tty1 cgroup_disable=memory\n");
  expect(readMemoryLimits(root.path)).toMatchObject({ state: "off" });
});
