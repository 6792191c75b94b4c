import { readFile } from "node:fs/promises";
import type { TrustConfig } from "../config/trust-schema.ts";
import { PetioleError } from "../domain/errors.ts";
import { reasonOf } from "../lib/reason.ts";
import type { PinnedKey } from "../trust/claim.ts";
import type { TrustPolicy } from "../trust/judge.ts";
import { KINDS_OF, parsePublicKey } from "../trust/keys.ts";

/**
 * The policy that the configuration asks for, its key files read.
 * @throws PetioleError ERR_CONFIG_UNREADABLE, ERR_CONFIG_INVALID
 */
export async function loadTrustPolicy(config: TrustConfig): Promise<TrustPolicy> {
  const keys = await Promise.all(config.keys.map(loadKey));
  for (const [index, { id, name }] of keys.entries()) {
    const earlier = keys.slice(0, index).find((one) => one.id === id);
    if (earlier !== undefined) throw invalid(name, `it is the same key as "${earlier.name}", which would count twice`);
  }
  return {
    mode: config.mode,
    digests: config.digests,
    keys,
    threshold: config.threshold,
    allowDowngrade: config.allow_downgrade,
    unsyncedClock: config.unsynced_clock,
  };
}

async function loadKey({ name, file, value, kinds }: TrustConfig["keys"][number]): Promise<PinnedKey> {
  const text = value ?? (await readKeyFile(name, file ?? ""));
  const key = parsePublicKey(text);
  if (key === undefined) {
    throw invalid(
      name,
      "want a public key (Ed25519 or P-256): PEM, ed25519: and base64, or the nkey of an account (A…)",
    );
  }
  const possible = KINDS_OF[key.algorithm];
  const unfit = kinds?.find((kind) => !possible.includes(kind));
  if (unfit !== undefined) throw invalid(name, `a key for ${key.algorithm} signs no ${unfit}`);
  return { ...key, name, kinds: kinds ?? possible };
}

async function readKeyFile(name: string, file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new PetioleError("ERR_CONFIG_UNREADABLE", `Cannot read the key "${name}": ${reasonOf(cause)}`, {
      cause,
    });
  }
}

const invalid = (name: string, found: string): PetioleError =>
  new PetioleError("ERR_CONFIG_INVALID", `Cannot use the key "${name}": ${found}`);
