import { reconnectInterval } from "../adapters/leaf/reconnect-interval.ts";
import type { LeafSettings } from "../adapters/leaf/leaf-config.ts";
import type { NatsTls } from "../adapters/lattice/connection.ts";
import type { Config } from "../config/schema.ts";

type HubConfig = NonNullable<Config["hub"]>;

/** Without a hub the server is for local clients alone. */
export function leafSettings({ device, leaf, lattice }: Config, hub: HubConfig | undefined): LeafSettings {
  return {
    lattice: lattice?.name,
    device: device.id,
    listen: parseAddress(leaf.listen),
    monitor: parseAddress(leaf.monitor),
    remote:
      hub === undefined
        ? undefined
        : {
            urls: hub.urls,
            credentials: hub.credentials_file,
            nkeyFile: hub.nkey_file,
            tls: hub.tls === undefined ? undefined : tlsFiles(hub.tls),
          },
    local: { users: leaf.local?.users ?? [], grants: leaf.local?.grants ?? { publish: [], subscribe: [] } },
    reconnect: reconnectInterval(leaf.reconnect),
    pingInterval: hub?.ping_interval,
  };
}

export function tlsFiles({ ca_file, cert_file, key_file, handshake_first }: NonNullable<HubConfig["tls"]>): NatsTls {
  return { ca: ca_file, cert: cert_file, key: key_file, handshakeFirst: handshake_first };
}

/** Where the agent itself finds a server that listens at `listen`. */
export function localUrl(listen: string): string {
  return `nats://${listen.replace(/^0\.0\.0\.0:/, "127.0.0.1:").replace(/^\[::\]:/, "[::1]:")}`;
}

/** The schema has checked the form. */
export function parseAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(address.slice(colon + 1)) };
}
