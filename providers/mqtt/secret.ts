import { readFile } from "node:fs/promises";
import { PetioleError } from "#provider";

/**
 * The first line of a file.
 * @throws PetioleError ERR_PROVIDER_START
 */
export async function readSecret(path: string): Promise<string> {
  try {
    const [line = ""] = (await readFile(path, "utf8")).split(/\r?\n/);
    return line;
  } catch (cause) {
    throw new PetioleError("ERR_PROVIDER_START", `Cannot read the password file "${path}"`, { cause });
  }
}

/**
 * The content of a certificate or key.
 * @throws PetioleError ERR_PROVIDER_START
 */
export async function readPem(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new PetioleError("ERR_PROVIDER_START", `Cannot read the TLS file "${path}"`, { cause });
  }
}
