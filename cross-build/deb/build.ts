import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { TARGETS, type TargetName } from "../targets.ts";
import { controlFile, debianVersion } from "./control.ts";
import { maintainerScripts, packageFiles, type FilesOptions, type PackageFile } from "./files.ts";

const run = promisify(execFile);

/** Every dpkg reads xz, with 9 MB of memory at this level; lintian of Debian 12 refuses zstd. `none` is for tests. */
export type Compression = "xz" | "none";

export interface BuildOptions extends FilesOptions {
  readonly target: TargetName;
  /** Folder that the package goes to. */
  readonly out: string;
  readonly compression: Compression;
}

export interface BuiltPackage {
  readonly file: string;
  readonly size: number;
  readonly sha256: string;
  readonly installedKiB: number;
}

/** Makes a package that depends on nothing but its options: the same ones give the same bytes. */
export async function buildPackage(options: BuildOptions): Promise<BuiltPackage> {
  const { target, version, epoch, out, compression, natsServer } = options;
  const files = packageFiles(options);
  const stage = await mkdtemp(join(tmpdir(), "petiole-deb-"));
  try {
    await chmod(stage, 0o755);
    const sums: string[] = [];
    let installedKiB = 0;
    for (const file of files) {
      const path = join(stage, file.path);
      await put(path, file);
      installedKiB += Math.ceil((await stat(path)).size / 1024);
      sums.push(`${await digest(path, "md5")}  ${file.path}\n`);
    }
    const control = [
      {
        name: "control",
        mode: 0o644,
        text: controlFile({ version, target, installedKiB, bringsServer: natsServer !== undefined }),
      },
      { name: "conffiles", mode: 0o644, text: "/etc/petiole/petiole.yaml\n" },
      { name: "md5sums", mode: 0o644, text: sums.join("") },
      ...maintainerScripts().map((script) => ({ ...script, mode: 0o755 })),
    ];
    for (const { name, mode, text } of control) {
      await put(join(stage, "DEBIAN", name), { mode, content: Buffer.from(text) });
    }
    await mkdir(out, { recursive: true });
    const file = join(out, `petiole_${debianVersion(version)}_${TARGETS[target].debian}.deb`);
    // dpkg-deb sets back what is younger than the epoch, as the folders are. One thread: the number of
    // threads shows in what xz writes.
    const args = [
      "--root-owner-group",
      "--threads-max=1",
      `-Z${compression}`,
      ...(compression === "xz" ? ["-z6"] : []),
    ];
    await run("dpkg-deb", [...args, "--build", stage, `${file}.part`], {
      env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch), TZ: "UTC", LC_ALL: "C" },
    });
    await rename(`${file}.part`, file);
    return { file, size: (await stat(file)).size, sha256: await digest(file, "sha256"), installedKiB };
  } finally {
    await rm(stage, { recursive: true, force: true });
  }

  async function put(path: string, { mode, content }: Pick<PackageFile, "mode" | "content">): Promise<void> {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await (Buffer.isBuffer(content) ? writeFile(path, content) : copyFile(content.file, path));
    await chmod(path, mode);
    await utimes(path, epoch, epoch);
  }
}

async function digest(path: string, algorithm: "md5" | "sha256"): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
