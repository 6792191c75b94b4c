import { readFile } from "node:fs/promises";
import { PetioleError } from "../../domain/errors.ts";
import { reasonOf } from "../../lib/reason.ts";
import type { LeafSecrets, LeafSettings } from "./leaf-config.ts";
import type { LeafLogins } from "./leaf-logins.ts";

/**
 * Reads what the settings name by file. Done for each start of the server, so that a renewed file is taken up.
 * @throws PetioleError ERR_LEAF_SERVER when a file cannot be read or is empty
 */
export async function readLeafSecrets(settings: LeafSettings, logins: LeafLogins): Promise<LeafSecrets> {
  const passwords = new Map<string, string>();
  for (const user of settings.local?.users ?? []) {
    if ("nkey" in user) continue;
    passwords.set(user.name, await readSecret(`the password of "${user.name}"`, user.passwordFile));
  }
  const nkeyFile = settings.remote?.nkeyFile;
  return {
    uplinkKey: logins.uplink.publicKey,
    localKey: logins.local.publicKey,
    anonymousPassword: logins.anonymousPassword,
    processes: logins.processes,
    remoteSeed: nkeyFile === undefined ? undefined : await readSecret("the hub's nkey", nkeyFile),
    passwords,
  };
}

/** The files whose content a server only sees when it reads its configuration or connects again. */
export function secretFiles({ remote, local }: LeafSettings): string[] {
  const { credentials, nkeyFile, tls } = remote ?? {};
  const passwords = (local?.users ?? []).flatMap((user) => ("nkey" in user ? [] : [user.passwordFile]));
  return [credentials, nkeyFile, tls?.ca, tls?.cert, tls?.key, ...passwords].filter((path) => path !== undefined);
}

async function readSecret(what: string, path: string): Promise<string> {
  let text: string;
  try {
    text = (await readFile(path, "utf8")).trim();
  } catch (cause) {
    throw new PetioleError("ERR_LEAF_SERVER", `Cannot read ${what} from "${path}": ${reasonOf(cause)}`, { cause });
  }
  if (text === "") throw new PetioleError("ERR_LEAF_SERVER", `Cannot use ${what} from "${path}": the file is empty`);
  return text;
}
