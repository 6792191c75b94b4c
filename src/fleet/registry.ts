// What the fleet knows: its tokens, devices and their keys, in one SQLite file. Each question of a device is answered
// in one transaction, so that a token is spent once, whoever asks and whenever the power goes.

import { openDatabase, type Database } from "../adapters/store/sqlite.ts";
import type { HubPermissions } from "../adapters/lattice/permissions.ts";
import type { Revocation } from "./claims.ts";

const SCHEMA = `
CREATE TABLE IF NOT EXISTS profiles (
  name TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE, seed TEXT NOT NULL, permissions TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS tokens (
  key TEXT PRIMARY KEY, device TEXT, profile TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL,
  uses INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0, replaces INTEGER NOT NULL DEFAULT 0,
  withdrawn INTEGER, labels TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS devices (
  name TEXT PRIMARY KEY, profile TEXT NOT NULL, token TEXT NOT NULL,
  key TEXT NOT NULL UNIQUE, recovery TEXT NOT NULL UNIQUE, next_key TEXT UNIQUE, next_recovery TEXT UNIQUE,
  enrolled INTEGER NOT NULL, expires INTEGER NOT NULL, rotated INTEGER, seen INTEGER NOT NULL, revoked INTEGER,
  facts TEXT NOT NULL, labels TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS keys (
  key TEXT PRIMARY KEY, device TEXT NOT NULL, kind TEXT NOT NULL, expires INTEGER NOT NULL, revoked INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS keys_of_device ON keys (device);
CREATE TABLE IF NOT EXISTS account (
  id INTEGER PRIMARY KEY CHECK (id = 1), jwt TEXT NOT NULL, issued INTEGER NOT NULL, pushed INTEGER NOT NULL
) STRICT;
PRAGMA user_version = 1;
`;

/** All times are seconds since 1970, by the clock of the operator's machine. */
export interface DeviceRow {
  readonly name: string;
  readonly profile: string;
  readonly token: string;
  readonly key: string;
  readonly recovery: string;
  readonly next_key: string | null;
  readonly next_recovery: string | null;
  readonly enrolled: number;
  readonly expires: number;
  readonly rotated: number | null;
  readonly seen: number;
  readonly revoked: number | null;
  /** JSON. */
  readonly facts: string;
  readonly labels: string;
}

export interface TokenRow {
  readonly key: string;
  /** The only device that may use it; any when null. */
  readonly device: string | null;
  readonly profile: string;
  readonly created: number;
  readonly expires: number;
  readonly uses: number;
  readonly used: number;
  readonly replaces: number;
  readonly withdrawn: number | null;
  /** JSON. */
  readonly labels: string;
}

export interface ProfileRow {
  readonly name: string;
  readonly key: string;
  readonly seed: string;
  readonly permissions: HubPermissions;
}

export interface AccountRow {
  readonly jwt: string;
  readonly issued: number;
  readonly pushed: number;
}

export interface NewDevice {
  readonly name: string;
  readonly profile: string;
  readonly token: string;
  readonly key: string;
  readonly recovery: string;
  readonly expires: number;
  readonly facts: string;
  readonly labels: string;
}

/** Kept after the last token of a key has expired, for clocks that differ. Seconds. */
const SLACK = 2 * 86_400;

/** What `pushed` of the account is. */
export const PUSHED = { stale: -1, no: 0, yes: 1 } as const;

const STALE = `UPDATE account SET pushed = ${PUSHED.stale}`;

export type Registry = ReturnType<typeof openRegistry>;

/** Opens or makes the file; may be open in several processes. @throws SqliteFailure */
export function openRegistry(path: string) {
  const db = openDatabase(path, { busyTimeout: 10_000 });
  // FULL: what a device was told must have happened after a power cut.
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
  db.transaction(() => db.exec(SCHEMA));
  return { ...profilesIn(db), ...tokensIn(db), ...devicesIn(db), ...accountIn(db), ...lifeOf(db) };
}

function lifeOf(db: Database) {
  return {
    transaction: <T>(work: () => T): T => db.transaction(work),
    [Symbol.dispose]: () => db.close(),
  };
}

function profilesIn(db: Database) {
  type Stored = Omit<ProfileRow, "permissions"> & { readonly permissions: string };
  const all = db.prepare<Stored>("SELECT * FROM profiles ORDER BY name");
  const save = db.prepare(
    "INSERT INTO profiles (name, key, seed, permissions) VALUES (?, ?, ?, ?)" +
      " ON CONFLICT (name) DO UPDATE SET permissions = excluded.permissions",
  );
  const stale = db.prepare(STALE);
  const read = (row: Stored): ProfileRow => ({ ...row, permissions: JSON.parse(row.permissions) as HubPermissions });
  return {
    profiles: (): ProfileRow[] => all.all().map(read),
    profile: (name: string): ProfileRow | undefined =>
      all
        .all()
        .map(read)
        .find((one) => one.name === name),
    /** In a transaction: the account is to be made anew with it. */
    saveProfile: ({ name, key, seed, permissions }: ProfileRow): void => {
      save.run(name, key, seed, JSON.stringify(permissions));
      stale.run();
    },
  };
}

