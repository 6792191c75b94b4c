// The operator's folder of a fleet: the keys that everything hangs on, readable by their owner alone, what was settled
// when it was made, and the registry.

import { chmod, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { PetioleError } from "../domain/errors.ts";
import { createKey, keyOfSeed, type KeyKind, type KeyText } from "../enrolment/keys.ts";
import { isErrno, writeFileAtomic } from "../lib/files.ts";
import { reasonOf } from "../lib/reason.ts";
import { openRegistry, type Registry } from "./registry.ts";

const SETTINGS = "fleet.json";
const REGISTRY = "fleet.db";

const settingsSchema = z.strictObject({
  version: z.literal(1),
  /** Of the account at the hub. */
  name: z.string(),
  /** Of the hub's client ports: for the fleet itself and for devices that enrol. */
  urls: z.array(z.string()).min(1),
  /** PEM file of who signs the hub's certificates. */
  ca: z.string().optional(),
  /** Seconds. */
  lifetime: z.int().min(1),
});

export type FleetSettings = z.infer<typeof settingsSchema>;

/** Whose seeds the fleet has. */
const KEYS = {
  operator: "operator",
  system: "account",
  account: "account",
  enrolment: "account",
} as const satisfies Record<string, KeyKind>;

export type FleetKeys = { readonly [K in keyof typeof KEYS]: KeyText };

export interface Fleet extends Disposable {
  readonly folder: string;
  readonly settings: FleetSettings;
  readonly keys: FleetKeys;
  readonly registry: Registry;
}

export interface NewFleet extends Omit<FleetSettings, "version"> {
  /** Seed of the operator of a hub that is there already. */
  readonly operatorSeed?: string | undefined;
  /** And of its system account. */
  readonly systemSeed?: string | undefined;
}

/**
 * Makes the folder. The settings are written last: until then there is no fleet in it, and the keys that are there are
 * taken up.
 * @throws PetioleError ERR_FLEET_FOLDER
 */
export async function createFleet(folder: string, { operatorSeed, systemSeed, ...settings }: NewFleet): Promise<Fleet> {
  const given: Partial<Record<keyof FleetKeys, string>> = {
    ...(operatorSeed === undefined ? {} : { operator: operatorSeed }),
    ...(systemSeed === undefined ? {} : { system: systemSeed }),
  };
  try {
    await mkdir(join(folder, "keys"), { recursive: true, mode: 0o700 });
    // It may have been there, open to others.
    await chmod(folder, 0o700);
    if ((await readIfThere(join(folder, SETTINGS))) !== undefined) {
      throw new PetioleError("ERR_FLEET_FOLDER", `Cannot make a fleet in "${folder}": there is one already`);
    }
    for (const [name, kind] of Object.entries(KEYS)) {
      const path = keyFile(folder, name);
      const seed = given[name as keyof FleetKeys];
      if (seed === undefined && (await readIfThere(path)) !== undefined) continue;
      const key = seed === undefined ? createKey(kind) : keyOfSeed(seed, kind);
      if (key === undefined) throw new PetioleError("ERR_FLEET_FOLDER", `The ${name}'s seed is no seed of an ${kind}`);
      await writeFileAtomic(path, `${key.seed}\n`);
    }
    await writeFileAtomic(join(folder, SETTINGS), `${JSON.stringify({ version: 1, ...settings }, undefined, 2)}\n`);
  } catch (cause) {
    throw unusable(folder, cause);
  }
  return await openFleet(folder);
}

/**
 * The caller disposes it.
 * @throws PetioleError ERR_FLEET_FOLDER
 */
export async function openFleet(folder: string): Promise<Fleet> {
  try {
    const text = await readIfThere(join(folder, SETTINGS));
    if (text === undefined) {
      const message = `Cannot use "${folder}": there is no fleet in it; \`petiole fleet init\` makes one`;
      throw new PetioleError("ERR_FLEET_FOLDER", message);
    }
    const settings = settingsSchema.parse(JSON.parse(text));
    const keys = Object.fromEntries(
      await Promise.all(Object.entries(KEYS).map(async ([name, kind]) => [name, await readKey(folder, name, kind)])),
    ) as unknown as FleetKeys;
    const path = join(folder, REGISTRY);
    const registry = openRegistry(path);
    await chmod(path, 0o600);
    return { folder, settings, keys, registry, [Symbol.dispose]: () => registry[Symbol.dispose]() };
  } catch (cause) {
    throw unusable(folder, cause);
  }
}

/** The key of a role of devices is kept with the role. */
const keyFile = (folder: string, name: string): string => join(folder, "keys", `${name}.nk`);

async function readKey(folder: string, name: string, kind: KeyKind): Promise<KeyText> {
  const path = keyFile(folder, name);
  const key = keyOfSeed(await readFile(path, "utf8"), kind);
  if (key === undefined) throw new PetioleError("ERR_FLEET_FOLDER", `"${path}" holds no seed of an ${kind}`);
  return key;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

function unusable(folder: string, cause: unknown): PetioleError {
  if (cause instanceof PetioleError) return cause;
  return new PetioleError("ERR_FLEET_FOLDER", `Cannot use the folder "${folder}": ${reasonOf(cause)}`, { cause });
}
