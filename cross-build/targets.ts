// The machines that petiole is built for.

export const TARGETS = {
  "linux-arm64": { arch: "arm64", machine: "aarch64", debian: "arm64", triple: "aarch64-linux-gnu", maxPage: 0x10000 },
  "linux-x64": { arch: "x64", machine: "x86-64", debian: "amd64", triple: "x86_64-linux-gnu", maxPage: 0x1000 },
} as const;

export type TargetName = keyof typeof TARGETS;

export function isTarget(name: string | undefined): name is TargetName {
  return name !== undefined && Object.hasOwn(TARGETS, name);
}
