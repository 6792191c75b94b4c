// The texts of a Debian package that depend on version and architecture.

import { TARGETS, type TargetName } from "../targets.ts";

export const MAINTAINER = "petiole maintainers <maintainers@petiole.example>";

export interface ControlFacts {
  readonly version: string;
  readonly target: TargetName;
  /** Of the files, each rounded up to KiB. */
  readonly installedKiB: number;
  /** Whether a nats-server is inside. */
  readonly bringsServer: boolean;
}

/** `1.2.0-rc.1` comes before `1.2.0`, which Debian writes with a tilde. */
export const debianVersion = (version: string): string => version.replace("-", "~");

export function controlFile({ version, target, installedKiB, bringsServer }: ControlFacts): string {
  return `Package: petiole
Version: ${debianVersion(version)}
Architecture: ${TARGETS[target].debian}
Maintainer: ${MAINTAINER}
Installed-Size: ${installedKiB}
Depends: libc6 (>= 2.28), libgcc-s1, libstdc++6, libatomic1, systemd | systemd-standalone-sysusers | systemd-sysusers
${bringsServer ? "" : "Recommends: nats-server\n"}Suggests: ca-certificates
Section: net
Priority: optional
Description: agent that runs WebAssembly components on gateways
 petiole runs WebAssembly components on a device and links them to serial
 ports, GPIO, I2C, MQTT, HTTP and databases, and to the cloud over NATS. What
 has to reach the hub waits in a store on the device while there is no link.
 .
 This package brings the agent as one executable, with the JavaScript engine
 that it needs, and a service that starts it.
`;
}

export interface ChangelogFacts {
  readonly version: string;
  /** Seconds since 1970. */
  readonly epoch: number;
  /** CHANGELOG.md */
  readonly changes: string;
}

/** Debian's changelog: the entry of this version, as CHANGELOG.md words it. */
export function changelogFile({ version, epoch, changes }: ChangelogFacts): string {
  const section = changes
    .split(/^## /m)
    .find((part) => part.startsWith(`${version} `) || part.startsWith(`${version}\n`));
  const items = [...(section ?? "").matchAll(/^- (.*(?:\n {2}.*)*)/gm)].map(([, item = ""]) => item);
  const lines = (items.length === 0 ? [`Version ${version}.`] : items).map(entryOf);
  const date = new Date(epoch * 1000).toUTCString().replace("GMT", "+0000");
  return `petiole (${debianVersion(version)}) stable; urgency=medium\n\n${lines.join("\n")}\n\n -- ${MAINTAINER}  ${date}\n`;
}

/** One point of the list, in lines of at most 80 characters. */
function entryOf(item: string): string {
  const words = item.replaceAll("`", "").split(/\s+/);
  const lines: string[] = [];
  let line = "  *";
  for (const word of words) {
    if (line.length + 1 + word.length > 80) {
      lines.push(line);
      line = "   ";
    }
    line += ` ${word}`;
  }
  return [...lines, line].join("\n");
}

export const COPYRIGHT = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: petiole
Comment: The executable holds Node.js and the packages that petiole is built of.
 Their licences are in licenses.txt.gz beside this file, a list of all parts
 with their versions in petiole.cdx.json.gz. Where nats-server is in the
 package, nats-server.licenses.txt.gz and nats-server.cdx.json.gz have its.

Files: *
Copyright: 2026 The petiole authors
License: Apache-2.0

License: Apache-2.0
 On Debian systems the text of the Apache License, version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.
`;
