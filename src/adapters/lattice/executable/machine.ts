// Which binaries this machine runs. Pure.

/** Names of a machine in provider archives, and the number that it has in a binary's header. */
const MACHINES: Readonly<Record<string, { readonly target: string; readonly elf: number }>> = {
  x64: { target: "x86_64-linux", elf: 62 },
  arm64: { target: "aarch64-linux", elf: 183 },
};

const ELF = [0x7f, 0x45, 0x4c, 0x46];

export interface Machine {
  /** Such as `aarch64-linux`. */
  readonly target: string;
  readonly elf: number;
}

/** Undefined for one that petiole does not run on. */
export const machineOf = (arch: string): Machine | undefined => MACHINES[arch];

/** Whether bytes begin an executable: a binary of any machine, or a script. */
export const isExecutable = (head: Uint8Array): boolean => isElf(head) || isScript(head);

const isElf = (head: Uint8Array): boolean => ELF.every((byte, index) => head[index] === byte);
const isScript = (head: Uint8Array): boolean => head[0] === 0x23 && head[1] === 0x21;

/** Why an executable that begins with `head` does not run on `machine`; undefined when it may. */
export function executableProblem(head: Uint8Array, { target, elf }: Machine): string | undefined {
  if (isScript(head)) return undefined;
  if (!isElf(head) || head.length < 20) return "it is neither a binary nor a script";
  const [bits, order] = [head[4], head[5]];
  const found = order === 1 ? (head[18] ?? 0) | ((head[19] ?? 0) << 8) : undefined;
  if (bits === 2 && found === elf) return undefined;
  const known = Object.values(MACHINES).find((one) => one.elf === found);
  return `its binary is for ${known?.target ?? `a machine with number ${found ?? "unknown"}`}, want ${target}`;
}
