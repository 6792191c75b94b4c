// The configuration as the last start understood it, kept beside the state. Reading it again with its schema and the reader
// of YAML takes longer than all else that an agent without components does until it is ready.

import { createHash } from "node:crypto";
import type { Stats } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { deepFreeze } from "../lib/deep-freeze.ts";
import { readRegularFile, removeLeftovers, writeFileAtomic } from "../lib/files.ts";
import { findReferences, recallReferences } from "../lib/secret-references.ts";
import { DEFAULT_STATE_DIR } from "./default-file.ts";
import type { Config } from "./schema.ts";

export interface ConfigSource {
  readonly text: string;
  /** Absolute: relative paths in the text start at its folder. */
  readonly path: string;
  /** The program that reads it: another one may understand it otherwise. */
  readonly build: string;
}

const NAME = "config.kept";
const MAX_SIZE = 4 * 1024 ** 2;
const DIGEST_SIZE = 64;

/** What was kept of exactly this file by this program; undefined when there is nothing, or it is damaged. */
export async function recallConfig(source: ConfigSource): Promise<Config | undefined> {
  try {
    const { bytes, stats } = await readRegularFile(join(stateDirOf(source), NAME), { maxSize: MAX_SIZE });
    if (!isOurs(stats)) return undefined;
    const [digest, body] = [bytes.subarray(0, DIGEST_SIZE), bytes.subarray(DIGEST_SIZE)].map((part) =>
      Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString(),
    );
    if (digest === undefined || body === undefined || digestOf(source, body) !== digest) return undefined;
    return deepFreeze(decode(body));
  } catch {
    return undefined; // It costs reading the file, as at a first start.
  }
}

/**
 * Keeps the configuration for the next start, unless there is something in it that would come back otherwise. Then nothing
 * is kept, of an earlier configuration neither: there may be a password in it. Nobody else writes the file meanwhile: the
 * agent has the state to itself.
 * @throws what writing fails with
 */
export async function keepConfig(config: Config, source: ConfigSource): Promise<void> {
  const file = join(config.state_dir, NAME);
  // After a power cut while one was written.
  await removeLeftovers(file);
  const content = contentOf(config, source);
  await (content === undefined ? rm(file, { force: true }) : writeFileAtomic(file, content));
}

function contentOf(config: Config, source: ConfigSource): string | undefined {
  // Where the next start will not look, it would be of no use.
  if (stateDirOf(source) !== config.state_dir) return undefined;
  const body = encode(config);
  if (!isDeepStrictEqual(decode(body), config)) return undefined;
  const content = `${digestOf(source, body)}${body}`;
  return Buffer.byteLength(content) > MAX_SIZE ? undefined : content;
}

/** Nobody but root and the agent itself can have written it. */
function isOurs({ uid, mode }: Stats): boolean {
  return (uid === 0 || uid === process.geteuid?.()) && (mode & 0o022) === 0;
}

/**
 * The state folder, as far as it can be told without reading YAML. One that is wrong has nothing that fits this file; who
 * can write to it can also write the keys that the device trusts.
 */
function stateDirOf({ text, path }: ConfigSource): string {
  const found = /^state_dir: +(?<quote>["']?)(?<name>[\w./-]+)\k<quote>(?: +#.*)? *$/m.exec(text);
  return resolve(dirname(path), found?.groups?.["name"] ?? DEFAULT_STATE_DIR);
}

function digestOf({ text, path, build }: ConfigSource, body: string): string {
  const parts = [build, path, text, body];
  // The lengths tell where each part ends.
  return createHash("sha256")
    .update(JSON.stringify(parts.map((part) => part.length)))
    .update(parts.join(""))
    .digest("hex");
}

function encode(config: Config): string {
  return JSON.stringify({
    config,
    references: findReferences(config).map(({ path }) => path),
  });
}

function decode(body: string): Config {
  // Made by encode(), of which the digest tells.
  const { config, references } = JSON.parse(body) as { config: Config; references: PropertyKey[][] };
  return references.length === 0 ? config : (recallReferences(config, references) as Config);
}