function tokensIn(db: Database) {
  const one = db.prepare<TokenRow>("SELECT * FROM tokens WHERE key = ?");
  const all = db.prepare<TokenRow>("SELECT * FROM tokens ORDER BY created, key");
  const add = db.prepare(
    "INSERT INTO tokens (key, device, profile, created, expires, uses, replaces, labels)" +
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const use = db.prepare("UPDATE tokens SET used = used + 1 WHERE key = ?");
  const withdraw = db.prepare("UPDATE tokens SET withdrawn = ? WHERE key = ? AND withdrawn IS NULL");
  const forget = db.prepare("DELETE FROM tokens WHERE expires < ?");
  return {
    token: (key: string) => one.get(key),
    tokens: () => all.all(),
    addToken: (row: Omit<TokenRow, "used" | "withdrawn">): void =>
      add.run(row.key, row.device, row.profile, row.created, row.expires, row.uses, row.replaces, row.labels),
    useToken: (key: string): void => use.run(key),
    withdrawToken: (key: string, now: number): void => withdraw.run(now, key),
    /** Those that expired long ago. */
    forgetTokens: (before: number): void => forget.run(before),
  };
}

function devicesIn(db: Database) {
  const named = db.prepare<DeviceRow>("SELECT * FROM devices WHERE name = ?");
  const keyed = db.prepare<DeviceRow>("SELECT * FROM devices WHERE ? IN (key, recovery, next_key, next_recovery)");
  const all = db.prepare<DeviceRow>("SELECT * FROM devices ORDER BY name");
  const add = db.prepare(
    "INSERT INTO devices (name, profile, token, key, recovery, enrolled, expires, seen, facts, labels)" +
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const remove = db.prepare("DELETE FROM devices WHERE name = ?");
  const see = db.prepare("UPDATE devices SET seen = ?, facts = ? WHERE name = ?");
  const extend = db.prepare("UPDATE devices SET expires = ? WHERE name = ?");
  const propose = db.prepare("UPDATE devices SET next_key = ?, next_recovery = ? WHERE name = ?");
  const promote = db.prepare(
    "UPDATE devices SET key = next_key, recovery = next_recovery, next_key = NULL, next_recovery = NULL, rotated = ?" +
      " WHERE name = ? AND next_key IS NOT NULL",
  );
  const revoke = db.prepare("UPDATE devices SET revoked = ? WHERE name = ? AND revoked IS NULL");
  const stale = db.prepare(STALE);
  const assign = db.prepare("UPDATE devices SET profile = ? WHERE name = ?");
  const knownKey = db.prepare<{ device: string; kind: string }>("SELECT device, kind FROM keys WHERE key = ?");
  const keep = db.prepare(
    "INSERT INTO keys (key, device, kind, expires) VALUES (?, ?, ?, ?)" +
      " ON CONFLICT (key) DO UPDATE SET expires = max(expires, excluded.expires)",
  );
  const count = db.prepare<{ n: number }>("SELECT count(*) AS n FROM keys WHERE device = ? AND expires > ?");
  const revokeKeys = db.prepare("UPDATE keys SET revoked = ? WHERE device = ? AND kind = 'link' AND revoked IS NULL");
  const revoked = db.prepare<Revocation>(
    "SELECT key, revoked AS at FROM keys WHERE revoked IS NOT NULL AND expires > ? ORDER BY key",
  );
  const forget = db.prepare(
    "DELETE FROM keys WHERE expires < ? AND NOT EXISTS" +
      " (SELECT 1 FROM devices WHERE keys.key IN (devices.key, recovery, next_key, next_recovery))",
  );
  return {
    device: (name: string) => named.get(name),
    deviceOfKey: (key: string) => keyed.get(key),
    devices: () => all.all(),
    addDevice: (row: NewDevice, now: number): void =>
      add.run(row.name, row.profile, row.token, row.key, row.recovery, now, row.expires, now, row.facts, row.labels),
    removeDevice: (name: string): void => remove.run(name),
    seeDevice: (name: string, now: number, facts: string): void => see.run(now, facts, name),
    extendDevice: (name: string, expires: number): void => extend.run(expires, name),
    /** The keys that are to be its own when it is seen to use them. */
    proposeKeys: (name: string, key: string, recovery: string): void => propose.run(key, recovery, name),
    promoteKeys: (name: string, now: number): void => promote.run(now, name),
    assignProfile: (name: string, profile: string): void => assign.run(profile, name),
    /** In a transaction: the account is to be made anew with it. */
    revokeDevice: (name: string, now: number): void => {
      revoke.run(now, name);
      revokeKeys.run(now, name);
      stale.run();
    },
    /** Of every key that tokens were issued for, and may still hold. */
    ownerOfKey: (key: string): { readonly device: string; readonly kind: string } | undefined => knownKey.get(key),
    keepKey: (key: string, device: string, kind: "link" | "recovery", expires: number): void =>
      keep.run(key, device, kind, expires),
    keyCount: (device: string, now: number): number => count.get(device, now)?.n ?? 0,
    revocations: (now: number): Revocation[] => revoked.all(now - SLACK),
    forgetKeys: (now: number): void => forget.run(now - SLACK),
  };
}

function accountIn(db: Database) {
  const get = db.prepare<AccountRow>("SELECT jwt, issued, pushed FROM account");
  const set = db.prepare(
    "INSERT INTO account (id, jwt, issued, pushed) VALUES (1, ?, ?, 0)" +
      " ON CONFLICT (id) DO UPDATE SET jwt = excluded.jwt, issued = excluded.issued, pushed = 0",
  );
  const pushed = db.prepare(`UPDATE account SET pushed = ${PUSHED.yes} WHERE jwt = ?`);
  return {
    account: () => get.get(),
    /** In a transaction with what it was made of. */
    saveAccount: (jwt: string, issued: number): void => set.run(jwt, issued),
    /** The hub has taken it. */
    markPushed: (jwt: string): void => pushed.run(jwt),
  };
}
