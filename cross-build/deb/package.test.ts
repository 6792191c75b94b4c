// The package is made for real, by dpkg-deb, around a stand-in for the executable.

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, test } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { checkProviders } from "../../src/daemon/check-providers.ts";
import { buildPackage, type BuiltPackage } from "./build.ts";
import type { NatsServerPart } from "../nats-server.ts";
import type { TargetName } from "../targets.ts";
import { debianVersion } from "./control.ts";
import { UNITS } from "./files.ts";
import { commandLine } from "./sources.ts";

const canRun = (command: string): boolean => spawnSync(command, ["--version"]).error === undefined;
const skipWithout = (command: string): boolean => {
  const missing = !canRun(command);
  if (missing) console.warn(`skipped: there is no ${command} on this machine`);
  return missing;
};

// Programs of other packages, on a machine that may be busy.
const PATIENCE = 120_000;

describe.skipIf(skipWithout("dpkg-deb"))("the Debian package", { timeout: PATIENCE }, () => {
  let folder: string;
  let root: string;
  let built: BuiltPackage;
  let commands: Awaited<ReturnType<typeof commandLine>>;
  const deb = (...args: string[]): string => execFileSync("dpkg-deb", args, { encoding: "utf8" });
  const zipped = (path: string): string => gunzipSync(readFileSync(join(root, path))).toString();
  const build = (
    out: string,
    target: TargetName = "linux-x64",
    version = "1.2.3",
    natsServer?: NatsServerPart,
  ): Promise<BuiltPackage> =>
    buildPackage({
      target,
      version,
      commands,
      binary: join(folder, "petiole"),
      epoch: 1_790_000_000,
      inventory: [join(folder, "petiole.cdx.json")],
      natsServer,
      out: join(folder, out),
      compression: "none",
    });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "petiole-package-"));
    writeFileSync(join(folder, "petiole"), "#!/bin/sh\nexit 0\n");
    // Whatever umask and mode the executable was made with.
    chmodSync(join(folder, "petiole"), 0o700);
    writeFileSync(join(folder, "petiole.cdx.json"), "{}");
    commands = await commandLine();
    built = await build("out");
    root = join(folder, "root");
    mkdirSync(root);
    deb("-x", built.file, root);
    deb("-e", built.file, join(folder, "control"));
  }, PATIENCE);
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("holds every file for root, to be written by nobody else", ({ expect }) => {
    const lines = deb("-c", built.file).trim().split("\n");
    const files = new Map(lines.map((line) => [line.split(/\s+/)[5] ?? "", line.split(/\s+/)]));
    const odd = lines.filter((line) => !/^(?:drwxr-xr-x|-rw[-x]r-[-x]r-[-x]) root\/root /.test(line));
    expect(odd).toEqual([]);
    const executable = [...files].filter(([, [mode]]) => mode?.startsWith("-rwx")).map(([path]) => path);
    expect(executable).toEqual(["./usr/bin/petiole", "./usr/lib/petiole/launch"]);
    expect([...files.keys()]).toEqual(
      expect.arrayContaining([
        "./etc/petiole/petiole.yaml",
        "./usr/lib/systemd/system/petiole.service",
        "./usr/lib/sysusers.d/petiole.conf",
        "./usr/lib/tmpfiles.d/petiole.conf",
        "./usr/lib/udev/rules.d/45-petiole.rules",
        "./usr/share/bash-completion/completions/petiole",
        "./usr/share/zsh/vendor-completions/_petiole",
        "./usr/share/fish/vendor_completions.d/petiole.fish",
        "./usr/share/man/man1/petiole.1.gz",
        "./usr/share/man/man5/petiole.yaml.5.gz",
        "./usr/share/doc/petiole/copyright",
        "./usr/share/doc/petiole/changelog.gz",
        "./usr/share/doc/petiole/petiole.cdx.json.gz",
      ]),
    );
    // Nothing of it is in a folder that holds state.
    expect([...files.keys()].filter((path) => /^\.\/(?:var|run|home|root|opt)\b/.test(path))).toEqual([]);
  });

  test("says what it is and what it needs", async ({ expect }) => {
    expect(deb("-f", built.file, "Package", "Version", "Architecture")).toBe(
      "Package: petiole\nVersion: 1.2.3\nArchitecture: amd64\n",
    );
    expect(deb("-f", built.file, "Depends")).toMatch(/libc6 \(>= 2\.28\).*libatomic1/);
    const other = await build("other", "linux-arm64", "1.3.0-rc.1");
    expect(other.file).toMatch(/\/petiole_1\.3\.0~rc\.1_arm64\.deb$/);
    expect(deb("-f", other.file, "Version", "Architecture")).toBe("Version: 1.3.0~rc.1\nArchitecture: arm64\n");
  });

  test("is the same bytes each time", async ({ expect }) => {
    // Folders and copies of other times.
    const again = await build("again");
    expect(again.sha256).toBe(built.sha256);
  });

  test("brings a nats-server with what it is made of, or recommends one", async ({ expect }) => {
    expect(deb("-f", built.file, "Recommends")).toBe("nats-server\n");
    const modules = [
      { path: "example.org/server", version: "2.14.9", sum: "h1:own=", licence: "Apache-2.0", texts: ["its licence"] },
      { path: "example.org/part", version: "1.0.0", sum: "h1:part=", licence: "MIT", texts: ["the part's"] },
    ];
    const server = { version: "2.14.9", program: Buffer.from("a server"), sha256: "00ff", modules };
    const { file } = await build("with-server", "linux-arm64", "1.2.3", server);
    expect(deb("-f", file, "Recommends").trim()).toBe("");
    const unpacked = join(folder, "root-with-server");
    deb("-x", file, unpacked);
    expect(readFileSync(join(unpacked, "usr/lib/petiole/nats-server"), "utf8")).toBe("a server");
    const said = (name: string): string =>
      gunzipSync(readFileSync(join(unpacked, "usr/share/doc/petiole", `nats-server.${name}.gz`))).toString();
    expect(said("licenses.txt")).toContain("its licence");
    expect(said("licenses.txt")).toContain("the part's");
    expect(JSON.parse(said("cdx.json"))).toMatchObject({
      metadata: { component: { name: "nats-server", version: "2.14.9", hashes: [{ content: "00ff" }] } },
      components: [{ name: "example.org/part", licenses: [{ license: { id: "MIT" } }] }],
    });
  });

  test("has what is in /etc, and nothing else, as configuration files", ({ expect }) => {
    expect(readFileSync(join(folder, "control/conffiles"), "utf8")).toBe("/etc/petiole/petiole.yaml\n");
    const inEtc = deb("-c", built.file).match(/\.\/etc\/\S*[^/\s]$/gm);
    expect(inEtc).toEqual(["./etc/petiole/petiole.yaml"]);
  });

  test("has sums of all its files", ({ expect }) => {
    const sums = join(folder, "control/md5sums");
    expect(execFileSync("md5sum", ["-c", "--strict", sums], { cwd: root, encoding: "utf8" })).not.toMatch(/FAILED/);
    const regular = deb("-c", built.file).match(/^-/gm) ?? [];
    expect(readFileSync(sums, "utf8").trim().split("\n")).toHaveLength(regular.length);
  });

  test.for(["postinst", "prerm", "postrm"])("%s is a script without faults, for all units", (name, { expect }) => {
    const file = join(folder, "control", name);
    const text = readFileSync(file, "utf8");
    expect(spawnSync("sh", ["-n", file], { encoding: "utf8" }).stderr).toBe("");
    expect(text).toMatch(/^#!\/bin\/sh\n/);
    expect(text).toContain("set -e");
    expect(text).not.toMatch(/@[A-Z]+@/);
    for (const unit of UNITS) expect(text).toContain(unit);
  });

  test("brings a configuration without a fault, which starts nothing and connects to nothing", async ({ expect }) => {
    const parsed = await loadConfig(join(root, "etc/petiole/petiole.yaml"));
    await checkProviders(parsed);
    expect(parsed.config).toMatchObject({ components: {}, links: [] });
    expect([parsed.config.hub, parsed.config.lattice, parsed.config.operator]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(parsed.config.state_dir).toBe("/var/lib/petiole");
  });

  test.skipIf(skipWithout("groff"))("has manual pages that groff reads without a warning", ({ expect }) => {
    for (const [page, wants] of [
      ["usr/share/man/man1/petiole.1.gz", "outbox ledger"],
      ["usr/share/man/man5/petiole.yaml.5.gz", "outbox.lanes.critical.ttl"],
    ] as const) {
      const input = zipped(page);
      const args = ["-man", "-ww", "-Tutf8", "-rLL=100n", "-P-cbou"];
      const { stdout, stderr } = spawnSync("groff", args, { input, encoding: "utf8" });
      expect(stderr, page).toBe("");
      expect(stdout, page).toContain(wants);
    }
  });

  test("has a changelog of Debian's kind", ({ expect }) => {
    const text = zipped("usr/share/doc/petiole/changelog.gz");
    expect(text).toMatch(/^petiole \(1\.2\.3\) stable; urgency=medium\n\n {2}\* /);
    expect(text).toMatch(/\n\n -- petiole maintainers <[^>]+> {2}\w{3}, \d{2} \w{3} \d{4} [\d:]{8} \+0000\n$/);
    expect(text.split("\n").filter((line) => line.startsWith("  ") && line.length > 80)).toEqual([]);
  });

  test.skipIf(skipWithout("systemd-sysusers"))("makes a user with the groups of the devices", ({ expect }) => {
    const system = join(folder, "system");
    mkdirSync(join(system, "etc"), { recursive: true });
    const { stderr, status } = spawnSync(
      "systemd-sysusers",
      [`--root=${system}`, join(root, "usr/lib/sysusers.d/petiole.conf")],
      { encoding: "utf8" },
    );
    expect(status, stderr).toBe(0);
    const group = readFileSync(join(system, "etc/group"), "utf8");
    for (const name of ["dialout", "gpio", "i2c"]) expect(group).toMatch(new RegExp(`^${name}:.*:petiole$`, "m"));
    expect(readFileSync(join(system, "etc/passwd"), "utf8")).toMatch(/^petiole:[^:]*:[1-9]\d*:[1-9]\d*:/m);
  });
});

test("debianVersion() puts what comes ahead of a release before it", ({ expect }) => {
  expect(["1.0.0", "1.0.0-rc.1"].map(debianVersion)).toEqual(["1.0.0", "1.0.0~rc.1"]);
});
