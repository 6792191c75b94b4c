import { signFile, type SignRequest } from "../../trust/sign-file.ts";
import { formatBytes } from "../table.ts";

export interface SignOptions extends SignRequest {
  readonly json?: true;
}

/** `petiole sign` */
export async function sign(file: string, { json, ...request }: SignOptions): Promise<void> {
  const signed = await signFile(file, request);
  if (json === true) {
    process.stdout.write(`${JSON.stringify(signed)}\n`);
    return;
  }
  const { name, version, digest, size } = signed.statement;
  process.stdout.write(
    `${signed.file}: ${name} ${version}, ${digest}, ${formatBytes(size)}\nsigned by ${signed.signers.join(", ")}\n`,
  );
}
