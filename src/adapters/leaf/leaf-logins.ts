import { randomBytes } from "node:crypto";
import { nkeys } from "@nats-io/transport-node";

export interface NkeyLogin {
  readonly publicKey: string;
  readonly seed: string;
}

/** The agent's own log-ins at its local server. */
export interface LeafLogins {
  /** Into the account that is connected to the hub. */
  readonly uplink: NkeyLogin;
  /** Into the account of the local clients. */
  readonly local: NkeyLogin;
  readonly anonymousPassword: string;
}

/**
 * New log-ins for each run of the agent, as the server lives no longer than the agent. The seeds stay in memory: the
 * server's configuration holds the public keys only, so that no file on the device lets anybody into the uplink.
 */
export function createLeafLogins(): LeafLogins {
  return { uplink: createLogin(), local: createLogin(), anonymousPassword: randomBytes(24).toString("base64url") };
}

function createLogin(): NkeyLogin {
  const pair = nkeys.createUser();
  return { publicKey: pair.getPublicKey(), seed: new TextDecoder().decode(pair.getSeed()) };
}
