// The configuration of the local nats-server, as text. Pure.

import { PetioleError } from "../../domain/errors.ts";
import { seconds, type Millis } from "../../domain/units.ts";
import { formatServerVersion, supports, type ServerVersion } from "./server-version.ts";

export interface LeafTls {
  /** PEM files. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly handshakeFirst?: boolean | undefined;
}

export interface LeafRemote {
  /** `nats-leaf://`, `tls://`, `ws://` or `wss://` URLs of the hub's leaf node port. */
  readonly urls: readonly string[];
  readonly credentials?: string | undefined;
  readonly tls?: LeafTls | undefined;
}

/** `host:port`; port 0 lets the server choose. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface LeafSettings {
  /** Also the server's name: two servers of one name push each other off the hub. */
  readonly device: string;
  readonly listen: ListenAddress;
  readonly monitor: ListenAddress;
  readonly remote: LeafRemote;
  /** Both for the hub and for local clients; a peer that misses two is given up. */
  readonly pingInterval?: Millis | undefined;
  /** How long the hub's greeting may take: a satellite link needs more than the server's second. */
  readonly firstInfoTimeout?: Millis | undefined;
}

/** Files that the server writes, for its supervisor. */
export interface LeafFiles {
  readonly portsFolder: string;
}

/**
 * Renders the configuration for a server of `version`; options that it does not know are left out.
 * @throws PetioleError ERR_LEAF_SERVER when the settings need a newer server
 */
export function renderLeafConfig(settings: LeafSettings, files: LeafFiles, version: ServerVersion): string {
  const { remote } = settings;
  const patience = settings.firstInfoTimeout ?? seconds(10);
  const ping = settings.pingInterval ?? seconds(20);
  return block([
    entry("server_name", quote(settings.device)),
    entry("listen", quote(address(settings.listen))),
    entry("http", quote(address(settings.monitor))),
    entry("ports_file_dir", quote(files.portsFolder)),
    // The supervisor's log has times of its own.
    entry("logtime", "false"),
    entry("ping_interval", quote(`${ping}ms`)),
    entry("ping_max", "2"),
    "leafnodes {",
    ...indent([
      "remotes = [",
      "  {",
      ...indent(
        indent([
          entry("urls", `[${remote.urls.map(quote).join(", ")}]`),
          ...(remote.credentials === undefined ? [] : [entry("credentials", quote(remote.credentials))]),
          ...(remote.tls === undefined ? [] : renderTls(remote.tls, version)),
          ...(supports(version, "firstInfoTimeout") ? [entry("first_info_timeout", quote(`${patience}ms`))] : []),
          ...(supports(version, "dialTimeout") ? [entry("dial_timeout", quote(`${patience}ms`))] : []),
        ]),
      ),
      "  }",
      "]",
    ]),
    "}",
  ]);
}

function renderTls(tls: LeafTls, version: ServerVersion): string[] {
  if (tls.handshakeFirst === true && !supports(version, "handshakeFirst")) {
    throw new PetioleError(
      "ERR_LEAF_SERVER",
      `Cannot use TLS before the greeting: found nats-server ${formatServerVersion(version)}, want 2.10.0 or later`,
    );
  }
  return [
    "tls {",
    ...indent([
      ...(tls.ca === undefined ? [] : [entry("ca_file", quote(tls.ca))]),
      ...(tls.cert === undefined ? [] : [entry("cert_file", quote(tls.cert))]),
      ...(tls.key === undefined ? [] : [entry("key_file", quote(tls.key))]),
      ...(tls.handshakeFirst === true ? [entry("handshake_first", "true")] : []),
    ]),
    "}",
  ];
}

/**
 * A value as the server's configuration language reads it back unchanged. Quoted text is never a variable, an include
 * or a comment, so no value can become configuration.
 */
export function quote(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is escaped
  return `"${text.replace(/[\\"\u0000-\u001f\u007f]/g, escape)}"`;
}

function escape(character: string): string {
  if (character === "\\" || character === '"') return `\\${character}`;
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}`;
}

function address({ host, port }: ListenAddress): string {
  // The server reads -1 as "any free port" and 0 as its default.
  return `${host.includes(":") ? `[${host}]` : host}:${port === 0 ? -1 : port}`;
}

function entry(key: string, value: string): string {
  return `${key}: ${value}`;
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

function block(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}
