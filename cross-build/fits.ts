import { loadAlignment, readElf } from "./elf.ts";
import { TARGETS, type TargetName } from "./targets.ts";

/** @throws Error when a program or an add-on is not one for the target, or would not load with its largest pages */
export function checkFits(file: string, bytes: Uint8Array, target: TargetName): void {
  const { machine, maxPage } = TARGETS[target];
  const elf = readElf(bytes);
  if (elf.machine !== machine) throw new Error(`Cannot use "${file}" for ${target}: it is for ${elf.machine}`);
  const alignment = loadAlignment(elf);
  if (alignment < maxPage) {
    throw new Error(
      `Cannot use "${file}" for ${target}: its segments are aligned to ${alignment} bytes, want ${maxPage}`,
    );
  }
}
