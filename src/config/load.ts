import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { PetioleError } from "../domain/errors.ts";
import { reasonOf } from "../lib/reason.ts";
import { keepConfig, recallConfig } from "./kept-config.ts";
import type { ParsedConfig } from "./parse.ts";
import type { Config } from "./schema.ts";

/** @throws PetioleError ERR_CONFIG_UNREADABLE, ERR_CONFIG_INVALID */
export async function loadConfig(file: string): Promise<ParsedConfig> {
  const path = resolve(file);
  const text = await readText(path);
  const { parseConfigSource } = await import("./parse.ts");
  return parseConfigSource(text, path);
}

export interface FastConfig {
  readonly config: Config;
  /** Makes the next start of this program faster. @throws what writing fails with */
  readonly keep: () => Promise<void>;
}

/**
 * As `loadConfig`, without parsing what the program parsed before; `build` tells one version of the program from another,
 * and there is none of one that may change at any time.
 * @throws PetioleError ERR_CONFIG_UNREADABLE, ERR_CONFIG_INVALID
 */
export async function loadConfigFast(file: string, build: string | undefined): Promise<FastConfig> {
  const path = resolve(file);
  const text = await readText(path);
  const source = build === undefined ? undefined : { text, path, build };
  const known = source && (await recallConfig(source));
  if (known !== undefined) return { config: known, keep: async () => {} };
  const { parseConfig } = await import("./parse.ts");
  const config = parseConfig(text, path);
  return { config, keep: async () => await (source && keepConfig(config, source)) };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new PetioleError("ERR_CONFIG_UNREADABLE", `Cannot read the configuration "${path}": ${reason}`, { cause });
  }
}
