import { createHash } from "node:crypto";
import { PetioleError } from "../../domain/errors.ts";
import { readReleaseHead, unpackRelease } from "../../lib/release-file.ts";
import { parseSignedStatement } from "../../trust/statement.ts";
import { formatBytes, formatTable } from "../table.ts";

export interface ShowReleaseOptions {
  readonly json?: true;
}

/** `petiole release show` */
export async function releaseShow(file: string, options: ShowReleaseOptions): Promise<void> {
  const { statement: text, offset } = await readReleaseHead(file);
  const parsed = parseSignedStatement(text);
  if ("fault" in parsed) {
    throw new PetioleError("ERR_RELEASE_INVALID", `Cannot read the release "${file}": ${parsed.fault}`);
  }
  const { statement, signatures } = parsed;
  const hash = createHash("sha256");
  for await (const chunk of unpackRelease(file, offset, new AbortController().signal)) hash.update(chunk);
  const found = `sha256:${hash.digest("hex")}`;
  if (found !== statement.digest) {
    const text = `Cannot use the release "${file}": its executable is ${found}, its statement is for ${statement.digest}`;
    throw new PetioleError("ERR_RELEASE_INVALID", text);
  }
  const signers = signatures.map(({ keyId }) => keyId);
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ file, statement, signers })}\n`);
    return;
  }
  const rows = [
    ["name", statement.name],
    ["version", statement.version],
    ["digest", statement.digest],
    ["size", formatBytes(statement.size)],
    ["oldest agent", statement["min-agent"] ?? "any"],
    ["valid from", statement["not-before"] ?? "always"],
    ["valid until", statement["not-after"] ?? "always"],
    ["signed by", signers.join(", ")],
  ];
  process.stdout.write(`${formatTable(rows)}\n`);
}
