// A signature beside a component: FILE.sig.

import { readFile } from "node:fs/promises";
import { PetioleError } from "../domain/errors.ts";
import { isErrno, writeFileAtomic } from "../lib/files.ts";
import { reasonOf } from "../lib/reason.ts";
import { readComponentBytes } from "./component-bytes.ts";
import { readPrivateKey } from "./key-files.ts";
import { publicHalf } from "./keys.ts";
import { STATEMENT_SUFFIX } from "./read-evidence.ts";
import { addSignature, parseSignedStatement, signStatement, type Statement } from "./statement.ts";

export interface SignRequest {
  /** File with the private key. */
  readonly key: string;
  readonly name: string;
  readonly version: string;
  /** As statements have it. */
  readonly notBefore?: string | undefined;
  readonly notAfter?: string | undefined;
  readonly minAgent?: string | undefined;
  /** Replaces a file that holds another statement. */
  readonly force?: boolean | undefined;
}

export interface SignedFile {
  /** Where the signature is. */
  readonly file: string;
  readonly statement: Statement;
  readonly signer: string;
  /** All who have signed the statement. */
  readonly signers: readonly (string | undefined)[];
}

/**
 * Signs a component, or adds a signature to the statement that is there.
 * @throws PetioleError ERR_SIGN_KEY, ERR_SIGN_OTHER, ERR_COMPONENT_UNREADABLE
 */
export async function signFile(file: string, request: SignRequest): Promise<SignedFile> {
  const key = await readPrivateKey(request.key);
  const { bytes, digest } = await readComponentBytes(file);
  const statement: Statement = {
    name: request.name,
    version: request.version,
    digest,
    size: bytes.byteLength,
    "min-agent": request.minAgent,
    "not-before": request.notBefore,
    "not-after": request.notAfter,
  };
  const out = file + STATEMENT_SUFFIX;
  const present = request.force === true ? undefined : await readPresent(out);
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
  return { file: out, statement, signer: publicHalf(key).id, signers };
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
