// What is written to a boot partition, and in which order: what makes the device do something comes last. Pure.

import { PetioleError } from "../../domain/errors.ts";
import type { BootPartition, Content } from "./boot-partition.ts";
import { extendCommandLine, extendUserData, FIRST_RUN, mechanismOf, type Mechanism } from "./first-boot.ts";
import type { FirstBoot } from "./first-boots.ts";
import type { PackageFile } from "./package-file.ts";
import type { ProvisionText } from "./provision-text.ts";

export interface WriteStep {
  readonly path: string;
  readonly bytes: number;
  /** For people. */
  readonly note: string;
  readonly content: Content;
}

export interface PreparePlan {
  /** Undefined when nothing has to happen but that petiole, which the image has, finds its file. */
  readonly mechanism: Mechanism | undefined;
  readonly steps: readonly WriteStep[];
}

export interface PrepareInput {
  readonly boot: Pick<BootPartition, "where" | "names" | "free" | "unit" | "root">;
  /** What is there of the files that are changed. */
  readonly userData: string | undefined;
  readonly commandLine: string | undefined;
  readonly provision: ProvisionText;
  readonly packages: readonly PackageFile[];
  readonly firstBoot: FirstBoot;
}

/** @throws PetioleError ERR_IMAGE_PACKAGE, ERR_IMAGE_FIRST_BOOT, ERR_IMAGE_SPACE */
export function planPrepare(input: PrepareInput): PreparePlan {
  const { boot, provision } = input;
  checkRoot(input);
  const mechanism = chooseMechanism(input);
  const steps: WriteStep[] = [
    ...packageSteps(input),
    // Also when somebody else is to start it.
    ...(input.packages.length === 0 ? [] : [text("petiole/firstrun.sh", FIRST_RUN, "installs the packages")]),
    text(
      "petiole/provision.yaml",
      provision.text,
      provision.hasToken ? "the configuration and a token" : "the configuration",
    ),
    ...(mechanism === undefined ? [] : [startStep(mechanism, input)]),
  ];
  const blocks = steps.reduce((sum, { bytes }) => sum + Math.ceil(bytes / boot.unit), 1);
  if (blocks * boot.unit > boot.free) {
    const message = `Cannot prepare ${boot.where}: ${blocks * boot.unit} bytes are needed, and ${boot.free} are free`;
    throw new PetioleError("ERR_IMAGE_SPACE", message);
  }
  return { mechanism, steps };
}

function packageSteps({ boot, packages }: PrepareInput): WriteStep[] {
  if (packages.length === 0) return [];
  // Files that the firmware of every Raspberry Pi needs.
  const isPi = boot.names.some((name) => /^(bcm27.*\.dtb|kernel8\.img|start4?\.elf)$/.test(name));
  const wrong = packages.find(({ arch }) => arch === "amd64");
  if (isPi && wrong !== undefined) {
    const message = `Cannot use the package "${wrong.file}": ${boot.where} is for a Raspberry Pi, and this is for ${wrong.arch}`;
    throw new PetioleError("ERR_IMAGE_PACKAGE", message);
  }
  return [
    ...packages.map(({ name, size, file }) => ({
      path: `petiole/${name}`,
      bytes: size,
      note: "package",
      content: { file },
    })),
    text("petiole/SHA256SUMS", packages.map(({ digest, name }) => `${digest}  ${name}\n`).join(""), "digests"),
  ];
}

/** What the system of the image is, when it can be seen. */
function checkRoot({ boot: { where, root }, packages, firstBoot }: PrepareInput): void {
  if (root === undefined) return;
  if (root.arch === "armhf") {
    throw new PetioleError("ERR_IMAGE_TARGET", `Cannot prepare ${where}: its system has 32 bits, and petiole needs 64`);
  }
  const wrong = packages.find(({ arch }) => arch !== "all" && root.arch !== undefined && arch !== root.arch);
  if (wrong !== undefined) {
    const message = `Cannot use the package "${wrong.file}": ${where} boots a system for ${root.arch}`;
    throw new PetioleError("ERR_IMAGE_PACKAGE", message);
  }
  if (packages.length > 0 && firstBoot !== "none" && !root.hasFirmwareFolder) {
    const message = `Cannot have ${where} install the package: its system has no /boot/firmware, as Debian 12 and later ones have`;
    throw new PetioleError("ERR_IMAGE_FIRST_BOOT", message);
  }
}

/** Without a package there is nothing to install, and the image's own petiole looks for the file. */
function chooseMechanism({ boot, packages, firstBoot }: PrepareInput): Mechanism | undefined {
  if (packages.length === 0 || firstBoot === "none") return undefined;
  if (firstBoot !== "auto") return firstBoot;
  const found = mechanismOf(boot.names);
  if (found !== undefined) return found;
  const message =
    `Cannot have ${boot.where} install the package: it has neither user-data nor cmdline.txt. ` +
    "Use `petiole image cloud-init`, or --first-boot none and install it yourself";
  throw new PetioleError("ERR_IMAGE_FIRST_BOOT", message);
}

function startStep(mechanism: Mechanism, { userData, commandLine }: PrepareInput): WriteStep {
  if (mechanism === "cloud-init") {
    return text("user-data", extendUserData(userData ?? ""), "cloud-init runs petiole/firstrun.sh at the first boot");
  }
  if (commandLine === undefined) {
    throw new PetioleError("ERR_IMAGE_FIRST_BOOT", 'Cannot use systemd-run: there is no "cmdline.txt"');
  }
  const note = "systemd runs petiole/firstrun.sh at the first boot, and boots again";
  return text("cmdline.txt", extendCommandLine(commandLine), note);
}

const text = (path: string, content: string, note: string): WriteStep => ({
  path,
  bytes: Buffer.byteLength(content),
  note,
  content: { text: content },
});
