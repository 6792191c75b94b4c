import { randomBytes } from "node:crypto";
import { rightsOf, type Rights } from "./acl.ts";
import type { BrokerConfig } from "./broker-config.ts";
import { hashPassword, isPasswordHash, verifyPassword } from "./password.ts";
import { readSecret } from "./secret.ts";

export interface Credentials {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Uint8Array | undefined;
}

export interface BrokerUsers {
  /** What a client may do; undefined for one that is not let in. */
  admit(credentials: Credentials): Promise<Rights | undefined>;
}

/** @throws PetioleError ERR_PROVIDER_START when a file cannot be read */
export async function readBrokerUsers(config: BrokerConfig): Promise<BrokerUsers> {
  const entries = config.users.map(async (user) => {
    const { username, password_file, password_hash, password = "" } = user;
    if (password_hash !== undefined) return [username, { user, hash: password_hash }] as const;
    const line = password_file === undefined ? password : await readSecret(password_file);
    const hash = isPasswordHash(line) ? line : await hashPassword(Buffer.from(line), randomBytes(12));
    return [username, { user, hash }] as const;
  });
  const users = new Map(await Promise.all(entries));
  const anonymous = users.size === 0 || config.allow_anonymous;
  // A name that nobody has costs the same as a wrong password.
  const nobody = await hashPassword(randomBytes(12), randomBytes(12));

  return {
    async admit({ clientId, username, password }) {
      if (users.size === 0 || (anonymous && username === undefined)) {
        return rightsOf(config.anonymous, { username, clientId });
      }
      if (username === undefined || password === undefined) return undefined;
      const known = users.get(username);
      const verified = await verifyPassword(password, known?.hash ?? nobody);
      return known !== undefined && verified ? rightsOf(known.user, { username, clientId }) : undefined;
    },
  };
}
