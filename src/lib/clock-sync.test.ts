import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test as base } from "vitest";
import { createClockSync } from "./clock-sync.ts";

const NOW = Date.parse("2027-01-01T00:00:00Z");

const test = base.extend<{ root: string }>({
  // oxlint-disable-next-line no-empty-pattern -- vitest reads the names of other fixtures from the pattern
  root: async ({}, use) => {
    const folder = await mkdtemp(join(tmpdir(), "petiole-clock-"));
    await use(folder);
    await rm(folder, { recursive: true });
  },
});

async function put(root: string, path: string, content: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
}

const TIMESYNCD = "run/systemd/timesync/synchronized";

test("nobody has set the clock of a device of which nothing says so", async ({ expect, root }) => {
  for (const said of [false, undefined]) {
    expect(await createClockSync({ wall: () => NOW, kernel: async () => said, root })()).toBe(false);
  }
});

test("the kernel, systemd-timesyncd or a clock with a battery say so", async ({ expect, root }) => {
  const ask = createClockSync({ wall: () => NOW, kernel: async () => false, root });
  expect(await createClockSync({ wall: () => NOW, kernel: async () => true, root })()).toBe(true);
  await put(root, "sys/class/rtc/rtc0/hctosys", "1\n");
  await put(root, "sys/class/rtc/rtc0/since_epoch", "3600\n");
  expect(await ask(), "a hardware clock without a battery").toBe(false);
  await put(root, "sys/class/rtc/rtc0/since_epoch", `${NOW / 1000}\n`);
  expect(await ask(), "one with a battery").toBe(true);
  const other = createClockSync({ wall: () => NOW, kernel: async () => false, root: join(root, "other") });
  await put(join(root, "other"), TIMESYNCD, "");
  expect(await other(), "timesyncd").toBe(true);
});

test("a time before petiole was there is wrong, whoever says what", async ({ expect, root }) => {
  await put(root, TIMESYNCD, "");
  let wall = 0;
  const ask = createClockSync({ wall: () => wall, kernel: async () => true, root });
  expect(await ask()).toBe(false);
  wall = NOW;
  expect(await ask()).toBe(true);
});

test("once set, a clock stays so, although the kernel forgets without a network", async ({ expect, root }) => {
  let said = true;
  const ask = createClockSync({ wall: () => NOW, kernel: async () => said, root });
  expect(await ask()).toBe(true);
  said = false;
  expect(await ask()).toBe(true);
});

test("the kernel of this machine can be asked, or says nothing", async ({ expect, root }) => {
  expect(typeof (await createClockSync({ wall: () => NOW, root })())).toBe("boolean");
});
