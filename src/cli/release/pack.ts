import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { PetioleError } from "../../domain/errors.ts";
import { releaseName, type ReleaseTarget } from "../../domain/release.ts";
import { syncFolder } from "../../lib/files.ts";
import { reasonOf } from "../../lib/reason.ts";
import { packRelease } from "../../lib/release-file.ts";
import { publicHalf } from "../../trust/keys.ts";
import { signStatement, type Statement } from "../../trust/statement.ts";
import { createProgress } from "../progress.ts";
import { formatBytes } from "../table.ts";
import { readPrivateKey } from "../../trust/key-files.ts";

export interface PackOptions {
  readonly binary: string;
  readonly target: ReleaseTarget;
  readonly version: string;
  readonly key: string;
  readonly out?: string;
  readonly notBefore?: string;
  readonly notAfter?: string;
  readonly minAgent?: string;
  readonly json?: true;
}

/** Of ELF, as its header has it: what the file is for. */
const MACHINES: Readonly<Record<number, ReleaseTarget>> = { 0x3e: "linux-x64", 0xb7: "linux-arm64" };
const ELF = Buffer.from("\u007fELF", "latin1");

/** `petiole release pack` */
export async function releasePack(options: PackOptions): Promise<void> {
  const { binary, target, version, key: keyFile } = options;
  const key = await readPrivateKey(keyFile);
  const out = resolve(options.out ?? `petiole-${version}-${target}.release`);
  const { digest, size } = await examine(binary, target);
  const statement: Statement = {
    name: releaseName(target),
    version,
    digest,
    size,
    "min-agent": options.minAgent,
    "not-before": options.notBefore,
    "not-after": options.notAfter,
  };
  using progress = createProgress(options.json === true);
  const temporary = `${out}.tmp`;
  try {
    await packRelease(binary, signStatement(statement, [key]), temporary, (bytes) =>
      progress.show(`Packing ${formatBytes(bytes)} of ${formatBytes(size)}`),
    );
    await rename(temporary, out);
    await syncFolder(dirname(out));
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new PetioleError("ERR_RELEASE_INVALID", `Cannot write the release "${out}": ${reasonOf(cause)}`, { cause });
  }
  progress[Symbol.dispose]();
  const signer = publicHalf(key).id;
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify({ file: out, statement, signer })}\n`
      : `${out}: petiole ${version} for ${target}, ${digest}, ${formatBytes(size)}\nsigned by ${signer}\n`,
  );
}

async function examine(
  file: string,
  target: ReleaseTarget,
): Promise<{ readonly digest: string; readonly size: number }> {
  try {
    await using handle = await open(file, "r");
    const { buffer } = await handle.read(Buffer.alloc(20), 0, 20, 0);
    const found = buffer.subarray(0, 4).equals(ELF) ? MACHINES[buffer.readUInt16LE(18)] : target;
    if (found !== target) {
      throw new PetioleError(
        "ERR_RELEASE_TARGET",
        `Cannot pack "${file}" for ${target}: it is for ${found ?? "another machine"}`,
      );
    }
    const hash = createHash("sha256");
    let size = 0;
    for await (const chunk of createReadStream(file)) {
      hash.update(chunk as Buffer); // No encoding is set.
      size += (chunk as Buffer).byteLength;
    }
    return { digest: `sha256:${hash.digest("hex")}`, size };
  } catch (cause) {
    if (cause instanceof PetioleError) throw cause;
    throw new PetioleError("ERR_RELEASE_INVALID", `Cannot read the executable "${file}": ${reasonOf(cause)}`, {
      cause,
    });
  }
}
