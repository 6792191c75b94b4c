// Contract: `petiole image prepare` puts onto an image, made by other programs, what a device sets itself up with.

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, test, vi } from "vitest";
import { parse } from "yaml";
import { prepareImage, type PrepareOptions, type PrepareReport } from "../../../src/cli/image/prepare.ts";
import { signClaims } from "../../../src/enrolment/claims.ts";
import { createKey } from "../../../src/enrolment/keys.ts";
import { formatToken } from "../../../src/enrolment/token.ts";
import { petiole } from "../../support/agent.ts";
import { flashTools, hasExt4, makeCard, type CardOptions } from "../../support/flash-tools.ts";
import { tempFolder } from "../../support/processes.ts";
import { skipping } from "../../support/skip.ts";

const CONFIG = "# of the line 3\ndevice: { id: model }\n";
const CMDLINE = "console=tty1 root=PARTUUID=x-02 rootfstype=ext4 rootwait\n";
const TOKEN = makeToken();
const tools = await flashTools();

beforeAll(() => {
  if (tools !== undefined) vi.stubEnv("PATH", tools.env["PATH"]);
  return () => vi.unstubAllEnvs();
});

async function prepare(folder: string, target: string, options: Partial<PrepareOptions>): Promise<PrepareReport> {
  await writeFile(join(folder, "petiole.yaml"), CONFIG);
  await writeFile(join(folder, "token"), `${TOKEN}\n`);
  const files = { config: join(folder, "petiole.yaml"), tokenFile: join(folder, "token") };
  return await prepareImage(target, { firstBoot: "auto", ...files, ...options });
}

function makeToken(): string {
  const { publicKey, seed } = createKey("user");
  const jwt = signClaims(createKey("account"), {
    subject: publicKey,
    name: "token",
    issued: 0,
    nats: { type: "user" },
  });
  return formatToken({ urls: ["nats://hub.example:4222"], jwt, seed });
}

async function makePackage(folder: string, size = 300_000): Promise<string> {
  const file = join(folder, "petiole_0.1.0_arm64.deb");
  await writeFile(file, `!<arch>\ndebian-binary   ${"x".repeat(size)}`);
  return file;
}

