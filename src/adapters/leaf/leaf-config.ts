// The configuration of the local nats-server, as text. Pure.

import { PetioleError } from "../../domain/errors.ts";
import { seconds, type Millis } from "../../domain/units.ts";
import { firstRelease, formatServerVersion, supports, type LeafFeature, type ServerVersion } from "./server-version.ts";

/** Reached by the agent alone; the leaf node's connection to the hub is bound to it. */
const UPLINK = "UPLINK";
/** Where local clients are. Nothing crosses to the uplink but what a grant names. */
const LOCAL = "LOCAL";
const ANONYMOUS = "anonymous";

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
  /** File with the seed of an nkey. */
  readonly nkeyFile?: string | undefined;
  readonly tls?: LeafTls | undefined;
}

/** Who may log in to the local account. */
export type LocalUser =
  | { readonly name: string; readonly passwordFile: string }
  /** Public key of a user. */
  | { readonly nkey: string };

export interface LocalAccess {
  /** Without any, every client that reaches the listener is let in. */
  readonly users: readonly LocalUser[];
  readonly grants: LocalGrants;
}

/** Subjects that cross between local clients and the hub, in core NATS. */
export interface LocalGrants {
  /** From local clients to the hub. */
  readonly publish: readonly string[];
  /** From the hub to local clients. */
  readonly subscribe: readonly string[];
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
  /** Without it the server has no way to a hub. */
  readonly remote?: LeafRemote | undefined;
  readonly local?: LocalAccess | undefined;
  /** The lattice whose providers, processes of their own, log in among the uplink's users. */
  readonly lattice?: string | undefined;
  /** Between two tries to reach the hub. Whole seconds; the server adds up to as much again where it has jitter. */
  readonly reconnect?: Millis | undefined;
  /** Both for the hub and for local clients; a peer that misses two is given up. */
  readonly pingInterval?: Millis | undefined;
  /** How long the hub's greeting may take: a satellite link needs more than the server's second. */
  readonly firstInfoTimeout?: Millis | undefined;
}

/** Files that the server writes, for its supervisor. */
export interface LeafFiles {
  readonly portsFolder: string;
}

/** What the configuration must say of the log-ins, besides the settings. */
export interface LeafSecrets {
  /** Public keys of the agent's own log-ins. */
  readonly uplinkKey: string;
  readonly localKey: string;
  /** Of the user that anonymous clients become; nobody needs to know it. */
  readonly anonymousPassword: string;
  /** Of the processes of providers. */
  readonly processes: PasswordLogin;
  /** Seed of the nkey for the hub. */
  readonly remoteSeed?: string | undefined;
  /** Of the local users that have one, by name. */
  readonly passwords: ReadonlyMap<string, string>;
}

export interface PasswordLogin {
  readonly user: string;
  readonly password: string;
}

export interface LeafRendering {
  readonly settings: LeafSettings;
  readonly secrets: LeafSecrets;
  readonly files: LeafFiles;
  readonly version: ServerVersion;
  /** The remote is there, but the server lets go of the hub. */
  readonly disabled?: boolean;
}

/**
 * Renders the configuration for a server of `version`; options that it does not know are left out.
 * @throws PetioleError ERR_LEAF_SERVER when the settings need a newer server
 */
export function renderLeafConfig({ settings, secrets, files, version, disabled }: LeafRendering): string {
  const ping = settings.pingInterval ?? seconds(10);
  const anonymous = (settings.local?.users.length ?? 0) === 0;
  return block([
    entry("server_name", quote(settings.device)),
    entry("listen", quote(address(settings.listen))),
    entry("http", quote(address(settings.monitor))),
    entry("ports_file_dir", quote(files.portsFolder)),
    // The supervisor's log has times of its own.
    entry("logtime", "false"),
    entry("ping_interval", quote(`${ping}ms`)),
    entry("ping_max", "2"),
    ...braces("accounts", [
      ...braces(UPLINK, renderUplink(settings, secrets)),
      ...braces(LOCAL, renderLocal(settings, secrets)),
    ]),
    ...(anonymous ? [entry("no_auth_user", quote(ANONYMOUS))] : []),
    ...braces("leafnodes", [
      ...(settings.reconnect === undefined ? [] : [entry("reconnect", pause(settings.reconnect, version))]),
      ...renderRemotes({ settings, secrets, version, disabled: disabled === true }),
    ]),
  ]);
}

/** Whole seconds: an older server takes a number of them and nothing else, a newer one complains about a number. */
function pause(duration: Millis, version: ServerVersion): string {
  const whole = Math.max(1, Math.round(duration / 1000));
  return supports(version, "reconnectDuration") ? quote(`${whole}s`) : String(whole);
}

function renderUplink({ local, lattice }: LeafSettings, { uplinkKey, processes }: LeafSecrets): string[] {
  const { publish = [], subscribe = [] } = local?.grants ?? {};
  return [
    ...list("users", [
      `{ nkey: ${quote(uplinkKey)} }`,
      ...(lattice === undefined ? [] : [processUser(processes, lattice)]),
    ]),
    ...list("exports", subscribe.map(exportTo(LOCAL))),
    ...list("imports", publish.map(importFrom(LOCAL))),
  ];
}

