import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { PetioleError } from "../domain/errors.ts";
import { parseConfigSource, type ParsedConfig } from "./parse.ts";
import { reasonOf } from "../lib/reason.ts";

/** @throws PetioleError ERR_CONFIG_UNREADABLE, ERR_CONFIG_INVALID */
export async function loadConfig(file: string): Promise<ParsedConfig> {
  const path = resolve(file);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new PetioleError("ERR_CONFIG_UNREADABLE", `Cannot read the configuration "${path}": ${reason}`, { cause });
  }
  return parseConfigSource(text, path);
}
