import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, test } from "vitest";
import { parse } from "yaml";
import { tempFolder } from "../../../test/support/processes.ts";
import { cloudConfig } from "./cloud-init.ts";
import { extendCommandLine, extendUserData, FIRST_RUN, mechanismOf } from "./first-boot.ts";

const run = promisify(execFile);
const COMMAND = ["sh", "/boot/firmware/petiole/firstrun.sh"];

describe("extendUserData()", () => {
  test.for([
    ["nothing", ""],
    ["comments", "#cloud-config\n# hostname: a\n\n# users: []\n"],
    ["other keys", "#cloud-config\nhostname: a # the name\n"],
    ["other commands", "#cloud-config\nruncmd:\n  - echo a\n  # why\n  - [echo, b]\nusers: []\n"],
    ["an empty list", "#cloud-config\nruncmd: []\n"],
  ] as const)("adds the command to %s, once, and keeps the rest", ([, text], { expect }) => {
    const extended = extendUserData(text);
    expect(extended).toMatch(/^#cloud-config\n/);
    const before = (parse(text) ?? {}) as { readonly runcmd?: readonly unknown[] };
    expect(parse(extended)).toEqual({ ...before, runcmd: [...(before.runcmd ?? []), COMMAND] });
    for (const comment of text.match(/# .*/g) ?? []) expect(extended).toContain(comment);
    expect(extendUserData(extended)).toBe(extended);
  });

  test.for([
    ["a script", "#!/bin/sh\necho a\n"],
    ["several parts", 'Content-Type: multipart/mixed; boundary="x"\n'],
    ["a template", "## template: jinja\n#cloud-config\nhostname: {{ v1.a }}\n"],
    ["no YAML", "#cloud-config\na: [\n"],
    ["a list", "#cloud-config\n- a\n"],
    ["a command that is no list", "#cloud-config\nruncmd: echo a\n"],
  ] as const)("leaves %s alone, and says what to add", ([, text], { expect }) => {
    expect(() => extendUserData(text)).toThrow(/Add this to it by hand[^]*firstrun\.sh/);
  });
});

describe("extendCommandLine()", () => {
  const ADDED =
    "systemd.run=/boot/firmware/petiole/firstrun.sh systemd.run_success_action=reboot " +
    "systemd.run_failure_action=reboot systemd.unit=kernel-command-line.target";

  test("adds the command once", ({ expect }) => {
    const extended = extendCommandLine("console=tty1 rootwait\n");
    expect(extended).toBe(`console=tty1 rootwait ${ADDED}\n`);
    expect(extendCommandLine(extended)).toBe(extended);
  });

  test("runs after the command of somebody else", ({ expect }) => {
    const imager =
      "rootwait systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target";
    expect(extendCommandLine(imager)).toBe(
      `${imager} systemd.run=/boot/firmware/petiole/firstrun.sh systemd.run_failure_action=reboot\n`,
    );
  });

  test.for(["", "\n", "two\nlines\n"])("refuses %j", (text, { expect }) => {
    expect(() => extendCommandLine(text)).toThrow(/want one line/);
  });
});

test("mechanismOf() prefers cloud-init", ({ expect }) => {
  expect(mechanismOf(["cmdline.txt", "user-data"])).toBe("cloud-init");
  expect(mechanismOf(["cmdline.txt"])).toBe("systemd-run");
  expect(mechanismOf(["efi"])).toBeUndefined();
});

test("cloudConfig() is YAML that holds the provisioning file, and checks what it fetches", ({ expect }) => {
  const provision = "provision: 1\nconfig: |\n  device: { id: a }\n";
  const digest = "a".repeat(64);
  const text = cloudConfig(provision, { packageUrl: "https://example/p.deb", packageSha256: digest });
  expect(text).toMatch(/^#cloud-config\n/);
  const { write_files: files, runcmd } = parse(text) as { write_files: unknown[]; runcmd: string[][] };
  expect(files).toEqual([
    { path: "/etc/petiole/provision.yaml", permissions: "0600", owner: "root:root", content: provision },
  ]);
  expect(runcmd.map((words) => words[0])).toEqual(["curl", "sh", "rm", "systemctl"]);
  expect(runcmd[1]?.[2]).toContain(`${digest}  `);
});

/** Runs the script of the boot partition with a dpkg and a systemctl that write down what they were asked. */
async function firstRun(dpkg: string, files: Readonly<Record<string, string>>, apt = "exit 100") {
  const folder = await tempFolder();
  const here = join(folder.path, "petiole");
  const bin = join(folder.path, "bin");
  await mkdir(here);
  await mkdir(bin);
  const asked = join(folder.path, "asked");
  const programs = { dpkg, "apt-get": apt, systemctl: "exit 0" };
  for (const [name, body] of Object.entries(programs)) {
    await writeFile(join(bin, name), `#!/bin/sh\necho "${name} $*" >>"${asked}"\n${body}\n`);
    await chmod(join(bin, name), 0o755);
  }
  const script = join(here, "firstrun.sh");
  // Not in this machine's own folder.
  await writeFile(script, FIRST_RUN.replaceAll("/var/lib/cloud/", `${folder.path}/cloud/`));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder.path, name), text);
  /** Or what else runs at this boot. */
  const boot = async (program?: string): Promise<void> => {
    const [command, ...args] = program === undefined ? (["sh", script] as const) : ([program] as const);
    await run(command, args, { env: { PATH: `${bin}:/usr/bin:/bin` } });
  };
  return {
    path: folder.path,
    boot,
    has: (name: string): boolean => existsSync(join(folder.path, name)),
    text: async (name: string): Promise<string> => await readFile(join(folder.path, name), "utf8"),
    asked: async (): Promise<string[]> => (await readFile(asked, "utf8").catch(() => "")).trim().split("\n"),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

describe("the script of the first boot", () => {
  const PACKAGE = "a package";
  const sums = `${createHash("sha256").update(PACKAGE).digest("hex")}  petiole_1.0_arm64.deb\n`;
  const files = {
    "cmdline.txt": extendCommandLine("console=tty1 rootwait\n"),
    "petiole/petiole_0.9_arm64.deb": "an older one",
    "petiole/petiole_1.0_arm64.deb": PACKAGE,
    "petiole/SHA256SUMS": sums,
  };

  test("installs the package that is meant, and puts the command line back", async ({ expect }) => {
    await using device = await firstRun("exit 0", files);
    await device.boot();
    expect(await device.text("cmdline.txt")).toBe("console=tty1 rootwait\n");
    expect(await device.asked()).toContain("dpkg --force-confold -i ./petiole_1.0_arm64.deb");
    expect(await device.asked()).toContain("systemctl start --no-block petiole-firstboot.service");
    expect([device.has("petiole/petiole_1.0_arm64.deb"), device.has("petiole/firstrun.sh")]).toEqual([false, false]);
    expect(await device.text("petiole/firstrun.log")).toContain("first run: ok");
  });

  test("has apt bring what belongs to it where there is a network", async ({ expect }) => {
    const sum = createHash("sha256").update("more").digest("hex");
    const more = {
      "petiole/nats-server_2_arm64.deb": "more",
      "petiole/SHA256SUMS": `${sums}${sum}  nats-server_2_arm64.deb\n`,
    };
    await using device = await firstRun("exit 0", { ...files, ...more }, "exit 0");
    await device.boot();
    const asked = await device.asked();
    expect(asked.some((line) => line.endsWith("install ./petiole_1.0_arm64.deb ./nats-server_2_arm64.deb"))).toBe(true);
    expect(asked.filter((line) => line.includes("dpkg --force-confold"))).toEqual([]);
    expect(device.has("petiole/nats-server_2_arm64.deb")).toBe(false);
  });

  test("goes on after a power cut in the installation", async ({ expect }) => {
    // The first boot dies at dpkg -i, with the shell that called it.
    const dying = 'case "$*" in *-i*) if [ ! -f "$0.cut" ]; then : >"$0.cut"; kill -9 "$PPID"; fi ;; esac';
    await using device = await firstRun(dying, files);
    await expect(device.boot()).rejects.toThrow();
    expect(await device.text("cmdline.txt")).toContain("systemd.run=");
    await device.boot();
    expect(await device.text("cmdline.txt")).toBe("console=tty1 rootwait\n");
    expect(device.has("petiole/petiole_1.0_arm64.deb")).toBe(false);
  });

  test.for([
    ["cannot be installed", "exit 1", files],
    ["was damaged on the card", "exit 0", { ...files, "petiole/petiole_1.0_arm64.deb": "a pAckage" }],
  ] as const)("lets the device boot when the package %s", async ([, dpkg, content], { expect }) => {
    await using device = await firstRun(dpkg, content);
    await device.boot();
    expect(await device.text("cmdline.txt")).toBe("console=tty1 rootwait\n");
    expect(await device.text("petiole/firstrun.log")).toContain("first run: failed");
    expect((await device.asked()).filter((line) => line.startsWith("systemctl"))).toEqual([]);
    expect(device.has("petiole/petiole_1.0_arm64.deb")).toBe(true);
  });

  test("leaves another's command to whoever put it there", async ({ expect }) => {
    const imager =
      "rootwait systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target";
    await using device = await firstRun("exit 0", { ...files, "cmdline.txt": extendCommandLine(imager) });
    await device.boot();
    expect(await device.text("cmdline.txt")).toBe(`${imager} systemd.run_failure_action=reboot\n`);
  });

  test("with cloud-init there is no command line to put back", async ({ expect }) => {
    await using device = await firstRun("exit 0", { ...files, "cmdline.txt": "rootwait\n" });
    await device.boot();
    expect(await device.text("cmdline.txt")).toBe("rootwait\n");
  });

  test("with cloud-init, which asks once alone, the next boot goes on after a power cut", async ({ expect }) => {
    const dying = 'case "$*" in *-i*) if [ ! -f "$0.cut" ]; then : >"$0.cut"; kill -9 "$PPID"; fi ;; esac';
    await using device = await firstRun(dying, { ...files, "cmdline.txt": "rootwait\n" });
    await mkdir(join(device.path, "cloud", "scripts", "per-boot"), { recursive: true });
    await expect(device.boot()).rejects.toThrow();
    const again = "cloud/scripts/per-boot/petiole";
    await device.boot(join(device.path, again));
    expect(await device.text("petiole/firstrun.log")).toContain("first run: ok");
    expect([again, "petiole/petiole_1.0_arm64.deb", "petiole/firstrun.sh"].filter(device.has)).toEqual([]);
  });
});
