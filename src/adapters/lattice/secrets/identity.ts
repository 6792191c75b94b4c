// Who a device is to a secrets service: claims that it signs itself, with keys of its own.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { nkeys } from "@nats-io/transport-node";
import { z } from "zod";
import type { StateStore } from "../../../host/ports.ts";
import type { Clock } from "../../../lib/clock.ts";

export interface SecretsIdentity {
  /** Public key that stands for the device's own providers, and for components without claims. */
  readonly entity: string;
  /** Public key of the account that vouches for it. */
  readonly issuer: string;
  /** Signed claims of the host. */
  hostToken(): string;
  /** Signed claims of the entity. */
  entityToken(): string;
}

export interface SecretsIdentityDeps {
  readonly device: string;
  readonly state: StateStore;
  readonly clock: Clock;
}

const STATE = "secrets-identity";
const stored = z.object({ account: z.string(), host: z.string(), entity: z.string() });
const seeds = (text: string | undefined): z.infer<typeof stored> | undefined => {
  try {
    return text === undefined ? undefined : stored.parse(JSON.parse(text));
  } catch {
    // Not one of ours: another is made.
    return undefined;
  }
};

/** Made once: a service may have given rights to it. @throws PetioleError ERR_STORE_FAILED */
export async function recallSecretsIdentity({ device, state, clock }: SecretsIdentityDeps): Promise<SecretsIdentity> {
  const text = (seed: Uint8Array): string => new TextDecoder().decode(seed);
  let known = seeds(await state.load(STATE));
  if (known === undefined) {
    known = {
      account: text(nkeys.createAccount().getSeed()),
      host: nkeys.createServer().getPublicKey(),
      entity: providerKey(),
    };
    await state.save(STATE, JSON.stringify(known));
  }
  const { account: seed, host, entity } = known;
  const account = nkeys.fromSeed(new TextEncoder().encode(seed));
  const issuer = account.getPublicKey();

  function sign(subject: string, wascap: object): string {
    const payload = {
      jti: randomUUID(),
      iat: Math.floor(clock.wall() / 1000),
      iss: issuer,
      sub: subject,
      wascap_revision: 3,
      wascap: { name: device, ...wascap },
    };
    const head = [{ typ: "jwt", alg: "Ed25519" }, payload].map(encode).join(".");
    return `${head}.${Buffer.from(account.sign(new TextEncoder().encode(head))).toString("base64url")}`;
  }

  return {
    entity,
    issuer,
    hostToken: () => sign(host, { labels: { self_signed: "true" } }),
    entityToken: () => sign(entity, { vendor: "petiole", target_hashes: {} }),
  };
}

/** The public key of a provider (`V…`): base32 of a prefix, the key and its CRC-16. The library knows no such kind. */
function providerKey(): string {
  const { publicKey } = generateKeyPairSync("ed25519");
  const content = Buffer.concat([
    Buffer.of(PROVIDER_PREFIX),
    publicKey.export({ type: "spki", format: "der" }).subarray(-KEY_SIZE),
  ]);
  const crc = Buffer.alloc(2);
  crc.writeUInt16LE(crc16(content));
  let bits = 0n;
  for (const byte of Buffer.concat([content, crc])) bits = (bits << 8n) | BigInt(byte);
  // 35 bytes are 56 letters.
  return Array.from({ length: 56 }, (_, at) => ALPHABET[Number((bits >> BigInt(5 * (55 - at))) & 31n)]).join("");
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const PROVIDER_PREFIX = 21 << 3;
const KEY_SIZE = 32;

/** XMODEM. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let i = 0; i < 8; i++) crc = ((crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021) & 0xffff;
  }
  return crc;
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
