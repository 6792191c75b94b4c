import { randomUUID } from "node:crypto";
import { nkeys } from "@nats-io/transport-node";
import { formatCredentials } from "../../src/enrolment/credentials.ts";

/** A hub in operator mode: whom its accounts let in is said by signed tokens (JWT). */
export interface Operator {
  /** For the hub's configuration. */
  readonly config: string;
  /** Content of a credentials file. */
  credentials(user: UserOptions): string;
}

export interface UserOptions {
  readonly name: string;
  /** Seconds since 1970. */
  readonly expires?: number;
  /** Signed by somebody else, who has no say at this hub. */
  readonly forged?: boolean;
}

type KeyPair = ReturnType<typeof nkeys.createUser>;

const UNLIMITED = { subs: -1, data: -1, payload: -1 };

/** Made anew for each test. */
export function createOperator(): Operator {
  const [operator, system, account] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createAccount()];
  const accountClaims = (jetstream: object): object => ({
    type: "account",
    version: 2,
    limits: { ...UNLIMITED, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1, ...jetstream },
    default_permissions: { pub: {}, sub: {} },
  });
  const token = (subject: KeyPair, issuer: KeyPair, nats: object, extra: object = {}): string =>
    sign(issuer, {
      jti: randomUUID(),
      iat: Math.floor(Date.now() / 1000),
      sub: subject.getPublicKey(),
      nats,
      ...extra,
    });
  const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const tokens: Readonly<Record<string, string>> = {
    [system.getPublicKey()]: token(system, operator, accountClaims({})),
    [account.getPublicKey()]: token(account, operator, accountClaims(storage)),
  };
  const own = { type: "operator", version: 2, system_account: system.getPublicKey() };
  return {
    config: [
      `operator: ${token(operator, operator, own)}`,
      `system_account: ${system.getPublicKey()}`,
      "resolver: MEMORY",
      `resolver_preload: { ${Object.entries(tokens)
        .map((entry) => entry.join(": "))
        .join(", ")} }`,
    ].join("\n"),
    credentials: ({ name, expires, forged = false }) => {
      const user = nkeys.createUser();
      const claims = { type: "user", version: 2, ...UNLIMITED, pub: {}, sub: {} };
      const extra = { name, ...(expires === undefined ? {} : { exp: expires }) };
      const jwt = token(user, forged ? nkeys.createAccount() : account, claims, extra);
      const seed = new TextDecoder().decode(user.getSeed());
      return formatCredentials({ jwt, seed });
    },
  };
}

function sign(issuer: KeyPair, claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const head = `${part({ typ: "JWT", alg: "ed25519-nkey" })}.${part({ ...claims, iss: issuer.getPublicKey() })}`;
  return `${head}.${Buffer.from(issuer.sign(new TextEncoder().encode(head))).toString("base64url")}`;
}
