// The provisioning file, as the operator's machine makes it.

import { readFile } from "node:fs/promises";
import { isMap, parseDocument, stringify } from "yaml";
import { DEFAULT_CONFIG_FILE } from "../../config/default-file.ts";
import { parseConfigSource } from "../../config/parse.ts";
import { MAX_PROVISION_FILE, parseProvisionFile } from "../../config/provision-file.ts";
import { checkProviders } from "../../daemon/check-providers.ts";
import { PetioleError } from "../../domain/errors.ts";
import { parseToken } from "../../enrolment/token.ts";
import { reasonOf } from "../../lib/reason.ts";

export interface ProvisionInput {
  readonly config: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly name?: string;
  readonly replaceConfig?: true;
}

export interface ProvisionText {
  readonly text: string;
  readonly device: string;
  readonly hasToken: boolean;
}

/**
 * Checks the configuration as the device will, and puts it into a provisioning file.
 * @throws PetioleError ERR_CONFIG_UNREADABLE, ERR_CONFIG_INVALID, ERR_ENROL_TOKEN, ERR_PROVISION_INVALID
 */
export async function provisionText(input: ProvisionInput): Promise<ProvisionText> {
  const config = withName(await readText(input.config), input.name);
  // Relative paths in it start where it will lie.
  const parsed = parseConfigSource(config, DEFAULT_CONFIG_FILE);
  await checkProviders(parsed);
  const token = input.token ?? (input.tokenFile === undefined ? undefined : (await readText(input.tokenFile)).trim());
  // Else the device alone would notice, where nobody is.
  if (token !== undefined) parseToken(token);
  const file = {
    provision: 1,
    ...(token === undefined ? {} : { token }),
    ...(input.replaceConfig === true ? { replace_config: true } : {}),
    config,
  };
  const text = stringify(file, { lineWidth: 0, blockQuote: "literal" });
  const read = parseProvisionFile(text, "the provisioning file");
  if (read.config !== config || Buffer.byteLength(text) > MAX_PROVISION_FILE) {
    throw new PetioleError("ERR_PROVISION_INVALID", `Cannot use the configuration "${input.config}": it is too large`);
  }
  return { text, device: parsed.config.device.id, hasToken: token !== undefined };
}

/** The configuration as it is written, but for the name of the device. */
function withName(text: string, name: string | undefined): string {
  if (name === undefined) return text;
  const document = parseDocument(text);
  // What is wrong with it is said where it is checked.
  if (document.errors.length > 0 || !isMap(document.contents)) return text;
  document.setIn(["device", "id"], name);
  return document.toString({ lineWidth: 0 });
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new PetioleError("ERR_CONFIG_UNREADABLE", `Cannot read "${path}": ${reasonOf(cause)}`, { cause });
  }
}
