// Who may do what in the fleet's account: what its tokens (JWT) say. Pure but for the ids in them.

import { enrolmentInbox, fleetRequests, fleetSubject } from "../adapters/lattice/subjects.ts";
import type { HubPermissions } from "../adapters/lattice/permissions.ts";
import { signClaims } from "../enrolment/claims.ts";
import type { KeyText } from "../enrolment/keys.ts";

const UNLIMITED = { subs: -1, data: -1, payload: -1 } as const;
const ACCOUNT_LIMITS = { ...UNLIMITED, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 } as const;
const STORAGE_LIMITS = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 } as const;

// What the hub replaces by the name and by the public key of each user.
const NAME = "{{name()}}";
const KEY = "{{subject()}}";

/** A device's name in the permissions that are to hold for every device: no device has it, as it is longer. */
export const NAME_PLACEHOLDER = "DEVICE-NAME-0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789-END";

export interface Role {
  readonly name: string;
  /** Public key of the account's signing key for it. */
  readonly key: string;
  readonly permissions: HubPermissions;
}

export interface Revocation {
  readonly key: string;
  /** Tokens that were issued up to then hold no more; seconds since 1970. */
  readonly at: number;
}

export function operatorToken(operator: KeyText, systemAccount: string, issued: number): string {
  const nats = { type: "operator", system_account: systemAccount };
  return signClaims(operator, { subject: operator.publicKey, name: "petiole", issued, nats });
}

export function systemToken(operator: KeyText, account: string, issued: number): string {
  const nats = { type: "account", limits: ACCOUNT_LIMITS, default_permissions: { pub: {}, sub: {} } };
  return signClaims(operator, { subject: account, name: "SYS", issued, nats });
}

export interface AccountInput {
  readonly account: string;
  readonly name: string;
  readonly issued: number;
  /** Public key of the account's signing key for tokens and for recovery. */
  readonly enrolment: string;
  readonly profiles: readonly Role[];
  readonly revocations: readonly Revocation[];
}

export function accountToken(operator: KeyText, input: AccountInput): string {
  const { account, name, issued, enrolment, profiles, revocations } = input;
  const nats = {
    type: "account",
    limits: { ...ACCOUNT_LIMITS, ...STORAGE_LIMITS },
    default_permissions: { pub: {}, sub: {} },
    signing_keys: [enrolmentScope(enrolment), ...profiles.map(deviceScope)],
    ...(revocations.length === 0
      ? {}
      : { revocations: Object.fromEntries(revocations.map(({ key, at }) => [key, at])) }),
  };
  return signClaims(operator, { subject: account, name, issued, nats });
}

/** Whoever has a token, or wants new credentials for old ones: two questions, and nothing else. */
function enrolmentScope(key: string): object {
  return scope(key, "enrolment", {
    pub: { allow: [fleetSubject("enrol", KEY), fleetSubject("recover", KEY)] },
    sub: { allow: [`${enrolmentInbox(KEY)}.>`] },
    subs: 8,
    data: -1,
    payload: 16_384,
    allowed_connection_types: ["STANDARD", "WEBSOCKET"],
  });
}

function deviceScope({ key, name, permissions }: Role): object {
  const perDevice = (subjects: readonly string[]): string[] =>
    subjects.map((subject) => subject.replaceAll(NAME_PLACEHOLDER, NAME));
  return scope(key, `devices ${name}`, {
    pub: { allow: [...perDevice(permissions.publish), fleetSubject("renew", KEY)] },
    sub: { allow: perDevice(permissions.subscribe) },
    ...UNLIMITED,
    allowed_connection_types: ["STANDARD", "WEBSOCKET", "LEAFNODE", "LEAFNODE_WS"],
  });
}

const scope = (key: string, role: string, template: object): object => ({ kind: "user_scope", key, role, template });

export interface UserInput {
  /** Public key of the user. */
  readonly key: string;
  readonly name: string;
  readonly account: string;
  readonly issued: number;
  readonly expires: number | undefined;
}

/** A user whose permissions are those of the signing key's role. */
export function roleUserToken(signer: KeyText, { key, name, account, issued, expires }: UserInput): string {
  const nats = { type: "user", issuer_account: account };
  return signClaims(signer, { subject: key, name, issued, expires, nats });
}

/** The one that answers devices. */
export function serviceUserToken(account: KeyText, key: string, issued: number): string {
  const permissions = { pub: { allow: ["_INBOX.>"] }, sub: { allow: [fleetRequests(), "_INBOX.>"] } };
  const nats = { type: "user", ...UNLIMITED, ...permissions };
  return signClaims(account, { subject: key, name: "petiole fleet", issued, nats });
}

/** A user of an account who may do all that the account may. */
export function adminToken(account: KeyText, key: string, issued: number): string {
  const nats = { type: "user", ...UNLIMITED, pub: {}, sub: {} };
  return signClaims(account, { subject: key, name: "admin", issued, nats });
}
