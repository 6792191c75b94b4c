import { createHash } from "node:crypto";
import { PetioleError } from "../../domain/errors.ts";
import { readReleaseHead, unpackRelease } from "../../lib/release-file.ts";
import { parseSignedStatement, type SignedStatement } from "../../trust/statement.ts";

/**
 * What a release says of itself, once its executable was found to be what was signed. Who signed is not judged.
 * @throws PetioleError ERR_RELEASE_INVALID
 */
export async function readRelease(file: string): Promise<SignedStatement> {
  const { statement: text, offset } = await readReleaseHead(file);
  const parsed = parseSignedStatement(text);
  if ("fault" in parsed) {
    throw new PetioleError("ERR_RELEASE_INVALID", `Cannot read the release "${file}": ${parsed.fault}`);
  }
  const hash = createHash("sha256");
  for await (const chunk of unpackRelease(file, offset, new AbortController().signal)) hash.update(chunk);
  const found = `sha256:${hash.digest("hex")}`;
  const { digest } = parsed.statement;
  if (found === digest) return parsed;
  const message = `Cannot use the release "${file}": its executable is ${found}, its statement is for ${digest}`;
  throw new PetioleError("ERR_RELEASE_INVALID", message);
}
