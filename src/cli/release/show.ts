import { formatBytes, formatTable } from "../table.ts";
import { readRelease } from "./read.ts";

export interface ShowReleaseOptions {
  readonly json?: true;
}

/** `petiole release show` */
export async function releaseShow(file: string, options: ShowReleaseOptions): Promise<void> {
  const { statement, signatures } = await readRelease(file);
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