function renderLocal({ local }: LeafSettings, secrets: LeafSecrets): string[] {
  const { publish = [], subscribe = [] } = local?.grants ?? {};
  const users = local?.users ?? [];
  return [
    ...list("users", [
      `{ nkey: ${quote(secrets.localKey)} }`,
      ...(users.length === 0 ? [passwordUser(ANONYMOUS, secrets.anonymousPassword)] : users.map(localUser(secrets))),
    ]),
    ...list("exports", publish.map(exportTo(UPLINK))),
    ...list("imports", subscribe.map(importFrom(UPLINK))),
  ];
}

const exportTo = (account: string) => (subject: string) =>
  `{ stream: ${quote(subject)}, accounts: [${quote(account)}] }`;
const importFrom = (account: string) => (subject: string) =>
  `{ stream: { account: ${quote(account)}, subject: ${quote(subject)} } }`;

/** A process talks to its host and to the ends of its links, and to nobody else at the hub. */
function processUser({ user, password }: PasswordLogin, lattice: string): string {
  const subjects = [`${lattice}.>`, `wasmbus.rpc.${lattice}.>`, "_INBOX.>"].map(quote).join(", ");
  const permissions = `permissions: { publish: { allow: [${subjects}] }, subscribe: { allow: [${subjects}] } }`;
  return `{ user: ${quote(user)}, password: ${quote(password)}, ${permissions} }`;
}

/** The server's own services answer in every account: neither they nor JetStream's are for local clients. */
const LOCAL_PERMISSIONS = `permissions: { publish: { deny: ["$SYS.>", "$JS.>"] }, subscribe: { deny: ["$SYS.>", "$JS.>"] } }`;

const passwordUser = (name: string, password: string): string =>
  `{ user: ${quote(name)}, password: ${quote(password)}, ${LOCAL_PERMISSIONS} }`;

const localUser =
  ({ passwords }: LeafSecrets) =>
  (user: LocalUser): string => {
    if ("nkey" in user) return `{ nkey: ${quote(user.nkey)}, ${LOCAL_PERMISSIONS} }`;
    const password = passwords.get(user.name);
    if (password === undefined) throw new PetioleError("ERR_INVARIANT", `No password was read for "${user.name}"`);
    return passwordUser(user.name, password);
  };

interface RemoteRendering extends Omit<LeafRendering, "files"> {
  readonly disabled: boolean;
}

function renderRemotes(rendering: RemoteRendering): string[] {
  const { remote } = rendering.settings;
  if (remote === undefined) return [];
  return ["remotes = [", ...indent(["{", ...indent(renderRemote(remote, rendering)), "}"]), "]"];
}

function renderRemote(remote: LeafRemote, { settings, secrets, version, disabled }: RemoteRendering): string[] {
  const patience = settings.firstInfoTimeout ?? seconds(10);
  if (secrets.remoteSeed !== undefined) needs(version, "nkeyRemote", "an nkey for the hub");
  return [
    entry("urls", `[${remote.urls.map(quote).join(", ")}]`),
    entry("account", quote(UPLINK)),
    ...(remote.credentials === undefined ? [] : [entry("credentials", quote(remote.credentials))]),
    ...(secrets.remoteSeed === undefined ? [] : [entry("nkey", quote(secrets.remoteSeed))]),
    ...(remote.tls === undefined ? [] : renderTls(remote.tls, version)),
    ...(supports(version, "firstInfoTimeout") ? [entry("first_info_timeout", quote(`${patience}ms`))] : []),
    ...(supports(version, "dialTimeout") ? [entry("dial_timeout", quote(`${patience}ms`))] : []),
    ...(disabled ? [entry("disabled", "true")] : []),
  ];
}

function needs(version: ServerVersion, feature: LeafFeature, what: string): void {
  if (supports(version, feature)) return;
  const found = formatServerVersion(version);
  const wanted = formatServerVersion(firstRelease(feature));
  throw new PetioleError("ERR_LEAF_SERVER", `Cannot use ${what}: found nats-server ${found}, want ${wanted} or later`);
}

function renderTls(tls: LeafTls, version: ServerVersion): string[] {
  if (tls.handshakeFirst === true) needs(version, "handshakeFirst", "TLS before the greeting");
  return braces("tls", [
    ...(tls.ca === undefined ? [] : [entry("ca_file", quote(tls.ca))]),
    ...(tls.cert === undefined ? [] : [entry("cert_file", quote(tls.cert))]),
    ...(tls.key === undefined ? [] : [entry("key_file", quote(tls.key))]),
    // The server's own limit is two seconds, which a slow link and a small processor exceed together.
    entry("timeout", "10"),
    ...(tls.handshakeFirst === true ? [entry("handshake_first", "true")] : []),
  ]);
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

function braces(name: string, lines: readonly string[]): string[] {
  return [`${name} {`, ...indent(lines), "}"];
}

/** Nothing at all when there are no items. */
function list(name: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : [`${name}: [`, ...indent(items), "]"];
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

function block(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}