describe.skipIf(tools === undefined)("petiole image prepare, of an image", () => {
  const kinds: readonly (readonly [string, Pick<CardOptions, "table" | "fat" | "size" | "files">])[] = [
    [
      "MBR, FAT32, cloud-init",
      { table: "dos", fat: 32, size: 40, files: { "user-data": "#cloud-config\nhostname: a\n" } },
    ],
    ["GPT, FAT16, systemd.run", { table: "gpt", fat: 16, size: 16, files: { "cmdline.txt": CMDLINE } }],
    ["no table, FAT12, systemd.run", { table: "none", fat: 12, size: 4, files: { "cmdline.txt": CMDLINE } }],
  ];

  test.for(kinds)("%s", async ([, kind], { expect }) => {
    if (tools === undefined) return;
    await using folder = await tempFolder();
    const image = join(folder.path, "card.img");
    const card = await makeCard(tools, { path: image, ...kind });
    const file = await makePackage(folder.path);
    const before = await readFile(image);

    const options = { package: [file], name: "boiler-7" };
    const dry = await prepare(folder.path, image, { ...options, dryRun: true });
    expect(dry.steps.map(({ path }) => path)).toContain("petiole/petiole_0.1.0_arm64.deb");
    expect((await readFile(image)).equals(before)).toBe(true);

    const report = await prepare(folder.path, image, options);
    const usesCloudInit = "user-data" in kind.files;
    const firstBoot = usesCloudInit ? "cloud-init" : "systemd-run";
    expect(report).toMatchObject({ device: "boiler-7", firstBoot, dryRun: false });
    expect(JSON.stringify(report)).not.toContain(TOKEN);
    expect(parse(await card.read("petiole/provision.yaml"))).toEqual({
      provision: 1,
      token: TOKEN,
      config: "# of the line 3\ndevice: { id: boiler-7 }\n",
    });
    expect(await card.read("petiole/petiole_0.1.0_arm64.deb")).toBe(await readFile(file, "utf8"));
    expect(await card.read("petiole/firstrun.sh")).toMatch(/^#!\/bin\/sh\n/);
    if (usesCloudInit) {
      expect(parse(await card.read("user-data"))).toEqual({
        hostname: "a",
        runcmd: [["sh", "/boot/firmware/petiole/firstrun.sh"]],
      });
    } else {
      expect(await card.read("cmdline.txt")).toBe(
        `${CMDLINE.trim()} systemd.run=/boot/firmware/petiole/firstrun.sh systemd.run_success_action=reboot ` +
          "systemd.run_failure_action=reboot systemd.unit=kernel-command-line.target\n",
      );
    }

    // Again changes nothing more.
    await prepare(folder.path, image, options);
    if (!usesCloudInit) expect((await card.read("cmdline.txt")).match(/systemd\.run=/g)).toHaveLength(1);
    expect((await card.list("petiole")).sort()).toHaveLength(4);
  });

  test("refuses what does not fit, and what is no boot partition", async ({ expect }) => {
    if (tools === undefined) return;
    await using folder = await tempFolder();
    const image = join(folder.path, "card.img");
    await makeCard(tools, { path: image, table: "dos", fat: 12, size: 2, files: { "cmdline.txt": CMDLINE } });
    const file = await makePackage(folder.path, 3_000_000);
    const large = prepare(folder.path, image, { package: [file] });
    await expect(large).rejects.toMatchObject({
      code: "ERR_IMAGE_SPACE",
      message: expect.stringContaining("partition 1"),
    });

    await makeCard(tools, { path: image, table: "dos", fat: 12, size: 2, files: { "readme.txt": "holidays" } });
    const other = prepare(folder.path, image, { package: [await makePackage(folder.path)] });
    await expect(other).rejects.toThrow("it is no boot partition");

    await writeFile(image, "no image at all".repeat(100));
    await expect(prepare(folder.path, image, {})).rejects.toMatchObject({
      code: "ERR_IMAGE_TARGET",
      message: expect.stringContaining("no FAT partition"),
    });
    await expect(prepare(folder.path, "/dev/null", {})).rejects.toMatchObject({ code: "ERR_IMAGE_TARGET" });
  });
});

const noExt4 = tools === undefined || (await hasExt4(tools)) ? undefined : "mkfs.ext4 or debugfs is missing";
const isBlind = skipping(noExt4 !== undefined, "the root partition of images", noExt4 ?? "");

describe.skipIf(tools === undefined || isBlind)("petiole image prepare, of an image with a root partition", () => {
  const libraries = (...names: readonly string[]) => ["/usr", "/usr/lib", ...names.map((name) => `/usr/lib/${name}`)];
  const both = libraries("aarch64-linux-gnu", "arm-linux-gnueabihf");

  test.for([
    ["a 64-bit system", [...both, "/boot", "/boot/firmware"], undefined],
    ["a 32-bit system", [...libraries("arm-linux-gnueabihf"), "/boot", "/boot/firmware"], "ERR_IMAGE_TARGET"],
    ["a PC", [...libraries("x86_64-linux-gnu"), "/boot", "/boot/firmware"], "ERR_IMAGE_PACKAGE"],
    ["a system of before", [...both, "/boot"], "ERR_IMAGE_FIRST_BOOT"],
    ["what is no system", ["/photos"], undefined],
  ] as const)("looks at %s", async ([, root, code], { expect }) => {
    if (tools === undefined) return;
    await using folder = await tempFolder();
    const image = join(folder.path, "card.img");
    await makeCard(tools, { path: image, table: "dos", fat: 12, size: 2, files: { "cmdline.txt": CMDLINE }, root });
    const prepared = prepare(folder.path, image, { package: [await makePackage(folder.path)], dryRun: true });
    if (code === undefined) expect(await prepared).toMatchObject({ firstBoot: "systemd-run" });
    else await expect(prepared).rejects.toMatchObject({ code });
  });
});

test("petiole image prepare writes into a mounted boot partition", async ({ expect }) => {
  await using folder = await tempFolder();
  const boot = join(folder.path, "bootfs");
  await mkdir(boot);
  await writeFile(join(boot, "user-data"), "#!/bin/sh\necho mine\n");
  const file = await makePackage(folder.path);
  await expect(prepare(folder.path, boot, { package: [file] })).rejects.toMatchObject({
    code: "ERR_IMAGE_FIRST_BOOT",
    message: expect.stringContaining("runcmd:"),
  });
  expect(await readFile(join(boot, "user-data"), "utf8")).toBe("#!/bin/sh\necho mine\n");

  await writeFile(join(boot, "user-data"), "#cloud-config\n# nothing yet\n");
  const wrong = { package: [file], tokenFile: join(folder.path, "petiole.yaml") };
  await expect(prepare(folder.path, boot, wrong)).rejects.toMatchObject({ code: "ERR_ENROL_TOKEN" });
  expect(await readdir(boot)).toEqual(["user-data"]);
  // The command itself, once.
  const config = join(folder.path, "petiole.yaml");
  const result = await petiole("image", "prepare", boot, "--package", file, "--config", config, "--token", TOKEN);
  expect(result).toMatchObject({
    code: 0,
    stderr: "",
    stdout: expect.stringMatching(/^prepared folder .*"model":\nFILE/),
  });
  expect(await readFile(join(boot, "user-data"), "utf8")).toBe(
    "#cloud-config\n# nothing yet\nruncmd:\n  - [sh, /boot/firmware/petiole/firstrun.sh]\n",
  );
  expect(await readFile(join(boot, "petiole", "SHA256SUMS"), "utf8")).toMatch(
    /^[0-9a-f]{64} {2}petiole_0\.1\.0_arm64\.deb\n$/,
  );
});
