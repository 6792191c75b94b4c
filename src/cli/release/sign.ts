import { rename } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { PetioleError } from "../../domain/errors.ts";
import { syncFolder } from "../../lib/files.ts";
import { readReleaseHead, replaceStatement } from "../../lib/release-file.ts";
import { addSignature, parseSignedStatement } from "../../trust/statement.ts";
import { readPrivateKey } from "../../trust/key-files.ts";

export interface SignReleaseOptions {
  readonly key: string;
  readonly json?: true;
}

/** `petiole release sign` */
export async function releaseSign(file: string, options: SignReleaseOptions): Promise<void> {
  const key = await readPrivateKey(options.key);
  const { statement: text, offset } = await readReleaseHead(file);
  const parsed = parseSignedStatement(text);
  const signed = "fault" in parsed ? undefined : addSignature(text, parsed.statement, key);
  if ("fault" in parsed || signed === undefined) {
    const fault = "fault" in parsed ? parsed.fault : "it holds another statement";
    throw new PetioleError("ERR_RELEASE_INVALID", `Cannot sign the release "${file}": ${fault}`);
  }
  const out = resolve(file);
  await replaceStatement(file, offset, signed, `${out}.tmp`);
  await rename(`${out}.tmp`, out);
  await syncFolder(dirname(out));
  const after = parseSignedStatement(signed);
  const signers = "fault" in after ? [] : after.signatures.map(({ keyId }) => keyId);
  const { statement } = parsed;
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify({ file: out, statement, signers })}\n`
      : `${out}: ${statement.name} ${statement.version}\nsigned by ${signers.join(", ")}\n`,
  );
}
