// Machines that components are compiled for.

import { PetioleError } from "../../domain/errors.ts";

export interface Target {
  readonly name: string;
  readonly arch: "x64" | "arm64";
  /** The kernel's words for the processor's features; undefined for those of this machine. */
  readonly features: readonly [hwcap: number, hwcap2: number] | undefined;
}

// AT_HWCAP as Linux gives it on these boards: the same cores have more features elsewhere.
const BOARDS: Readonly<Record<string, number>> = {
  // Cortex-A53 and A72 without the instructions for cryptography.
  "pi-3": 0x887,
  "pi-4": 0x887,
  // Cortex-A76.
  "pi-5": 0x11_9fff,
};
const PLAIN_ARM64 = 0x887;

/**
 * Reads "linux-x64" or "linux-arm64", with ",pi-5" or ",0x887,0x0" (AT_HWCAP, AT_HWCAP2) after it for another processor
 * than the plainest.
 * @throws PetioleError ERR_CONFIG_INVALID
 */
export function parseTarget(name: string): Target {
  const [machine, processor, more, ...rest] = name.split(",");
  if (machine === "linux-x64" && processor === undefined) return { name, arch: "x64", features: undefined };
  if (machine !== "linux-arm64" || rest.length > 0) throw unknownTarget(name);
  if (processor === undefined) return { name, arch: "arm64", features: [PLAIN_ARM64, 0] };
  const hwcap = BOARDS[processor] ?? parseWord(processor);
  const hwcap2 = more === undefined ? 0 : parseWord(more);
  if (hwcap === undefined || hwcap2 === undefined) throw unknownTarget(name);
  return { name, arch: "arm64", features: [hwcap, hwcap2] };
}

/** What `readCpuFeatures` says on such a machine. */
export function cpuOf({ features }: Target): string | undefined {
  return features?.map((word) => word.toString(16)).join("-");
}

function parseWord(text: string): number | undefined {
  return /^0x[0-9a-f]{1,13}$/i.test(text) ? Number(text) : undefined;
}

function unknownTarget(name: string): PetioleError {
  const boards = Object.keys(BOARDS).map((board) => `linux-arm64,${board}`);
  return new PetioleError(
    "ERR_CONFIG_INVALID",
    `Cannot compile for "${name}": want linux-x64, linux-arm64, ${boards.join(", ")} or linux-arm64,0x<AT_HWCAP>[,0x<AT_HWCAP2>]`,
  );
}
