import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { PetioleError, reasonOf } from "#provider";
import type { HttpConfig } from "./config.ts";

type TlsConfig = NonNullable<HttpConfig["tls"]>;

export interface Credentials {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer | undefined;
  readonly requestCert: boolean;
  readonly minVersion: "TLSv1.2";
}

export const filesOf = ({ cert_file, key_file, client_ca_file }: TlsConfig): string[] =>
  [cert_file, key_file, client_ca_file].filter((file) => file !== undefined);

/** @throws PetioleError ERR_PROVIDER_START when they cannot be read, or do not belong together */
export async function readCredentials({ cert_file, key_file, client_ca_file }: TlsConfig): Promise<Credentials> {
  try {
    const [cert, key, ca] = await Promise.all([
      readFile(cert_file),
      readFile(key_file),
      client_ca_file === undefined ? undefined : readFile(client_ca_file),
    ]);
    createSecureContext({ cert, key, ca });
    return { cert, key, ca, requestCert: ca !== undefined, minVersion: "TLSv1.2" };
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new PetioleError("ERR_PROVIDER_START", `Cannot use the certificate "${cert_file}": ${reason}`, { cause });
  }
}
