import { readFile } from "node:fs/promises";
import { PetioleError } from "../../domain/errors.ts";
import { isErrno, writeFileAtomic } from "../../lib/files.ts";
import { reasonOf } from "../../lib/reason.ts";
import { publicHalf } from "../../trust/keys.ts";
import { STATEMENT_SUFFIX } from "../../trust/read-evidence.ts";
import { addSignature, parseSignedStatement, signStatement, type Statement } from "../../trust/statement.ts";
import { formatBytes } from "../table.ts";
import { readComponentBytes } from "./component-bytes.ts";
import { readPrivateKey } from "./key-files.ts";

export interface SignOptions {
  readonly key: string;
  readonly name: string;
  readonly version: string;
  /** As statements have it. */
  readonly notBefore?: string;
  readonly notAfter?: string;
  readonly minAgent?: string;
  readonly force?: true;
  readonly json?: true;
}

/** `petiole sign` */
export async function sign(file: string, options: SignOptions): Promise<void> {
  const key = await readPrivateKey(options.key);
  const { bytes, digest } = await readComponentBytes(file);
  const statement: Statement = {
    name: options.name,
    version: options.version,
    digest,
    size: bytes.byteLength,
    "min-agent": options.minAgent,
    "not-before": options.notBefore,
    "not-after": options.notAfter,
  };
  const out = file + STATEMENT_SUFFIX;
  const present = options.force === true ? undefined : await readPresent(out);
  const text = present === undefined ? signStatement(statement, [key]) : addSignature(present, statement, key);
  if (text === undefined) {
    throw new PetioleError(
      "ERR_SIGN_OTHER",
      `Cannot add a signature to "${out}": ${describeOther(present ?? "")}; --force replaces it, with its signatures`,
    );
  }
  await writeFileAtomic(out, text, 0o644);
  const parsed = parseSignedStatement(text);
  const signers = "fault" in parsed ? [] : parsed.signatures.map(({ keyId }) => keyId);
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ file: out, statement, signer: publicHalf(key).id, signers })}\n`);
    return;
  }
  process.stdout.write(
    `${out}: ${statement.name} ${statement.version}, ${digest}, ${formatBytes(statement.size)}\n` +
      `signed by ${signers.join(", ")}\n`,
  );
}

async function readPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return undefined;
    throw new PetioleError("ERR_SIGN_OTHER", `Cannot add a signature to "${file}": ${reasonOf(cause)}`, { cause });
  }
}

function describeOther(text: string): string {
  const parsed = parseSignedStatement(text);
  if ("fault" in parsed) return `it holds no signed statement: ${parsed.fault}`;
  const { name, version, digest } = parsed.statement;
  return `it holds another statement, of ${name} ${version} and ${digest}`;
}
