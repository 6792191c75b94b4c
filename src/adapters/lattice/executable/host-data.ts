// What a provider process is told, as it travels. Pure.

import type { LogLevel } from "../../../lib/log.ts";
import type { linkMessage } from "../wasmcloud/provider-links.ts";
import type { WireSecret } from "./link-secrets.ts";

type Texts = Readonly<Record<string, string>>;

/** How a provider process logs in to NATS. */
export interface RpcLogin {
  readonly url: string;
  /** Both empty where the URL says it all. */
  readonly jwt: string;
  readonly seed: string;
}

/** What of a login belongs in no log. A URL has a password, or a token in place of a name. */
export function secretsOf({ url, jwt, seed }: RpcLogin): string[] {
  const { username, password } = URL.parse(url) ?? { username: "", password: "" };
  const inUrl = password === "" ? username : password;
  return [jwt, seed, ...(inUrl === "" ? [] : [url, decoded(inUrl), inUrl])].filter((secret) => secret !== "");
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export interface HostDataInput {
  readonly host: string;
  readonly lattice: string;
  readonly provider: string;
  /** Of this process alone. */
  readonly instance: string;
  readonly login: RpcLogin;
  readonly links: readonly ReturnType<typeof linkMessage>[];
  readonly config: Texts;
  /** Of the provider itself. In the clear: nobody else reads a process's standard input. */
  readonly secrets: Readonly<Record<string, WireSecret>>;
  readonly keys: { readonly hostPublic: string; readonly providerSeed: string };
  readonly rpcTimeout: number;
  readonly logLevel: LogLevel;
}

/** The line for a provider's standard input. */
export function renderHostData(input: HostDataInput): string {
  const data = {
    host_id: input.host,
    lattice_rpc_prefix: input.lattice,
    link_name: "default",
    lattice_rpc_user_jwt: input.login.jwt,
    lattice_rpc_user_seed: input.login.seed,
    lattice_rpc_url: input.login.url,
    provider_key: input.provider,
    env_values: {},
    instance_id: input.instance,
    link_definitions: input.links,
    cluster_issuers: [],
    config: input.config,
    secrets: input.secrets,
    host_xkey_public_key: input.keys.hostPublic,
    provider_xkey_private_key: input.keys.providerSeed,
    default_rpc_timeout_ms: input.rpcTimeout,
    structured_logging: false,
    log_level: input.logLevel,
    otel_config: { enable_observability: false, protocol: "Http", additional_ca_paths: [], trace_level: "info" },
  };
  return `${Buffer.from(JSON.stringify(data)).toString("base64")}\r\n`;
}
