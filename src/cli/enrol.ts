import { lstat, readFile, rm } from "node:fs/promises";
import { text as readAll } from "node:stream/consumers";
import { askAgent } from "../adapters/control/client.ts";
import { loadConfig } from "../config/load.ts";
import { PetioleError } from "../domain/errors.ts";
import { minutes } from "../domain/units.ts";
import { enrolDevice, type EnrolResult } from "../enrolment/enrol.ts";
import { readEnrolment } from "../enrolment/record.ts";
import { parseToken } from "../enrolment/token.ts";
import { tlsFiles } from "../daemon/leaf-settings.ts";
import { reasonOf } from "../lib/reason.ts";
import { printAnswer, socketOf } from "./agent-socket.ts";
import { asOwner, ownerOf } from "./provision/files.ts";
import { formatEnrolment } from "./status-text.ts";

export interface EnrolCommandOptions {
  readonly config: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly keepToken?: true;
  readonly force?: true;
  readonly rotate?: true;
  readonly socket?: string;
  readonly dryRun?: true;
  readonly json?: true;
}

/** `petiole enrol` */
export async function enrol(options: EnrolCommandOptions): Promise<void> {
  if (options.rotate === true) return await rotate(options);
  const { config } = await loadConfig(options.config);
  const { device, hub, state_dir: stateDir } = config;
  const token = await readToken(options);
  const tls = hub?.tls === undefined ? undefined : tlsFiles(hub.tls);
  if (options.dryRun === true) {
    const { urls, fleet } = parseToken(token);
    const known = (await readEnrolment(stateDir))?.name;
    printAnswer(options, { name: device.id, fleet, urls, enrolled: known }, () =>
      [
        `would enrol "${device.id}" at ${urls.join(", ")}`,
        ...(known === undefined ? [] : [`  in place of its enrolment as "${known}", with --force`]),
        "nothing was changed",
      ].join("\n"),
    );
    return;
  }
  const result = await asOwner(
    await ownerOf(stateDir),
    async () => await enrolDevice({ stateDir, device: device.id, token, tls, force: options.force }),
  );
  if (options.tokenFile !== undefined && options.tokenFile !== "-" && options.keepToken !== true) {
    await removeToken(options.tokenFile);
  }
  printAnswer(options, describe(result), ({ name, key, expires }) =>
    [
      `${result.already ? "was enrolled before" : "enrolled"} as "${name}"`,
      `  key ${key}`,
      ...(expires === undefined ? [] : [`  credentials until ${expires}, renewed by the agent before then`]),
    ].join("\n"),
  );
  if (hub?.enrolled !== true) {
    console.error(
      `petiole: the link to the hub does not use this yet: "${options.config}" wants \`hub: { enrolled: true }\``,
    );
  }
}

/** The device is enrolled, whatever becomes of a token that is spent. */
async function removeToken(file: string): Promise<void> {
  try {
    // A shell's `<(…)` and `/dev/stdin` are links, which others may need.
    if ((await lstat(file)).isFile()) await rm(file);
  } catch (error) {
    console.error(`petiole: the token's file "${file}" could not be removed: ${reasonOf(error)}`);
  }
}

/** The agent does it: it has the link, and sees whether the new credentials open it. */
async function rotate(options: EnrolCommandOptions): Promise<void> {
  const answer = await askAgent(await socketOf(options), "enrolment-renew", { params: {}, timeout: minutes(3) });
  printAnswer(options, answer, formatEnrolment);
}

function describe({ issued, expires, ...result }: EnrolResult) {
  const time = (at: number | undefined): string | undefined =>
    at === undefined ? undefined : new Date(at).toISOString();
  return { ...result, issued: time(issued), expires: time(expires) };
}

async function readToken({ token, tokenFile }: EnrolCommandOptions): Promise<string> {
  if ((token === undefined) === (tokenFile === undefined)) {
    throw new PetioleError("ERR_ENROL_TOKEN", "Cannot enrol: want either --token or --token-file");
  }
  if (token !== undefined) return token;
  try {
    return tokenFile === "-" ? await readAll(process.stdin) : await readFile(tokenFile ?? "", "utf8");
  } catch (cause) {
    throw new PetioleError("ERR_ENROL_TOKEN", `Cannot read the token from "${tokenFile}": ${reasonOf(cause)}`, {
      cause,
    });
  }
}
