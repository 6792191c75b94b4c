// What a package holds.

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import type { CommandNode } from "../../src/cli/describe/tree.ts";
import { bashCompletion } from "../../src/cli/describe/bash.ts";
import { fishCompletion } from "../../src/cli/describe/fish.ts";
import { zshCompletion } from "../../src/cli/describe/zsh.ts";
import { PACKAGED_SERVER } from "../../src/adapters/leaf/find-server.ts";
import { writeGoLicences } from "../licences.ts";
import type { NatsServerPart } from "../nats-server.ts";
import { createServerBom } from "../sbom.ts";
import { configPage } from "./config-page.ts";
import { changelogFile, COPYRIGHT } from "./control.ts";
import { manPage } from "./man-page.ts";

const ROOT = join(import.meta.dirname, "../..");
const HERE = join(import.meta.dirname, "files");

export interface PackageFile {
  /** On the device, without the first slash. */
  readonly path: string;
  readonly mode: number;
  /** Content, or the file that is copied. */
  readonly content: Buffer | { readonly file: string };
}

export interface FilesOptions {
  readonly binary: string;
  readonly version: string;
  /** Seconds since 1970. */
  readonly epoch: number;
  readonly commands: CommandNode;
  /** Lists of what is in the executable, as they lie beside it. */
  readonly inventory: readonly string[];
  /** What a leaf node runs; without one, the package recommends Debian's. */
  readonly natsServer: NatsServerPart | undefined;
}

/** Everything below `systemd/` that is a unit is installed as one. */
export const UNITS: readonly string[] = readdirSync(join(ROOT, "systemd"))
  .filter((name) => /\.(?:service|timer|path|socket)$/.test(name))
  .sort();

export function packageFiles({ binary, version, epoch, commands, inventory, natsServer }: FilesOptions): PackageFile[] {
  const exitCodes = [
    [0, "It worked."],
    [1, "A bug of petiole; please report it."],
    [2, "The command line, the configuration or a component has a fault."],
    [3, "Something outside failed: no agent answers, a server or a disk is gone."],
  ] as const;
  const doc = "usr/share/doc/petiole";
  const own = (name: string): PackageFile["content"] => readFileSync(join(HERE, name));
  const source = (...path: string[]): string => readFileSync(join(ROOT, ...path), "utf8");
  return [
    { path: "usr/bin/petiole", mode: 0o755, content: { file: binary } },
    { path: "usr/lib/petiole/launch", mode: 0o755, content: Buffer.from(source("systemd", "launch")) },
    ...UNITS.map((unit) => text(`usr/lib/systemd/system/${unit}`, source("systemd", unit))),
    { path: "usr/lib/sysusers.d/petiole.conf", mode: 0o644, content: own("sysusers.conf") },
    { path: "usr/lib/tmpfiles.d/petiole.conf", mode: 0o644, content: own("tmpfiles.conf") },
    { path: "usr/lib/udev/rules.d/45-petiole.rules", mode: 0o644, content: own("udev.rules") },
    { path: "etc/petiole/petiole.yaml", mode: 0o644, content: own("petiole.yaml") },
    text("usr/share/bash-completion/completions/petiole", bashCompletion(commands)),
    text("usr/share/zsh/vendor-completions/_petiole", zshCompletion(commands)),
    text("usr/share/fish/vendor_completions.d/petiole.fish", fishCompletion(commands)),
    zipped("usr/share/man/man1/petiole.1", manPage(commands, { version, epoch, exitCodes })),
    zipped(
      "usr/share/man/man5/petiole.yaml.5",
      configPage(source("docs", "reference", "configuration.md"), { version, epoch }),
    ),
    text(`${doc}/copyright`, COPYRIGHT),
    zipped(`${doc}/changelog`, changelogFile({ version, epoch, changes: source("CHANGELOG.md") })),
    zipped(`${doc}/install.md`, source("docs", "install.md")),
    text(`${doc}/examples/petiole.yaml`, source("examples", "petiole.yaml")),
    { path: `${doc}/examples/credentials.conf`, mode: 0o644, content: own("credentials.conf") },
    { path: `${doc}/examples/sysfs-gpio.conf`, mode: 0o644, content: own("sysfs-gpio.conf") },
    ...inventory.map((file) => zipped(`${doc}/${basename(file)}`, readFileSync(file, "utf8"))),
    ...(natsServer === undefined ? [] : serverFiles(natsServer, doc)),
    { path: "usr/share/lintian/overrides/petiole", mode: 0o644, content: own("lintian-overrides") },
  ].sort((one, other) => (one.path < other.path ? -1 : 1));
}

function serverFiles(server: NatsServerPart, doc: string): PackageFile[] {
  return [
    { path: PACKAGED_SERVER.slice(1), mode: 0o755, content: server.program },
    zipped(`${doc}/nats-server.cdx.json`, `${JSON.stringify(createServerBom(server), undefined, 2)}\n`),
    zipped(`${doc}/nats-server.licenses.txt`, writeGoLicences(server.modules)),
  ];
}

/** The scripts of the package, for the units that it has. */
export const maintainerScripts = (): { readonly name: string; readonly text: string }[] =>
  ["postinst", "prerm", "postrm"].map((name) => ({
    name,
    text: readFileSync(join(HERE, name), "utf8").replaceAll("@UNITS@", UNITS.join(" ")),
  }));

const text = (path: string, content: string): PackageFile => ({ path, mode: 0o644, content: Buffer.from(content) });

/** gzip writes no name and no time, so equal texts are equal files. */
const zipped = (path: string, content: string): PackageFile => ({
  path: `${path}.gz`,
  mode: 0o644,
  content: gzipSync(content, { level: 9 }),
});
