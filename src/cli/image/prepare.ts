import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { PetioleError } from "../../domain/errors.ts";
import { reasonOf } from "../../lib/reason.ts";
import { printAnswer } from "../agent-socket.ts";
import { formatBytes, formatTable } from "../table.ts";
import { checkBlockDevice, type BlockDevice } from "./block-device.ts";
import { isBoot, openBootFolder, openBootImage, type BootPartition } from "./boot-partition.ts";
import { readPackages } from "./package-file.ts";
import type { FirstBoot } from "./first-boots.ts";
import type { Mechanism } from "./first-boot.ts";
import { planPrepare, type WriteStep } from "./plan.ts";
import { provisionText, type ProvisionInput } from "./provision-text.ts";

export interface PrepareOptions extends ProvisionInput {
  readonly package?: readonly string[];
  readonly firstBoot: FirstBoot;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
}

interface Target {
  readonly boot: BootPartition;
  /** When it is a card. */
  readonly device: BlockDevice | undefined;
}

export interface PrepareReport {
  readonly target: string;
  /** For people. */
  readonly where: string;
  /** Name that the device will have. */
  readonly device: string;
  readonly firstBoot: Mechanism | "none";
  readonly dryRun: boolean;
  readonly steps: readonly Omit<WriteStep, "content">[];
}

/** `petiole image prepare` */
export async function imagePrepare(target: string, options: PrepareOptions): Promise<void> {
  printAnswer(options, await prepareImage(target, options), ({ where, device, dryRun, steps }) =>
    [
      `${dryRun ? "would prepare" : "prepared"} ${where} for "${device}":`,
      formatTable([
        ["FILE", "SIZE", "WHAT"],
        ...steps.map(({ path, bytes, note }) => [path, formatBytes(bytes), note]),
      ]),
    ].join("\n"),
  );
}

/**
 * Everything is checked before the first byte is written.
 * @throws PetioleError ERR_IMAGE_TARGET, ERR_IMAGE_FIRST_BOOT, ERR_IMAGE_SPACE, ERR_IMAGE_PACKAGE, ERR_IMAGE_TOOL, and
 * what is wrong with the configuration
 */
export async function prepareImage(target: string, options: Omit<PrepareOptions, "json">): Promise<PrepareReport> {
  const { firstBoot, dryRun = false } = options;
  const provision = await provisionText(options);
  const packages = await readPackages((options.package ?? []).map((file) => resolve(file)));
  const { boot, device } = await openTarget(resolve(target));
  if (!isBoot(boot) && firstBoot !== "none") {
    const message = `Cannot prepare ${boot.where}: it is no boot partition, as none of cmdline.txt, config.txt and user-data is there`;
    throw new PetioleError("ERR_IMAGE_TARGET", message);
  }
  const { mechanism, steps } = planPrepare({
    boot,
    userData: await boot.read("user-data"),
    commandLine: await boot.read("cmdline.txt"),
    provision,
    packages,
    firstBoot,
  });
  if (!dryRun) {
    if (device !== undefined && options.yes !== true) await confirm(target, device);
    for (const { path, content } of steps) await boot.write(path, content);
    await boot.sync();
  }
  return {
    target,
    where: boot.where,
    device: provision.device,
    firstBoot: mechanism ?? "none",
    dryRun,
    steps: steps.map(({ path, bytes, note }) => ({ path, bytes, note })),
  };
}

async function openTarget(path: string): Promise<Target> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new PetioleError("ERR_IMAGE_TARGET", `Cannot prepare "${path}": ${reasonOf(cause)}`, { cause });
  });
  if (info.isDirectory()) return { boot: await openBootFolder(path), device: undefined };
  if (info.isBlockDevice()) {
    const device = await checkBlockDevice(path);
    return { boot: await openBootImage(path), device };
  }
  if (info.isFile()) return { boot: await openBootImage(path), device: undefined };
  throw new PetioleError("ERR_IMAGE_TARGET", `Cannot prepare "${path}": want an image, a folder or a card`);
}

/** A wrong letter must not cost a disk. */
async function confirm(target: string, { name, model, size }: BlockDevice): Promise<void> {
  const refuse = (why: string): PetioleError =>
    new PetioleError("ERR_IMAGE_TARGET", `Nothing was written to "${target}": ${why}`);
  if (!process.stdin.isTTY) throw refuse("nobody is there to confirm it; --yes does");
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`${target} is ${model}, ${formatBytes(size)}. Type ${name} to write to it: `);
    if (answer.trim() !== basename(name)) throw refuse("it was not confirmed");
  } finally {
    lines.close();
  }
}
