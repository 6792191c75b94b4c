// The licences of everything that is inside, in one text.

import type { GoModule } from "./go-modules.ts";
import type { BundledPackage } from "./inventory.ts";

export interface LicenceInput {
  /** petiole's own. */
  readonly own: string;
  readonly node: { readonly version: string; readonly text: string };
  readonly packages: readonly BundledPackage[];
  /** Of the nats-server, where one is inside. */
  readonly goModules?: readonly GoModule[] | undefined;
}

const RULE = "=".repeat(78);

export function writeLicences({ own, node, packages, goModules = [] }: LicenceInput): string {
  const sections = [
    section("petiole", own),
    section(`Node.js ${node.version}, with the software that it contains`, node.text),
    ...goModules.map(sectionOfModule),
    ...packages.map((one) => section(`${one.name} ${one.version} (${one.licence})`, textOf(one))),
  ];
  return `${HEAD}${sections.join("\n")}`;
}

/** The licences of a program that Go built. */
export const writeGoLicences = (modules: readonly GoModule[]): string =>
  `${HEAD}${modules.map(sectionOfModule).join("\n")}`;

const HEAD = "What this program contains, and the licences that it is under.\n\n";

const sectionOfModule = ({ path, version, licence, texts }: GoModule): string =>
  section(`${path} ${version} (${licence})`, texts.join("\n\n"));

function textOf({ name, licence, texts }: BundledPackage): string {
  if (texts.length > 0) return texts.join("\n\n");
  return `The package has no file with the text. Its package.json says "${licence}"; see https://www.npmjs.com/package/${name}.`;
}

function section(title: string, text: string): string {
  return `${RULE}\n${title}\n${RULE}\n\n${text.replaceAll("\r\n", "\n").trim()}\n`;
}
