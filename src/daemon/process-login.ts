// How the processes of providers log in to NATS: they know a URL, and a user's JWT with its seed, and nothing else.

import { readFile } from "node:fs/promises";
import { PetioleError } from "../domain/errors.ts";
import { reasonOf } from "../lib/reason.ts";
import type { Config } from "../config/schema.ts";

export interface ProcessLogin {
  readonly url: string;
  /** Both empty where the URL says it all. */
  readonly jwt: string;
  readonly seed: string;
}

type HubConfig = NonNullable<Config["hub"]>;

/**
 * At the hub, as the device itself or with credentials of their own. The file is read for each process: a renewed one is
 * taken up.
 * @throws PetioleError ERR_EXECUTABLE_LOGIN
 */
export async function directLogin(hub: HubConfig, credentials: string | undefined): Promise<ProcessLogin> {
  const url = hub.urls.find((one) => !/^wss?:/.test(one));
  if (url === undefined) throw refuse("it knows no websockets, and the hub has nothing else");
  if (hub.tls?.ca_file !== undefined || hub.tls?.cert_file !== undefined) {
    throw refuse("it can be told neither of hub.tls.ca_file nor of hub.tls.cert_file");
  }
  const file = credentials ?? hub.credentials_file;
  if (file === undefined && hub.nkey_file !== undefined) throw refuse("it cannot log in with an nkey alone");
  if (file === undefined) return { url, jwt: "", seed: "" };
  const found = parseCredentials(await readText(file));
  if (found === undefined) throw refuse(`"${file}" has no JWT with a seed`);
  return { url, ...found };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw refuse(`"${file}" cannot be read: ${reasonOf(cause)}`, cause);
  }
}

/** Of a credentials file as nsc writes it; undefined when it is none. */
function parseCredentials(text: string): { readonly jwt: string; readonly seed: string } | undefined {
  const between = (what: string): string | undefined =>
    new RegExp(String.raw`-{3,}BEGIN ${what}-{3,}\s+(\S+)\s+-{3,}END`).exec(text)?.[1];
  const [jwt, seed] = [between("NATS USER JWT"), between("USER NKEY SEED")];
  return jwt === undefined || seed === undefined ? undefined : { jwt, seed };
}

function refuse(why: string, cause?: unknown): PetioleError {
  const wanted = "leaf mode lets processes log in at the local nats-server";
  return new PetioleError(
    "ERR_EXECUTABLE_LOGIN",
    `Cannot tell a provider process how to log in to NATS: ${why}; ${wanted}`,
    { cause },
  );
}
