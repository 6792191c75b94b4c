import { randomBytes } from "node:crypto";
import { nkeys } from "@nats-io/transport-node";
import type { PasswordLogin } from "./leaf-config.ts";

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
  /** Of providers that are processes of their own: what talks to a lattice knows no nkey without a JWT. */
  readonly processes: PasswordLogin;
}

/**
 * New log-ins for each run of the agent, as the server lives no longer than the agent. The seeds stay in memory: the
 * server's configuration holds the public keys only, so that no file on the device lets anybody into the uplink as the agent.
 */
export function createLeafLogins(): LeafLogins {
  const password = (): string => randomBytes(24).toString("base64url");
  return {
    uplink: createLogin(),
    local: createLogin(),
    anonymousPassword: password(),
    processes: { user: "petiole-process", password: password() },
  };
}

function createLogin(): NkeyLogin {
  const pair = nkeys.createUser();
  return { publicKey: pair.getPublicKey(), seed: new TextDecoder().decode(pair.getSeed()) };
}
