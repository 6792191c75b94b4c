// The licences of everything that is inside, in one text.

import type { BundledPackage } from "./inventory.ts";

export interface LicenceInput {
  /** petiole's own. */
  readonly own: string;
  readonly node: { readonly version: string; readonly text: string };
  readonly packages: readonly BundledPackage[];
  readonly natsServer?: { readonly version: string } | undefined;
}

const RULE = "=".repeat(78);

export function writeLicences({ own, node, packages, natsServer }: LicenceInput): string {
  const sections = [
    section("petiole", own),
    section(`Node.js ${node.version}, with the software that it contains`, node.text),
    ...(natsServer === undefined
      ? []
      : [section(`nats-server ${natsServer.version}`, "Apache License, Version 2.0: the text is petiole's, above.")]),
    ...packages.map((one) => section(`${one.name} ${one.version} (${one.licence})`, textOf(one))),
  ];
  return `What this program contains, and the licences that it is under.\n\n${sections.join("\n")}`;
}

function textOf({ name, licence, texts }: BundledPackage): string {
  if (texts.length > 0) return texts.join("\n\n");
  return `The package has no file with the text. Its package.json says "${licence}"; see https://www.npmjs.com/package/${name}.`;
}

function section(title: string, text: string): string {
  return `${RULE}\n${title}\n${RULE}\n\n${text.replaceAll("\r\n", "\n").trim()}\n`;
}
