import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { nkeys } from "@nats-io/transport-node";
import type { Config } from "../config/schema.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { reasonOf } from "../lib/reason.ts";
import { watchFiles } from "../lib/watch-files.ts";

type HubFiles = Pick<NonNullable<Config["hub"]>, "credentials_file" | "nkey_file" | "tls">;

const SEED = /S[A-Z][A-Z2-7]{56}/;
const TOKEN = /-----BEGIN NATS USER JWT-----\s+[\w-]+\.[\w-]+\.[\w-]+\s/;

export interface WatchHubFilesOptions {
  readonly hub: HubFiles;
  readonly files: readonly string[];
  readonly onRenewed: (changed: readonly string[]) => Promise<void> | void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Tells when files that the link to the hub depends on were renewed. Broken ones are not worth a link that works. */
export function watchHubFiles({ hub, files, onRenewed, clock, log }: WatchHubFilesOptions): AsyncDisposable {
  return watchFiles({
    files,
    clock,
    onChange: async (changed) => {
      try {
        await checkHubFiles(hub);
      } catch (error) {
        log.warn("Files of the hub link changed, but cannot be used", { files: changed, reason: reasonOf(error) });
        return;
      }
      log.info("Files of the hub link changed, connecting anew", { files: changed });
      await onRenewed(changed);
    },
  });
}

/** Rejects with what is wrong with the files, as far as it can be told without the hub. */
export async function checkHubFiles({ credentials_file, nkey_file, tls }: HubFiles): Promise<void> {
  if (credentials_file !== undefined) {
    const text = await readFile(credentials_file, "utf8");
    if (!TOKEN.test(text)) throw new Error(`"${credentials_file}" holds no user JWT`);
    checkSeed(credentials_file, SEED.exec(text)?.[0]);
  }
  if (nkey_file !== undefined) checkSeed(nkey_file, (await readFile(nkey_file, "utf8")).trim());
  if (tls === undefined) return;
  const [ca, cert, key] = await Promise.all([tls.ca_file, tls.cert_file, tls.key_file].map(readIfNamed));
  // Throws when the certificate is none, or the key is that of another one.
  createSecureContext({
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  });
}

async function readIfNamed(file: string | undefined): Promise<Buffer | undefined> {
  return file === undefined ? undefined : await readFile(file);
}

/** Says nothing of what it found: that may be the better part of a seed. */
function checkSeed(file: string, seed: string | undefined): void {
  try {
    nkeys.fromSeed(new TextEncoder().encode(seed ?? "")).clear();
  } catch (cause) {
    throw new Error(`"${file}" holds no nkey seed`, { cause });
  }
}
