import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { basename } from "node:path";
import { PetioleError } from "../../domain/errors.ts";
import { reasonOf } from "../../lib/reason.ts";

export interface PackageFile {
  readonly file: string;
  readonly name: string;
  readonly size: number;
  readonly arch: "arm64" | "amd64" | "all";
  /** Hexadecimal SHA-256. */
  readonly digest: string;
}

const NAME = /^[a-z0-9.+-]+_[A-Za-z0-9.+~%-]+_(arm64|amd64|all)\.deb$/;
/** deb(5): an ar archive, whose first member says which version of the form it is. */
const MAGIC = "!<arch>\ndebian-binary";

/**
 * petiole's package, and what it needs besides.
 * @throws PetioleError ERR_IMAGE_PACKAGE
 */
export async function readPackages(files: readonly string[]): Promise<PackageFile[]> {
  const found: PackageFile[] = [];
  for (const file of files) found.push(await readPackage(file));
  if (found.length > 0 && !found.some(({ name }) => name.startsWith("petiole_"))) {
    throw new PetioleError("ERR_IMAGE_PACKAGE", `Cannot use "${files.join('", "')}": petiole itself is not among them`);
  }
  const kinds = new Set(found.map(({ arch }) => arch).filter((arch) => arch !== "all"));
  if (kinds.size > 1) {
    const message = `Cannot use "${files.join('", "')}": they are for ${[...kinds].join(" and ")}`;
    throw new PetioleError("ERR_IMAGE_PACKAGE", message);
  }
  return found;
}

async function readPackage(file: string): Promise<PackageFile> {
  const name = basename(file);
  const arch = NAME.exec(name)?.[1];
  const refuse = (why: string, cause?: unknown): PetioleError =>
    new PetioleError("ERR_IMAGE_PACKAGE", `Cannot use the package "${file}": ${why}`, { cause });
  if (arch !== "arm64" && arch !== "amd64" && arch !== "all") {
    throw refuse("want a name such as petiole_0.1.0_arm64.deb");
  }
  try {
    await using handle = await open(file, "r");
    const { buffer } = await handle.read(Buffer.alloc(MAGIC.length), 0, MAGIC.length, 0);
    if (buffer.toString("latin1") !== MAGIC) throw refuse("it is no Debian package");
    const digest = createHash("sha256");
    for await (const chunk of createReadStream(file)) digest.update(chunk as Buffer);
    return { file, name, size: (await stat(file)).size, arch, digest: digest.digest("hex") };
  } catch (cause) {
    if (cause instanceof PetioleError) throw cause;
    throw refuse(reasonOf(cause), cause);
  }
}
