// Debian's archive, asked for arm64 without a change of this machine's own lists.

import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./shell.ts";

export interface Archive {
  readonly search: (pattern: string) => string[];
  /** Downloads these packages and unpacks them all into one folder. */
  readonly unpack: (names: readonly string[], into: string) => Promise<void>;
}

interface ArchiveOptions {
  /** For its lists and downloads. */
  readonly folder: string;
  /** Undefined is the one that this machine has. */
  readonly suite?: string;
  /** Undefined is this machine's. */
  readonly architecture?: "arm64";
}

const MIRROR = "http://deb.debian.org/debian";
const KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";

export async function openArchive({ folder, suite, architecture }: ArchiveOptions): Promise<Archive> {
  await mkdir(join(folder, "state/lists/partial"), { recursive: true });
  await mkdir(join(folder, "cache/archives/partial"), { recursive: true });
  const settings = [`Dir::State=${folder}/state`, `Dir::Cache=${folder}/cache`, "APT::Sandbox::User="];
  if (architecture !== undefined) {
    settings.push(`APT::Architecture=${architecture}`, `APT::Architectures::=${architecture}`);
    settings.push("Dir::State::status=/dev/null");
  }
  if (suite !== undefined) {
    const list = join(folder, "sources.list");
    await writeFile(list, `deb [signed-by=${KEYS}] ${MIRROR} ${suite} main\n`);
    settings.push(`Dir::Etc::sourcelist=${list}`, "Dir::Etc::sourceparts=/dev/null");
  }
  const options = settings.flatMap((setting) => ["-o", setting]);
  run("apt-get", [...options, "-qq", "update"], { cwd: folder });
  let count = 0;
  return {
    search: (pattern) =>
      run("apt-cache", [...options, "search", "--names-only", pattern], { cwd: folder })
        .split("\n")
        .map((line) => line.split(" ")[0] ?? ""),
    unpack: async (names, into) => {
      count += 1;
      const packages = join(folder, `packages-${count}`);
      await mkdir(packages, { recursive: true });
      await mkdir(into, { recursive: true });
      run("apt-get", [...options, "-qq", "download", ...names], { cwd: packages });
      for (const name of await readdir(packages)) run("dpkg-deb", ["-x", name, into], { cwd: packages });
    },
  };
}

/** The newest of packages whose names match; its first group is the version that is compared. */
export function newest(names: readonly string[], pattern: RegExp): RegExpExecArray | undefined {
  const found = names.map((name) => pattern.exec(name)).filter((match) => match !== null);
  return found.sort((a, b) => (a[1] ?? "").localeCompare(b[1] ?? "", "en", { numeric: true })).at(-1);
}
