import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { PetioleError, reasonOf, type EgressSettings } from "#provider";
import type { ClientConfig } from "./config.ts";

type TlsConfig = ClientConfig["tls"];

export const filesOf = ({ ca_file, cert_file, key_file }: TlsConfig): string[] =>
  [ca_file, cert_file, key_file].filter((file) => file !== undefined);

/** @throws PetioleError ERR_PROVIDER_START when they cannot be read, or do not belong together */
export async function readCredentials({ ca_file, cert_file, key_file }: TlsConfig): Promise<EgressSettings["tls"]> {
  const read = async (file: string | undefined): Promise<string | undefined> =>
    file === undefined ? undefined : await readFile(file, "utf8");
  try {
    const [ca, cert, key] = await Promise.all([read(ca_file), read(cert_file), read(key_file)]);
    createSecureContext({ ca, cert, key });
    return { ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) };
  } catch (cause) {
    const files = [ca_file, cert_file, key_file].filter((file) => file !== undefined).join(", ");
    const reason = reasonOf(cause);
    throw new PetioleError("ERR_PROVIDER_START", `Cannot use the certificates "${files}": ${reason}`, { cause });
  }
}
