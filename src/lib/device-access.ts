import { readFileSync, statSync } from "node:fs";

const GROUP_READS_AND_WRITES = 0o060;

/** Who may use a device file, in words. `groups` is the text of /etc/group. */
export function describeAccess({ gid, mode }: { readonly gid: number; readonly mode: number }, groups: string): string {
  if ((mode & GROUP_READS_AND_WRITES) !== GROUP_READS_AND_WRITES) return "only its owner may use it";
  const entry = groups.split("\n").find((line) => line.split(":")[2] === String(gid));
  const name = entry?.split(":")[0] ?? String(gid);
  return name === "root" ? "only root may use it" : `those in the group "${name}" may use it`;
}

/** Undefined where that cannot be found out. */
export function findAccess(path: string): string | undefined {
  try {
    return describeAccess(statSync(path), readFileSync("/etc/group", "utf8"));
  } catch {
    return undefined;
  }
}
